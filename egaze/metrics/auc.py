"""Areas under the ROC and precision-recall curves of one class, with intervals and paired tests."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, rankdata

from egaze.metrics.estimate import Comparison, Estimate, undefined, warn
from egaze.metrics.resampling import (
    FEW,
    bootstrap_comparison,
    bootstrap_interval,
    require_level,
    require_options,
)
from egaze.metrics.weighted_areas import weighted_auc, weighted_average_precision

#: Why the area under a curve is not defined.
ONE_CLASS = "the area under a curve needs cases of both classes"


def roc_auc_ci(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    method: str = "delong",
    level: float = 0.95,
    groups: ArrayLike | None = None,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """The area under one class's ROC curve, ties counted half, with an interval.

    Args:
        labels: (N,) 0 or 1.
        scores: (N,) finite, higher for class 1.
        method: "delong" (DeLong et al. 1988, by the mid-ranks of Sun and Xu 2014; takes cases as independent), or a
            bootstrap over groups, stratified by label: "bootstrap" (percentiles) or "bca".
        level: of the interval, in (0, 1).
        groups: (N,) the patient of each case, for the bootstrap; when None, every case is a group of its own.
        resamples, seed: of the bootstrap; at least 100 resamples.

    Warns:
        StatisticsWarning: cases of one class only, so that the area is NaN; one case of a class, so that DeLong's
            bounds are NaN; fewer than 10 cases of a class; classes that are wholly apart or scores that are all equal,
            so that the interval has zero width.

    Raises:
        ValueError: shapes that differ, labels other than 0 and 1, scores that are not finite, an unknown method, or a
            level or number of resamples out of range.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import roc_auc_ci
        >>> labels = np.repeat([0, 1], [12, 10])
        >>> scores = np.r_[np.linspace(0, 0.7, 12), np.linspace(0.3, 1, 10)]
        >>> area = roc_auc_ci(labels, scores)
        >>> f"{area.value:.3f} [{area.low:.3f}, {area.high:.3f}]"
        '0.808 [0.626, 0.991]'
    """
    labels, scores = checked(labels, scores)
    if method == "delong":
        require_level(level)
        if not has_both(labels):
            return Estimate(undefined(ONE_CLASS))
        value, variance = _delong(labels, scores[None])
        return _normal_interval(float(value[0]), math.sqrt(variance[0, 0]), level)
    if method in ("bootstrap", "bca"):
        kind = "percentile" if method == "bootstrap" else "bca"
        return bootstrap_auc(labels, scores, groups, method=kind, level=level, resamples=resamples, seed=seed)
    raise ValueError(f"method must be 'delong', 'bootstrap' or 'bca', got {method!r}")


def bootstrap_auc(
    labels: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    method: str = "percentile",
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """The area under one class's ROC curve with a bootstrap interval over groups (patients).

    Args:
        labels: (N,) 0 or 1.
        scores: (N,) finite, higher for class 1.
        groups: (N,) the patient of each case; when None, every case is a group of its own.
        method: "percentile", or "bca" for bias-corrected and accelerated (Efron 1987).
        level: of the interval, in (0, 1).
        resamples, seed: of the bootstrap; at least 100 resamples.

    Warns:
        StatisticsWarning: as `roc_auc_ci`.

    Raises:
        ValueError: as `roc_auc_ci`.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import bootstrap_auc
        >>> labels = np.repeat([0, 1], [12, 10])
        >>> scores = np.r_[np.linspace(0, 0.7, 12), np.linspace(0.3, 1, 10)]
        >>> patients = np.arange(22)
        >>> area = bootstrap_auc(labels, scores, patients, resamples=500)
        >>> round(area.value, 3), area.low < area.value < area.high
        (0.808, True)
    """
    labels, scores = checked(labels, scores)
    require_options(method, level, resamples)
    if not has_both(labels):
        return Estimate(undefined(ONE_CLASS))
    area = weighted_auc(labels == 1, scores)
    return bootstrap_interval(
        area,
        float(area(np.ones((1, len(labels))))[0]),
        np.arange(len(labels)) if groups is None else groups,
        strata=labels,
        method=method,
        level=level,
        resamples=resamples,
        seed=seed,
    )


def average_precision_ci(
    labels: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    method: str = "percentile",
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """The average precision with a bootstrap interval over groups (patients).

    It is the sum over thresholds of precision times the gain in recall, without interpolation. Uninformative scores
    reach the share of class 1.

    Args:
        labels, scores, groups, method, level, resamples, seed: as for `bootstrap_auc`.

    Warns:
        StatisticsWarning: as `bootstrap_auc`.

    Raises:
        ValueError: as `bootstrap_auc`.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import average_precision_ci
        >>> labels = np.repeat([0, 1], [12, 10])
        >>> scores = np.r_[np.linspace(0, 0.7, 12), np.linspace(0.3, 1, 10)]
        >>> precision = average_precision_ci(labels, scores, resamples=500)
        >>> round(precision.value, 3), precision.low < precision.value < precision.high
        (0.814, True)
    """
    labels, scores = checked(labels, scores)
    require_options(method, level, resamples)
    if not has_both(labels):
        return Estimate(undefined(ONE_CLASS))
    area = weighted_average_precision(labels == 1, scores)
    return bootstrap_interval(
        area,
        float(area(np.ones((1, len(labels))))[0]),
        np.arange(len(labels)) if groups is None else groups,
        strata=labels,
        method=method,
        level=level,
        resamples=resamples,
        seed=seed,
    )


def delong_test(labels: ArrayLike, scores_a: ArrayLike, scores_b: ArrayLike, *, level: float = 0.95) -> Comparison:
    """The paired difference AUC(a) - AUC(b) on the same cases, with a p-value (DeLong et al. 1988).

    Args:
        labels: (N,) 0 or 1.
        scores_a, scores_b: (N,) finite scores of the two models, higher for class 1.
        level: of the interval.

    Warns:
        StatisticsWarning: as `roc_auc_ci`. Cases of one class only make everything NaN; one case of a class makes the
            bounds and the p-value NaN.

    Raises:
        ValueError: as `roc_auc_ci`.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import delong_test
        >>> labels = np.repeat([0, 1], [12, 10])
        >>> scores = np.r_[np.linspace(0, 0.7, 12), np.linspace(0.3, 1, 10)]
        >>> difference = delong_test(labels, scores, scores[::-1])
        >>> round(difference.difference, 3), difference.p_value < 0.001
        (0.708, True)
    """
    labels, scores_a = checked(labels, scores_a)
    _, scores_b = checked(labels, scores_b)
    require_level(level)
    if not has_both(labels):
        return Comparison(undefined(ONE_CLASS))
    areas, covariance = _delong(labels, np.stack([scores_a, scores_b]))
    difference = float(areas[0] - areas[1])
    error = float(np.sqrt(np.maximum(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0.0)))
    half = _half_width(error, level)
    if math.isnan(error):
        p_value = math.nan
    else:
        # Without any variance the two models either rank all cases alike (p = 1) or always differ (p = 0).
        p_value = 2 * float(norm.sf(abs(difference) / error)) if error > 0 else float(difference == 0)
    return Comparison(difference, difference - half, difference + half, p_value)


def bootstrap_test(
    labels: ArrayLike,
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """The paired difference AUC(a) - AUC(b) by resampling groups (patients), stratified by label.

    Args:
        labels, scores_a, scores_b: as for `delong_test`.
        groups, level, resamples, seed: as for `bootstrap_auc`. The p-value is twice the smaller share of resampled
            differences on either side of 0.

    Warns:
        StatisticsWarning: as `bootstrap_auc`; cases of one class only make everything NaN.

    Raises:
        ValueError: as `bootstrap_auc`.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import bootstrap_test
        >>> labels = np.repeat([0, 1], [12, 10])
        >>> scores = np.r_[np.linspace(0, 0.7, 12), np.linspace(0.3, 1, 10)]
        >>> difference = bootstrap_test(labels, scores, scores[::-1], resamples=500)
        >>> round(difference.difference, 3), difference.p_value < 0.01
        (0.708, True)
    """
    labels, scores_a = checked(labels, scores_a)
    _, scores_b = checked(labels, scores_b)
    require_options("percentile", level, resamples)
    if not has_both(labels):
        return Comparison(undefined(ONE_CLASS))
    area_a, area_b = weighted_auc(labels == 1, scores_a), weighted_auc(labels == 1, scores_b)
    whole = np.ones((1, len(labels)))
    return bootstrap_comparison(
        lambda weights: area_a(weights) - area_b(weights),
        float((area_a(whole) - area_b(whole))[0]),
        np.arange(len(labels)) if groups is None else groups,
        strata=labels,
        level=level,
        resamples=resamples,
        seed=seed,
    )


def _delong(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The areas (K,) of (K, N) scores of the same N cases and their covariance (K, K), by mid-ranks.

    The covariance is NaN where a class has one case.
    """
    positive = labels == 1
    m, n = int(positive.sum()), int((~positive).sum())
    of_positives, of_negatives = [], []
    for row in scores:
        ranks = rankdata(row)
        of_positives.append((ranks[positive] - rankdata(row[positive])) / n)
        of_negatives.append(1.0 - (ranks[~positive] - rankdata(row[~positive])) / m)
    v10, v01 = np.array(of_positives), np.array(of_negatives)
    areas = v10.mean(axis=1)
    if min(m, n) < 2:
        warn("one case of a class: DeLong's variance needs two, so there is no interval")
        return areas, np.full((len(scores), len(scores)), np.nan)
    if min(m, n) < FEW:
        warn(f"fewer than {FEW} cases of a class: DeLong's interval is too narrow")
    if ((np.ptp(v10, axis=1) == 0) & (np.ptp(v01, axis=1) == 0)).any():
        warn("all cases of a class are ranked alike, so DeLong's interval has zero width and means nothing")
    return areas, np.atleast_2d(np.cov(v10)) / m + np.atleast_2d(np.cov(v01)) / n


def _normal_interval(value: float, error: float, level: float) -> Estimate:
    half = _half_width(error, level)
    if math.isnan(half):
        return Estimate(value)
    return Estimate(value, max(0.0, value - half), min(1.0, value + half))


def _half_width(error: float, level: float) -> float:
    return float(norm.ppf((1 + level) / 2)) * error


def has_both(labels: NDArray[np.int64]) -> bool:
    """Whether both 0 and 1 are among labels."""
    return len(np.unique(labels)) == 2


def checked(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels of 0 and 1 and finite scores as arrays (N,). Raises ValueError for anything else."""
    labels, scores = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise ValueError(f"labels and scores must both be (N,), got {labels.shape} and {scores.shape}")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"labels must be 0 or 1, got {np.unique(labels)[:5]}")
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite")
    return labels.astype(np.int64), scores
