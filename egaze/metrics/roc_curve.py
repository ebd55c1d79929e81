"""ROC curves with pointwise bands."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egaze.metrics.auc import checked
from egaze.metrics.resampling import StatisticsWarning, bootstrap_intervals


@dataclass(frozen=True, slots=True, eq=False)
class RocCurve:
    """One class against the others.

    Attributes:
        fall_out, sensitivity: (K,) the curve's corners, from (0, 0) to (1, 1); fall-out is 1 - specificity.
        band_fall_out: (G,) evenly from 0 to 1.
        band_low, band_high: (G,) between which the sensitivity there lies; NaN where no resample gives one.
    """

    fall_out: NDArray[np.float64]
    sensitivity: NDArray[np.float64]
    band_fall_out: NDArray[np.float64]
    band_low: NDArray[np.float64]
    band_high: NDArray[np.float64]


def roc_curve_band(
    labels: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    points: int = 51,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> RocCurve:
    """The ROC curve with, at each fall-out, a bootstrap interval of the sensitivity over patients, stratified by label.

    Cases of one score give a slanted line, so that the area is the one in which ties count half. The band is pointwise:
    a whole curve may leave it somewhere more often than 1 - `level`.

    Args:
        labels: (N,) 0 or 1, both present.
        scores: (N,) finite, higher for class 1.
        groups: (N,) a patient per sample; every sample its own when None.
        points: of the band, at least 2.
        level, resamples, seed: of the bootstrap.

    Raises:
        ValueError: as `roc_auc_ci`, whose interval also warns of small samples.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import roc_curve_band
        >>> labels = np.repeat([0, 1], [12, 10])
        >>> scores = np.r_[np.linspace(0, 0.7, 12), np.linspace(0.3, 1, 10)]
        >>> curve = roc_curve_band(labels, scores, points=11, resamples=500)
        >>> len(curve.fall_out) == len(curve.sensitivity), curve.band_low.shape
        (True, (11,))
    """
    labels, scores = checked(labels, scores)
    # From the surest case down; the last of each score.
    order = np.argsort(-scores, kind="stable")
    positive = (labels[order] == 1).astype(np.float64)
    ends = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    grid = np.linspace(0.0, 1.0, points)

    def curve(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(K + 1,) fall-out and sensitivity of weighted cases."""
        ranked = weights[order]
        true, called = np.cumsum(ranked * positive)[ends], np.cumsum(ranked)[ends]
        false = called - true
        return np.append(0.0, false / false[-1]), np.append(0.0, true / true[-1])

    def sensitivities(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """(B, G). Where the curve rises straight up, its upper end."""
        found = np.full((len(weights), points), np.nan)
        of_class = weights @ (labels == 1)
        for row, sample in enumerate(weights):
            if 0 < of_class[row] < sample.sum():
                found[row] = _upper(grid, *curve(sample))
        return found

    whole = np.ones(len(labels))
    with warnings.catch_warnings():
        # Where the curve has reached the top all resamples agree, as they should.
        warnings.simplefilter("ignore", StatisticsWarning)
        intervals = bootstrap_intervals(
            sensitivities,
            sensitivities(whole[None])[0],
            np.arange(len(labels)) if groups is None else groups,
            strata=labels,
            level=level,
            resamples=resamples,
            seed=seed,
        )
    return RocCurve(
        *curve(whole), grid, np.array([item.low for item in intervals]), np.array([item.high for item in intervals])
    )


def _upper(
    grid: NDArray[np.float64], fall_out: NDArray[np.float64], sensitivity: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The curve at the grid's fall-outs."""
    # Of corners above each other only the highest counts.
    last = np.append(np.diff(fall_out) > 0, True)
    reached: NDArray[np.float64] = np.interp(grid, fall_out[last], sensitivity[last])
    return reached
