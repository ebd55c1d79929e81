"""The similarity of two scanpaths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egaze.metrics.estimate import warn

#: Fixations of a scanpath from which on MultiMatch is defined.
_LEAST_FIXATIONS = 3


@dataclass(frozen=True, slots=True)
class MultiMatch:
    """Five similarities of two scanpaths, each in [0, 1] with 1 for equal ones; NaN where they are not defined.

    Attributes:
        shape: of the saccades as vectors.
        direction, length: of the saccades' directions and lengths.
        position: of the fixations' positions.
        duration: of the fixations' durations.
    """

    shape: float
    direction: float
    length: float
    position: float
    duration: float


def multimatch(
    one: tuple[ArrayLike, ArrayLike, ArrayLike], two: tuple[ArrayLike, ArrayLike, ArrayLike], shape: tuple[int, int]
) -> MultiMatch:
    """Compare two scanpaths as MultiMatch does (Dewhurst et al., Behavior Research Methods 2012), unsimplified.

    Saccades are aligned along the path of the least sum of vector differences; each similarity is 1 less the median
    difference along it, divided by the largest possible one: twice the diagonal of the image, pi, the diagonal, the
    diagonal, and the longer of two durations. Neighbouring saccades of similar direction are not merged first.

    Args:
        one, two: x_px, y_px and durations, each (F,) in time order, of either scanpath; positions on one image.
        shape: (H, W) of the image in pixels.

    Warns:
        StatisticsWarning: a scanpath of fewer than three fixations, so that all similarities are NaN.

    Raises:
        ValueError: shapes that differ, values that are not finite, or a duration that is not above 0.

    Example:
        >>> from egaze.metrics import multimatch
        >>> path = ([10, 50, 40], [20, 25, 60], [0.2, 0.3, 0.2])
        >>> multimatch(path, path, (64, 64)).position
        1.0
    """
    paths = [_path(path) for path in (one, two)]
    if min(path.shape[1] for path in paths) < _LEAST_FIXATIONS:
        warn(f"MultiMatch of fewer than {_LEAST_FIXATIONS} fixations is not defined")
        return MultiMatch(*[math.nan] * 5)
    (first, second), diagonal_px = paths, math.hypot(*shape)
    steps, other_steps = np.diff(first[:2]), np.diff(second[:2])
    differences = np.hypot(*(steps[:, :, None] - other_steps[:, None, :]))
    i, j = _cheapest_path(differences)
    turn = np.abs(np.arctan2(steps[1, i], steps[0, i]) - np.arctan2(other_steps[1, j], other_steps[0, j]))
    lengths = np.abs(np.hypot(*steps)[i] - np.hypot(*other_steps)[j])
    apart = np.hypot(*(first[:2, i] - second[:2, j]))
    durations = np.abs(first[2, i] - second[2, j]) / np.maximum(first[2, i], second[2, j])
    return MultiMatch(
        shape=1 - float(np.median(differences[i, j])) / (2 * diagonal_px),
        direction=1 - float(np.median(np.minimum(turn, 2 * np.pi - turn))) / np.pi,
        length=1 - float(np.median(lengths)) / diagonal_px,
        position=1 - float(np.median(apart)) / diagonal_px,
        duration=1 - float(np.median(durations)),
    )


def edit_similarity(one: Sequence[int] | NDArray[np.int64], two: Sequence[int] | NDArray[np.int64]) -> float:
    """The similarity of two sequences of areas, in [0, 1]: 1 less Levenshtein's distance over the longer length.

    Args:
        one, two: the areas of the fixations of either scanpath, in time order. It is usual to leave out fixations
            outside all areas.

    Warns:
        StatisticsWarning: two empty sequences, so that the result is NaN.

    Example:
        >>> from egaze.metrics import edit_similarity
        >>> edit_similarity([0, 1, 2, 2], [0, 2, 2])
        0.75
    """
    longest = max(len(one), len(two))
    if not longest:
        warn("the similarity of two empty sequences is not defined")
        return math.nan
    row = np.arange(len(two) + 1)
    numbers = np.asarray(two, dtype=np.int64)
    steps = np.arange(len(two) + 1)
    for count, area in enumerate(np.asarray(one, dtype=np.int64).tolist(), start=1):
        changed = np.append(count, np.minimum(row[1:] + 1, row[:-1] + (numbers != area)))
        # An insertion costs one more than what is to its left.
        row = np.minimum.accumulate(changed - steps) + steps
    return 1 - int(row[-1]) / longest


def scanmatch(
    one: Sequence[int] | NDArray[np.int64],
    two: Sequence[int] | NDArray[np.int64],
    substitution: ArrayLike,
    *,
    gap: float = 0.0,
) -> float:
    """The score of ScanMatch for two sequences of areas (Cristino et al., Behavior Research Methods 2010), at most 1.

    It is the best score of an alignment (Needleman and Wunsch 1970), divided by the largest value of the substitution
    matrix times the longer length. To weight areas by dwell, repeat each area once per unit of time, by
    `areas_in_time`.

    Args:
        one, two: the areas of either scanpath, 0 to K - 1.
        substitution: (K, K) the score of a pair of areas; `grid_substitution` makes one that falls with distance.
        gap: the score of an area without a partner.

    Warns:
        StatisticsWarning: two empty sequences, so that the result is NaN.

    Raises:
        ValueError: an area without a row in the matrix, or a matrix without a value above 0.

    Example:
        >>> from egaze.metrics import grid_substitution, scanmatch
        >>> round(scanmatch([0, 1, 3], [0, 1, 2], grid_substitution(2, 2, threshold=1.0)), 3)
        0.667
    """
    scores = np.asarray(substitution, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1] or not np.isfinite(scores).all() or scores.max() <= 0:
        raise ValueError(f"substitution must be (K, K) with a value above 0, got shape {scores.shape}")
    first, second = np.asarray(one, dtype=np.int64), np.asarray(two, dtype=np.int64)
    for numbers in (first, second):
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(scores):
            raise ValueError(f"areas must be 0 to {len(scores) - 1}, got {numbers.min()} to {numbers.max()}")
    if not max(len(first), len(second)):
        warn("the similarity of two empty sequences is not defined")
        return math.nan
    steps = gap * np.arange(len(second) + 1)
    row = steps.copy()
    for count, area in enumerate(first, start=1):
        reached = np.append(gap * count, np.maximum(row[1:] + gap, row[:-1] + scores[area, second]))
        row = np.maximum.accumulate(reached - steps) + steps
    return float(row[-1]) / (float(scores.max()) * max(len(first), len(second)))


def grid_substitution(rows: int, columns: int, *, threshold: float) -> NDArray[np.float64]:
    """(K, K) scores of pairs of a grid's cells for `scanmatch`: the threshold less their distance, in cells.

    Args:
        rows, columns: of the grid, whose cells are numbered as `areas_of_grid` numbers them.
        threshold: the distance in cells above which a pair counts against the alignment, above 0. Cristino et al. take
            twice the standard deviation of saccade amplitudes.

    Raises:
        ValueError: a threshold that is not above 0, or no cell.

    Example:
        >>> from egaze.metrics import grid_substitution
        >>> grid_substitution(1, 3, threshold=1.0).tolist()
        [[1.0, 0.0, -1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 1.0]]
    """
    if not (0 < threshold < math.inf) or rows < 1 or columns < 1:
        raise ValueError(f"need a cell and a threshold above 0, got {rows}x{columns} and {threshold}")
    down, across = np.divmod(np.arange(rows * columns), columns)
    scores: NDArray[np.float64] = threshold - np.hypot(down[:, None] - down, across[:, None] - across)
    return scores


def areas_in_time(areas: ArrayLike, duration_s: ArrayLike, *, bin_s: float = 0.05) -> NDArray[np.int64]:
    """Repeat each fixation's area once per `bin_s` of its duration, rounded, and at least once.

    Args:
        areas: (F,) integers.
        duration_s: (F,) above 0.
        bin_s: the unit of time, above 0; 50 ms as in Cristino et al. 2010.

    Raises:
        ValueError: shapes that differ, or a unit that is not above 0.

    Example:
        >>> from egaze.metrics import areas_in_time
        >>> areas_in_time([4, 2], [0.16, 0.02]).tolist()
        [4, 4, 4, 2]
    """
    numbers, durations = np.asarray(areas, dtype=np.int64), np.asarray(duration_s, dtype=np.float64)
    if numbers.ndim != 1 or numbers.shape != durations.shape or not bin_s > 0:
        raise ValueError(f"need (F,) areas and durations and a unit above 0, got {numbers.shape}, {durations.shape}")
    return np.repeat(numbers, np.maximum(1, np.rint(durations / bin_s).astype(np.int64)))


def _path(path: tuple[ArrayLike, ArrayLike, ArrayLike]) -> NDArray[np.float64]:
    """(3, F) positions and durations."""
    values = [np.asarray(part, dtype=np.float64) for part in path]
    if len({part.shape for part in values}) != 1 or values[0].ndim != 1:
        raise ValueError(f"a scanpath must be x, y and durations (F,), got shapes {[part.shape for part in values]}")
    stacked = np.stack(values)
    if not np.isfinite(stacked).all() or not (stacked[2] > 0).all():
        raise ValueError("a scanpath must have finite positions and durations above 0")
    return stacked


def _cheapest_path(costs: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows and columns of the cheapest way from the top left to the bottom right: right, down, or both at once."""
    total = np.full((costs.shape[0] + 1, costs.shape[1] + 1), np.inf)
    total[0, 0] = 0.0
    for i, row in enumerate(costs.tolist(), start=1):
        for j, cost in enumerate(row, start=1):
            total[i, j] = cost + min(total[i - 1, j - 1], total[i - 1, j], total[i, j - 1])
    i, j = costs.shape
    path = [(i - 1, j - 1)]
    while (i, j) != (1, 1):
        i, j = min(((i - 1, j - 1), (i - 1, j), (i, j - 1)), key=lambda place: total[place])
        path.append((i - 1, j - 1))
    rows, columns = np.array(path[::-1], dtype=np.int64).T
    return rows, columns
