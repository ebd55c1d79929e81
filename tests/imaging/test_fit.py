import numpy as np
import pytest

from egaze.imaging import FitGeometry
from egaze.imaging.fit import is_within, px_to_unit, rescale_px, unit_to_px

# Stretched and letterboxed; odd sides, slivers and radiographs smaller than their canvas.
SHAPES = [
    ((3056, 2544), (224, 224)),
    ((91, 200), (64, 64)),
    ((61, 47), (33, 35)),
    ((3, 5), (64, 31)),
    ((1, 500), (9, 9)),
]


@pytest.fixture(
    params=[(radiograph, canvas, fit) for radiograph, canvas in SHAPES for fit in ("stretch", "letterbox")], ids=str
)
def geometry(request):
    return FitGeometry.of(*request.param)


def test_stretch_fills_the_canvas():
    geometry = FitGeometry.of((3056, 2544), (224, 224), "stretch")
    assert (geometry.top_px, geometry.left_px, geometry.height_px, geometry.width_px) == (0, 0, 224, 224)
    assert geometry.edges_px == (-0.5, -0.5, 223.5, 223.5)


def test_letterbox_keeps_the_shape_and_centres():
    geometry = FitGeometry.of((100, 200), (64, 64), "letterbox")
    assert (geometry.top_px, geometry.left_px, geometry.height_px, geometry.width_px) == (16, 0, 32, 64)
    assert geometry.edges_px == (-0.5, 15.5, 63.5, 47.5)
    canvas = np.arange(64 * 64).reshape(64, 64)
    np.testing.assert_array_equal(geometry.cut_out(canvas), canvas[16:48])
    np.testing.assert_array_equal(geometry.cut_out(canvas[::2, ::2]), canvas[16:48:2, ::2])


def test_a_sliver_keeps_a_pixel():
    assert FitGeometry.of((1, 5000), (32, 32), "letterbox").height_px == 1


def test_unknown_fit():
    with pytest.raises(ValueError, match="got 'crop'"):
        FitGeometry.of((4, 4), (2, 2), "crop")


def test_the_radiograph_s_edges_are_its_rectangle_s(geometry):
    height_px, width_px = geometry.radiograph_shape
    whole = np.array([[-0.5, -0.5, width_px - 0.5, height_px - 0.5]])
    np.testing.assert_allclose(geometry.sides_to_canvas_px(whole), [geometry.edges_px], atol=1e-9)
    np.testing.assert_allclose(geometry.sides_to_radiograph_px(np.array([geometry.edges_px])), whole, atol=1e-9)
    sides_unit = np.stack(geometry.to_unit(whole[:, 0::2], whole[:, 1::2]), axis=2).ravel()
    assert (sides_unit >= 0).all() and (sides_unit <= 1).all()


def test_points_and_rectangles_go_there_and_back(geometry):
    generator = np.random.default_rng(0)
    height_px, width_px = geometry.radiograph_shape
    x, y = (generator.uniform(-side, 2 * side, 50) for side in (width_px, height_px))
    x_px, y_px = geometry.to_canvas_px(x, y)
    np.testing.assert_allclose(geometry.to_radiograph_px(x_px, y_px), (x, y), rtol=1e-9, atol=1e-9)
    x_unit, y_unit = geometry.to_unit(x, y)
    canvas_height_px, canvas_width_px = geometry.canvas_shape
    np.testing.assert_array_equal(unit_to_px(x_unit, canvas_width_px), x_px)
    np.testing.assert_array_equal(unit_to_px(y_unit, canvas_height_px), y_px)
    np.testing.assert_allclose(
        geometry.to_radiograph_unit(x_px, y_px)[0], px_to_unit(x, width_px), rtol=1e-9, atol=1e-9
    )
    on_radiograph = is_within(x, width_px) & is_within(y, height_px)
    assert on_radiograph.any() and not on_radiograph.all()
    np.testing.assert_array_equal(geometry.is_on_radiograph(x_px, y_px), on_radiograph)
    sides = np.stack([x, y, x + 3, y + 2], axis=1)
    np.testing.assert_allclose(geometry.sides_to_radiograph_px(geometry.sides_to_canvas_px(sides)), sides, atol=1e-9)
    wide_px, high_px = (geometry.sides_to_canvas_px(sides)[:, 2:] - geometry.sides_to_canvas_px(sides)[:, :2]).T
    np.testing.assert_allclose([wide_px, high_px], np.outer(geometry.scale * [3, 2], np.ones(50)), rtol=1e-5)


def test_pixels_and_unit_coordinates_keep_their_type():
    for kind in (np.float32, np.float64):
        unit = np.array([0, 0.25, 1], kind)
        px = unit_to_px(unit, 100)
        assert px.dtype == kind and px.tolist() == [-0.5, 24.5, 99.5]
        assert px_to_unit(px, 100).dtype == kind and px_to_unit(px, 100).tolist() == unit.tolist()
        assert is_within(px, 100).tolist() == [True, True, False]
    assert unit_to_px(0.5, 9) == 4 and px_to_unit(4.0, 9) == 0.5


def test_a_resized_image_keeps_its_edges():
    moved = rescale_px(np.array([[-0.5, -0.5, 9.5, 19.5], [0, 0, 4.5, 9.5]]), (2.0, 0.5) * 2)
    assert moved.tolist() == [[-0.5, -0.5, 19.5, 9.5], [0.5, -0.25, 9.5, 4.5]]
