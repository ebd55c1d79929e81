import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import heatmap as reference
from scipy.ndimage import gaussian_filter

from egaze import Fixations, _core, rasterize_fixations

coordinate = st.floats(-20, 40, width=32)
spot = st.tuples(
    coordinate, coordinate, st.floats(0, 5, width=32), st.floats(0.125, 16, width=32), st.floats(0.125, 16, width=32)
)


@given(
    spots=st.lists(spot, max_size=6),
    height=st.integers(1, 24),
    width=st.integers(1, 24),
    boundary=st.sampled_from(["clip", "reflect"]),
    kernel=st.sampled_from(["sampled", "scipy"]),
    truncate=st.floats(0.5, 6),
)
@settings(max_examples=150, deadline=None)
def test_equals_the_definition(spots, height, width, boundary, kernel, truncate):
    spots = np.array(spots, dtype=np.float32).reshape(-1, 5)
    options = {"boundary": boundary, "kernel": kernel, "truncate": truncate}
    expected = reference.heatmap(spots, (height, width), **options)
    for threads in (1, 3):
        found = _core.rasterize_fixations(spots, (height, width), normalize="none", threads=threads, **options)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * max(expected.max(), 1e-6))


@pytest.mark.parametrize(("boundary", "mode"), [("reflect", "reflect"), ("clip", "constant")])
@pytest.mark.parametrize("sigma_px", [2.0, 15.0, 60.0])
def test_scipy_kernel_equals_scipy(boundary, mode, sigma_px):
    generator = np.random.default_rng(0)
    shape = (123, 98)
    x, y = generator.uniform(0, 97, 40), generator.uniform(0, 122, 40)
    counts = np.zeros(shape)
    np.add.at(counts, (np.floor(y + 0.5).astype(int), np.floor(x + 0.5).astype(int)), 1)
    found = rasterize_fixations(
        Fixations(x, y, np.ones(40)), shape, sigma_px=sigma_px, weight="count", boundary=boundary, kernel="scipy"
    )
    expected = gaussian_filter(counts, sigma_px, mode=mode, truncate=4.0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * expected.max())


def test_unit_mass_weights_and_units():
    fixations = Fixations([20, 40], [30, 25], [0.5, 1.5])
    by_duration = rasterize_fixations(fixations, (64, 64), sigma_px=3, truncate=6)
    by_count = rasterize_fixations(fixations, (64, 64), sigma_px=3, truncate=6, weight="count")
    assert by_duration.sum() == pytest.approx(2.0, rel=1e-5)  # seconds
    assert by_count.sum() == pytest.approx(2.0, rel=1e-5)  # fixations
    assert by_duration[25, 40] == pytest.approx(1.5 / (2 * np.pi * 9), rel=1e-5)


def test_reflection_keeps_the_mass_that_clipping_loses():
    corner = Fixations([0], [0], [1.0])
    kept = rasterize_fixations(corner, (50, 40), sigma_px=5, boundary="reflect", kernel="scipy")
    lost = rasterize_fixations(corner, (50, 40), sigma_px=5, boundary="clip", kernel="scipy")
    assert kept.sum() == pytest.approx(1.0, rel=1e-5)
    assert lost.sum() < 0.35


def test_outside_fixations_leave_tails_only_when_clipping():
    outside = Fixations([-3], [10], [1.0])
    assert rasterize_fixations(outside, (20, 20), sigma_px=2).sum() > 0
    assert rasterize_fixations(outside, (20, 20), sigma_px=2, boundary="reflect").sum() == 0
    assert rasterize_fixations(outside, (20, 20), sigma_px=2, kernel="scipy").sum() == 0


@pytest.mark.parametrize(("normalize", "reduce"), [("max", np.max), ("sum", np.sum)])
def test_normalisation(normalize, reduce):
    fixations = Fixations([5, 9], [5, 3], [0.3, 0.2])
    assert reduce(rasterize_fixations(fixations, (16, 16), sigma_px=2, normalize=normalize)) == pytest.approx(1)
    nothing = rasterize_fixations(Fixations([], [], []), (16, 16), sigma_px=2, normalize=normalize)
    assert nothing.shape == (16, 16) and not nothing.any()


def test_degrees_use_each_fixation_s_scale():
    scale = np.array([[4.0, 2.0], [8.0, 4.0]])
    in_degrees = rasterize_fixations(
        Fixations([20, 40], [20, 40], [1, 1], pixels_per_degree=scale), (64, 64), sigma_deg=1.5
    )
    one_by_one = sum(
        rasterize_fixations(Fixations([c], [c], [1]), (64, 64), sigma_px=tuple(1.5 * s))
        for c, s in zip((20, 40), scale, strict=True)
    )
    np.testing.assert_allclose(in_degrees, one_by_one, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "exactly one of sigma_px and sigma_deg"),
        ({"sigma_px": 1, "sigma_deg": 1}, "exactly one"),
        ({"sigma_deg": 1}, "needs fixations with pixels_per_degree"),
        ({"sigma_px": 0}, "sigma must be a positive number, got 0"),
        ({"sigma_px": float("nan")}, "sigma must be a positive number, got nan"),
        ({"sigma_px": (1, 2, 3)}, "one number or"),
        ({"sigma_px": 1e30}, "truncate \\* sigma"),
        ({"sigma_px": 1, "truncate": -1}, "truncate must be a positive number, got -1"),
        ({"sigma_px": 1, "weight": "time"}, "weight must be 'duration' or 'count', got 'time'"),
        ({"sigma_px": 1, "boundary": "wrap"}, "boundary must be .* got 'wrap'"),
        ({"sigma_px": 1, "kernel": "box"}, "kernel must be .* got 'box'"),
        ({"sigma_px": 1, "normalize": "mean"}, "normalize must be .* got 'mean'"),
        ({"sigma_px": 1, "threads": 0}, "threads must be at least 1, got 0"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        rasterize_fixations(Fixations([1], [1], [1]), (8, 8), **options)


@pytest.mark.parametrize("shape", [(0, 5), (-1, 5), (1 << 20, 1 << 20)])
def test_impossible_shapes(shape):
    with pytest.raises(ValueError, match="shape must be two positive sides"):
        rasterize_fixations(Fixations([1], [1], [1]), shape, sigma_px=1)
