"""Figures of models that were trained from several seeds and judged on the same cases: how sure is their mean?

Every model sees every case, so seeds and patients cross. A figure of one seed differs from what endless seeds and
patients would give by a part of the seed's, a part of the patients', which the seeds share, and a part of both.
Resampling patients, for all seeds at once, draws the patients' part and the mean over the seeds of the part of both.
The seeds' part is drawn from Student's t with S - 1 degrees of freedom and the seeds' variance less the variance of the
part of both, which follows from each seed's own resamples.

In simulations with five seeds (tests/metrics/test_paired.py has small ones) 95 % intervals cover 94 to 97 %,
whichever part is the largest. Resampling the five seeds and the patients independently, the pigeonhole bootstrap (Owen
2007), covers 87 % where the seeds differ most and 99 % where the part of both is the largest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egaze.metrics.resampling import Groups, Statistic, draw


def draw_over_seeds(
    statistic: Statistic,
    groups: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    resamples: int = 10_000,
    seed: int = 0,
) -> NDArray[np.float64]:
    """(B, K) draws of the figures' means over the seeds, from which intervals follow.

    Args:
        statistic: gives (B, S, K), K figures of S models in each of B resamples.
        groups: (N,) a patient per sample; a patient's samples are drawn together.
        strata: (N,) resampling keeps the number of groups in each stratum (that of a group's first sample).
        resamples: at least 100.
        seed: of the draws.

    Warns:
        StatisticsWarning: fewer than 10 groups in a stratum.

    Raises:
        ValueError: no sample, or too few resamples.
    """
    grouped = Groups.of(groups, strata)
    drawn = draw(statistic, grouped, resamples=resamples, seed=seed)
    values = of_the_sample(statistic, len(grouped.of_sample))
    generator = np.random.default_rng((seed, 1))  # apart from the one that draws patients
    return np.stack([_over_seeds(values[:, k], drawn[:, :, k], generator) for k in range(values.shape[1])], axis=1)


def of_the_sample(statistic: Statistic, samples: int) -> NDArray[np.float64]:
    """The figures of the sample itself, without the first axis."""
    figures: NDArray[np.float64] = statistic(np.ones((1, samples)))[0]
    return figures


def _over_seeds(
    values: NDArray[np.float64], drawn: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.float64]:
    """(B,) draws of one figure's mean over seeds, of its (S,) values and the (B, S) draws of each."""
    seeds = len(values)
    mean: NDArray[np.float64] = drawn.mean(axis=1)
    if seeds == 1:
        return mean
    # What differs between seeds by the cases alone: the part of both.
    of_both = np.nanvar(drawn, axis=0).mean() - np.nanvar(mean)
    of_both = max(0.0, of_both * seeds / (seeds - 1))
    of_seeds = max(0.0, values.var(ddof=1) - of_both)
    drawn_means: NDArray[np.float64] = mean + generator.standard_t(seeds - 1, len(mean)) * np.sqrt(of_seeds / seeds)
    return drawn_means
