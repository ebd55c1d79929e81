"""Figures with their uncertainty, by resampling patients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Resamples worked on at once, to bound memory.
_CHUNK_ELEMENTS = 4_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and its interval; the bounds are NaN where they are not defined."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}-{self.high:.3f})"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A paired difference, its interval, and the two-sided p-value of no difference."""

    difference: float
    low: float
    high: float
    p_value: float


def bootstrap_interval(
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    value: float,
    groups: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """A percentile bootstrap interval that resamples whole groups with replacement.

    Args:
        statistic: gets (B, N) weights, how often each sample is drawn in each of B resamples, and gives (B,).
        value: the statistic of the sample itself.
        groups: (N,) a patient per sample; a patient's samples are drawn together.
        strata: (N,) resampling keeps the number of groups in each stratum (that of a group's first sample).
        level: of the interval, in (0, 1).
        resamples: at least 100.
        seed: of the draws.

    Raises:
        ValueError: no sample, or a level or number of resamples out of range.
    """
    _, first, group = np.unique(np.asarray(groups), return_index=True, return_inverse=True)
    if not 0 < level < 1 or resamples < 100 or not len(group):
        raise ValueError(f"need samples, 0 < level < 1 and 100 resamples, got {len(group)}, {level}, {resamples}")
    stratum = np.zeros(len(first), dtype=np.intp)
    if strata is not None:
        stratum = np.unique(np.asarray(strata)[first], return_inverse=True)[1]
    generator = np.random.default_rng(seed)
    drawn = []
    for begin in range(0, resamples, chunk := max(1, _CHUNK_ELEMENTS // len(group))):
        counts = np.zeros((min(chunk, resamples - begin), len(first)))
        for number in range(stratum.max() + 1):
            members = np.flatnonzero(stratum == number)
            share = np.full(len(members), 1.0 / len(members))
            counts[:, members] = generator.multinomial(len(members), share, size=len(counts))
        drawn.append(statistic(counts[:, group]))
    low, high = np.nanquantile(np.concatenate(drawn), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(value), float(low), float(high))


def mean_ci(
    values: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """The mean of (N,) finite values, with a bootstrap interval over groups (patients; every sample its own when
    None). For a paired difference give the differences.

    Raises:
        ValueError: no value, or one that is not finite.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise ValueError(f"values must be (N,) finite numbers, at least one, got shape {values.shape}")
    groups = np.arange(len(values)) if groups is None else groups
    return bootstrap_interval(
        lambda weights: weights @ values / weights.sum(axis=1),
        float(values.mean()),
        groups,
        level=level,
        resamples=resamples,
        seed=seed,
    )
