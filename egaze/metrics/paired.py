"""Paired comparisons of two models, or of two sets of models from several seeds, on the same cases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from egaze.metrics.auc import ONE_CLASS
from egaze.metrics.estimate import Comparison, undefined
from egaze.metrics.over_seeds import (
    checked_probs,
    checked_values,
    class_statistic,
    for_classes,
    mean_statistic,
    strata_of,
)
from egaze.metrics.resampling import comparison_of, require_options
from egaze.metrics.seed_bootstrap import draw_over_seeds, of_the_sample


@dataclass(frozen=True, slots=True)
class PairedAucs:
    """Differences of one-versus-rest AUCs.

    Attributes:
        macro: of the mean over the classes that some cases have and some have not; NaN if there is none.
        classes: one for each class, NaN for the other classes.
    """

    macro: Comparison
    classes: tuple[Comparison, ...]


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
    """AUC(a) - AUC(b) of every class and of the mean over classes, on the same cases, each the mean over S seeds.

    Both sets and all seeds share each resample of patients, stratified by class if classes are exclusive. Intervals and
    p-values are over seeds and patients (see `egaze.metrics.seed_bootstrap`); with one seed they are over patients
    alone, for these two models and not for others trained in the same way.

    Args:
        labels: (N,) class numbers, or (N, C) answers of independent classes; see `aucs_over_seeds`.
        probs_a, probs_b: (S, N, C) finite; seed s of the one is paired with seed s of the other.
        groups: (N,) the patient of each case; when None, every case is a group of its own.
        level: of the intervals, in (0, 1).
        resamples, seed: of the bootstrap; at least 100 resamples.

    Warns:
        StatisticsWarning: all cases are of one class, or there is none, so that every difference is NaN; or as
            `bootstrap_interval`.

    Raises:
        ValueError: shapes that do not match, or values or options out of range.

    Example:
        >>> import numpy as np
        >>> labels = np.repeat([0, 1, 2], 10)
        >>> draws = np.random.default_rng(0).dirichlet([1, 1, 1], (2, 30))
        >>> better, worse = (np.eye(3)[labels] * share + draws * (1 - share) for share in (0.4, 0.1))
        >>> found = paired_aucs(labels, better, worse, resamples=200)
        >>> found.macro.difference > 0, found.macro.p_value < 0.05
        (True, True)
    """
    labels, (probs_a, probs_b) = checked_probs(labels, probs_a, probs_b)
    require_options("percentile", level, resamples)
    present, statistic = class_statistic(labels, probs_a, probs_b)
    if not present:
        return PairedAucs(Comparison(undefined(ONE_CLASS)), (Comparison(math.nan),) * probs_a.shape[2])
    differences = of_the_sample(statistic, len(labels)).mean(axis=0)
    groups = np.arange(len(labels)) if groups is None else groups
    drawn = draw_over_seeds(statistic, groups, strata=strata_of(labels), resamples=resamples, seed=seed)
    found = [comparison_of(value, draws, level) for value, draws in zip(differences, drawn.T, strict=True)]
    return PairedAucs(found[-1], for_classes(found[:-1], present, probs_a.shape[2], absent=Comparison(math.nan)))


def paired_mean(
    values_a: ArrayLike,
    values_b: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """The mean of a - b over S seeds and N cases of a metric such as the CC of each map with gaze.

    Intervals and p-values are those of `paired_aucs`, without strata.

    Args:
        values_a, values_b: (S, N) finite; seed s of the one is paired with seed s of the other.
        groups, level, resamples, seed: as for `paired_aucs`.

    Warns:
        StatisticsWarning: no case, so that the difference is NaN; or as `bootstrap_interval`.

    Raises:
        ValueError: shapes that differ, a value that is not finite, or an option out of range.

    Example:
        >>> import numpy as np
        >>> values = np.arange(40).reshape(2, 20) / 40
        >>> found = paired_mean(values + 0.25, values**2, resamples=200)
        >>> round(found.difference, 3), found.p_value < 0.05
        (0.417, True)
    """
    values_a, values_b = checked_values(values_a), checked_values(values_b)
    if values_a.shape != values_b.shape:
        raise ValueError(f"values must share a shape (S, N), got {values_a.shape} and {values_b.shape}")
    require_options("percentile", level, resamples)
    if not values_a.size:
        return Comparison(undefined("a mean of no values is not defined"))
    differences = values_a - values_b
    groups = np.arange(differences.shape[1]) if groups is None else groups
    drawn = draw_over_seeds(mean_statistic(differences), groups, resamples=resamples, seed=seed)
    return comparison_of(differences.mean(), drawn[:, 0], level)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for their number by Holm's step-down procedure (Holm 1979).

    The chance that any hypothesis which holds has an adjusted p-value of at most 0.05 is then at most 5 %, however the
    p-values depend on each other.

    Args:
        p_values: in [0, 1]; NaN where one is undefined, which stays NaN and does not count.

    Example:
        >>> from egaze.metrics import holm
        >>> [round(p_value, 3) for p_value in holm([0.01, 0.04, 0.03])]
        [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values)[: np.count_nonzero(~np.isnan(values))]  # NaN is sorted last
    factors = np.arange(len(order), 0, -1)
    adjusted = np.full(len(values), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return [float(value) for value in adjusted]
