"""Means and proportions with intervals."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from egaze.metrics.estimate import Estimate, undefined
from egaze.metrics.resampling import bootstrap_intervals, require_options


def mean_ci(
    values: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    method: str = "percentile",
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """The mean of values with a bootstrap interval over groups (patients); of differences, for a paired comparison.

    Args:
        values: (N,) finite.
        groups: (N,) the patient of each value; when None, every value is a group of its own.
        method, level, resamples, seed: as for `bootstrap_interval`.

    Warns:
        StatisticsWarning: no value, so that the mean is NaN, or as `bootstrap_interval`.

    Raises:
        ValueError: a value that is not finite, another shape, or an option out of range.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import mean_ci
        >>> mean = mean_ci(np.arange(20) / 20, groups=np.arange(20) // 2, resamples=500)
        >>> round(mean.value, 3), mean.low < mean.value < mean.high
        (0.475, True)
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"values must be (N,), got shape {values.shape}")
    (interval,) = mean_cis(values[:, None], groups, method=method, level=level, resamples=resamples, seed=seed)
    return interval


def mean_cis(
    values: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    method: str = "percentile",
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> list[Estimate]:
    """The mean of each column with a bootstrap interval; all columns share their resamples.

    Args:
        values: (N, K) finite.
        groups, method, level, resamples, seed: as for `mean_ci`.

    Returns:
        K estimates.

    Warns:
        StatisticsWarning: as `mean_ci`.

    Raises:
        ValueError: as `mean_ci`.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import mean_cis
        >>> [round(mean.value, 3) for mean in mean_cis(np.arange(40).reshape(20, 2) / 40, resamples=500)]
        [0.475, 0.5]
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or not np.isfinite(values).all():
        raise ValueError(f"values must be (N, K) finite numbers, got shape {values.shape}")
    require_options(method, level, resamples)
    if not len(values):
        return [Estimate(undefined("a mean of no values is not defined"))] * values.shape[1]
    return bootstrap_intervals(
        lambda weights: weights @ values / weights.sum(axis=1, keepdims=True),
        values.mean(axis=0),
        np.arange(len(values)) if groups is None else groups,
        method=method,
        level=level,
        resamples=resamples,
        seed=seed,
    )


def wilson_ci(successes: int, trials: int, *, level: float = 0.95) -> Estimate:
    """A proportion with Wilson's score interval (1927).

    Args:
        successes: 0 to `trials`.
        trials: the number counted.
        level: of the interval, in (0, 1).

    Warns:
        StatisticsWarning: no trials, so that the proportion and its bounds are NaN.

    Raises:
        ValueError: counts that are negative or more than `trials`, or a level out of range.

    Example:
        >>> from egaze.metrics import wilson_ci
        >>> share = wilson_ci(8, 10)
        >>> f"{share.value:.2f} [{share.low:.2f}, {share.high:.2f}]"
        '0.80 [0.49, 0.94]'
    """
    if not 0 <= successes <= trials or not 0 < level < 1:
        raise ValueError(f"need 0 <= successes <= trials and 0 < level < 1, got {successes}, {trials}, {level}")
    if trials == 0:
        return Estimate(undefined("a proportion of no cases is not defined"))
    z = float(norm.ppf((1 + level) / 2))
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    # Rounding must not move a bound past 0, 1 or the proportion itself.
    return Estimate(share, min(max(0.0, centre - half), share), max(min(1.0, centre + half), share))
