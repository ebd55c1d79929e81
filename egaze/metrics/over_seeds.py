"""Metrics as means over training seeds, with intervals over seeds and patients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egaze.metrics.auc import ONE_CLASS
from egaze.metrics.estimate import Estimate, undefined
from egaze.metrics.multilabel_auc import area_of_class, enough_cases
from egaze.metrics.resampling import Statistic, estimate_of, require_options
from egaze.metrics.seed_bootstrap import draw_over_seeds, of_the_sample

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Aucs:
    """One-versus-rest AUCs and their mean.

    Attributes:
        macro: the mean over the classes that some cases have and some have not; NaN if there is none.
        classes: one for each class, NaN for the other classes.
    """

    macro: Estimate
    classes: tuple[Estimate, ...]


def aucs_over_seeds(
    labels: ArrayLike,
    class_probs: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Aucs:
    """One-versus-rest AUCs, each the mean over S trainings of a model from different seeds.

    Intervals are over seeds and groups (patients), stratified by class if classes are exclusive; see
    `egaze.metrics.seed_bootstrap`. With one seed they are over patients alone, for this one model.

    Args:
        labels: (N,) class numbers, 0 to C - 1; or (N, C) of independent classes, 1 where a case has a class, 0 where it
            has not, and NaN where that is not known. The mean is then over the classes of `enough_cases`.
        class_probs: (S, N, C) finite, the probabilities of each seed for the same cases.
        groups: (N,) the patient of each case; when None, every case is a group of its own.
        level: of the intervals, in (0, 1).
        resamples, seed: of the bootstrap; at least 100 resamples.

    Warns:
        StatisticsWarning: all cases are of one class, or there is none, so that every AUC is NaN; or as
            `bootstrap_interval`.

    Raises:
        ValueError: shapes that do not match, or values or options out of range.

    Example:
        >>> import numpy as np
        >>> labels = np.repeat([0, 1, 2], 10)
        >>> draws = np.random.default_rng(0).dirichlet([1, 1, 1], (2, 30))
        >>> found = aucs_over_seeds(labels, np.eye(3)[labels] * 0.3 + draws * 0.7, resamples=200)
        >>> found.macro.low < found.macro.value < found.macro.high, len(found.classes)
        (True, 3)
    """
    labels, (probs,) = checked_probs(labels, class_probs)
    require_options("percentile", level, resamples)
    present, statistic = class_statistic(labels, probs)
    if not present:
        return Aucs(Estimate(undefined(ONE_CLASS)), (Estimate(math.nan),) * probs.shape[2])
    values = of_the_sample(statistic, len(labels)).mean(axis=0)
    groups = np.arange(len(labels)) if groups is None else groups
    drawn = draw_over_seeds(statistic, groups, strata=strata_of(labels), resamples=resamples, seed=seed)
    found = [within_unit(estimate_of(value, draws, level)) for value, draws in zip(values, drawn.T, strict=True)]
    return Aucs(found[-1], for_classes(found[:-1], present, probs.shape[2], absent=Estimate(math.nan)))


def within_unit(interval: Estimate) -> Estimate:
    """Clip the interval of a share or an area to [0, 1], beyond which Student's t of few seeds can reach."""
    low, high = np.clip([interval.low, interval.high], 0.0, 1.0).tolist()
    return replace(interval, low=low, high=high)


def mean_over_seeds(
    values: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """The mean of one value per seed and case, with an interval over seeds and groups (patients).

    Args:
        values: (S, N) finite.
        groups, level, resamples, seed: as for `aucs_over_seeds`.

    Warns:
        StatisticsWarning: no case, so that the mean is NaN; or as `bootstrap_interval`.

    Raises:
        ValueError: another shape, a value that is not finite, or an option out of range.

    Example:
        >>> import numpy as np
        >>> mean = mean_over_seeds(np.arange(40).reshape(2, 20) / 40, resamples=200)
        >>> round(mean.value, 4), mean.low < mean.value < mean.high
        (0.4875, True)
    """
    values = checked_values(values)
    require_options("percentile", level, resamples)
    if not values.size:
        return Estimate(undefined("a mean of no values is not defined"))
    groups = np.arange(values.shape[1]) if groups is None else groups
    drawn = draw_over_seeds(mean_statistic(values), groups, resamples=resamples, seed=seed)
    return estimate_of(values.mean(), drawn[:, 0], level)


def class_statistic(labels: NDArray[Any], *probs: NDArray[np.float64]) -> tuple[list[int], Statistic]:
    """The statistic of one-versus-rest AUCs, and the numbers of the classes that have one.

    Args:
        labels: (N,) class numbers, or (N, C) answers; see `aucs_over_seeds`.
        probs: one or two arrays (S, N, C).

    Returns:
        The K classes that some cases have and some have not, and a statistic that returns (B, S, K + 1): their AUCs
        and, last, the mean of these, NaN if none counts in it; of two arrays, the first's values minus the second's.
        Without any such class there is nothing for the statistic to return.
    """
    classes = probs[0].shape[2]
    answers = np.eye(classes)[labels] if labels.ndim == 1 else labels
    present = [
        number for number in range(classes) if (answers[:, number] == 1).any() and (answers[:, number] == 0).any()
    ]
    counted = np.ones(len(present), dtype=bool) if labels.ndim == 1 else enough_cases(answers)[present]
    areas = [
        [[area_of_class(answers[:, number], of_seed[:, number]) for number in present] for of_seed in part]
        for part in probs
    ]

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        first, *others = (
            np.stack([np.stack([area(weights) for area in of_seed], axis=1) for of_seed in part], axis=1)
            for part in areas
        )
        found = first - others[0] if others else first
        if not counted.any():
            mean = np.full((*found.shape[:2], 1), np.nan)
        else:
            mean = (found if counted.all() else found[:, :, counted]).mean(axis=2, keepdims=True)
        return np.concatenate([found, mean], axis=2)

    return present, statistic


def strata_of(labels: NDArray[Any]) -> NDArray[Any] | None:
    """The strata that resampling keeps: exclusive classes, of which each case has one; else None."""
    return labels if labels.ndim == 1 else None


def mean_statistic(values: NDArray[np.float64]) -> Statistic:
    """The statistic of the weighted mean over cases of (S, N) values: (B, S, 1)."""
    return lambda weights: (weights @ values.T / weights.sum(axis=1, keepdims=True))[:, :, None]


def for_classes(found: Sequence[T], present: list[int], classes: int, *, absent: T) -> tuple[T, ...]:
    """One result for each class: of the classes that are present what was found, of the others `absent`."""
    by_class = dict(zip(present, found, strict=True))
    return tuple(by_class.get(number, absent) for number in range(classes))


def checked_probs(labels: ArrayLike, *probs: ArrayLike) -> tuple[NDArray[Any], list[NDArray[np.float64]]]:
    """Labels (N,) or answers (N, C), and probabilities (S, N, C). Raises ValueError where they do not match."""
    labels, arrays = np.asarray(labels), [np.asarray(part, dtype=np.float64) for part in probs]
    shapes = ", ".join(str(part.shape) for part in arrays)
    if any(part.ndim != 3 or part.shape != arrays[0].shape or 0 in (len(part), part.shape[2]) for part in arrays):
        raise ValueError(f"probabilities must share a shape (S, N, C), got {shapes}")
    if not all(np.isfinite(part).all() for part in arrays):
        raise ValueError("probabilities must be finite")
    if labels.ndim == 2:
        if labels.shape != arrays[0].shape[1:] or not np.isin(labels[~np.isnan(labels)], (0, 1)).all():
            raise ValueError(f"answers must be (N, C) of 0, 1 and NaN, got shape {labels.shape} for {shapes}")
        return labels.astype(np.float64), arrays
    if labels.shape != arrays[0].shape[1:2] or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be (N,) integers, got {labels.dtype} {labels.shape} for {shapes}")
    if labels.size and (labels.min() < 0 or labels.max() >= arrays[0].shape[2]):
        raise ValueError(f"labels must be 0 to {arrays[0].shape[2] - 1}, got {labels.min()} to {labels.max()}")
    return labels.astype(np.int64), arrays


def checked_values(values: ArrayLike) -> NDArray[np.float64]:
    """(S, N) finite values of at least one seed as an array. Raises ValueError for anything else."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"values must be (S, N) finite numbers of at least one seed, got shape {values.shape}")
    return values
