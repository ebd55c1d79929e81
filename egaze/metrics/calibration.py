"""Whether predicted probabilities match observed frequencies."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import log_softmax, softmax

from egaze.metrics.estimate import Estimate, undefined, warn
from egaze.metrics.intervals import wilson_ci

#: The range in which a temperature is sought; one that would fit better outside is reported as the bound.
TEMPERATURES = (0.05, 20.0)
# Smaller probabilities, which float32 may round to 0, are taken as this.
_LEAST_PROB = 1e-38


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The cases whose probability lies in (low, high]; the first bin includes 0.

    Attributes:
        low, high: the bin's edges.
        cases: the number of cases in it, at least one.
        mean_prob: their mean probability.
        observed: the share of them with a positive outcome, with a Wilson interval.
    """

    low: float
    high: float
    cases: int
    mean_prob: float
    observed: Estimate


def brier_scores(labels: ArrayLike, class_probs: ArrayLike) -> NDArray[np.float64]:
    """The Brier score of each case (Brier 1950): the sum over classes of (probability - truth) squared.

    A score is 0 for a prediction that is certain and right, and 2 for one that is certain and wrong. A model's score is
    the mean over cases. For two classes it is twice the score of either class alone.

    Args:
        labels: (N,) class numbers, 0 to C - 1.
        class_probs: (N, C), each row summing to 1.

    Returns:
        (N,) scores in [0, 2].

    Raises:
        ValueError: shapes that do not match, a class number out of range, or rows that are not probabilities.

    Example:
        >>> from egaze.metrics import brier_scores
        >>> labels = [0, 1, 2]
        >>> class_probs = [[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.5, 0.3, 0.2]]
        >>> print(brier_scores(labels, class_probs).round(2))
        [0.06 0.26 0.98]
    """
    labels, class_probs = _checked(labels, class_probs)
    scores: NDArray[np.float64] = ((class_probs - np.eye(class_probs.shape[1])[labels]) ** 2).sum(axis=1)
    return scores


def log_losses(labels: ArrayLike, class_probs: ArrayLike) -> NDArray[np.float64]:
    """The log loss of each case in nats: the negative logarithm of the probability of its label.

    Args:
        labels: (N,) class numbers, 0 to C - 1.
        class_probs: (N, C), each row summing to 1; probabilities are taken as at least 1e-38.

    Returns:
        (N,) losses, 0 or more.

    Raises:
        ValueError: as `brier_scores`.

    Example:
        >>> from egaze.metrics import log_losses
        >>> labels = [0, 1, 2]
        >>> class_probs = [[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.5, 0.3, 0.2]]
        >>> print(log_losses(labels, class_probs).round(2))
        [0.22 0.51 1.61]
    """
    labels, class_probs = _checked(labels, class_probs)
    return -np.log(np.maximum(class_probs[np.arange(len(labels)), labels], _LEAST_PROB))


def reliability_curve(outcomes: ArrayLike, probs: ArrayLike, *, bins: int = 10) -> list[ReliabilityBin]:
    """The observed frequency of an outcome in bins of its predicted probability, all bins being equally wide.

    Args:
        outcomes: (N,) 0 or 1: whether the case is of one class, or whether the most probable class is right.
        probs: (N,) in [0, 1].
        bins: the number of bins, at least 1.

    Returns:
        The bins that have cases, in rising order.

    Raises:
        ValueError: shapes that differ, values out of range, or fewer than one bin.

    Example:
        >>> from egaze.metrics import reliability_curve
        >>> outcomes = [0, 0, 0, 1, 0, 1, 1, 1]
        >>> probs = [0.1, 0.2, 0.2, 0.3, 0.6, 0.7, 0.8, 0.9]
        >>> for part in reliability_curve(outcomes, probs, bins=2):
        ...     print(f"{part.cases} cases: {part.mean_prob:.2f} expected, {part.observed.value:.2f} observed")
        4 cases: 0.20 expected, 0.25 observed
        4 cases: 0.75 expected, 0.75 observed
    """
    outcomes, probs = np.asarray(outcomes), np.asarray(probs, dtype=np.float64)
    if outcomes.ndim != 1 or outcomes.shape != probs.shape or bins < 1:
        raise ValueError(f"outcomes and probs must both be (N,), got {outcomes.shape}, {probs.shape}, {bins} bins")
    if not np.isin(outcomes, (0, 1)).all() or not ((probs >= 0) & (probs <= 1)).all():
        raise ValueError("outcomes must be 0 or 1, and probs must lie in [0, 1]")
    place = np.clip(np.ceil(probs * bins).astype(np.int64) - 1, 0, bins - 1)
    curve = []
    for number in np.unique(place).tolist():
        members = place == number
        cases = int(members.sum())
        observed = wilson_ci(int(outcomes[members].sum()), cases)
        curve.append(ReliabilityBin(number / bins, (number + 1) / bins, cases, float(probs[members].mean()), observed))
    return curve


def expected_calibration_error(outcomes: ArrayLike, probs: ArrayLike, *, bins: int = 10) -> float:
    """The expected calibration error (Guo et al. 2017, who take the most probable class), in [0, 1].

    It is the mean over cases of |observed frequency - mean probability| of the case's bin in `reliability_curve`. Even
    perfect probabilities have an error above 0 by chance, and a larger one the fewer cases there are.

    Args:
        outcomes, probs, bins: as for `reliability_curve`.

    Warns:
        StatisticsWarning: no case, so that the error is NaN.

    Raises:
        ValueError: as `reliability_curve`.

    Example:
        >>> from egaze.metrics import expected_calibration_error
        >>> outcomes = [0, 0, 0, 1, 0, 1, 1, 1]
        >>> probs = [0.1, 0.2, 0.2, 0.3, 0.6, 0.7, 0.8, 0.9]
        >>> round(expected_calibration_error(outcomes, probs, bins=2), 3)
        0.025
    """
    curve = reliability_curve(outcomes, probs, bins=bins)
    if not curve:
        return undefined("a calibration error of no cases is not defined")
    return sum(item.cases * abs(item.observed.value - item.mean_prob) for item in curve) / sum(
        item.cases for item in curve
    )


def fit_temperature(labels: ArrayLike, logits: ArrayLike) -> float:
    """The temperature T in [0.05, 20] for which softmax(logits / T) has the lowest log loss (Guo et al. 2017).

    Args:
        labels: (N,) class numbers of validation cases, 0 to C - 1.
        logits: (N, C) finite; a constant may be added to a row, so logarithms of class probabilities will do.

    Warns:
        StatisticsWarning: the best temperature is at a bound, as it is where every case is right; or the logits do not
            differ between classes, so that any temperature fits and 1 is returned.

    Raises:
        ValueError: shapes that do not match, a class number out of range, logits that are not finite, or no case.

    Example:
        >>> from egaze.metrics import fit_temperature
        >>> labels = [0, 1, 1, 0]
        >>> logits = [[4, 0], [0, 4], [4, 0], [4, 0]]
        >>> round(fit_temperature(labels, logits), 2)
        3.64
    """
    labels, logits = np.asarray(labels), np.asarray(logits, dtype=np.float64)
    _require_matching(labels, logits)
    if not len(labels) or not np.isfinite(logits).all():
        raise ValueError(f"logits must be finite and have at least one row, got shape {logits.shape}")
    rows = np.arange(len(labels))

    def slope(log_temperature: float) -> float:
        """The derivative of the log loss with respect to 1 / T, in which the loss is convex."""
        probs = softmax(logits * math.exp(-log_temperature), axis=1)
        return float(((probs * logits).sum(axis=1) - logits[rows, labels]).mean())

    low, high = map(math.log, TEMPERATURES)
    # The loss is convex in 1 / T, so its slope falls as T rises: a zero lies between a positive and a negative one.
    coldest, hottest = slope(low), slope(high)
    if coldest == 0 and hottest == 0:
        warn("the logits do not differ between classes, so any temperature fits: 1 is used")
        return 1.0
    if coldest <= 0 or hottest >= 0:
        bound = TEMPERATURES[0] if coldest <= 0 else TEMPERATURES[1]
        warn(f"the temperature that fits {len(labels)} cases best is at the bound {bound}")
        return bound
    return math.exp(brentq(slope, low, high, xtol=1e-10))


def scale_by_temperature(class_probs: ArrayLike, temperature: float) -> NDArray[np.float64]:
    """Class probabilities at another temperature: less confident above 1, more confident below 1.

    The order of the classes in a row does not change.

    Args:
        class_probs: (N, C), each row summing to 1.
        temperature: above 0, as `fit_temperature` returns it; 1 changes nothing.

    Returns:
        (N, C), each row summing to 1.

    Example:
        >>> from egaze.metrics import scale_by_temperature
        >>> print(scale_by_temperature([[0.9, 0.1]], 2.0).round(2))
        [[0.75 0.25]]
    """
    scaled: NDArray[np.float64] = softmax(to_logits(class_probs) / temperature, axis=1)
    return scaled


def to_logits(class_probs: ArrayLike) -> NDArray[np.float64]:
    """(N, C) logits of class probabilities, which are taken as at least 1e-38; each row is log-softmax normalised."""
    logits: NDArray[np.float64] = log_softmax(
        np.log(np.maximum(np.asarray(class_probs, dtype=np.float64), _LEAST_PROB)), axis=1
    )
    return logits


def _checked(labels: ArrayLike, class_probs: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    labels, class_probs = np.asarray(labels), np.asarray(class_probs, dtype=np.float64)
    _require_matching(labels, class_probs)
    if not (class_probs >= 0).all() or not np.allclose(class_probs.sum(axis=1), 1.0, atol=1e-4):
        raise ValueError("class_probs must be probabilities, each row summing to 1")
    return labels, class_probs


def _require_matching(labels: NDArray[np.generic], values: NDArray[np.float64]) -> None:
    if labels.ndim != 1 or values.ndim != 2 or len(labels) != len(values):
        raise ValueError(f"expected labels (N,) and values (N, C), got {labels.shape} and {values.shape}")
    if not np.isin(labels, np.arange(values.shape[1])).all():
        raise ValueError(f"class numbers must be 0 to {values.shape[1] - 1}, got {np.unique(labels)[:5]}")
