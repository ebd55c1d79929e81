"""Placing the numbers of crowded fixations so that they do not cover each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: If there are more fixations, not all are numbered.
MOST_NUMBERS = 300

# The candidates for the place of a number: the centre of its circle, then positions on growing rings around it.
_RINGS = 40
_PLACES = 16


def numbered(count: int) -> NDArray[np.int64]:
    """The indices of the fixations with a number: all, or, of many, every n-th and the last."""
    if count <= MOST_NUMBERS:
        return np.arange(count)
    return np.unique(np.append(np.arange(0, count, -(-count // MOST_NUMBERS)), count - 1))


def place_numbers(
    centres: NDArray[np.floating], sizes: NDArray[np.floating], room: tuple[float, float]
) -> NDArray[np.float64]:
    """Place each number on its point, or as near to it as possible without covering a number placed before.

    Args:
        centres: (F, 2) points x, y.
        sizes: (F, 2) width and height of the numbers, in the same unit.
        room: the width and height of the area for the numbers.

    Returns:
        (F, 2) the centres of the numbers. A number without a free place stays on its point.
    """
    places: NDArray[np.float64] = np.asarray(centres, np.float64).copy()
    half = np.asarray(sizes, np.float64) / 2
    for index, centre in enumerate(np.asarray(centres, np.float64)):
        candidates = _candidates(centre, float(half[index].max()))
        inside = (candidates >= half[index]).all(axis=1) & (candidates <= np.array(room) - half[index]).all(axis=1)
        distance = np.abs(candidates[:, None] - places[None, :index])
        covers = (distance < half[index] + half[None, :index]).all(axis=2).any(axis=1)
        free = np.flatnonzero(inside & ~covers)
        if free.size:
            places[index] = candidates[free[0]]
    return places


def _candidates(centre: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """(1 + rings * places, 2) positions around a centre, the nearest first."""
    angle = np.arange(_PLACES) * (2 * np.pi / _PLACES)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    radius = step * np.arange(1, _RINGS + 1)
    around = (ring[None] * radius[:, None, None]).reshape(-1, 2)
    offsets: NDArray[np.float64] = np.concatenate([np.zeros((1, 2)), around])
    return centre + offsets
