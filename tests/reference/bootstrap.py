"""Bootstraps one resample at a time."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm


def draw(groups, strata, generator):
    """Indices of the samples of groups drawn with replacement, as many a stratum as it has."""
    groups, strata = np.asarray(groups), np.asarray(strata)
    names = list(dict.fromkeys(groups.tolist()))
    stratum_of = {name: strata[groups == name][0] for name in names}
    chosen = []
    for stratum in sorted(set(stratum_of.values())):
        members = [name for name in names if stratum_of[name] == stratum]
        for name in generator.choice(members, len(members)):
            chosen.extend(np.flatnonzero(groups == name))
    return np.array(chosen)


def bca(value, drawn, left_out_by_stratum, level=0.95):
    """Efron's interval from resampled values and, by stratum, the values without one group."""
    bias = norm.ppf(np.mean(drawn < value) + 0.5 * np.mean(drawn == value))
    cubes = squares = 0.0
    for values in left_out_by_stratum:
        n = len(values)
        for one in values:
            influence = (n - 1) * (np.mean(values) - one)
            cubes += influence**3 / n**3
            squares += influence**2 / n**2
    acceleration = cubes / squares**1.5 / 6
    ends = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        z = bias + norm.ppf(tail)
        ends.append(np.quantile(drawn, norm.cdf(bias + z / (1 - acceleration * z))))
    return ends
