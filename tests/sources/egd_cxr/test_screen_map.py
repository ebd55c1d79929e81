"""The published map, against its words, and the comparison of what is stored with what it gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egaze.sources.egd_cxr.screen import screen_to_radiograph

FRACTION = st.floats(-0.2, 1.2) | st.integers(-10, 120_000).map(lambda n: n / 100_000)


def in_words(x_frac, y_frac, pads, width, height):
    """One row at a time, as the dataset's code does it."""
    top, bottom, left, right = pads
    width, height = width + width % 2, height + height % 2
    ex, ey = x_frac * 1920, y_frac * 1080
    if left < ex < 1920 - right and top < ey < 1080 - bottom:
        return int(width / (1920 - left - right) * (ex - left)), int(height / (1080 - top - bottom) * (ey - top))
    return -2, -2


@given(
    places=st.lists(st.tuples(FRACTION, FRACTION), min_size=1, max_size=20),
    pads=st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(0, 900), st.integers(0, 900)),
    size=st.tuples(st.integers(1, 4000), st.integers(1, 4000)),
)
def test_equals_the_published_words(places, pads, size):
    count = len(places)
    found = screen_to_radiograph(
        np.array(places) * (1920, 1080), np.tile(pads, (count, 1)), np.tile(size, (count, 1)).astype(np.int64)
    )
    assert [tuple(row) for row in found.tolist()] == [in_words(*place, pads, *size) for place in places]


def test_the_edges_are_outside_and_odd_sides_count_one_more():
    pads, size = np.array([[0, 0, 534, 534]] * 4), np.array([[2544, 3055]] * 4)
    screen_px = np.array([[534.0, 500], [1386, 500], [700, 0], [1385.9999, 1079.9999]])
    found = screen_to_radiograph(screen_px, pads, size)
    assert found[:3].tolist() == [[-2, -2]] * 3
    # 3,055 rows count as 3,056; the two axes have different scales.
    assert found[3].tolist() == [2543, 3055]


def test_stored_pixels_are_compared_and_used(folder, parts):
    """Equal, one pixel off, further off, inside one way and outside the other, no place on the screen, no
    radiograph."""
    x, y = parts.published_map(parts.IDS[0], 0.5, 0.5)
    stored = [(x, y), (x + 1, y), (x + 1, y - 1), (x + 2, y), (x, y - 300), (-2, -2), (5, 5)]
    folder.fixations = [
        parts.gaze_row(number=n, X_ORIGINAL=a, Y_ORIGINAL=b) for n, (a, b) in enumerate(stored, start=1)
    ]
    folder.fixations[-1]["FPOGX"] = ""
    folder.fixations += [
        parts.gaze_row(number=11, at=(0.1, 0.5)),
        parts.gaze_row(number=12, at=(0.1, 0.5), X_ORIGINAL=-1, Y_ORIGINAL=-1),
        parts.gaze_row(number=13, at=(0.1, 0.5), X_ORIGINAL=7, Y_ORIGINAL=7),
        parts.gaze_row(parts.IDS[1], number=14),
    ]
    (folder.images / folder.sheet[1]["path"]).unlink()
    source = folder.read()
    found = {name: count for name, count in source.hygiene.items() if name.startswith("screen_map")}
    assert found == {
        "screen_map_equal": 3,
        "screen_map_within_1_px": 2,
        "screen_map_differs": 4,
        "screen_map_unchecked": 2,
    }
    kept = source.cases()[0].fixations
    used = list(zip(kept.x_px.tolist(), kept.y_px.tolist(), strict=True))
    assert used == [*stored[:5], (5, 5), (7, 7)]


def test_sizes_come_from_pictures_too(folder, parts):
    from PIL import Image

    for row in folder.sheet[:1]:
        row["path"] = row["path"].replace(".dcm", ".jpg")
        Image.new("L", parts.SIZES_PX[0]).save(folder.images / row["path"])
    assert folder.read().hygiene["screen_map_equal"] == 3


@pytest.mark.parametrize("content", [b"", b"DICM" * 50, bytes(128) + b"DICM" + b"\xff" * 64, bytes(128) + b"DICM"])
def test_positions_on_a_radiograph_with_a_damaged_header_are_unchecked(folder, content):
    (folder.images / folder.sheet[0]["path"]).write_bytes(content)
    hygiene = folder.read().hygiene
    assert hygiene["screen_map_unchecked"] == 1 and hygiene["fixations_kept"] == 3
