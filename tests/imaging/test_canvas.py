"""A radiograph's way to a model's input, against its definition."""

import numpy as np
import pytest

from egaze import _core
from egaze.imaging import Canvas, Presentation, Radiograph, StoredRadiograph, resize, to_input


@pytest.fixture(params=_core.simd_levels())
def level(request):
    before = _core.simd_level()
    _core.set_simd_level(request.param)
    yield request.param
    _core.set_simd_level(before)


def means(pixels, shape):
    """The mean over what each pixel of another size covers, in float64."""
    for axis, size in enumerate(shape):
        edges = np.linspace(0, pixels.shape[axis], size + 1)
        summed = np.concatenate([np.zeros((1, 1)).repeat(pixels.shape[1 - axis], 1 - axis), pixels.cumsum(axis)], axis)
        whole = np.minimum(edges.astype(int), pixels.shape[axis] - 1)
        below, above = summed.take(whole, axis), summed.take(whole + 1, axis)
        part = (edges - whole).reshape([-1, 1] if axis == 0 else [1, -1])
        pixels = np.diff(below + part * (above - below), axis=axis) / (edges[1] - edges[0])
    return pixels


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32", "table"])
def test_a_canvas_holds_means_rounded_to_16_bits(level, kind, fit):
    random = np.random.default_rng(0)
    unit = random.random((90, 71))
    radiograph: StoredRadiograph | np.ndarray = unit.astype(np.float32)
    if kind == "uint8":
        radiograph = random.integers(0, 256, (90, 71), dtype=np.uint8)
        unit = radiograph / 255
    elif kind == "uint16":
        radiograph = random.integers(0, 65536, (90, 71), dtype=np.uint16)
        unit = radiograph / 65535
    elif kind == "table":
        words, table = random.integers(0, 4096, (90, 71), dtype=np.uint16), random.random(65536, dtype=np.float32)
        radiograph, unit = StoredRadiograph(words, table, Presentation("voi", 12)), table[words].astype(np.float64)
    canvas = Canvas(40, 36, fit)
    geometry, pixels = canvas.geometry((90, 71)), canvas.place(radiograph)
    assert pixels.dtype == np.uint16 and pixels.shape == (40, 36)
    off = np.abs(geometry.cut_out(pixels) - 65535 * means(unit, (geometry.height_px, geometry.width_px)))
    assert off.max() < 0.52  # half a level, and float32's rounding before it
    if fit == "letterbox":
        assert not pixels[:, : geometry.left_px].any() and geometry.left_px > 0


@pytest.mark.parametrize("shape", [(40, 36), (25, 31), (20, 18), (7, 36)])
def test_an_input_is_the_means_of_its_canvas(level, shape):
    canvas = np.random.default_rng(1).integers(0, 65536, (40, 36), dtype=np.uint16)
    image = to_input(canvas, shape)
    assert image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1
    np.testing.assert_allclose(image, means(canvas / 65535, shape), atol=1e-6)


def test_an_input_larger_than_its_canvas_is_interpolated(level):
    canvas = np.random.default_rng(2).integers(0, 65536, (20, 24), dtype=np.uint16)
    expected = resize(canvas.astype(np.float32) / 65535, (32, 24), filter="bilinear")
    np.testing.assert_allclose(to_input(canvas, (32, 24)), expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(60001, 1100), (1100, 60001), (4551, 4705)])
@pytest.mark.parametrize("white", [np.uint8(255), np.uint16(65535), np.float32(1)])
def test_white_radiographs_stay_white(shape, white):
    radiograph = np.broadcast_to(np.array([[white]]), shape)
    canvas = Canvas(32, 47).place(radiograph)
    assert canvas.min() == 65535
    assert to_input(canvas, (31, 32)).max() <= 1 and to_input(canvas, (31, 32)).min() > 1 - 1e-6


@pytest.mark.parametrize("bad", [1.5, -0.5, np.nan, np.inf, -np.inf])
def test_floats_that_are_no_grey_values_are_refused(bad):
    radiograph = np.full((40, 30), 0.5, np.float32)
    radiograph[3, 4] = bad
    with pytest.raises(ValueError, match=r"finite and lie in \[0, 1\]"):
        Canvas(40, 30).place(radiograph)


def test_pixels_of_other_types_and_canvases_too_small_are_refused():
    canvas = Canvas.square(4)
    for kind in (np.float64, np.int16, bool):
        with pytest.raises(TypeError, match="uint8, uint16 or float32"):
            canvas.place(np.zeros((8, 8), kind))
    with pytest.raises(ValueError, match="beyond its canvas"):
        _core.place_on_canvas(np.zeros((8, 8), np.uint8), (1, 0, 4, 4), (4, 4), table=None, threads=1)
    with pytest.raises(ValueError, match="table"):
        canvas.place(StoredRadiograph(np.zeros((8, 8), np.float32), np.zeros(4, np.float32), Presentation("voi", 8)))
    with pytest.raises(ValueError, match=r"has shape \(H, W\), got \(8, 8, 3\)"):
        canvas.place(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="pixel"):
        canvas.place(np.zeros((0, 8), np.uint8))


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
@pytest.mark.parametrize("shape", [(61, 47), (31, 90), (1, 7)])
def test_a_radiograph_is_placed_by_the_kernel_however_it_comes(shape, fit):
    words = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    table = np.linspace(1, 0, 256, dtype=np.float32)
    radiograph = StoredRadiograph(words, table, Presentation("voi", 8))
    canvas = Canvas(29, 40, fit)
    where = canvas.geometry(shape)
    expected = _core.place_on_canvas(
        words, (where.top_px, where.left_px, where.height_px, where.width_px), (29, 40), table=table, threads=1
    )
    np.testing.assert_array_equal(canvas.place(radiograph), expected)
    radiograph = radiograph.present()
    assert isinstance(radiograph, Radiograph)
    np.testing.assert_array_equal(canvas.place(radiograph), canvas.place(radiograph.pixels))
    np.testing.assert_allclose(canvas.place(radiograph).astype(int), expected.astype(int), atol=1)


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
def test_coordinates_follow_the_pixels(fit):
    """A bright spot of a radiograph lands where its coordinates say."""
    ys, xs = np.mgrid[:300, :170]
    radiograph = np.exp(-(((xs - 54.5) / 12) ** 2) - ((ys - 204.5) / 12) ** 2).astype(np.float32)
    canvas = Canvas.square(96, fit)
    pixels = canvas.place(radiograph) / 65535
    ys, xs = np.mgrid[:96, :96]
    x_px, y_px = canvas.geometry(radiograph.shape).to_canvas_px([54.5], [204.5])
    assert x_px[0] == pytest.approx((pixels * xs).sum() / pixels.sum(), abs=0.02)
    assert y_px[0] == pytest.approx((pixels * ys).sum() / pixels.sum(), abs=0.02)


def test_unit_coordinates_mean_the_same_at_every_size():
    canvas = Canvas(31, 47, "letterbox", "raw-max")
    x_unit, y_unit = np.array([0, 0.3, 1.5]), np.array([-0.1, 0.5, 1])
    x_px, y_px = canvas.to_px(x_unit, y_unit)
    assert x_px.tolist() == pytest.approx([-0.5, 13.6, 70]) and y_px.tolist() == pytest.approx([-3.6, 15, 30.5])
    np.testing.assert_allclose(canvas.to_unit(x_px, y_px), (x_unit, y_unit), atol=1e-12)
    assert canvas.contains(x_px, y_px).tolist() == [False, True, False]
    other = canvas.resized(17)
    assert other == Canvas.square(17, "letterbox", "raw-max") and other.shape == (17, 17)
    np.testing.assert_allclose(other.to_unit(*other.to_px(x_unit, y_unit)), (x_unit, y_unit), atol=1e-12)


def test_a_canvas_checks_itself():
    with pytest.raises(ValueError, match="width must be at least 1 px, got 0"):
        Canvas(5, 0)
    with pytest.raises(ValueError, match="fit must be one of stretch, letterbox, got 'crop'"):
        Canvas.square(5, "crop")
    with pytest.raises(ValueError, match="presentation must be one of voi, raw-max, equalize, got 'loud'"):
        Canvas.square(5, presentation="loud")
