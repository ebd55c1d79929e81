"""The kernel that makes a batch, against its definition."""

import numpy as np
import pytest
from reference import sample as reference

from egaze import Fixations, _core, rasterize_fixations
from egaze.imaging import to_input
from egaze.loading.augment import Augmentation, identity

IMAGE_SIDE, SIDE = 40, 32


@pytest.fixture(params=_core.simd_levels())
def level(request):
    before = _core.simd_level()
    _core.set_simd_level(request.param)
    yield request.param
    _core.set_simd_level(before)


def view(*, turn_deg=0.0, scale=1.0, shift=(0.0, 0.0), shear=0.0, stretch=1.0, side=SIDE, image_side=IMAGE_SIDE):
    """A map from pixels of a view to pixels of an image, about both centres."""
    cos, sin = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
    linear = scale * image_side / side * np.array([[cos, -sin], [sin, cos]]) @ [[stretch, shear], [0, 1 / stretch]]
    offset = np.array(shift) + (image_side - 1) / 2 - linear @ np.full(2, (side - 1) / 2)
    return np.concatenate([linear, offset[:, None]], axis=1).astype(np.float32)


def smooth_images(count, side=IMAGE_SIDE, seed=0):
    """Images with nothing finer than some six pixels."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / 6.0
    waves = [np.sin(a * x + b * y + c) for a, b, c in generator.uniform(-1, 1, (8 * count, 3)) * [1, 1, np.pi]]
    stack = np.array(waves).reshape(count, 8, side, side).mean(axis=1)
    return np.rint((stack + 1) / 2 * 65535).astype(np.uint16)


#: Everything was shown.
ALL = np.array([-np.inf, -np.inf, np.inf, np.inf], np.float32)


def with_parts(spots, shown=ALL):
    """Rows of x, y, weight, sigma_x, sigma_y and the sides of what was shown, as the kernel takes them."""
    spots = np.asarray(spots, dtype=np.float32).reshape(-1, 5)
    return np.concatenate([spots, np.broadcast_to(shown, (len(spots), 4))], axis=1).astype(np.float32)


def run(
    stack, to_image, *, intensity=(1, 0, 1, 0), key=0, cutouts=(), spots=(), shown=ALL, side=SIDE, threads=1, **options
):
    """One view of each image, all with the same settings; returns images and heatmaps (N, side, side)."""
    count = len(stack)
    spots = with_parts(spots, shown)
    images, heatmaps = np.full((2, count, 1, side, side), np.nan, np.float32)
    _core.sample_batch(
        stack,
        np.arange(count),
        np.broadcast_to(to_image, (count, 2, 3)).astype(np.float32).copy(),
        np.tile(np.array(intensity, np.float32), (count, 1)),
        np.full(count, key, np.uint64),
        np.tile(np.array(cutouts, np.int32).reshape(1, -1, 4), (count, 1, 1)),
        np.tile(spots, (count, 1)),
        np.arange(count + 1) * len(spots),
        images,
        heatmaps,
        **{
            "boundary": "clip",
            "kernel": "sampled",
            "normalize": "none",
            "truncate": 4.0,
            "threads": threads,
            **options,
        },
    )
    return images[:, 0], heatmaps[:, 0]


def _grid(side):
    y, x = np.mgrid[:side, :side].astype(np.float64)
    return np.stack([x, y, np.ones_like(x)])


def _on_image(to_image, image_side, margin_px):
    """Which pixels of a view lie on the image, at least so far from its edges."""
    place = np.einsum("ij,jhw->ihw", to_image, _grid(SIDE))
    return ((place >= margin_px) & (place <= image_side - 1 - margin_px)).all(axis=0)


MAPS = {
    "same": view(side=IMAGE_SIDE),
    "turned": view(turn_deg=20, shift=(3.3, -2.1)),
    "outside": view(turn_deg=-70, shift=(30, 25), scale=1.1),
    "far outside": view(shift=(500, 0)),
    "enlarged": view(scale=0.3, shear=0.2),
    "mirrored": view(turn_deg=10) @ np.array([[-1, 0, SIDE - 1], [0, 1, 0], [0, 0, 1]], np.float32),
    "sheared": view(shear=0.3, turn_deg=5),
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("side", [SIDE, 7, 33])
def test_images_are_interpolated_between_pixels(level, name, side):
    stack = (np.random.default_rng(0).random((2, IMAGE_SIDE, IMAGE_SIDE + 3)) * 65535).astype(np.uint16)
    images, heatmaps = run(stack, MAPS[name], side=side)
    for stored, image in zip(stack, images, strict=True):
        np.testing.assert_allclose(image, reference.warp(stored, MAPS[name], (side, side)) / 65535, atol=3e-5)
    assert not heatmaps.any()


@pytest.mark.parametrize("side", [7, SIDE, IMAGE_SIDE, IMAGE_SIDE + 9])
def test_an_unmoved_view_equals_the_model_input(level, side):
    stack = (np.random.default_rng(4).random((3, IMAGE_SIDE, IMAGE_SIDE)) * 65535).astype(np.uint16)
    to_image = identity(1).to_image_px(side, IMAGE_SIDE)[0]
    expected = np.stack([to_input(stored, (side, side)) for stored in stack])
    np.testing.assert_array_equal(run(stack, to_image, side=side, threads=2)[0], expected)
    # A view drawn from no range at all is one, whatever is done to its grey values.
    still = Augmentation(0, 0, 0, 0, gain=0, bias=0, gamma=0, noise=0).draw(1, 2, np.arange(3))
    np.testing.assert_array_equal(still.to_image_px(side, IMAGE_SIDE)[0], to_image)
    exposed = run(stack, to_image, intensity=(1.1, -0.05, 1.2, 0), side=side)[0]
    np.testing.assert_allclose(exposed, reference.expose(expected, 1.1, -0.05, 1.2), atol=1e-5)


def test_the_smallest_image(level):
    stack = np.full((1, 2, 2), 65535, np.uint16)
    to_image = view(image_side=2, scale=1.3, turn_deg=30)
    np.testing.assert_allclose(
        run(stack, to_image)[0][0], reference.warp(stack[0] / 65535, to_image, (SIDE, SIDE)), atol=1e-5
    )


@pytest.mark.parametrize("scale", [1.0, 1.2, 1.45, 1.55, 2.0, 2.9, 3.1, 5.0])
def test_shrinking_does_not_alias(level, scale):
    """Against the mean over what each pixel covers. The image's detail is finer than a pixel of the view can show from
    a scale of 3 on; noise of single pixels stands for the worst case."""
    to_image = view(turn_deg=7, scale=scale * SIDE / 96, image_side=96)
    smooth = smooth_images(1, side=96)
    expected = reference.warp(smooth[0], to_image, (SIDE, SIDE), samples=8) / 65535
    inside = _on_image(to_image, 96, margin_px=2 * scale)
    assert np.abs(run(smooth, to_image)[0][0] - expected)[inside].max() < 0.015
    noise = (np.random.default_rng(1).random((1, 96, 96)) * 65535).astype(np.uint16)
    found = run(noise, to_image)[0][0]
    if scale > 1.5:
        # Halved first: no more than the variance of four pixels' mean is left.
        assert found[inside].std() < 0.5 * noise.std() / 65535


def test_odd_sides_halve_to_the_same_picture(level):
    stack = smooth_images(1, side=97)
    to_image = np.array([[2.9, 0, 3], [0, 2.9, 3]], np.float32)
    expected = reference.warp(stack[0], to_image, (SIDE, SIDE), samples=6) / 65535
    inside = _on_image(to_image, 97, margin_px=3)
    assert inside[-1, -1] and np.abs(run(stack, to_image)[0][0] - expected)[inside].max() < 0.02


@pytest.mark.parametrize(
    "intensity", [(1.3, -0.2, 1, 0), (0.7, 0.1, 1.4, 0), (1, 0, 0.5, 0), (-1, 1, 2.2, 0), (9, -4, 1, 0)]
)
@pytest.mark.parametrize("side", [SIDE, 7])
def test_intensity(level, intensity, side):
    stack = smooth_images(2)
    images = run(stack, MAPS["turned"], intensity=intensity, side=side)[0]
    plain = run(stack, MAPS["turned"], side=side)[0]
    np.testing.assert_allclose(images, reference.expose(plain.astype(np.float64), *intensity[:3]), atol=5e-6)
    assert images.min() >= 0 and images.max() <= 1


def test_noise_follows_its_definition(level):
    stack = np.full((1, IMAGE_SIDE, IMAGE_SIDE), 32768, np.uint16)
    key = 0x123456789ABCDEF0
    image = run(stack, view(side=IMAGE_SIDE), intensity=(1, 0, 1, 0.05), key=key)[0][0]
    expected = 32768 / 65535 + 0.05 * reference.noise(range(SIDE * SIDE), key).reshape(SIDE, SIDE)
    np.testing.assert_allclose(image, expected, atol=1e-6)


def test_noise_is_near_normal_and_without_pattern():
    stack = np.full((4, IMAGE_SIDE, IMAGE_SIDE), 32768, np.uint16)
    fields = [
        (run(stack[:1], view(side=128, scale=0.5), intensity=(1, 0, 1, 0.05), key=key, side=128)[0][0] - 0.5) / 0.05
        for key in (1, 2, 1 << 40)
    ]
    for field in fields:
        inner = field[20:-20, 20:-20]
        assert abs(inner.mean()) < 0.05 and inner.std() == pytest.approx(1.0, abs=0.03)
        assert (inner**4).mean() / inner.var() ** 2 == pytest.approx(3 - 1.2 / 8, abs=0.2)
        spectrum = np.abs(np.fft.fft2(inner)) ** 2 / inner.size
        assert spectrum.max() < 25  # white: exponentially distributed with mean 1
    assert abs(np.corrcoef(fields[0].ravel(), fields[1].ravel())[0, 1]) < 0.05
    assert abs(np.corrcoef(fields[0].ravel(), fields[2].ravel())[0, 1]) < 0.05


def test_cutouts_are_black_and_may_reach_over_the_edges():
    stack = np.full((1, IMAGE_SIDE, IMAGE_SIDE), 65535, np.uint16)
    holes = [(3, 5, 9, 6), (-4, 20, 2, 400), (50, 50, 60, 60), (8, 8, 8, 12), (12, 8, 10, 12)]
    image = run(stack, view(scale=0.5), intensity=(1, 0, 1, 0.0), cutouts=holes)[0][0]
    expected = np.ones((SIDE, SIDE))
    expected[5, 3:9] = expected[20:, :2] = 0
    np.testing.assert_array_equal(image, expected)


SPOTS = np.array([(20, 18, 0.4, 4, 4), (5, 30, 0.2, 4, 4), (-3, 10, 0.7, 4, 4), (39, 39, 0.3, 4, 4)], np.float32)
TALL = SPOTS * np.array([1, 1, 1, 0.6, 1.1], np.float32)
TINY = SPOTS * np.array([1, 1, 1, 0.15, 0.1], np.float32)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("spots", [SPOTS, TALL, TINY], ids=["round", "tall", "tiny"])
@pytest.mark.parametrize("side", [SIDE, 33])
def test_a_heatmap_equals_a_fine_heatmap_sampled_through_the_map(level, name, spots, side):
    stack = np.zeros((1, IMAGE_SIDE, IMAGE_SIDE), np.uint16)
    found = run(stack, MAPS[name], spots=spots, side=side, truncate=5.0)[1][0]
    expected = reference.heatmap(spots, MAPS[name], (side, side))
    # Cut at five sigmas, 4e-6 of the peak; a correlation below 1e-4 may cost 4e-5.
    peak = (spots[:, 2] / (2 * np.pi * spots[:, 3] * spots[:, 4])).max() * abs(np.linalg.det(MAPS[name][:, :2]))
    np.testing.assert_allclose(found, expected, atol=6e-5 * peak)


SHOWN = np.array([(12.3, 9.1, 27.7, 30.2), (-0.5, 21, 19, 39.5), (-0.5, -0.5, 11, 33), (30, 30, 39.5, 34)], np.float32)


@pytest.mark.parametrize("name", [*MAPS, "quarter", "mirrored"])
@pytest.mark.parametrize("spots", [SPOTS, TALL], ids=["round", "tall"])
def test_regions_not_shown_stay_empty_in_every_view(level, name, spots):
    """The part shown goes through the map as it is: in a turned view it is a turned rectangle."""
    to_image = {"quarter": view(turn_deg=90), "mirrored": view() * [[-1, 1, 1], [1, 1, 1]] + [[0, 0, 39], [0, 0, 0]]}
    to_image = np.asarray(MAPS[name] if name in MAPS else to_image[name], np.float32)
    stack = np.zeros((1, IMAGE_SIDE, IMAGE_SIDE), np.uint16)
    found = run(stack, to_image, spots=spots, shown=SHOWN, truncate=5.0)[1][0]
    peak = (spots[:, 2] / (2 * np.pi * spots[:, 3] * spots[:, 4])).max() * abs(np.linalg.det(to_image[:, :2]))
    # A pixel whose centre falls on a side, to rounding, may go either way.
    low, high = (
        reference.heatmap(spots, to_image, (SIDE, SIDE), SHOWN + by * np.array([1, 1, -1, -1])) for by in (0.02, -0.02)
    )
    assert (found >= low - 6e-5 * peak).all() and (found <= high + 6e-5 * peak).all()


def test_a_fine_heatmap_warped_is_the_view_s_heatmap():
    """What the definition stands for: rasterized eight times as fine, then resampled."""
    to_image = view(turn_deg=12, scale=1.1, shear=0.1, stretch=1.1, shift=(1, 2))
    fine = rasterize_fixations(
        Fixations(8 * SPOTS[:, 0] + 3.5, 8 * SPOTS[:, 1] + 3.5, SPOTS[:, 2]), (8 * IMAGE_SIDE,) * 2, sigma_px=32
    )
    to_fine = 8 * to_image + np.array([[0, 0, 3.5]] * 2)
    expected = reference.bilinear(fine, *np.einsum("ij,jhw->ihw", to_fine, _grid(SIDE)))
    found = run(np.zeros((1, IMAGE_SIDE, IMAGE_SIDE), np.uint16), to_image, spots=SPOTS)[1][0]
    inside = _on_image(to_image, IMAGE_SIDE, margin_px=0)
    found, expected = found / found[inside].max(), expected / expected[inside].max()
    assert np.abs(found - expected)[inside].max() < 1e-3


@pytest.mark.parametrize("normalize", ["none", "max", "sum"])
@pytest.mark.parametrize("name", ["turned", "sheared"])
def test_normalisation(level, name, normalize):
    stack = np.zeros((1, IMAGE_SIDE, IMAGE_SIDE), np.uint16)
    heatmap = run(stack, MAPS[name], spots=SPOTS, normalize=normalize)[1][0]
    plain = run(stack, MAPS[name], spots=SPOTS)[1][0]
    factor = {"none": 1.0, "max": plain.max(), "sum": plain.sum(dtype=np.float64)}[normalize]
    np.testing.assert_allclose(heatmap, plain / factor, rtol=2e-5, atol=1e-9)
    assert not run(stack, MAPS["far outside"], spots=SPOTS, normalize=normalize)[1].any()


def test_levels_and_threads_differ_by_rounding_only():
    stack, before = smooth_images(9), _core.simd_level()
    settings = {"intensity": (1.1, -0.03, 1.2, 0.03), "key": 77, "spots": TALL, "normalize": "max"}
    expected = run(stack, MAPS["sheared"], **settings)
    for found in (run(stack, MAPS["sheared"], threads=threads, **settings) for threads in (2, 3, 16)):
        np.testing.assert_array_equal(found, expected)
    for level in _core.simd_levels():
        _core.set_simd_level(level)
        found = run(stack, MAPS["sheared"], **settings)
        _core.set_simd_level(before)
        # A pixel near the edge at which a Gaussian is cut may fall on either side.
        np.testing.assert_allclose(found[0], expected[0], atol=3e-6)
        np.testing.assert_allclose(found[1], expected[1], atol=4e-4)
        assert np.abs(found[1] - expected[1]).mean() < 1e-6


def test_augmented_views_keep_image_and_gaze_together():
    """A bright blob with a fixation at its centre has the shape of its heatmap in every view."""
    y, x = np.mgrid[:128, :128]
    stored = np.exp(-(((x - 80) / 7) ** 2) / 2 - ((y - 40) / 7) ** 2 / 2)
    stack = np.rint(stored * 65535).astype(np.uint16)[None]
    views = Augmentation(
        rotation_deg=30, zoom=0.3, shift_frac=0.1, shear_deg=20, gain=0, bias=0, gamma=0, noise=0
    ).draw(1, 0, np.arange(16))
    for to_image in views.to_image_px(96, 128):
        image, heatmap = run(stack, to_image, spots=[(80, 40, 1, 7, 7)], side=96, normalize="max", threads=2)
        assert np.abs(image[0] / image.max() - heatmap[0]).max() < 0.02


IMAGES = np.zeros((2, 8, 8), np.uint16)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"image_index": np.array([2])}, ValueError, "sample 0: image 2 of 2"),
        ({"image_index": np.array([-1])}, ValueError, "sample 0: image -1 of 2"),
        ({"image_index": np.array([[0]])}, ValueError, r"image_index must have shape \(N,\)"),
        ({"to_image": np.zeros((1, 2, 3), np.float32)}, ValueError, "not invertible"),
        ({"to_image": np.full((1, 2, 3), np.nan, np.float32)}, ValueError, "not invertible"),
        ({"to_image": np.zeros((1, 3, 3), np.float32)}, ValueError, r"to_image must have shape \(N, 2, 3\)"),
        ({"intensity": np.array([[1, 0]], np.float32)}, ValueError, r"intensity must have shape \(N, 4\)"),
        ({"intensity": np.array([[1, 0, 0, 0]], np.float32)}, ValueError, "gamma above 0 .* got 1.0+, 0.0+, 0.0+"),
        ({"intensity": np.array([[1, 0, 1, -1]], np.float32)}, ValueError, "noise not negative"),
        ({"intensity": np.array([[np.inf, 0, 1, 0]], np.float32)}, ValueError, "gain and bias must be finite"),
        ({"noise_key": np.zeros(2, np.uint64)}, ValueError, r"noise_key must have shape \(N,\)"),
        ({"cutouts": np.zeros((1, 2, 3), np.int32)}, ValueError, r"cutouts must have shape \(N, R, 4\)"),
        ({"fixations": np.ones((1, 5), np.float32)}, ValueError, r"fixations must have shape \(F, 9\)"),
        ({"fixations": with_parts([np.nan, 1, 1, 1, 1])}, ValueError, "fixation 0"),
        ({"fixations": with_parts([1, 1, 1, 0, 1])}, ValueError, "fixation 0.* positive sigma"),
        ({"fixations": with_parts([1, 1, -1, 1, 2])}, ValueError, "fixation 0.* weight"),
        ({"fixations": with_parts([1, 1, 1, 1, 2], [5, 0, 4, 9])}, ValueError, "fixation 0: the part shown"),
        ({"fixations": with_parts([1, 1, 1, 1, 2], [np.nan, 0, 4, 9])}, ValueError, "fixation 0: the part shown"),
        ({"offsets": np.array([0, 5, 5])}, ValueError, "offsets must rise from 0 to the number of fixations, 1"),
        ({"offsets": np.array([0, 2, 1])}, ValueError, "offsets must rise"),
        ({"offsets": np.array([0])}, ValueError, r"offsets must have shape \(images \+ 1,\)"),
        ({"images": np.zeros((1, 1, 8, 9), np.float32)}, ValueError, "the same for images and heatmaps"),
        ({"heatmaps": np.zeros((2, 1, 8, 8), np.float32)}, ValueError, r"heatmaps must have shape"),
        ({"stack": IMAGES.astype(np.float32)}, TypeError, "incompatible function arguments"),
        ({"stack": IMAGES[:, :1].copy()}, ValueError, "images must have sides of 2 to 32768 pixels, got 1x8"),
        ({"kernel": "scipy"}, ValueError, "tilted Gaussians need kernel 'sampled'"),
        ({"boundary": "reflect"}, ValueError, "tilted Gaussians need kernel 'sampled' and boundary 'clip'"),
        ({"truncate": 0.0}, ValueError, "truncate must be a positive number"),
        ({"threads": 0}, ValueError, "threads must be at least 1"),
    ],
)
def test_bad_arguments_are_refused(changes, error, message):
    arguments = {
        "stack": IMAGES,
        "image_index": np.array([0]),
        "to_image": np.array([[[1, 0.3, 0], [0, 1, 0]]], np.float32),
        "intensity": np.array([[1, 0, 1, 0]], np.float32),
        "noise_key": np.zeros(1, np.uint64),
        "cutouts": np.zeros((1, 0, 4), np.int32),
        "fixations": with_parts([1, 1, 1, 1, 1]),
        "offsets": np.array([0, 1, 1]),
        "images": np.zeros((1, 1, 8, 8), np.float32),
        "heatmaps": np.zeros((1, 1, 8, 8), np.float32),
        "boundary": "clip",
        "kernel": "sampled",
        "normalize": "max",
        "truncate": 4.0,
        "threads": 1,
    }
    _core.sample_batch(**arguments)
    with pytest.raises(error, match=message):
        _core.sample_batch(**{**arguments, **changes})
    read_only = np.zeros((1, 1, 8, 8), np.float32)
    read_only.flags.writeable = False
    with pytest.raises((ValueError, TypeError)):
        _core.sample_batch(**{**arguments, "images": read_only})
