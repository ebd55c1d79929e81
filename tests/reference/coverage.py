"""How often 95 % intervals hold what they are of, and tests of no difference say there is none, in simulated samples.

The suite runs a few repetitions. In full, from the folder tests (five minutes; every share was .937 to .956):

    python -m reference.coverage 6000
"""

from __future__ import annotations

import sys

import numpy as np
from scipy.stats import norm

from egaze.metrics import bootstrap_auc, bootstrap_test, delong_test, mean_ci, multiclass_ci, roc_auc_ci

#: The area under the curve of two normal classes of spread 1 that are 1 apart.
AREA = norm.cdf(1 / np.sqrt(2))
RESAMPLES = 1000


def is_right(share, repetitions):
    """.93 to .97, give or take two standard errors of so few repetitions."""
    return abs(share - 0.95) <= 0.02 + 2 * np.sqrt(0.95 * 0.05 / repetitions)


def delong(repetitions):
    generator, labels = np.random.default_rng(7), np.repeat([0, 1], 60)
    return np.mean([_holds(roc_auc_ci(labels, generator.normal(size=120) + labels), AREA) for _ in range(repetitions)])


def bootstrap(repetitions, method, resamples=RESAMPLES):
    generator, labels = np.random.default_rng(11), np.repeat([0, 1], 50)
    inside = []
    for seed in range(repetitions):
        scores = generator.normal(size=100) + labels
        inside.append(_holds(bootstrap_auc(labels, scores, method=method, resamples=resamples, seed=seed), AREA))
    return np.mean(inside)


def bootstrap_of_patients(repetitions, method, resamples=RESAMPLES, *, as_patients=True):
    """Three radiographs a patient, whose scores correlate by .8; resampled radiograph by radiograph without
    `as_patients`."""
    generator, patients = np.random.default_rng(13), np.repeat(np.arange(120), 3)
    labels = patients % 2
    inside = []
    for seed in range(repetitions):
        own, radiograph = generator.normal(size=120)[patients], generator.normal(size=360)
        scores = np.sqrt(0.8) * own + np.sqrt(0.2) * radiograph + labels
        groups = patients if as_patients else None
        interval = bootstrap_auc(labels, scores, groups, method=method, resamples=resamples, seed=seed)
        inside.append(_holds(interval, AREA))
    return np.mean(inside)


def macro(repetitions, method, resamples=RESAMPLES):
    """Three classes, each told from the others by a score of its own."""
    generator, labels = np.random.default_rng(17), np.repeat([0, 1, 2], 40)
    inside = []
    for seed in range(repetitions):
        scores = generator.normal(size=(120, 3)) + np.eye(3)[labels]
        interval = multiclass_ci(labels, scores, method=method, resamples=resamples, seed=seed)
        inside.append(_holds(interval, AREA))
    return np.mean(inside)


def mean_over_patients(repetitions, method, resamples=RESAMPLES):
    generator, patients = np.random.default_rng(0), np.repeat(np.arange(60), 3)
    inside = []
    for seed in range(repetitions):
        values = generator.normal(size=60)[patients] + generator.normal(size=180)
        inside.append(_holds(mean_ci(values, patients, method=method, resamples=resamples, seed=seed), 0.0))
    return np.mean(inside)


def paired(repetitions, test, resamples=RESAMPLES):
    """Two scores of the same radiographs without a difference: the shares of intervals that hold 0 and of p above
    .05."""
    generator, labels = np.random.default_rng(19), np.repeat([0, 1], 60)
    inside, accepted = [], []
    for seed in range(repetitions):
        common = generator.normal(size=120)
        first, second = ((common + generator.normal(size=120)) / np.sqrt(2) + labels for _ in range(2))
        options = {} if test is delong_test else {"resamples": resamples, "seed": seed}
        comparison = test(labels, first, second, **options)
        inside.append(_holds(comparison, 0.0))
        accepted.append(comparison.p_value > 0.05)
    return np.mean(inside), np.mean(accepted)


def _holds(interval, truth):
    return interval.low <= truth <= interval.high


if __name__ == "__main__":
    times = int(sys.argv[1])
    print(f"{times} repetitions")
    print(f"AUC, DeLong: {delong(times):.4f}")
    for simulate in (bootstrap, bootstrap_of_patients, macro, mean_over_patients):
        for kind in ("percentile", "bca"):
            print(f"{simulate.__name__}, {kind}: {simulate(times, kind):.4f}", flush=True)
    for test in (delong_test, bootstrap_test):
        print("{}: interval {:.4f}, p above .05 {:.4f}".format(test.__name__, *paired(times, test)), flush=True)
