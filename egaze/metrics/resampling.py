"""Figures with their uncertainty, by resampling patients."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

METHODS = ("percentile", "bca")
#: Below so many patients (in a stratum, or of a class) an interval is too narrow, and a warning says so.
FEW = 10

# Resamples worked on at once are so many numbers, which stay in the cache.
_CHUNK_ELEMENTS = 1 << 18

#: From (B, N) weights, how often each sample is drawn in each of B resamples, to (B, ...) figures of each, NaN where a
#: resample does not have them.
Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]


class StatisticsWarning(UserWarning):
    """A figure that is defined, but whose sample is too small or too regular for it to say much."""


def warn(message: str) -> None:
    """Warn at the line that called into egaze's statistics' caller."""
    warnings.warn(message, StatisticsWarning, stacklevel=3)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its interval.

    Attributes:
        value: the figure; NaN where it is not defined.
        low, high: the interval's bounds; NaN where they are not defined.
    """

    value: float
    low: float = math.nan
    high: float = math.nan

    @property
    def is_defined(self) -> bool:
        """Whether there is a figure, with or without an interval."""
        return math.isfinite(self.value)

    @property
    def has_interval(self) -> bool:
        """Whether both bounds are defined."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}-{self.high:.3f})"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A paired difference.

    Attributes:
        difference: the first minus the second.
        low, high: the interval's bounds, NaN where they are not defined.
        p_value: two-sided, of no difference, in [0, 1].
    """

    difference: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Patients in the order of their strata.

    Attributes:
        of_sample: (N,) the group of each sample.
        sizes: groups in each stratum; a stratum's groups are neighbours.
    """

    of_sample: NDArray[np.intp]
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, groups: ArrayLike, strata: ArrayLike | None = None) -> Groups:
        """A group is in the stratum of its first sample. Raises ValueError without samples."""
        _, first, group = np.unique(np.asarray(groups), return_index=True, return_inverse=True)
        if not len(first):
            raise ValueError("a bootstrap needs samples, got none")
        stratum = np.zeros(len(first), dtype=np.intp)
        if strata is not None:
            stratum = np.unique(np.asarray(strata)[first], return_inverse=True)[1]
        # Ties by the first sample, so that patients who each have one sample keep the samples' order.
        order = np.lexsort((first, stratum))
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        return cls(place[group], tuple(np.bincount(stratum).tolist()))

    def __len__(self) -> int:
        return sum(self.sizes)

    def draws(self, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
        """Blocks of (B, N) weights: how often each sample is drawn, as many groups a stratum as it has."""
        generator = np.random.default_rng(seed)
        # A bincount of drawn places is several times as fast as multinomial draws of the counts.
        begins = np.cumsum((0, *self.sizes[:-1]))
        for done in range(0, resamples, chunk := max(1, _CHUNK_ELEMENTS // len(self.of_sample))):
            rows = min(chunk, resamples - done)
            drawn = np.empty((rows, len(self)), dtype=np.int64)
            for begin, size in zip(begins, self.sizes, strict=True):
                drawn[:, begin : begin + size] = generator.integers(0, size, (rows, size), dtype=np.uint32) + begin
            drawn += np.arange(rows)[:, None] * len(self)
            counts = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
            yield self._spread(counts.astype(np.float64))

    def left_out(self) -> Iterator[NDArray[np.float64]]:
        """Blocks of (B, N) weights: every group left out once, in order."""
        for begin in range(0, len(self), chunk := max(1, _CHUNK_ELEMENTS // len(self.of_sample))):
            missing = np.arange(begin, min(begin + chunk, len(self)))
            weights = np.ones((len(missing), len(self)))
            weights[np.arange(len(missing)), missing] = 0.0
            yield self._spread(weights)

    def _spread(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """From a column a group to a column a sample."""
        if np.array_equal(self.of_sample, np.arange(counts.shape[1])):
            return counts
        return counts[:, self.of_sample]


def draw(statistic: Statistic, groups: Groups, *, resamples: int, seed: int) -> NDArray[np.float64]:
    """(B, ...) the statistic of B resamples of whole groups.

    Warns:
        StatisticsWarning: fewer than 10 groups in a stratum.

    Raises:
        ValueError: fewer than 100 resamples.
    """
    if resamples < 100:
        raise ValueError(f"a bootstrap needs 100 resamples, got {resamples}")
    if min(groups.sizes) < FEW:
        warn(f"fewer than {FEW} patients in a stratum: the interval is too narrow")
    return np.concatenate([statistic(weights) for weights in groups.draws(resamples, seed)])


def estimate_of(value: float, drawn: NDArray[np.float64], level: float) -> Estimate:
    """A figure with the percentiles of its (B,) draws. Warns and raises as `bootstrap_interval`."""
    _require_level(level)
    return _between(value, drawn, _percentiles(level))


def comparison_of(difference: float, drawn: NDArray[np.float64], level: float) -> Comparison:
    """A difference with the percentiles of its (B,) draws. The p-value is the least level at which the interval holds
    0: twice the smaller share of draws on either side of it, itself among them, so at least 2 / (B + 1).

    Warns and raises as `bootstrap_interval`.
    """
    interval = estimate_of(difference, drawn, level)
    drawn = drawn[np.isfinite(drawn)]
    beyond = min((drawn <= 0).sum(), (drawn >= 0).sum())
    return Comparison(interval.value, interval.low, interval.high, min(1.0, 2 * float(beyond + 1) / (len(drawn) + 1)))


def bootstrap_interval(
    statistic: Statistic,
    value: float,
    groups: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    method: str = "percentile",
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """A bootstrap interval that resamples whole groups with replacement.

    Resamples on which the statistic is not defined are left out.

    Args:
        statistic: gets (B, N) weights, how often each sample is drawn in each of B resamples, and gives (B,), NaN
            where it is not defined.
        value: the statistic of the sample itself.
        groups: (N,) a patient per sample; a patient's samples are drawn together.
        strata: (N,) resampling keeps the number of groups in each stratum (that of a group's first sample).
        method: "percentile", or "bca": bias-corrected and accelerated (Efron 1987; for strata the acceleration is
            Davison and Hinkley's 5.23), whose end points do not depend on the scale of the statistic.
        level: of the interval, in (0, 1).
        resamples: at least 100.
        seed: of the draws.

    Warns:
        StatisticsWarning: fewer than 10 groups in a stratum, resamples without the statistic or all with the same.

    Raises:
        ValueError: no sample, an unknown method, or a level or number of resamples out of range.
    """
    (interval,) = bootstrap_intervals(
        lambda weights: statistic(weights)[:, None],
        np.array([value]),
        groups,
        strata=strata,
        method=method,
        level=level,
        resamples=resamples,
        seed=seed,
    )
    return interval


def bootstrap_intervals(
    statistics: Statistic,
    values: NDArray[np.float64],
    groups: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    method: str = "percentile",
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> list[Estimate]:
    """`bootstrap_interval` of K statistics of the same resamples: `statistics` gives (B, K), `values` are (K,)."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    _require_level(level)
    grouped = Groups.of(groups, strata)
    drawn = draw(statistics, grouped, resamples=resamples, seed=seed)
    if method == "percentile":
        tails = np.tile(_percentiles(level), (len(values), 1))
    else:
        left_out = np.concatenate([statistics(weights) for weights in grouped.left_out()])
        columns = zip(values, drawn.T, left_out.T, strict=True)
        tails = np.array([_bca_tails(*column, grouped.sizes, level) for column in columns])
    return [_between(value, column, tail) for value, column, tail in zip(values, drawn.T, tails, strict=True)]


def bootstrap_comparison(
    difference: Statistic,
    value: float,
    groups: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """A paired difference by `bootstrap_interval`'s percentiles, with the p-value of `comparison_of`.

    Warns and raises as `bootstrap_interval`.
    """
    drawn = draw(difference, Groups.of(groups, strata), resamples=resamples, seed=seed)
    return comparison_of(value, drawn, level)


def mean_ci(
    values: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    method: str = "percentile",
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """The mean of values with a bootstrap interval over groups (patients); for a paired difference, of the differences.

    Args:
        values: (N,) finite.
        groups: (N,) the patient of each value; every value is a group of its own when None.
        method, level, resamples, seed: as for `bootstrap_interval`.

    Warns:
        StatisticsWarning: as `bootstrap_interval`.

    Raises:
        ValueError: no value, or one that is not finite.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import mean_ci
        >>> mean = mean_ci(np.arange(20) / 20, groups=np.arange(20) // 2, resamples=500)
        >>> round(mean.value, 3), mean.low < mean.value < mean.high
        (0.475, True)
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"values must be (N,) finite numbers, at least one, got shape {values.shape}")
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
    """The mean of each column with a bootstrap interval, all from the same resamples.

    Args:
        values: (N, K) finite.
        groups, method, level, resamples, seed: as for `mean_ci`.

    Returns:
        K estimates.

    Raises:
        ValueError: as `mean_ci`.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import mean_cis
        >>> [round(mean.value, 3) for mean in mean_cis(np.arange(40).reshape(20, 2) / 40, resamples=500)]
        [0.475, 0.5]
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"values must be finite numbers, at least one, got shape {values.shape}")
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
        trials: how many were counted.
        level: of the interval, in (0, 1).

    Warns:
        StatisticsWarning: no trials; the proportion and its bounds are NaN.

    Raises:
        ValueError: counts that no proportion has, or a level out of range.

    Example:
        >>> from egaze.metrics import wilson_ci
        >>> share = wilson_ci(8, 10)
        >>> f"{share.value:.2f} [{share.low:.2f}, {share.high:.2f}]"
        '0.80 [0.49, 0.94]'
    """
    if not 0 <= successes <= trials or not 0 < level < 1:
        raise ValueError(f"need 0 <= successes <= trials and 0 < level < 1, got {successes}, {trials}, {level}")
    if trials == 0:
        warn("a proportion of no samples is not defined")
        return Estimate(math.nan, math.nan, math.nan)
    z = float(norm.ppf((1 + level) / 2))
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    # Rounding must not move a bound past 0, 1 or the proportion itself.
    return Estimate(share, min(max(0.0, centre - half), share), max(min(1.0, centre + half), share))


def _require_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level must be in (0, 1), got {level}")


def _percentiles(level: float) -> NDArray[np.float64]:
    return np.array([(1 - level) / 2, (1 + level) / 2])


def _between(value: float, drawn: NDArray[np.float64], tails: NDArray[np.float64]) -> Estimate:
    defined = drawn[np.isfinite(drawn)]
    if not len(defined):
        warn("no resample has what the figure needs, so it has no interval")
        return Estimate(float(value), math.nan, math.nan)
    if len(defined) < len(drawn):
        warn(f"{len(drawn) - len(defined)} of {len(drawn)} resamples lack what the figure needs and are left out")
    if defined.min() == defined.max():
        warn("all resamples give the same value, so the interval has no width and says nothing")
    low, high = np.quantile(defined, tails)
    return Estimate(float(value), float(low), float(high))


def _bca_tails(
    value: float, drawn: NDArray[np.float64], left_out: NDArray[np.float64], sizes: tuple[int, ...], level: float
) -> NDArray[np.float64]:
    """Where the interval ends among the sorted resamples, as shares of them: (2,)."""
    drawn = drawn[np.isfinite(drawn)]
    # Values equal to the figure but for rounding count half.
    slack = 1e-12 * max(1.0, abs(value))
    below = (drawn < value - slack).sum() + 0.5 * (np.abs(drawn - value) <= slack).sum()
    share = np.clip(below / max(len(drawn), 1), 0.5 / max(len(drawn), 1), 1 - 0.5 / max(len(drawn), 1))
    bias = norm.ppf(share)
    squares, cubes = 0.0, 0.0
    for part in np.split(left_out, np.cumsum(sizes)[:-1]):
        influence = (len(part) - 1) / len(part) * (part.mean() - part)
        squares += float((influence**2).sum())
        cubes += float((influence**3).sum())
    acceleration = cubes / (6 * squares**1.5) if squares != 0 else 0.0
    if not math.isfinite(acceleration):
        warn("without one of the patients the figure is not defined: the interval is corrected for bias only")
        acceleration = 0.0
    tails = bias + norm.ppf([(1 - level) / 2, (1 + level) / 2])
    levels: NDArray[np.float64] = norm.cdf(bias + tails / (1 - acceleration * tails))
    return levels
