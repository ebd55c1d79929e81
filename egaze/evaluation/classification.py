"""Areas under ROC curves with intervals and paired tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, rankdata

from egaze.evaluation.interval import Comparison, Interval, bootstrap_interval


def roc_auc_ci(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    method: str = "delong",
    level: float = 0.95,
    groups: ArrayLike | None = None,
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """The area under one class's ROC curve, ties counted half, with an interval.

    Args:
        labels: (N,) 0 or 1, both present.
        scores: (N,) finite, higher for class 1.
        method: "delong" (DeLong et al. 1988, by mid-ranks as Sun and Xu 2014; films independent), or "bootstrap"
            (percentiles over resampled groups, stratified by label).
        level: of the interval.
        groups: (N,) a patient per sample, for the bootstrap; every sample its own when None.
        resamples, seed: of the bootstrap.

    Raises:
        ValueError: shapes that differ, labels that are not 0 and 1 or of one class only, scores that are not
            finite, or an unknown method.
    """
    labels, scores = _checked(labels, scores)
    if method == "delong":
        value, variance = _delong(labels, scores[None])
        return _normal_interval(float(value[0]), float(np.sqrt(variance[0, 0])), level)
    if method == "bootstrap":
        return bootstrap_auc(labels, scores, groups, level=level, resamples=resamples, seed=seed)
    raise ValueError(f"method must be 'delong' or 'bootstrap', got {method!r}")


def bootstrap_auc(
    labels: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """`roc_auc_ci` by resampling groups (patients); see there."""
    labels, scores = _checked(labels, scores)
    groups = np.arange(len(labels)) if groups is None else groups
    area = _weighted_auc(labels, scores)
    value = float(area(np.ones((1, len(labels))))[0])
    return bootstrap_interval(area, value, groups, strata=labels, level=level, resamples=resamples, seed=seed)


def delong_test(labels: ArrayLike, scores_a: ArrayLike, scores_b: ArrayLike, *, level: float = 0.95) -> Comparison:
    """The paired difference AUC(a) - AUC(b) on the same films (DeLong et al. 1988).

    Raises:
        ValueError: as `roc_auc_ci`.
    """
    labels, scores_a = _checked(labels, scores_a)
    _, scores_b = _checked(labels, scores_b)
    areas, covariance = _delong(labels, np.stack([scores_a, scores_b]))
    difference = float(areas[0] - areas[1])
    error = float(np.sqrt(max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0.0)))
    half = float(norm.ppf((1 + level) / 2)) * error
    # Without any spread the two rank alike (p 1) or differ on every draw (p 0).
    p_value = 2 * float(norm.sf(abs(difference) / error)) if error > 0 else float(difference == 0)
    return Comparison(difference, difference - half, difference + half, p_value)


def macro_auc(labels: ArrayLike, class_probs: ArrayLike) -> float | None:
    """The mean one-versus-rest AUC over the classes that have cases both of and against them; None without any.

    Args:
        labels: (N,) class numbers.
        class_probs: (N, C).
    """
    labels, class_probs = np.asarray(labels), np.asarray(class_probs, dtype=np.float64)
    areas = _class_areas(labels, class_probs)
    if not areas:
        return None
    return float(np.mean([float(area(np.ones((1, len(labels))))[0]) for area in areas]))


def macro_auc_ci(
    labels: ArrayLike,
    class_probs: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """`macro_auc` with a bootstrap interval over groups (patients), stratified by class.

    Raises:
        ValueError: no class has cases both of and against it.
    """
    labels, class_probs = np.asarray(labels), np.asarray(class_probs, dtype=np.float64)
    areas = _class_areas(labels, class_probs)
    if not areas:
        raise ValueError("macro AUC needs cases of two classes")
    value = macro_auc(labels, class_probs)
    groups = np.arange(len(labels)) if groups is None else groups
    return bootstrap_interval(
        lambda weights: np.mean([area(weights) for area in areas], axis=0),
        float(value),  # type: ignore[arg-type]
        groups,
        strata=labels,
        level=level,
        resamples=resamples,
        seed=seed,
    )


def _class_areas(
    labels: NDArray[np.integer], class_probs: NDArray[np.float64]
) -> list[Callable[[NDArray[np.float64]], NDArray[np.float64]]]:
    present = [number for number in range(class_probs.shape[1]) if 0 < (labels == number).sum() < len(labels)]
    return [_weighted_auc((labels == number).astype(np.int64), class_probs[:, number]) for number in present]


def _weighted_auc(
    labels: NDArray[np.int64], scores: NDArray[np.float64]
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """A function from (B, N) sample weights to (B,) areas, NaN where a class has no weight."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    positive = labels[order] == 1

    def area(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        sorted_weights = weights[:, order]
        # Weight of each class per distinct score, so that ties count half.
        of_positives = np.add.reduceat(sorted_weights * positive, starts, axis=1)
        of_negatives = np.add.reduceat(sorted_weights * ~positive, starts, axis=1)
        below = np.cumsum(of_negatives, axis=1) - 0.5 * of_negatives
        pairs = of_positives.sum(axis=1) * of_negatives.sum(axis=1)
        won = (of_positives * below).sum(axis=1)
        return np.divide(won, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)

    return area


def _delong(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Areas (K,) and their covariance (K, K) of K scores on the same N films, by mid-ranks."""
    positive = labels == 1
    m, n = int(positive.sum()), int((~positive).sum())
    of_positives, of_negatives = [], []
    for row in scores:
        ranks = rankdata(row)
        of_positives.append((ranks[positive] - rankdata(row[positive])) / n)
        of_negatives.append(1.0 - (ranks[~positive] - rankdata(row[~positive])) / m)
    v10, v01 = np.array(of_positives), np.array(of_negatives)
    covariance = np.zeros((len(scores), len(scores)))
    if m > 1:
        covariance += np.atleast_2d(np.cov(v10)) / m
    if n > 1:
        covariance += np.atleast_2d(np.cov(v01)) / n
    return v10.mean(axis=1), covariance


def _normal_interval(value: float, error: float, level: float) -> Interval:
    if not 0 < level < 1:
        raise ValueError(f"level must be in (0, 1), got {level}")
    half = float(norm.ppf((1 + level) / 2)) * error
    return Interval(value, max(0.0, value - half), min(1.0, value + half))


def _checked(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    labels, scores = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise ValueError(f"labels and scores must both be (N,), got {labels.shape} and {scores.shape}")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"labels must be 0 or 1, got {np.unique(labels)[:5]}")
    if len(np.unique(labels)) < 2:
        raise ValueError("an ROC curve needs samples of both classes")
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite")
    return labels.astype(np.int64), scores
