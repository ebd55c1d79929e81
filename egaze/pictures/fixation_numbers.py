"""Where the numbers of crowded circles go so that each can be read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: More fixations than this are not all numbered.
MOST_NUMBERS = 300

# A number's candidates: its circle's centre, then places on rings around it, ever further away.
_RINGS = 40
_PLACES = 16


def numbered(count: int) -> NDArray[np.int64]:
    """Indices of the fixations that get a number: all, or of many every n-th, the first and the last among them."""
    if count <= MOST_NUMBERS:
        return np.arange(count)
    return np.unique(np.append(np.arange(0, count, -(-count // MOST_NUMBERS)), count - 1))


def place_numbers(
    centres: NDArray[np.floating], sizes: NDArray[np.floating], room: tuple[float, float]
) -> NDArray[np.float64]:
    """Put each number on its point, or as near as it can be without covering one that was placed before.

    Args:
        centres: (F, 2) points x, y.
        sizes: (F, 2) width and height of the numbers, in the same unit.
        room: width and height within which the numbers stay.

    Returns:
        (F, 2) the numbers' centres. Where there is no room left a number stays on its point.
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
    """(1 + rings * places, 2) around a centre, nearest first."""
    angle = np.arange(_PLACES) * (2 * np.pi / _PLACES)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    radius = step * np.arange(1, _RINGS + 1)
    around = (ring[None] * radius[:, None, None]).reshape(-1, 2)
    offsets: NDArray[np.float64] = np.concatenate([np.zeros((1, 2)), around])
    return centre + offsets
