"""The bootstrap: statistics of resampled patients, and the intervals and p-values that follow from them.

`Groups` draws whole patients with replacement, a `Statistic` gives its values for each resample, and the functions
below turn these into an `Estimate` or a `Comparison`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from egaze.metrics.estimate import Comparison, Estimate, warn

METHODS = ("percentile", "bca")
#: With fewer patients than this (in a stratum, or of a class) an interval is too narrow, and a warning says so.
FEW = 10

# Resamples are worked on in blocks of about this many numbers, which stay in the cache.
_CHUNK_ELEMENTS = 1 << 18

#: A function from (B, N) weights, how often each of N samples is drawn in each of B resamples, to (B, ...) values, NaN
#: where a resample does not define them.
Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """The groups (patients) of N samples, sorted by stratum.

    Attributes:
        of_sample: (N,) the group of each sample.
        sizes: the number of groups in each stratum; the groups of a stratum are contiguous.
    """

    of_sample: NDArray[np.intp]
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, groups: ArrayLike, strata: ArrayLike | None = None) -> Groups:
        """Group samples; a group belongs to the stratum of its first sample.

        Raises:
            ValueError: no sample.
        """
        _, first, group = np.unique(np.asarray(groups), return_index=True, return_inverse=True)
        if not len(first):
            raise ValueError("a bootstrap needs samples, got none")
        stratum = np.zeros(len(first), dtype=np.intp)
        if strata is not None:
            stratum = np.unique(np.asarray(strata)[first], return_inverse=True)[1]
        # Ties are ordered by first sample, so that patients with one sample each keep the samples' order.
        order = np.lexsort((first, stratum))
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        return cls(place[group], tuple(np.bincount(stratum).tolist()))

    def __len__(self) -> int:
        return sum(self.sizes)

    def draws(self, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
        """Blocks of (B, N) weights: how often each sample is drawn; every stratum keeps its number of groups."""
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
        """Blocks of (B, N) weights that leave out one group each, in the order of the groups."""
        for begin in range(0, len(self), chunk := max(1, _CHUNK_ELEMENTS // len(self.of_sample))):
            missing = np.arange(begin, min(begin + chunk, len(self)))
            weights = np.ones((len(missing), len(self)))
            weights[np.arange(len(missing)), missing] = 0.0
            yield self._spread(weights)

    def _spread(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """From one column per group to one column per sample."""
        if np.array_equal(self.of_sample, np.arange(counts.shape[1])):
            return counts
        return counts[:, self.of_sample]


def draw(statistic: Statistic, groups: Groups, *, resamples: int, seed: int) -> NDArray[np.float64]:
    """(B, ...) the statistic in each of B resamples of whole groups.

    Warns:
        StatisticsWarning: fewer than 10 groups in a stratum.

    Raises:
        ValueError: fewer than 100 resamples.
    """
    _require_resamples(resamples)
    if min(groups.sizes) < FEW:
        warn(f"fewer than {FEW} patients in a stratum: the interval is too narrow")
    return np.concatenate([statistic(weights) for weights in groups.draws(resamples, seed)])


def estimate_of(value: float, drawn: NDArray[np.float64], level: float) -> Estimate:
    """A value with the percentile interval of its (B,) draws. Warns and raises as `bootstrap_interval`."""
    require_level(level)
    return _between(value, drawn, _percentiles(level))


def comparison_of(difference: float, drawn: NDArray[np.float64], level: float) -> Comparison:
    """A difference with the percentile interval of its (B,) draws and a p-value.

    The p-value is twice the smaller share of draws on either side of 0, the observed difference counted as one of
    them, and so at least 2 / (B + 1). Up to one draw, it is below 1 - `level` where the interval excludes 0. Warns and
    raises as `bootstrap_interval`.
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
    """A bootstrap interval from resampling whole groups with replacement.

    Resamples that do not define the statistic are left out.

    Args:
        statistic: takes (B, N) weights, how often each sample is drawn in each of B resamples, and returns (B,)
            values, NaN where a resample does not define it.
        value: the statistic of the sample itself.
        groups: (N,) the patient of each sample; a patient's samples are drawn together.
        strata: (N,) the stratum of each sample; resampling keeps the number of groups in each stratum, a group being
            in the stratum of its first sample.
        method: "percentile", or "bca": bias-corrected and accelerated (Efron 1987; for strata the acceleration is
            Davison and Hinkley's 5.23), whose end points do not depend on the scale of the statistic.
        level: of the interval, in (0, 1).
        resamples: at least 100.
        seed: of the draws.

    Warns:
        StatisticsWarning: fewer than 10 groups in a stratum; resamples that do not define the statistic, or all of
            which give the same value.

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
    """`bootstrap_interval` of K statistics on the same resamples: `statistics` returns (B, K), `values` is (K,)."""
    require_options(method, level, resamples)
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
    """A paired difference with a percentile interval over groups and the p-value of `comparison_of`.

    Warns and raises as `bootstrap_interval`.
    """
    drawn = draw(difference, Groups.of(groups, strata), resamples=resamples, seed=seed)
    return comparison_of(value, drawn, level)


def require_options(method: str, level: float, resamples: int) -> None:
    """Raise ValueError for an unknown method, a level outside (0, 1), or fewer than 100 resamples."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    require_level(level)
    _require_resamples(resamples)


def require_level(level: float) -> None:
    """Raise ValueError for an interval's level outside (0, 1)."""
    if not 0 < level < 1:
        raise ValueError(f"level must be in (0, 1), got {level}")


def _require_resamples(resamples: int) -> None:
    if resamples < 100:
        raise ValueError(f"a bootstrap needs at least 100 resamples, got {resamples}")


def _percentiles(level: float) -> NDArray[np.float64]:
    return np.array([(1 - level) / 2, (1 + level) / 2])


def _between(value: float, drawn: NDArray[np.float64], tails: NDArray[np.float64]) -> Estimate:
    defined = drawn[np.isfinite(drawn)]
    if not len(defined):
        warn("no resample defines the statistic, so it has no interval")
        return Estimate(float(value))
    if len(defined) < len(drawn):
        warn(f"{len(drawn) - len(defined)} of {len(drawn)} resamples do not define the statistic and are left out")
    if defined.min() == defined.max():
        warn("all resamples give the same value, so the interval has zero width and means nothing")
    low, high = np.quantile(defined, tails)
    return Estimate(float(value), float(low), float(high))


def _bca_tails(
    value: float, drawn: NDArray[np.float64], left_out: NDArray[np.float64], sizes: tuple[int, ...], level: float
) -> NDArray[np.float64]:
    """(2,) the quantiles of the resamples at which the interval ends."""
    drawn = drawn[np.isfinite(drawn)]
    # Draws that equal the value up to rounding count half.
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
        warn("without one of the patients the statistic is not defined: the interval is corrected for bias only")
        acceleration = 0.0
    tails = bias + norm.ppf([(1 - level) / 2, (1 + level) / 2])
    levels: NDArray[np.float64] = norm.cdf(bias + tails / (1 - acceleration * tails))
    return levels
