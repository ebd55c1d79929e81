"""Sensitivity and specificity at a threshold that is chosen on one set of cases and applied to another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egaze.metrics.auc import checked, has_both
from egaze.metrics.estimate import Estimate
from egaze.metrics.intervals import wilson_ci


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A threshold and its results: class 1 is predicted where the score is at least `threshold`.

    Attributes:
        threshold: of the score.
        sensitivity, specificity: with Wilson intervals, which take cases as independent.
        true_positives, false_negatives, true_negatives, false_positives: numbers of cases.
    """

    threshold: float
    sensitivity: Estimate
    specificity: Estimate
    true_positives: int
    false_negatives: int
    true_negatives: int
    false_positives: int


def youden_threshold(labels: ArrayLike, scores: ArrayLike) -> float:
    """The threshold with the largest sensitivity + specificity - 1 (Youden 1950); of several, the most specific.

    Thresholds lie midway between neighbouring scores, so that rounding does not move a case across them.

    Args:
        labels: (N,) 0 or 1, both present.
        scores: (N,) finite, higher for class 1.

    Raises:
        ValueError: shapes that differ, labels other than 0 and 1 or of one class only, or scores that are not finite.

    Example:
        >>> from egaze.metrics import youden_threshold
        >>> labels = [0, 0, 0, 1, 0, 1, 1, 1]
        >>> scores = [0.1, 0.2, 0.2, 0.3, 0.6, 0.7, 0.8, 0.9]
        >>> round(youden_threshold(labels, scores), 2)
        0.65
    """
    thresholds, sensitivity, specificity = _curve(labels, scores)
    youden = sensitivity + specificity
    # Sums that differ only by rounding are equal.
    return float(thresholds[np.flatnonzero(youden >= youden.max() - 1e-12)[-1]])


def specificity_threshold(labels: ArrayLike, scores: ArrayLike, specificity: float) -> float:
    """The threshold with the largest sensitivity whose specificity is at least the given one.

    Of several, the most specific is returned. Thresholds lie as those of `youden_threshold`.

    Args:
        labels: (N,) 0 or 1, both present.
        scores: (N,) finite, higher for class 1.
        specificity: required, in [0, 1].

    Raises:
        ValueError: as `youden_threshold`, or a specificity outside [0, 1].

    Example:
        >>> from egaze.metrics import specificity_threshold
        >>> labels = [0, 0, 0, 1, 0, 1, 1, 1]
        >>> scores = [0.1, 0.2, 0.2, 0.3, 0.6, 0.7, 0.8, 0.9]
        >>> round(specificity_threshold(labels, scores, 0.9), 2)
        0.65
    """
    if not 0 <= specificity <= 1:
        raise ValueError(f"specificity must be in [0, 1], got {specificity}")
    thresholds, sensitivities, specificities = _curve(labels, scores)
    allowed = specificities >= specificity - 1e-12
    best = sensitivities[allowed].max()
    return float(thresholds[np.flatnonzero(allowed & (sensitivities == best))[-1]])


def at_threshold(labels: ArrayLike, scores: ArrayLike, threshold: float, *, level: float = 0.95) -> OperatingPoint:
    """The sensitivity and specificity of predicting class 1 where the score is at least `threshold`.

    Args:
        labels: (N,) 0 or 1.
        scores: (N,) finite, higher for class 1.
        threshold: a number, chosen on other cases than these.
        level: of the Wilson intervals, in (0, 1).

    Warns:
        StatisticsWarning: no case of a class, so that the sensitivity or the specificity is NaN.

    Raises:
        ValueError: shapes that differ, labels other than 0 and 1, scores that are not finite, or a NaN threshold.

    Example:
        >>> from egaze.metrics import at_threshold
        >>> labels = [0, 0, 0, 1, 0, 1, 1, 1]
        >>> scores = [0.1, 0.2, 0.2, 0.3, 0.6, 0.7, 0.8, 0.9]
        >>> point = at_threshold(labels, scores, 0.5)
        >>> point.sensitivity.value, point.specificity.value, point.false_positives
        (0.75, 0.75, 1)
    """
    labels, scores = checked(labels, scores)
    if math.isnan(threshold):
        raise ValueError("threshold must be a number, got nan")
    called = scores >= threshold
    true_positives = int((called & (labels == 1)).sum())
    true_negatives = int((~called & (labels == 0)).sum())
    positives, negatives = int((labels == 1).sum()), int((labels == 0).sum())
    return OperatingPoint(
        threshold,
        wilson_ci(true_positives, positives, level=level),
        wilson_ci(true_negatives, negatives, level=level),
        true_positives,
        positives - true_positives,
        true_negatives,
        negatives - true_negatives,
    )


def _curve(
    labels: ArrayLike, scores: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Rising thresholds, from all cases predicted positive to none, with the sensitivity and specificity of each."""
    labels, scores = checked(labels, scores)
    if not has_both(labels):
        raise ValueError("choosing a threshold needs cases of both classes")
    distinct = np.unique(scores)
    between = distinct[:-1] / 2 + distinct[1:] / 2
    # Halfway between neighbouring floats may round to the lower one.
    between = np.where(between > distinct[:-1], between, distinct[1:])
    thresholds = np.concatenate([distinct[:1], between, [np.nextafter(distinct[-1], np.inf)]])
    positives, negatives = np.sort(scores[labels == 1]), np.sort(scores[labels == 0])
    sensitivity = 1.0 - np.searchsorted(positives, thresholds) / len(positives)
    specificity = np.searchsorted(negatives, thresholds) / len(negatives)
    return thresholds, sensitivity, specificity
