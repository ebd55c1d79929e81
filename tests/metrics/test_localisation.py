import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from egaze.metrics import energy_inside, iou_at_area_match, pointing_game, region_mask

MEASURES = (pointing_game, iou_at_area_match, energy_inside)


def square(side=10):
    mask = np.zeros((side, side), bool)
    mask[2:5, 3:7] = True
    return mask


def spot(y, x, side=10):
    values = np.zeros((side, side))
    values[y, x] = 2.0
    return values


def test_the_peak_inside_and_outside():
    assert pointing_game(spot(2, 3), square()) == 1 and pointing_game(spot(2, 7), square()) == 0
    assert energy_inside(spot(2, 3), square()) == 1 and energy_inside(spot(2, 7), square()) == 0


def test_tolerance_reaches_from_pixel_to_pixel():
    beside, diagonal = spot(2, 8), spot(6, 8)  # 2 px right of (2, 6); 2 px right of and below (4, 6)
    assert [pointing_game(beside, square(), tolerance_px=reach) for reach in (1.9, 2)] == [0, 1]
    assert [pointing_game(diagonal, square(), tolerance_px=reach) for reach in (2.8, 2.9)] == [0, 1]


def test_equal_peaks_count_by_share():
    assert pointing_game(spot(2, 3) + spot(9, 9) + spot(0, 0) + spot(4, 6), square()) == 0.5


def test_iou_of_a_map_that_is_the_mask_shifted():
    mask = square()
    assert iou_at_area_match(mask * 0.3, mask) == 1
    # 9 of 12 pixels are common.
    assert iou_at_area_match(np.roll(mask, 1, axis=1) * 1.0, mask) == pytest.approx(9 / 15)
    assert iou_at_area_match(~mask * 1.0, mask) == 0


def test_iou_takes_the_share_of_a_tie():
    mask = np.array([[True, True, True, False]])
    # One pixel is above, four in all are wanted as three: two of the three that tie, of which two are in the mask.
    assert iou_at_area_match([[5.0, 1.0, 1.0, 1.0]], mask) == pytest.approx((1 + 4 / 3) / (6 - (1 + 4 / 3)))


def test_iou_of_random_order_on_average():
    rng = np.random.default_rng(0)
    values, mask = rng.integers(0, 3, (6, 7)).astype(float), rng.random((6, 7)) < 0.4
    common = []
    for _ in range(4000):
        order = np.lexsort((rng.random(values.size), -values.ravel()))[: mask.sum()]
        common.append(mask.ravel()[order].sum())
    expected = np.mean(common)
    assert iou_at_area_match(values, mask) == pytest.approx(expected / (2 * mask.sum() - expected), abs=0.01)


def test_a_flat_map_scores_as_chance():
    mask, share = square(), 0.12
    for flat in (np.zeros((10, 10)), np.full((10, 10), 3.0)):
        assert pointing_game(flat, mask) == pytest.approx(share) and energy_inside(flat, mask) == pytest.approx(share)
        assert iou_at_area_match(flat, mask) == pytest.approx(share / (2 - share))


maps = arrays.arrays(np.float64, (5, 6), elements=st.integers(0, 4).map(float))
masks = arrays.arrays(bool, (5, 6)).filter(np.any)


@settings(max_examples=60, deadline=None)
@given(maps, masks)
def test_invariances(values, mask):
    for measure in MEASURES:
        score = measure(values, mask)
        assert 0 <= score <= 1
        assert measure(4 * values, mask) == pytest.approx(score)
        assert measure(values[::-1].T, mask[::-1].T) == pytest.approx(score)
        assert measure(values, np.ones_like(mask)) == pytest.approx(1)
    if not mask.all():
        assert pointing_game(values, mask) + pointing_game(values, ~mask) == pytest.approx(1)
    # Only the order of the values matters to these two.
    assert pointing_game(np.exp(values), mask) == pointing_game(values, mask)
    assert iou_at_area_match(np.exp(values), mask) == pytest.approx(iou_at_area_match(values, mask))
    assert pointing_game(values, mask, tolerance_px=20) == 1


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("values", "mask", "message"),
    [
        (np.ones((2, 3)), np.ones((3, 2), bool), "must share a shape"),
        (np.ones((2, 3)), np.ones((2, 3)), "of float64"),
        (np.ones(3), np.ones(3, bool), "must share a shape"),
        (np.full((2, 3), np.nan), np.ones((2, 3), bool), "must be finite"),
    ],
)
def test_bad_arguments(measure, values, mask, message):
    with pytest.raises(ValueError, match=message):
        measure(values, mask)


def test_bad_options():
    with pytest.raises(ValueError, match="at least 0, got -1"):
        pointing_game(np.ones((2, 2)), np.ones((2, 2), bool), tolerance_px=-1)
    with pytest.raises(ValueError, match="must not be negative"):
        energy_inside(-np.ones((2, 2)), np.ones((2, 2), bool))


def test_boxes_and_ellipses():
    box = region_mask((8, 9), [[2, 1, 4, 3]], [False])
    assert box.sum() == 9 and box[1:4, 2:5].all()
    large = region_mask((200, 300), [[40, 50, 240, 150]], [True])
    assert large.sum() == pytest.approx(np.pi * 100 * 50, rel=0.01)
    assert large[100, 40] and not large[51, 41] and np.array_equal(large, large[::-1][np.r_[199, :199]])
    both = region_mask((8, 9), [[2, 1, 4, 3], [0, 6, 8, 7]], [False, False])
    assert both.sum() == 27


def test_regions_at_the_edge_and_smaller_than_a_pixel():
    assert region_mask((4, 4), [[-5, -5, 1, 0]], [False]).sum() == 2
    assert not region_mask((4, 4), [[10, 10, 12, 12]], [True]).any()
    assert not region_mask((4, 4), [], []).any()
    for shape in (True, False):
        speck = region_mask((4, 4), [[1.6, 2.3, 1.7, 2.3]], [shape])
        assert speck.sum() == 1 and speck[2, 2]


@pytest.mark.parametrize("sides", [[[0, 0, np.nan, 1]], [[2, 0, 1, 1]]])
def test_bad_sides(sides):
    with pytest.raises(ValueError, match="sides must be finite"):
        region_mask((4, 4), sides, [True])


def test_a_shape_for_each_region():
    with pytest.raises(ValueError, match="got 2 and 1"):
        region_mask((4, 4), [[0, 0, 1, 1]], [True, False])
