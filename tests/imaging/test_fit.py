import numpy as np
import pytest

from egaze.imaging import FitGeometry


def test_stretch_fills_the_canvas():
    geometry = FitGeometry.of((3056, 2544), (224, 224), "stretch")
    assert (geometry.top_px, geometry.left_px, geometry.height_px, geometry.width_px) == (0, 0, 224, 224)


def test_letterbox_keeps_the_shape_and_centres():
    geometry = FitGeometry.of((100, 200), (64, 64), "letterbox")
    assert (geometry.top_px, geometry.left_px, geometry.height_px, geometry.width_px) == (16, 0, 32, 64)
    canvas = geometry.place(np.ones((100, 200), np.float32))
    assert canvas[16:48].min() == pytest.approx(1.0) and canvas[:16].max() == 0.0 and canvas[48:].max() == 0.0
    np.testing.assert_array_equal(geometry.cut_out(canvas), canvas[16:48])


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
def test_coordinates_follow_the_pixels(fit):
    """A bright spot of the film lands where its coordinates say."""
    ys, xs = np.mgrid[:300, :170]
    film = np.exp(-(((xs - 54.5) / 12) ** 2) - ((ys - 204.5) / 12) ** 2).astype(np.float32)
    geometry = FitGeometry.of(film.shape, (96, 96), fit)
    canvas = geometry.place(film)
    ys, xs = np.mgrid[:96, :96]
    x_unit, y_unit = geometry.to_unit(np.array([54.5]), np.array([204.5]))
    assert x_unit[0] * 96 - 0.5 == pytest.approx((canvas * xs).sum() / canvas.sum(), abs=0.02)
    assert y_unit[0] * 96 - 0.5 == pytest.approx((canvas * ys).sum() / canvas.sum(), abs=0.02)


def test_a_sliver_keeps_a_pixel():
    assert FitGeometry.of((1, 5000), (32, 32), "letterbox").height_px == 1


def test_unknown_fit():
    with pytest.raises(ValueError, match="got 'crop'"):
        FitGeometry.of((4, 4), (2, 2), "crop")
