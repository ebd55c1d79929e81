"""Measures of a scanpath over areas of interest: visits, transitions and their entropies.

Areas are a map of numbers, -1 where there is none, so that every fixation is in one area at most. Masks that overlap
become such a map by `areas_of_masks`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egaze.metrics.estimate import undefined
from egaze.metrics.saliency import nearest_pixels


@dataclass(frozen=True, slots=True)
class AreaVisits:
    """One reader's visits to one area; see Holmqvist et al., Eye Tracking (2011), for the terms.

    Attributes:
        fixations: the number of fixations in it.
        dwell_s: the sum of their durations, in seconds or, where durations are relative, in their unit.
        dwell_frac: dwell_s divided by the duration of all fixations; NaN if there is none.
        entries: how often the gaze came into it: fixations in it that do not follow one in it.
        revisits: entries after the first.
        first_entry_s: the onset of the first fixation in it; NaN if there is none, or without onsets.
    """

    fixations: int
    dwell_s: float
    dwell_frac: float
    entries: int
    revisits: int
    first_entry_s: float


def areas_of_masks(masks: ArrayLike) -> NDArray[np.int64]:
    """(H, W) int64, the number of each pixel's area, -1 where there is none; where masks overlap, the smallest.

    Args:
        masks: (K, H, W) bool.

    Raises:
        ValueError: another shape.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import areas_of_masks
        >>> masks = np.zeros((2, 3, 4), bool)
        >>> masks[0, :, 1:], masks[1, 1, 2] = True, True
        >>> areas_of_masks(masks).tolist()
        [[-1, 0, 0, 0], [-1, 0, 1, 0], [-1, 0, 0, 0]]
    """
    masks = np.asarray(masks, dtype=bool)
    if masks.ndim != 3:
        raise ValueError(f"masks must be (K, H, W), got shape {masks.shape}")
    areas = np.full(masks.shape[1:], -1, dtype=np.int64)
    for number in np.argsort(-masks.sum(axis=(1, 2)), kind="stable"):
        areas[masks[number]] = number
    return areas


def areas_of_grid(shape: tuple[int, int], rows: int, columns: int) -> NDArray[np.int64]:
    """(H, W) int64, the number of each pixel's cell in a grid, row by row from the top left.

    Args:
        shape: (H, W).
        rows, columns: of the grid, at most H and W.

    Raises:
        ValueError: more rows or columns than pixels, or none.

    Example:
        >>> from egaze.metrics import areas_of_grid
        >>> areas_of_grid((2, 4), 1, 2).tolist()
        [[0, 0, 1, 1], [0, 0, 1, 1]]
    """
    if not (1 <= rows <= shape[0] and 1 <= columns <= shape[1]):
        raise ValueError(
            f"a grid on {shape[0]}x{shape[1]} pixels must have as many rows and columns at most, "
            f"and one at least, got {rows}x{columns}"
        )
    down = np.arange(shape[0]) * rows // shape[0]
    across = np.arange(shape[1]) * columns // shape[1]
    return down[:, None] * columns + across


def areas_of_fixations(areas: ArrayLike, x_px: ArrayLike, y_px: ArrayLike) -> NDArray[np.int64]:
    """(F,) int64, the area of the pixel nearest to each fixation; -1 outside the areas and off the map.

    Args:
        areas: (H, W) integers.
        x_px, y_px: (F,) fixations in pixels of the map; integers are pixel centres.

    Raises:
        ValueError: a map that is not (H, W) of integers.

    Example:
        >>> from egaze.metrics import areas_of_fixations, areas_of_grid
        >>> areas_of_fixations(areas_of_grid((2, 4), 1, 2), [0.4, 1.6, 9], [0, 1, 1]).tolist()
        [0, 1, -1]
    """
    areas = np.asarray(areas)
    if areas.ndim != 2 or not np.issubdtype(areas.dtype, np.integer):
        raise ValueError(f"areas must be (H, W) integers, got {areas.dtype} {areas.shape}")
    y, x, inside = nearest_pixels(areas.shape, x_px, y_px)
    numbers = np.full(inside.shape, -1, dtype=np.int64)
    numbers[inside] = areas[y[inside], x[inside]]
    return numbers


def area_visits(
    areas: ArrayLike, count: int, duration_s: ArrayLike, onset_s: ArrayLike | None = None
) -> tuple[AreaVisits, ...]:
    """The visits to each area.

    Args:
        areas: (F,) the area of each fixation, in time order; -1 for none.
        count: how many areas there are.
        duration_s: (F,) above 0.
        onset_s: (F,) or None if unknown.

    Returns:
        One item per area. What is not defined is NaN without a warning: `AreaVisits` says which attribute tells why.

    Raises:
        ValueError: shapes that differ, or an area that is not -1 to count - 1.

    Example:
        >>> from egaze.metrics import area_visits
        >>> left, right = area_visits([0, 0, 1, 0, -1], 2, [0.2, 0.3, 0.4, 0.1, 0.2], [0.0, 0.3, 0.7, 1.2, 1.4])
        >>> left.entries, left.revisits, round(left.dwell_frac, 2), right.first_entry_s
        (2, 1, 0.5, 0.7)
    """
    numbers = _area_numbers(areas, count)
    duration = np.asarray(duration_s, dtype=np.float64)
    onset = None if onset_s is None else np.asarray(onset_s, dtype=np.float64)
    if duration.shape != numbers.shape or (onset is not None and onset.shape != numbers.shape):
        raise ValueError(f"areas, durations and onsets must be (F,), got {numbers.shape} and {duration.shape}")
    visits = []
    for number in range(count):
        within = numbers == number
        entries = int((within & ~np.append(False, within[:-1])).sum()) if len(within) else 0
        dwell_s = float(duration[within].sum())
        visits.append(
            AreaVisits(
                fixations=int(within.sum()),
                dwell_s=dwell_s,
                dwell_frac=dwell_s / float(duration.sum()) if len(duration) else math.nan,
                entries=entries,
                revisits=max(0, entries - 1),
                first_entry_s=math.nan if onset is None or not entries else float(onset[within][0]),
            )
        )
    return tuple(visits)


def transition_matrix(areas: ArrayLike, count: int, *, within: bool = False) -> NDArray[np.int64]:
    """(count, count) int64, how often a fixation in area j follows immediately on one in area i.

    A fixation outside the areas interrupts: what comes before and after it is no transition.

    Args:
        areas: (F,) the area of each fixation, in time order; -1 for none.
        count: how many areas there are.
        within: whether fixations that stay in an area count, on the diagonal.

    Raises:
        ValueError: an area that is not -1 to count - 1.

    Example:
        >>> from egaze.metrics import transition_matrix
        >>> transition_matrix([0, 0, 1, -1, 0, 1], 2).tolist()
        [[0, 2], [0, 0]]
    """
    numbers = _area_numbers(areas, count)
    matrix = np.zeros((count, count), dtype=np.int64)
    both = (numbers[:-1] >= 0) & (numbers[1:] >= 0)
    np.add.at(matrix, (numbers[:-1][both], numbers[1:][both]), 1)
    if not within:
        np.fill_diagonal(matrix, 0)
    return matrix


def transition_entropy(transitions: ArrayLike) -> float:
    """The entropy of gaze transitions, in bits: how little an area says of the next one, 0 or more.

    It is H_t = - sum_i p_i sum_j p_ij log2 p_ij (Krejtz et al., ACM Transactions on Applied Perception 2015), where
    p_ij is the share of the transitions from area i that lead to j, and p_i the share of all transitions that begin
    in i.

    Args:
        transitions: (K, K) counts, as `transition_matrix` makes them.

    Warns:
        StatisticsWarning: no transition, so that the result is NaN.

    Raises:
        ValueError: another shape, or a negative count.

    Example:
        >>> from egaze.metrics import transition_entropy
        >>> transition_entropy([[0, 2, 2], [3, 0, 0], [1, 0, 0]])
        0.5
    """
    counts = np.asarray(transitions, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not (np.isfinite(counts) & (counts >= 0)).all():
        raise ValueError(f"transitions must be (K, K) counts, got shape {counts.shape}")
    if not counts.sum():
        return undefined("an entropy of no transitions is not defined")
    from_area = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, from_area, out=np.zeros_like(counts), where=from_area > 0)
    return float(-(counts / counts.sum() * np.log2(share, out=np.zeros_like(share), where=share > 0)).sum())


def stationary_entropy(shares: ArrayLike) -> float:
    """The entropy of how gaze is spread over areas, in bits: 0 for one area, log2 K for K areas alike.

    It is H_s = - sum_i p_i log2 p_i (Krejtz et al. 2015), with the shares of fixations or of dwell for p_i.

    Args:
        shares: (K,) fixations or dwell of each area, 0 or more; they are divided by their sum.

    Warns:
        StatisticsWarning: nothing in any area, so that the result is NaN.

    Raises:
        ValueError: another shape, or a negative share.

    Example:
        >>> from egaze.metrics import stationary_entropy
        >>> stationary_entropy([3, 3, 0])
        1.0
    """
    values = np.asarray(shares, dtype=np.float64)
    if values.ndim != 1 or not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError(f"shares must be (K,) numbers of 0 or more, got shape {values.shape}")
    if not values.sum():
        return undefined("an entropy without gaze in any area is not defined")
    share = values[values > 0] / values.sum()
    return float(-(share * np.log2(share)).sum()) + 0.0


def _area_numbers(areas: ArrayLike, count: int) -> NDArray[np.int64]:
    numbers = np.asarray(areas, dtype=np.int64)
    if numbers.ndim != 1 or count < 0 or not ((numbers >= -1) & (numbers < count)).all():
        raise ValueError(f"areas must be (F,) numbers from -1 to {count - 1}, got shape {numbers.shape}")
    return numbers
