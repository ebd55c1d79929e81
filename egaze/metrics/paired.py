"""Two models, or two sets of models from several seeds, compared on the same cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from egaze.metrics.over_seeds import (
    checked_probs,
    checked_values,
    class_statistic,
    mean_statistic,
    spread_over_classes,
)
from egaze.metrics.resampling import Comparison, comparison_of
from egaze.metrics.seed_bootstrap import draw_over_seeds, of_the_sample


@dataclass(frozen=True, slots=True)
class PairedAucs:
    """Differences of one-versus-rest AUCs.

    Attributes:
        macro: of the mean over the classes that have cases both of and against them.
        classes: one a class, None where it has not both.
    """

    macro: Comparison
    classes: tuple[Comparison | None, ...]


def paired_aucs(
    labels: ArrayLike,
    probs_a: ArrayLike,
    probs_b: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> PairedAucs:
    """AUC(a) - AUC(b) of every class and of their mean, on the same cases, each a mean over S seeds.

    A resample of patients, stratified by class, is the same for both and for all seeds. Intervals and p-values are
    over seeds and patients (`egaze.metrics.seed_bootstrap` says how); with one seed they are over patients alone,
    and say nothing of other trainings.

    Args:
        labels: (N,) class numbers, 0 to C - 1.
        probs_a, probs_b: (S, N, C) finite; seed s of the one is paired with seed s of the other.
        groups: (N,) a patient per case; every case its own when None.
        level: of the intervals.
        resamples, seed: of the bootstrap; at least 100 resamples.

    Raises:
        ValueError: shapes that do not fit, values out of range, or labels of fewer than two classes.
    """
    labels, (probs_a, probs_b) = checked_probs(labels, probs_a, probs_b)
    present, statistic = class_statistic(labels, probs_a, probs_b)
    differences = of_the_sample(statistic, len(labels)).mean(axis=0)
    groups = np.arange(len(labels)) if groups is None else groups
    drawn = draw_over_seeds(statistic, groups, strata=labels, resamples=resamples, seed=seed)
    found = [comparison_of(value, draws, level) for value, draws in zip(differences, drawn.T, strict=True)]
    return PairedAucs(found[-1], spread_over_classes(found[:-1], present, probs_a.shape[2]))


def paired_mean(
    values_a: ArrayLike,
    values_b: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """The mean of a - b over S seeds and N cases, (S, N) finite values such as each map's CC with gaze.

    As `paired_aucs`, without strata.

    Raises:
        ValueError: shapes that differ, no value, or one that is not finite.
    """
    values_a, values_b = checked_values(values_a), checked_values(values_b)
    if values_a.shape != values_b.shape:
        raise ValueError(f"values must have one shape (S, N), got {values_a.shape} and {values_b.shape}")
    differences = values_a - values_b
    groups = np.arange(differences.shape[1]) if groups is None else groups
    drawn = draw_over_seeds(mean_statistic(differences), groups, resamples=resamples, seed=seed)
    return comparison_of(differences.mean(), drawn[:, 0], level)
