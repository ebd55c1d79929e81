"""Visits to areas and transitions between them, counted by hand."""

import numpy as np
import pytest

from egaze.metrics import (
    area_visits,
    areas_of_fixations,
    areas_of_grid,
    areas_of_masks,
    stationary_entropy,
    transition_entropy,
    transition_matrix,
)


def test_visits_are_counted_by_hand():
    #        away, a,   a,   b,   away, a,   b
    areas = [-1, 0, 0, 1, -1, 0, 1]
    duration_s = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    a, b, never = area_visits(areas, 3, duration_s, np.arange(7) / 2)
    assert (a.fixations, a.entries, a.revisits, a.first_entry_s) == (3, 2, 1, 0.5)
    assert (b.fixations, b.entries, b.revisits, b.first_entry_s) == (2, 2, 1, 1.5)
    assert a.dwell_s == pytest.approx(1.1) and a.dwell_frac == pytest.approx(1.1 / 2.8)
    assert (never.fixations, never.entries, never.revisits, never.dwell_frac) == (0, 0, 0, 0)
    assert np.isnan(never.first_entry_s) and np.isnan(area_visits(areas, 1 + 1, duration_s)[0].first_entry_s)
    (nothing,) = area_visits([], 1, [])
    assert nothing.entries == 0 and np.isnan(nothing.dwell_frac)


def test_transitions_are_interrupted_by_what_is_outside():
    areas = [0, 0, 1, 2, -1, 0, 2, 2, 1]
    np.testing.assert_array_equal(transition_matrix(areas, 3), [[0, 1, 1], [0, 0, 1], [0, 1, 0]])
    np.testing.assert_array_equal(transition_matrix(areas, 3, within=True), [[1, 1, 1], [0, 0, 1], [0, 1, 1]])
    assert transition_matrix([], 2).sum() == transition_matrix([1], 2).sum() == 0


def test_entropies():
    # Half of all transitions begin in an area that leaves two ways alike, the other half have no choice.
    assert transition_entropy([[0, 2, 2], [4, 0, 0], [0, 0, 0]]) == pytest.approx(0.5)
    assert transition_entropy([[0, 5], [3, 0]]) == 0
    assert stationary_entropy([1, 1, 1, 1]) == 2 and stationary_entropy([7]) == 0
    shares = np.array([0.5, 0.3, 0.2])
    assert stationary_entropy(shares * 9) == pytest.approx(-(shares * np.log2(shares)).sum())


def test_areas_of_masks_and_grids():
    masks = np.zeros((3, 4, 6), bool)
    masks[0], masks[1, 1:3, 1:4], masks[2, 2, 2] = True, True, True
    areas = areas_of_masks(masks)
    assert areas_of_fixations(areas, [0, 1.4, 2, 5.4, 5.6, -0.6], [0, 1, 2, 3, 3, 0]).tolist() == [0, 1, 2, 0, -1, -1]
    # The smallest is in front, in whatever order the masks come.
    np.testing.assert_array_equal(areas_of_masks(masks[::-1]), 2 - areas)
    assert (areas_of_masks(np.zeros((0, 2, 2), bool)) == -1).all()
    grid = areas_of_grid((5, 7), 2, 3)
    assert grid[0, 0] == 0 and grid[-1, -1] == 5 and np.unique(grid).tolist() == list(range(6))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: area_visits([0, 2], 2, [1, 1]), "from -1 to 1"),
        (lambda: area_visits([0, 1], 2, [1]), r"must be \(F,\)"),
        (lambda: transition_matrix([[0]], 1), "from -1 to 0"),
        (lambda: transition_entropy([[0, -1], [1, 0]]), "counts"),
        (lambda: stationary_entropy([-1, 2]), "0 or more"),
        (lambda: areas_of_masks(np.zeros((2, 2))), r"\(K, H, W\)"),
        (lambda: areas_of_grid((4, 4), 5, 1), "got 5x1"),
        (lambda: areas_of_fixations(np.zeros((2, 2)), [0], [0]), "integers"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(ValueError, match=match):
        call()
