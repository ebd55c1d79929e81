from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import heatmap as reference
from scipy.ndimage import gaussian_filter

from egaze import Fixations, _core, rasterize_batch, rasterize_fixations, rasterize_frames

coordinate = st.floats(-20, 40, width=32)
spot = st.tuples(
    coordinate, coordinate, st.floats(0, 5, width=32), st.floats(0.125, 16, width=32), st.floats(0.125, 16, width=32)
)


@contextmanager
def simd_level(level):
    before = _core.simd_level()
    _core.set_simd_level(level)
    try:
        yield
    finally:
        _core.set_simd_level(before)


def rasterize(spots, shape, **options):
    """The compiled kernel on rows of x, y, weight, sigma_x, sigma_y."""
    return _core.rasterize_fixations(*spots.T[:3], spots[:, 3:], shape, **options)


@given(
    spots=st.lists(spot, max_size=6),
    height=st.integers(1, 24),
    width=st.integers(1, 24),
    boundary=st.sampled_from(["clip", "reflect"]),
    kernel=st.sampled_from(["sampled", "scipy"]),
    truncate=st.floats(0.5, 6),
    level=st.sampled_from(_core.simd_levels()),
)
@settings(max_examples=300, deadline=None)
def test_equals_the_definition(spots, height, width, boundary, kernel, truncate, level):
    spots = np.array(spots, dtype=np.float32).reshape(-1, 5)
    options = {"boundary": boundary, "kernel": kernel, "truncate": truncate}
    expected = reference.heatmap(spots, (height, width), **options)
    with simd_level(level):
        alone = rasterize(spots, (height, width), normalize="none", threads=1, **options)
        shared = rasterize(spots, (height, width), normalize="none", threads=3, **options)
    np.testing.assert_allclose(alone, expected, rtol=1e-5, atol=1e-6 * max(expected.max(), 1e-6))
    np.testing.assert_array_equal(shared, alone)


@given(
    spots=st.lists(spot, min_size=1, max_size=6),
    sides=st.lists(st.tuples(*[st.floats(-9, 30, width=32)] * 4), min_size=6, max_size=6),
    shape=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    boundary=st.sampled_from(["clip", "reflect"]),
    kernel=st.sampled_from(["sampled", "scipy"]),
    level=st.sampled_from(_core.simd_levels()),
)
@settings(max_examples=200, deadline=None)
def test_heatmaps_are_zero_outside_the_part_shown(spots, sides, shape, boundary, kernel, level):
    spots = np.array(spots, dtype=np.float32)
    shown = np.sort(np.array(sides[: len(spots)], np.float32).reshape(-1, 2, 2), axis=1).reshape(-1, 4)
    options = {"boundary": boundary, "kernel": kernel, "truncate": 4.0}
    expected = reference.heatmap(spots, shape, shown=shown, **options)
    with simd_level(level):
        found = rasterize(spots, shape, normalize="none", threads=1, shown_px=shown, **options)
        density = rasterize(spots, shape, normalize="sum", threads=1, shown_px=shown, **options)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * max(expected.max(), 1e-6))
    if expected.sum() > 1e-3:
        np.testing.assert_allclose(density, expected / expected.sum(), rtol=1e-4, atol=1e-6)


def test_batches_and_frames_show_the_same_part():
    zoomed = Fixations([5, 9], [6, 3], [1, 2], [0, 1], shown_px=[[2.5, 3.5, 8.5, 9.5], [0, 0, 10, 2]])
    plain = Fixations([5, 9], [6, 3], [1, 2])
    one = rasterize_fixations(zoomed, (12, 14), sigma_px=2.0)
    assert one.sum() < 0.6 * rasterize_fixations(plain, (12, 14), sigma_px=2.0).sum() and not one[10:].any()
    both = rasterize_batch([zoomed, plain], (12, 14), sigma_px=2.0)
    np.testing.assert_array_equal(both[0], one)
    np.testing.assert_array_equal(both[1], rasterize_fixations(plain, (12, 14), sigma_px=2.0))
    np.testing.assert_allclose(rasterize_frames(zoomed, (12, 14), [0.5, 9], sigma_px=2.0)[1], one, rtol=1e-5)
    with pytest.raises(ValueError, match="the part shown must have x_min, y_min not above"):
        rasterize(np.ones((1, 5), np.float32), (4, 4), boundary="clip", kernel="sampled", normalize="none",
                  truncate=4.0, threads=1, shown_px=[[3, 0, 1, 4]])  # fmt: skip


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
        ({"sigma_px": 0}, "sigma must be a positive number of pixels, got 0"),
        ({"sigma_px": float("nan")}, "sigma must be a positive number of pixels, got nan"),
        ({"sigma_px": (1, 2, 3)}, r"must be \(x, y\) or have shape \(F, 2\), got \(3,\)"),
        ({"sigma_px": 1e-30}, r"at least 2\^-20, got 0\.000000"),
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


@pytest.mark.parametrize("level", _core.simd_levels())
def test_the_kernel_s_error_is_as_documented(level):
    """Below 3e-6 within four sigmas, below 4e-5 down to exp(-86)."""
    for sigma_px in np.float32([100.0, 77.7, 41.3, 150.0]):
        x = np.arange(int(13 * sigma_px))
        spots = np.array([[0, 0, 1, sigma_px, 1]], np.float32)
        options = {"boundary": "clip", "kernel": "sampled", "normalize": "none", "truncate": 13.1, "threads": 1}
        with simd_level(level):
            row = rasterize(spots, (1, len(x)), **options)[0].astype(np.float64)
        z = x / np.float64(sigma_px)
        error = np.abs(row / (np.exp(-0.5 * z * z) / (2 * np.pi * np.float64(sigma_px))) - 1)
        assert error[z <= 4].max() < 3e-6 and error.max() < 4e-5


@pytest.mark.parametrize("shape", [(64, 64), (37, 129), (200, 65)])
@pytest.mark.parametrize("normalize", ["none", "max", "sum"])
def test_a_batch_is_its_heatmaps(shape, normalize):
    generator = np.random.default_rng(0)
    radiographs = []
    for count in (3, 0, 25, 1):
        x, y = generator.uniform(-5, shape[1] + 5, count), generator.uniform(-5, shape[0] + 5, count)
        scale = generator.uniform(3, 6, (count, 2))
        radiographs.append(Fixations(x, y, generator.uniform(0.1, 1, count), pixels_per_degree=scale))
    for sigma in ({"sigma_px": (4.0, 3.0)}, {"sigma_deg": 0.8}):
        expected = np.stack([rasterize_fixations(item, shape, normalize=normalize, **sigma) for item in radiographs])
        for threads in (1, 4):
            found = rasterize_batch(radiographs, shape, normalize=normalize, threads=threads, **sigma)
            np.testing.assert_array_equal(found, expected)
    assert rasterize_batch([], shape, sigma_px=3).shape == (0, *shape)


GAZE = Fixations([10, 30, 22, 40], [12, 20, 33, 8], [0.3, 0.4, 0.2, 0.5], onset_s=[0.0, 0.35, 0.8, 1.1])


def at(time_s, window_s):
    """Each fixation's part in the window, by its definition."""
    begin = -np.inf if window_s is None else time_s - window_s
    ends = np.minimum(time_s, GAZE.onset_s + GAZE.duration_s)
    return np.clip(ends - np.maximum(begin, GAZE.onset_s), 0, None)


@pytest.mark.parametrize("window_s", [None, 0.5])
def test_frames_weigh_what_has_passed(window_s):
    times = np.linspace(-0.1, 2.2, 17)
    frames = rasterize_frames(GAZE, (48, 56), times, window_s=window_s, sigma_px=4)
    for time_s, frame in zip(times, frames, strict=True):
        spots = np.stack([GAZE.x_px, GAZE.y_px, at(time_s, window_s), *np.full((2, 4), 4.0)], axis=1)
        expected = reference.heatmap(spots, (48, 56), boundary="clip", kernel="sampled", truncate=4.0)
        np.testing.assert_allclose(frame, expected, rtol=1e-4, atol=1e-7)
    assert not frames[0].any()
    if window_s is None:
        np.testing.assert_allclose(frames[-1], rasterize_fixations(GAZE, (48, 56), sigma_px=4), rtol=1e-4, atol=1e-8)
    else:
        assert not frames[-1].any()


def test_frames_by_count_and_normalised():
    frames = rasterize_frames(GAZE, (48, 56), [0.0, 0.5, 5.0], sigma_px=3, weight="count", truncate=6)
    np.testing.assert_allclose(frames.sum(axis=(1, 2)), [1, 2, 4], rtol=0.02)
    scaled = rasterize_frames(GAZE, (48, 56), [0.5, 5.0], sigma_px=3, normalize="max")
    assert scaled.max() == pytest.approx(1) and scaled[0].max() < 1


def test_frames_of_relative_durations_add_them_whole():
    gaze = Fixations(GAZE.x_px, GAZE.y_px, [7, 2, 90, 1], GAZE.onset_s, duration_unit="relative")
    frames = rasterize_frames(gaze, (48, 56), [-0.1, 0.0, 0.5, 5.0], sigma_px=3, truncate=6)
    np.testing.assert_allclose(frames.sum(axis=(1, 2)), [0, 7, 9, 100], rtol=0.02)
    np.testing.assert_allclose(frames[-1], rasterize_fixations(gaze, (48, 56), sigma_px=3, truncate=6), rtol=1e-5)
    frames = rasterize_frames(gaze, (48, 56), [0.5, 0.9], window_s=0.5, sigma_px=3, truncate=6)
    np.testing.assert_allclose(frames.sum(axis=(1, 2)), [9, 90], rtol=0.02)


def test_frames_need_onsets_and_a_window():
    with pytest.raises(ValueError, match="need fixations with onset_s"):
        rasterize_frames(Fixations([1], [1], [1]), (8, 8), [0.0], sigma_px=1)
    with pytest.raises(ValueError, match="window_s must be above 0, got 0"):
        rasterize_frames(GAZE, (8, 8), [0.0], window_s=0, sigma_px=1)
    with pytest.raises(ValueError, match="finite seconds"):
        rasterize_frames(GAZE, (8, 8), [np.nan], sigma_px=1)


def test_many_fixations_are_made_in_parts():
    """Gaze samples by the hundred thousand: bounded memory, the same heatmap as their sum."""
    generator = np.random.default_rng(3)
    x, y = generator.uniform(0, 63, 150_000), generator.uniform(0, 63, 150_000)
    whole = rasterize_fixations(Fixations(x, y, np.ones(150_000)), (64, 64), sigma_px=2)
    halves = [
        rasterize_fixations(Fixations(x[part], y[part], np.ones(75_000)), (64, 64), sigma_px=2)
        for part in (slice(75_000), slice(75_000, None))
    ]
    np.testing.assert_allclose(whole, sum(halves), rtol=1e-4)
    density = rasterize_fixations(Fixations(x, y, np.ones(150_000)), (64, 64), sigma_px=2, normalize="sum")
    assert density.sum() == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("shape", [(382, 318), (318, 382)])
def test_a_radiograph_s_heatmap_equals_scipy_s(shape):
    """The baseline's heatmap at an eighth of a radiograph's size; the benchmark compares it whole."""
    generator = np.random.default_rng(5)
    x, y = generator.integers(0, shape[1], 60), generator.integers(0, shape[0], 60)
    counts = np.zeros(shape)
    np.add.at(counts, (y, x), 1)
    found = rasterize_fixations(
        Fixations(x, y, np.ones(60)),
        shape,
        sigma_px=150 / 8,
        weight="count",
        boundary="reflect",
        kernel="scipy",
        threads=2,
    )
    expected = gaussian_filter(counts, 150 / 8, mode="reflect", truncate=4.0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * expected.max())


def test_a_weight_beyond_any_use_is_refused():
    with pytest.raises(ValueError, match=r"fixation 0: weight must be 0 to 2\^30"):
        rasterize_fixations(Fixations([1], [1], [3e38]), (8, 8), sigma_px=1)
