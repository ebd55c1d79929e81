"""A film's way to a model's input, against its definition."""

import numpy as np
import pytest

from egaze import _core
from egaze.imaging import FitGeometry, Presentation, StoredFilm, place_on_canvas, resize, to_input


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
    film: StoredFilm | np.ndarray = unit.astype(np.float32)
    if kind == "uint8":
        film = random.integers(0, 256, (90, 71), dtype=np.uint8)
        unit = film / 255
    elif kind == "uint16":
        film = random.integers(0, 65536, (90, 71), dtype=np.uint16)
        unit = film / 65535
    elif kind == "table":
        words, table = random.integers(0, 4096, (90, 71), dtype=np.uint16), random.random(65536, dtype=np.float32)
        film, unit = StoredFilm(words, table, Presentation("voi", 12)), table[words].astype(np.float64)
    geometry = FitGeometry.of((90, 71), (40, 36), fit)
    canvas = place_on_canvas(film, geometry)
    assert canvas.dtype == np.uint16 and canvas.shape == (40, 36)
    off = np.abs(geometry.cut_out(canvas) - 65535 * means(unit, (geometry.height_px, geometry.width_px)))
    assert off.max() < 0.52  # half a level, and float32's rounding before it
    if fit == "letterbox":
        assert not canvas[:, : geometry.left_px].any() and geometry.left_px > 0


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
def test_white_films_are_white_whatever_the_rounding_of_their_means(shape, white):
    film = np.broadcast_to(np.array([[white]]), shape)
    canvas = place_on_canvas(film, FitGeometry.of(shape, (32, 47), "stretch"))
    assert canvas.min() == 65535
    assert to_input(canvas, (31, 32)).max() <= 1 and to_input(canvas, (31, 32)).min() > 1 - 1e-6


@pytest.mark.parametrize("bad", [1.5, -0.5, np.nan, np.inf, -np.inf])
def test_floats_that_are_no_grey_values_are_refused(bad):
    film = np.full((40, 30), 0.5, np.float32)
    film[3, 4] = bad
    with pytest.raises(ValueError, match=r"finite and lie in \[0, 1\]"):
        place_on_canvas(film, FitGeometry.of(film.shape, (40, 30), "stretch"))


def test_pixels_of_other_types_and_canvases_too_small_are_refused():
    geometry = FitGeometry.of((8, 8), (4, 4), "stretch")
    for kind in (np.float64, np.int16, bool):
        with pytest.raises(TypeError, match="uint8, uint16 or float32"):
            place_on_canvas(np.zeros((8, 8), kind), geometry)
    with pytest.raises(ValueError, match="beyond its canvas"):
        place_on_canvas(np.zeros((8, 8), np.uint8), FitGeometry((8, 8), (4, 4), 1, 0, 4, 4))
    with pytest.raises(ValueError, match="table"):
        place_on_canvas(
            StoredFilm(np.zeros((8, 8), np.float32), np.zeros(4, np.float32), Presentation("voi", 8)), geometry
        )
