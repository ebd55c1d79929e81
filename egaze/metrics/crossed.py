"""Means of values that two kinds of groups share, such as readers and patients."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from egaze.metrics.estimate import Estimate, undefined, warn
from egaze.metrics.resampling import Groups, estimate_of, require_options


def crossed_mean_ci(
    values: ArrayLike,
    one: ArrayLike,
    other: ArrayLike,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """The mean of values with an interval over two kinds of groups at once, such as the readers and the patients.

    Each resample draws both kinds of groups with replacement, and a value counts as often as its one group times its
    other group: the pigeonhole bootstrap (Owen, Annals of Applied Statistics 2007). The interval is for new readers
    on new patients. It is a little too wide, as Owen shows, and means little with few groups of either kind.

    Args:
        values: (N,) finite.
        one, other: (N,) the two groups of each value.
        level, resamples, seed: as for `bootstrap_interval`.

    Warns:
        StatisticsWarning: no value, so that the mean is NaN; fewer than two groups of a kind, so that there is no
            interval; or as `bootstrap_interval`.

    Raises:
        ValueError: a value that is not finite, shapes that differ, or an option out of range.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import crossed_mean_ci
        >>> mean = crossed_mean_ci(np.arange(40) / 40, one=np.arange(40) % 4, other=np.arange(40) // 4, resamples=500)
        >>> round(mean.value, 4), mean.low < mean.value < mean.high
        (0.4875, True)
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or not np.isfinite(numbers).all():
        raise ValueError(f"values must be (N,) finite numbers, got shape {numbers.shape}")
    if not np.shape(one) == np.shape(other) == numbers.shape:
        raise ValueError(f"groups must be {numbers.shape}, got {np.shape(one)} and {np.shape(other)}")
    require_options("percentile", level, resamples)
    if not len(numbers):
        return Estimate(undefined("a mean of no values is not defined"))
    kinds = [Groups.of(one), Groups.of(other)]
    if min(map(len, kinds)) < 2:
        warn("an interval over groups of two kinds needs two of each")
        return Estimate(float(numbers.mean()))
    drawn = []
    for weights in zip(*(kind.draws(resamples, seed + place) for place, kind in enumerate(kinds)), strict=True):
        both = weights[0] * weights[1]
        total = both.sum(axis=1)
        drawn.append(np.divide(both @ numbers, total, out=np.full(len(total), np.nan), where=total > 0))
    return estimate_of(float(numbers.mean()), np.concatenate(drawn), level)
