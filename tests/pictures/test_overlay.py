from dataclasses import replace

import matplotlib
import numpy as np
import pytest

from egaze.errors import StudyError
from egaze.gaze import rasterize_fixations
from egaze.pictures.case_gaze import HeatmapOptions
from egaze.pictures.colours import PEAK_OPACITY, heatmap_table
from egaze.pictures.overlay import draw_heatmap, draw_overlay
from egaze.pictures.sheet import radiograph_size_in
from egaze.targets import FixationHeatmap

GREY = 30000 * 255 / 65535


def pixels(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)


def colour_at(figure, drawn, x_px, y_px):
    """The colour of the page where canvas pixel (x, y) is."""
    x, y = figure.axes[0].transData.transform((x_px, y_px))
    return drawn[len(drawn) - 1 - int(y), int(x)]


def words(figure):
    return [text.get_text() for text in figure.texts]


def test_the_peak_is_bright_and_the_radiograph_shows_elsewhere(case_gaze):
    one = case_gaze([40], [20], [0.4])
    figure = draw_overlay(one, one.heatmap())
    drawn = pixels(figure)
    peak = PEAK_OPACITY * heatmap_table()[-1, :3] + (1 - PEAK_OPACITY) * GREY
    np.testing.assert_allclose(colour_at(figure, drawn, 40, 20), peak, atol=4)
    np.testing.assert_allclose(colour_at(figure, drawn, 5, 58), [GREY] * 3, atol=2)
    figure = draw_heatmap(one, one.heatmap())
    drawn = pixels(figure)
    np.testing.assert_allclose(colour_at(figure, drawn, 40, 20), heatmap_table()[-1, :3], atol=4)
    np.testing.assert_allclose(colour_at(figure, drawn, 5, 58), heatmap_table()[0, :3], atol=2)


@pytest.mark.parametrize("draw", [draw_heatmap, draw_overlay])
@pytest.mark.parametrize(
    ("options", "factor", "label"),
    [
        ({"sigma_px": 0.3}, 1, "dwell time\ns per pixel of 64 × 64"),
        ({}, 1e3, "dwell time\nms per pixel of 64 × 64"),
        ({"sigma_px": 30}, 1e6, "dwell time\nµs per pixel of 64 × 64"),
        ({"weight": "count"}, 1e3, "fixations\nper 1000 pixels of 64 × 64"),
        ({"duration_unit": "relative"}, 1e3, "relative duration\nper 1000 pixels of 64 × 64"),
        ({"duration_unit": "relative", "sigma_px": 30}, 1e6, "relative duration\nper million pixels of 64 × 64"),
        ({"duration_unit": "relative", "weight": "count"}, 1e3, "fixations\nper 1000 pixels of 64 × 64"),
    ],
)
def test_the_colour_bar_has_the_heatmaps_units(case_gaze, draw, options, factor, label):
    one = case_gaze([40], [20], [0.7], **options)
    heatmap = one.heatmap()
    bar = draw(one, heatmap).axes[1]
    assert bar.get_ylabel() == label
    assert bar.get_ylim() == pytest.approx((0, heatmap.max() * factor))


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
@pytest.mark.parametrize("radiograph_shape", [(90, 60), (60, 90), (64, 64), (1, 5000)])
def test_the_radiograph_has_its_true_shape_and_gaze_its_place(case_gaze, radiograph_shape, fit):
    height, width = radiograph_shape
    place = case_gaze([0], [0], [1], radiograph_shape=radiograph_shape, fit=fit).geometry
    x, y = place.left_px + place.width_px / 2 - 0.5, place.top_px + place.height_px / 2 - 0.5
    centre = case_gaze([x], [y], [0.3], radiograph_shape=radiograph_shape, fit=fit)
    assert centre.summary() == "chf · reader 2 · 1 fixation, 0.3 s"
    figure = draw_overlay(centre, centre.heatmap())
    box = figure.axes[0].get_window_extent()
    assert (box.width, box.height) == pytest.approx([side * figure.dpi for side in radiograph_size_in(centre)])
    if min(radiograph_shape) > 1:
        assert box.width / box.height == pytest.approx(width / height)
    assert tuple(figure.axes[0].transData.transform((x, y))) == pytest.approx(
        ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2), abs=1.0
    )
    # Nothing of the page is cut off.
    page = figure.bbox
    for axes in figure.axes:
        tight = axes.get_tightbbox()
        assert tight.x0 >= 0 and tight.y0 >= 0 and tight.x1 <= page.width and tight.y1 <= page.height


def test_the_page_names_the_reader(case_gaze):
    some = case_gaze([40, 41, 900], [20, 21, 3], [0.4, 0.3, 0.2], case_id="radiograph-7", synthetic=True)
    said = words(draw_overlay(some, some.heatmap()))
    assert "radiograph-7" in said and "synthetic" in said
    assert "chf · reader 2 · 3 fixations (1 outside the radiograph), 0.9 s" in said
    assert any("sigma 3.2 px of 64, each fixation weighted by its duration" in text for text in said)
    real = case_gaze([40], [20], [0.4])
    assert "synthetic" not in words(draw_overlay(real, real.heatmap()))


def test_ids_are_drawn_as_plain_text(case_gaze):
    """Neither a formula nor a control character, nor so long that it runs off the page."""
    odd = case_gaze([40], [20], [0.4], case_id="$\\frac{1}$ \x00\n患" + "x" * 9000, label="$_$")
    figure = draw_overlay(odd, odd.heatmap())
    pixels(figure)
    for text in figure.texts:
        assert text.get_window_extent().x1 <= figure.bbox.width
    assert any(text.startswith("$\\frac{1}$ \ufffd\ufffd\ufffd") for text in words(figure))


def test_a_heatmap_of_zeros_is_dark(case_gaze):
    off = case_gaze([900], [900], [0.4])
    figure = draw_overlay(off, off.heatmap())
    np.testing.assert_allclose(colour_at(figure, pixels(figure), 32, 32), [GREY] * 3, atol=2)


def test_the_user_s_matplotlibrc_has_no_effect(case_gaze):
    one = case_gaze([40], [20], [0.4])
    plain = pixels(draw_overlay(one, one.heatmap()))
    loud = {
        "font.size": 30,
        "axes.facecolor": "red",
        "image.cmap": "jet",
        "image.origin": "lower",
        "font.family": "serif",
    }
    with matplotlib.rc_context(loud):
        np.testing.assert_array_equal(pixels(draw_overlay(one, one.heatmap())), plain)


def test_the_heatmap_is_the_rasterizers(case_gaze):
    some = case_gaze([40, 11], [20, 50], [0.4, 0.2], pixels_per_degree=[[3, 4], [3, 5]], sigma_deg=1.5)
    expected = rasterize_fixations(some.fixations, (64, 64), sigma_deg=1.5)
    np.testing.assert_array_equal(some.heatmap(), expected)
    default = case_gaze([40], [20], [0.4])
    expected = rasterize_fixations(default.fixations, (64, 64), sigma_px=0.05 * 64)
    np.testing.assert_array_equal(default.heatmap(), expected)


def test_pictures_show_the_heatmap_that_a_model_learns(case_gaze):
    target = FixationHeatmap(sigma_frac=0.08, weight="count")
    for shown, learnt in ((HeatmapOptions(), FixationHeatmap()), (HeatmapOptions.of(target, 64), target)):
        some = replace(case_gaze([40, 11, 90], [20, 50, 3], [0.4, 0.2, 1]), options=shown)
        expected = learnt.rasterize(some.fixations, 64, normalize="none")
        np.testing.assert_array_equal(some.heatmap(), expected)


def test_a_sigma_that_cannot_be_drawn_names_the_case(case_gaze):
    wide = case_gaze([40], [20], [0.4], pixels_per_degree=[[1e9, 1e9]], sigma_deg=1)
    with pytest.raises(StudyError, match="case 'case-1': .*sigma"):
        wide.heatmap()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size_px": 8}, "got 8"),
        ({"sigma_px": 0}, "got 0"),
        ({"sigma_px": float("nan")}, "got nan"),
        ({"sigma_deg": float("inf")}, "got inf"),
        ({"sigma_px": 3, "sigma_deg": 1}, "3 px and 1 degrees"),
        ({"weight": "time"}, "got 'time'"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(StudyError, match=message):
        HeatmapOptions(**options)
