from dataclasses import replace

import numpy as np
import pytest

from egaze.gaze import Screen, ShownPicture
from egaze.gaze.map_check import check_map
from egaze.gaze.picture_tables import placed_by_name
from egaze.gaze.shown_picture import picture_at, require_apart


def test_edges_and_centres_of_pixels_meet():
    """A picture of 4x2 px fills 400x200 px of the screen: the screen's pixel 10 is the picture's left edge."""
    shown = ShownPicture("a", 0, 1, 10, 20, 400, 200, radiograph_width_px=4, radiograph_height_px=2)
    x, y = shown.on_picture(np.array([9.5, 59.5, 409.5]), np.array([19.5, 69.5, 219.5]))
    np.testing.assert_allclose(x, [-0.5, 0.0, 3.5])
    np.testing.assert_allclose(y, [-0.5, 0.0, 1.5])
    assert shown.scale == (0.01, 0.01) and shown.size_px == (4, 2)
    on_picture = shown.shows(np.array([9.4, 9.5, 409.4, 409.5, np.nan]), np.full(5, 20.0))
    assert on_picture.tolist() == [False, True, True, False, False]


def test_zoom_and_pan():
    plain = ShownPicture("a", 0, 1, 100, 100, 200, 100)
    shown = ShownPicture("a", 0, 1, 100, 100, 200, 100, zoom=2, pan_x_px=50, pan_y_px=-30)
    centre = np.array([199.5]), np.array([149.5])
    assert plain.on_picture(*centre) == (99.5, 49.5)
    # What was under the centre has moved with the pan, and is twice as large.
    x, y = shown.on_picture(np.array([249.5]), np.array([119.5]))
    assert (x[0], y[0]) == (99.5, 49.5)
    x, y = shown.on_picture(np.array([251.5]), np.array([119.5]))
    assert (x[0], y[0]) == (100.5, 49.5)
    # Outside the rectangle nothing is shown, although the enlarged picture would reach there.
    assert shown.shows(np.array([99.0, 101.0]), np.array([120.0, 120.0])).tolist() == [False, True]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"begin_s": 2, "end_s": 2}, "picture 'a' must end after it begins, got 2 to 2 s"),
        ({"left_px": 1, "top_px": 1}, "the rectangle of picture 'a' is known in part"),
        ({"zoom": 0}, "zoom of picture 'a' must be above 0, got 0"),
        ({"radiograph_width_px": -5}, "radiograph_width_px of picture 'a' must be above 0"),
        ({"pan_x_px": float("nan")}, "pan_x_px of picture 'a' must be finite"),
    ],
)
def test_what_cannot_be(given, message):
    with pytest.raises(ValueError, match=message):
        ShownPicture("a", **given)


def test_a_picture_without_a_place():
    with pytest.raises(ValueError, match="where picture 'a' lay on the screen is unknown"):
        ShownPicture("a").on_picture(np.zeros(1), np.zeros(1))


def test_which_picture_is_shown_when():
    shown = require_apart([ShownPicture("b", 5, 9), ShownPicture("a", 1, 5)])
    assert picture_at(shown, np.array([0.5, 1, 4.9, 5, 8.99, 9])).tolist() == [-1, 0, 0, 1, 1, -1]
    assert picture_at([], np.array([0.5])).tolist() == [-1]
    with pytest.raises(ValueError, match="two pictures at once: 'a' is shown from 1 to 5 s, and 'b' from 4.9 s"):
        require_apart([ShownPicture("b", 4.9, 9), ShownPicture("a", 1, 5)])


SCREEN = Screen(1920, 1080)
PICTURE = ShownPicture("a", left_px=1000, top_px=30, width_px=600, height_px=500)
RNG = np.random.default_rng(0)
X, Y = RNG.uniform(1020, 1580, 200), RNG.uniform(50, 510, 200)
WRONG = {
    "y counted upwards": (X, 1079 - Y),
    "the origin at the screen's centre": (X - 960, Y - 540),
    "the origin at the screen's centre and y upwards": (X - 960, 540 - Y),
    "positions as fractions of the screen": (X / 1920, Y / 1080),
    "positions as percent of the screen": (X / 19.2, Y / 10.8),
    "x and y exchanged": (Y, X),
}


@pytest.mark.parametrize("name", WRONG)
def test_gaze_tells_a_wrong_map(name):
    found = check_map([PICTURE], SCREEN, np.arange(200.0), *WRONG[name])
    (said,) = found.warnings()
    assert said == f"the map looks wrong: 0.0 % of gaze lies on the picture, and 100.0 % would with {name}"


def test_gaze_on_the_picture_needs_no_word_and_scattered_gaze_one():
    found = check_map([PICTURE], SCREEN, np.arange(200.0), X, Y)
    assert found.on_picture_frac == 1 and found.warnings() == []
    away = check_map([PICTURE], SCREEN, np.arange(200.0), RNG.uniform(0, 1920, 200), RNG.uniform(0, 1080, 200))
    assert (
        away.warnings()[0].startswith("only 1") and "no other map puts clearly more of it there" in away.warnings()[0]
    )
    assert check_map([ShownPicture("a")], SCREEN, np.arange(200.0), X, Y).positions == 0
    few = check_map([PICTURE], SCREEN, np.arange(19.0), Y[:19], X[:19])
    assert few.positions == 19 and few.warnings() == []


def test_degrees_and_fractions_as_pixels():
    screen = Screen(1920, 1080, 533, 301, 565)
    x_px, y_px = screen.in_pixels(np.array([0.0, 5.0]), np.array([0.0, -5.0]), "deg")
    np.testing.assert_allclose(x_px, [959.5, 959.5 + np.tan(np.radians(5)) * 565 * 1920 / 533])
    np.testing.assert_allclose(y_px, [539.5, 539.5 - np.tan(np.radians(5)) * 565 * 1080 / 301])
    with pytest.raises(
        ValueError, match="positions are degrees from the screen's centre, and width_mm, height_mm, dist"
    ):
        SCREEN.in_pixels(x_px, y_px, "deg")
    assert Screen(width_px=800).completed(screen) == Screen(800, 1080, 533, 301, 565)


def test_places_are_found_by_name():
    shown = [ShownPicture("one.png", 0, 1), ShownPicture("instructions", 1, 2), ShownPicture("two", 2, 3)]
    size = {"top_px": 0, "width_px": 10, "height_px": 10}
    places = [ShownPicture("one", left_px=1, **size), ShownPicture("two", left_px=2, **size)]
    found = placed_by_name(shown, places)
    assert [(item.case_id, item.begin_s, item.left_px) for item in found] == [
        ("one", 0, 1),
        ("instructions", 1, None),
        ("two", 2, 2),
    ]
    with pytest.raises(ValueError, match=r"none of .* such as 'instructions', is in the table .* has 'one'"):
        placed_by_name(shown[1:2], places)
    # Only the ending of a picture's file is left out.
    assert not placed_by_name([ShownPicture("one.2", 0, 1), shown[2]], places)[0].has_place
    with pytest.raises(ValueError, match="two places of 'one'"):
        placed_by_name(shown, [ShownPicture("one", left_px=3, **size), *places])


def test_the_part_shown_is_what_the_rectangle_leaves():
    whole = ShownPicture("a", left_px=100, top_px=0, width_px=400, height_px=200)
    assert whole.part_px == (-0.5, -0.5, 399.5, 199.5) and not whole.is_cut
    zoomed = replace(whole, zoom=2.0, radiograph_width_px=800, radiograph_height_px=400)
    assert zoomed.part_px == (199.5, 99.5, 599.5, 299.5) and zoomed.is_cut
    assert replace(zoomed, pan_x_px=100, pan_y_px=-400).part_px == (99.5, 399.5, 499.5, 399.5)
    # What is just within lies on it, what is just beyond does not.
    x_px, y_px = np.array([100.0, 499.0]), np.array([0.0, 199.0])
    across, down = zoomed.on_picture(x_px, y_px)
    assert zoomed.shows(x_px, y_px).all() and (across > 199.5).all() and (down < 299.5).all()
