from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection

from egaze.pictures.fixation_numbers import MOST_NUMBERS, numbered, place_numbers
from egaze.pictures.scanpath_plot import AREA_PT2_PER_S, area_per_duration, draw_scanpath, legend_durations, marker_size
from egaze.pictures.sheet import radiograph_size_in


def circles(axes):
    return [item for item in axes.collections if isinstance(item, PathCollection)]


def numbers(figure):
    return {text.get_text(): text.get_position() for text in figure.axes[0].texts}


def test_areas_are_proportional_to_durations(long_reading):
    figure = draw_scanpath(long_reading)
    (drawn,) = circles(figure.axes[0])
    places = drawn.get_offsets()
    fixations = long_reading.fixations
    assert len(places) == 40
    # Each circle is found by its place: they are drawn longest first.
    index = [int(np.argmin(np.hypot(fixations.x_px - x, fixations.y_px - y))) for x, y in places]
    assert sorted(index) == list(range(40))
    per_second = drawn.get_sizes() / fixations.duration_s[index]
    np.testing.assert_allclose(per_second, per_second[0], rtol=1e-5)
    assert (np.diff(drawn.get_sizes()) <= 0).all()


def test_the_legend_is_of_the_same_scale(long_reading):
    figure = draw_scanpath(long_reading)
    (drawn,) = circles(figure.axes[0])
    strip = figure.axes[2]
    said = [float(text.get_text().removesuffix(" ms")) / 1000 for text in strip.texts]
    assert said == legend_durations(long_reading.fixations.duration_s) and len(said) == 3
    sizes = [item.get_sizes()[0] for item in circles(strip)]
    longest = long_reading.fixations.duration_s.max()
    np.testing.assert_allclose(np.divide(sizes, said), drawn.get_sizes().max() / longest, rtol=1e-5)


def test_marker_size_is_matplotlibs():
    # A marker's size is its diameter squared.
    assert marker_size(np.pi * 5.0**2) == pytest.approx(10.0**2)


@pytest.mark.parametrize(
    ("durations", "expected"),
    [
        ([0.05, 0.9], [0.05, 0.2, 0.5]),
        ([0.05, 1.0], [0.05, 0.2, 1.0]),
        ([0.05, 30.0], [1.0, 5.0, 20.0]),
        ([0.2, 0.4], [0.2]),
        ([0.21, 0.37, 0.44], [0.4]),
        ([0.21, 0.35, 0.36], [0.3]),
        ([0.3137], [0.3137]),
        ([1, 2, 3, 3, 7], [1, 2, 5]),
        ([3e-7, 4e-6], [5e-7, 1e-6, 2e-6]),
        ([2.5e9] * 3, [2.5e9]),
        ([], []),
    ],
)
def test_legend_durations_are_round_and_within_those_drawn(durations, expected):
    assert legend_durations(np.array(durations, np.float32).astype(np.float64)) == pytest.approx(expected)


def test_legend_durations_never_leave_the_range():
    generator = np.random.default_rng(2)
    for _ in range(300):
        spread = generator.choice([1e-4, 0.02, 0.5, 3])
        durations = np.exp(generator.normal(generator.uniform(-8, 8), spread, 6)).astype(np.float32)
        found = legend_durations(durations.astype(np.float64))
        assert 1 <= len(found) <= 3 and found == sorted(set(found))
        assert durations.min() * (1 - 2e-6) <= found[0] and found[-1] <= durations.max() * (1 + 2e-6)


def test_relative_durations_have_no_unit_of_time(case_gaze):
    places = [10, 50, 30], [20, 20, 50]
    for onset_s, bar in ((None, "fixation"), ([0.5, 2.0, 3.5], "onset in s")):
        figures = [
            draw_scanpath(case_gaze(*places, np.multiply([1, 4, 10], factor), onset_s, duration_unit="relative"))
            for factor in (1, 1000)
        ]
        said = [[text.get_text() for text in figure.axes[2].texts] for figure in figures]
        assert said == [["1", "5", "10"], ["1000", "5000", "10000"]]
        assert figures[0].axes[1].get_ylabel() == bar
        words = [text.get_text() for text in figures[0].texts]
        assert any(word.startswith("area by relative duration, colour by time") for word in words)
        assert "chf · reader 2 · 3 fixations, relative durations" in words
        # Their scale is not known, so it does not matter.
        sizes = [circles(figure.axes[0])[0].get_sizes() for figure in figures]
        np.testing.assert_allclose(*sizes, rtol=1e-5)
    # The clock ends with the last onset: how long that fixation lasted is not known.
    assert figures[0].axes[1].get_ylim() == pytest.approx((0.5, 3.5))


def test_circles_do_not_cover_the_radiograph(case_gaze):
    few = case_gaze([10, 20], [10, 20], [0.3, 0.3])
    assert area_per_duration(few, few.fixations.duration_s) == AREA_PT2_PER_S
    width, height = radiograph_size_in(few)
    radiograph_pt2 = width * height * 72**2
    for duration_s in (np.full(500, 0.4), np.array([60.0, 0.1])):
        area = area_per_duration(few, duration_s) * duration_s
        assert area.sum() <= 0.2501 * radiograph_pt2 and area.max() <= 0.0301 * radiograph_pt2


def test_numbers_and_colours_follow_the_clock(case_gaze):
    """The study's order does not matter where there are onsets."""
    mixed = case_gaze([10, 50, 30], [20, 20, 50], [0.3, 0.2, 0.5], [2.0, 3.5, 0.5])
    figure = draw_scanpath(mixed)
    assert numbers(figure) == {
        "1": pytest.approx((30, 50)),
        "2": pytest.approx((10, 20)),
        "3": pytest.approx((50, 20)),
    }
    assert figure.axes[1].get_ylabel() == "onset in s"
    assert figure.axes[1].get_ylim() == pytest.approx((0.5, 3.7))
    lines = [item for item in figure.axes[0].collections if isinstance(item, LineCollection)]
    segments = lines[1].get_segments()
    np.testing.assert_allclose(segments, [[[30, 50], [10, 20]], [[10, 20], [50, 20]]])
    # Later is yellower: more red, less blue.
    (drawn,) = circles(figure.axes[0])
    by_x = dict(zip(drawn.get_offsets()[:, 0].tolist(), drawn.get_facecolors(), strict=True))
    assert by_x[30][0] < by_x[10][0] < by_x[50][0] and by_x[30][2] > by_x[10][2] > by_x[50][2]


def test_without_onsets_the_order_is_the_studys(case_gaze):
    figure = draw_scanpath(case_gaze([10, 50, 30], [20, 20, 50], [0.3, 0.2, 0.5]))
    assert numbers(figure)["2"] == pytest.approx((50, 20))
    assert figure.axes[1].get_ylabel() == "fixation" and figure.axes[1].get_ylim() == (1, 3)


@pytest.mark.parametrize("outside", [900, -70, 1e30])
def test_fixations_outside_are_counted_and_not_drawn(case_gaze, outside):
    figure = draw_scanpath(case_gaze([10, outside, 30], [20, 20, 50], [0.3, 0.2, 0.5], [0, 1, 2]))
    figure.canvas.draw()
    assert numbers(figure).keys() == {"1", "3"}
    assert len(circles(figure.axes[0])[0].get_offsets()) == 2
    assert "chf · reader 2 · 3 fixations (1 outside the radiograph), 1.0 s" in [
        text.get_text() for text in figure.texts
    ]


@pytest.mark.parametrize(
    ("x_px", "onset_s"),
    [([10], [0.2]), ([10], None), ([900], [0.2]), ([900, -70], None), ([10, 10], [5, 5]), ([10, 20], [1e30, 1e30])],
)
def test_one_and_two_fixations(case_gaze, x_px, onset_s):
    figure = draw_scanpath(case_gaze(x_px, [20] * len(x_px), [0.3] * len(x_px), onset_s))
    figure.canvas.draw()
    low, high = figure.axes[1].get_ylim()
    assert low < high


def test_threads_do_not_disturb_each_other(long_reading):
    def pixels(_):
        figure = draw_scanpath(long_reading)
        figure.canvas.draw()
        return bytes(figure.canvas.buffer_rgba())

    alone = pixels(0)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(pixels, range(6))) == {alone}


@pytest.mark.parametrize("count", [60, 200])
def test_numbers_do_not_cover_each_other_even_at_one_place(case_gaze, count):
    crowd = case_gaze(np.full(count, 12.0), np.full(count, 40.0), np.full(count, 0.2), np.arange(count) * 0.3)
    figure = draw_scanpath(crowd)
    assert numbers(figure).keys() == {str(number) for number in range(1, count + 1)}
    figure.canvas.draw()
    radiograph = figure.axes[0].get_window_extent()
    boxes = np.array([text.get_window_extent().extents for text in figure.axes[0].texts])
    # Digits have no tails, so the box of a line is taller than what is drawn: its middle must be free.
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    apart = np.abs(middle[:, None] - middle) >= 0.7 * (boxes[0, 3] - boxes[0, 1])
    apart |= (boxes[:, None, 0] >= boxes[:, 2]) | (boxes[:, 0] >= boxes[:, None, 2])
    assert (apart | np.eye(count, dtype=bool)).all()
    assert (boxes[:, 0] >= radiograph.x0 - 1).all() and (boxes[:, 2] <= radiograph.x1 + 1).all()


def test_numbers_stay_as_near_as_possible():
    places = place_numbers(np.array([[50.0, 50], [50, 50], [90, 10]]), np.full((3, 2), 6.0), (100, 100))
    assert places[0].tolist() == [50, 50] and places[2].tolist() == [90, 10]
    assert 6 <= np.hypot(*(places[1] - 50)) <= 9
    # At the edge a number moves in, and where there is no room at all it stays.
    assert place_numbers(np.array([[0.0, 50]]), np.array([[6.0, 6]]), (100, 100))[0, 0] >= 3
    assert place_numbers(np.array([[1.0, 1]]), np.array([[6.0, 6]]), (2, 2)).tolist() == [[1, 1]]


def test_many_fixations_are_numbered_in_steps():
    assert numbered(MOST_NUMBERS).tolist() == list(range(MOST_NUMBERS))
    some = numbered(10_000)
    assert len(some) <= MOST_NUMBERS + 1 and some[0] == 0 and some[-1] == 9999
    assert len(set(np.diff(some)[:-1])) == 1
