"""Figures as a mean over training seeds, with intervals over seeds and patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egaze.metrics.resampling import Estimate, Statistic, estimate_of
from egaze.metrics.seed_bootstrap import draw_over_seeds, of_the_sample
from egaze.metrics.weighted_areas import weighted_auc

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Aucs:
    """The areas of each class against the rest and their mean.

    Attributes:
        macro: mean over the classes that have cases both of and against them.
        classes: one a class, None where it has not both.
    """

    macro: Estimate
    classes: tuple[Estimate | None, ...]


def aucs_over_seeds(
    labels: ArrayLike,
    class_probs: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Aucs:
    """One-versus-rest AUCs, each a mean over the seeds of a model that was trained S times.

    Intervals are over seeds and groups (patients), stratified by class; see `egaze.metrics.seed_bootstrap`. With
    one seed they are over patients alone, the model taken as given.

    Args:
        labels: (N,) class numbers, 0 to C - 1.
        class_probs: (S, N, C) finite, each seed's probabilities of the same cases.
        groups: (N,) a patient per case; every case its own when None.
        level, resamples, seed: of the intervals.

    Raises:
        ValueError: shapes that do not fit, values out of range, or labels of fewer than two classes.
    """
    labels, (probs,) = checked_probs(labels, class_probs)
    present, statistic = class_statistic(labels, probs)
    values = of_the_sample(statistic, len(labels)).mean(axis=0)
    groups = np.arange(len(labels)) if groups is None else groups
    drawn = draw_over_seeds(statistic, groups, strata=labels, resamples=resamples, seed=seed)
    found = [within_unit(estimate_of(value, draws, level)) for value, draws in zip(values, drawn.T, strict=True)]
    return Aucs(found[-1], spread_over_classes(found[:-1], present, probs.shape[2]))


def within_unit(interval: Estimate) -> Estimate:
    """The interval of a share or an area, which is nowhere below 0 or above 1: few seeds' Student's t goes further."""
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
    """The mean of (S, N) finite values, one a seed and case, with an interval over seeds and groups (patients).

    Raises:
        ValueError: no value, or one that is not finite.
    """
    values = checked_values(values)
    groups = np.arange(values.shape[1]) if groups is None else groups
    drawn = draw_over_seeds(mean_statistic(values), groups, resamples=resamples, seed=seed)
    return estimate_of(values.mean(), drawn[:, 0], level)


def class_statistic(labels: NDArray[np.int64], *probs: NDArray[np.float64]) -> tuple[list[int], Statistic]:
    """The classes with cases of and against them, and the statistic of their AUCs and, last, of the mean of these.

    With two arrays of (S, N, C) probabilities the figures are the first's less the second's.
    """
    present = [number for number in range(probs[0].shape[2]) if 0 < np.count_nonzero(labels == number) < len(labels)]
    if not present:
        raise ValueError("AUCs need cases of two classes")
    areas = [
        [[weighted_auc(labels == number, of_seed[:, number]) for number in present] for of_seed in part]
        for part in probs
    ]

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        first, *others = (
            np.stack([np.stack([area(weights) for area in of_seed], axis=1) for of_seed in part], axis=1)
            for part in areas
        )
        found = first - others[0] if others else first
        return np.concatenate([found, found.mean(axis=2, keepdims=True)], axis=2)

    return present, statistic


def mean_statistic(values: NDArray[np.float64]) -> Statistic:
    """The statistic of the weighted mean of (S, N) values."""
    return lambda weights: (weights @ values.T / weights.sum(axis=1, keepdims=True))[:, :, None]


def spread_over_classes(found: Sequence[T], present: list[int], classes: int) -> tuple[T | None, ...]:
    """The figures of the classes that are present at their places, None at the others'."""
    by_class = dict(zip(present, found, strict=True))
    return tuple(by_class.get(number) for number in range(classes))


def checked_probs(labels: ArrayLike, *probs: ArrayLike) -> tuple[NDArray[np.int64], list[NDArray[np.float64]]]:
    """Labels and probabilities as arrays that fit each other. Raises ValueError where they do not."""
    labels, arrays = np.asarray(labels), [np.asarray(part, dtype=np.float64) for part in probs]
    shapes = ", ".join(str(part.shape) for part in arrays)
    if any(part.ndim != 3 or not part.size or part.shape != arrays[0].shape for part in arrays):
        raise ValueError(f"probabilities must be (S, N, C) and alike, got {shapes}")
    if labels.shape != arrays[0].shape[1:2] or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be (N,) integers, got {labels.dtype} {labels.shape} for {shapes}")
    if labels.min() < 0 or labels.max() >= arrays[0].shape[2]:
        raise ValueError(f"labels must be 0 to {arrays[0].shape[2] - 1}, got {labels.min()} to {labels.max()}")
    if not all(np.isfinite(part).all() for part in arrays):
        raise ValueError("probabilities must be finite")
    return labels.astype(np.int64), arrays


def checked_values(values: ArrayLike) -> NDArray[np.float64]:
    """(S, N) finite values. Raises ValueError for anything else."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise ValueError(f"values must be (S, N) finite numbers, at least one, got shape {values.shape}")
    return values
