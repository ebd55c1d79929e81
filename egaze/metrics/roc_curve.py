"""ROC curves with pointwise confidence bands."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egaze.metrics.auc import ONE_CLASS, checked, has_both
from egaze.metrics.estimate import StatisticsWarning, undefined
from egaze.metrics.resampling import bootstrap_intervals


@dataclass(frozen=True, slots=True, eq=False)
class RocCurve:
    """The ROC curve of one class against the others.

    Attributes:
        fall_out, sensitivity: (K,) the corners of the curve, from (0, 0) to (1, 1); fall-out is 1 - specificity.
        band_fall_out: (G,) evenly spaced from 0 to 1.
        band_low, band_high: (G,) the bounds of the sensitivity at these fall-outs; NaN where no resample defines it.
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
    """The ROC curve with a bootstrap interval of the sensitivity at each fall-out, over patients, stratified by label.

    Cases with equal scores give a slanted line, so that the area under the curve counts ties half. The band is
    pointwise: a whole curve leaves it somewhere with a probability above 1 - `level`.

    Args:
        labels: (N,) 0 or 1.
        scores: (N,) finite, higher for class 1.
        groups: (N,) the patient of each case; when None, every case is a group of its own.
        points: the number of points of the band, at least 2.
        level: of the intervals, in (0, 1).
        resamples, seed: of the bootstrap; at least 100 resamples.

    Warns:
        StatisticsWarning: cases of one class only, so that curve and band are NaN. It does not warn of small samples,
            as `roc_auc_ci` does.

    Raises:
        ValueError: as `roc_auc_ci`, or fewer than two points.

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
    if points < 2:
        raise ValueError(f"points must be at least 2, got {points}")
    if not has_both(labels):
        no_curve, no_band = np.full(2, undefined(ONE_CLASS)), np.full(points, np.nan)
        return RocCurve(no_curve, no_curve, np.linspace(0.0, 1.0, points), no_band, no_band)
    # Cases from the highest score down, and the last case of each score.
    order = np.argsort(-scores, kind="stable")
    positive = (labels[order] == 1).astype(np.float64)
    ends = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    grid = np.linspace(0.0, 1.0, points)

    def curve(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(K,) fall-out and sensitivity of weighted cases."""
        ranked = weights[order]
        true, called = np.cumsum(ranked * positive)[ends], np.cumsum(ranked)[ends]
        false = called - true
        return np.append(0.0, false / false[-1]), np.append(0.0, true / true[-1])

    def sensitivities(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """(B, G) sensitivities; where the curve is vertical, its upper end."""
        found = np.full((len(weights), points), np.nan)
        of_class = weights @ (labels == 1)
        for row, sample in enumerate(weights):
            if 0 < of_class[row] < sample.sum():
                found[row] = _upper(grid, *curve(sample))
        return found

    whole = np.ones(len(labels))
    with warnings.catch_warnings():
        # Where the curve has reached the top, all resamples agree, as they should.
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
    """The sensitivity of the curve at the fall-outs of the grid."""
    # Of corners with the same fall-out only the highest counts.
    last = np.append(np.diff(fall_out) > 0, True)
    reached: NDArray[np.float64] = np.interp(grid, fall_out[last], sensitivity[last])
    return reached
