"""The uncertainty of a mean over models that were trained from several seeds and evaluated on the same cases.

Every model predicts every case, so seeds and patients are crossed. The error of one seed's value, relative to the
expectation over seeds and patients, has three components: one of the seed, one of the patients, which all seeds share,
and their interaction. Resampling patients for all seeds at once draws the patients' component and the mean of the
interaction over the seeds. The seeds' component is drawn from Student's t with S - 1 degrees of freedom; its variance
is the variance between seeds minus that of the interaction, which is estimated from the resamples of each seed.

In simulations with five seeds (tests/metrics/test_paired.py has small ones) 95 % intervals cover 94 to 97 %,
whichever component dominates. The pigeonhole bootstrap (Owen 2007), which resamples seeds and patients independently,
covers 87 % where the seeds dominate and 99 % where the interaction does.
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
    """(B, K) draws of K means over the seeds, from which intervals follow.

    Args:
        statistic: returns (B, S, K): K values of S models in each of B resamples.
        groups: (N,) the patient of each sample; a patient's samples are drawn together.
        strata: (N,) the stratum of each sample; resampling keeps the number of groups in each stratum, a group being
            in the stratum of its first sample.
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
    generator = np.random.default_rng((seed, 1))  # independent of the one that draws patients
    return np.stack([_over_seeds(values[:, k], drawn[:, :, k], generator) for k in range(values.shape[1])], axis=1)


def of_the_sample(statistic: Statistic, samples: int) -> NDArray[np.float64]:
    """The values of the sample itself, without the axis of resamples."""
    values: NDArray[np.float64] = statistic(np.ones((1, samples)))[0]
    return values


def _over_seeds(
    values: NDArray[np.float64], drawn: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.float64]:
    """(B,) draws of the mean over seeds of one metric, from its (S,) values and their (B, S) draws."""
    seeds = len(values)
    mean: NDArray[np.float64] = drawn.mean(axis=1)
    if seeds == 1:
        return mean
    interaction = np.nanvar(drawn, axis=0).mean() - np.nanvar(mean)
    interaction = max(0.0, interaction * seeds / (seeds - 1))
    between_seeds = max(0.0, values.var(ddof=1) - interaction)
    errors = generator.standard_t(seeds - 1, len(mean)) * np.sqrt(between_seeds / seeds)
    drawn_means: NDArray[np.float64] = mean + errors
    return drawn_means
