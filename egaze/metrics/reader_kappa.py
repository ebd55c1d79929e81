"""Cohen's kappa between the readers of radiographs, and of a model with them, for one class.

Kappa is the agreement beyond chance: (observed - expected) / (1 - expected). Readings of one radiograph are compared in
pairs, and every radiograph counts equally, however many readers it has. Between readers, who are not told apart, chance
is that of their common frequency (Scott 1955; with equally many readers of every radiograph, Fleiss 1971); of a model
with readers, chance is that of the frequencies of both (Cohen 1960).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egaze.metrics.estimate import Estimate, undefined
from egaze.metrics.resampling import Statistic, bootstrap_interval, require_options

#: Why a kappa is not defined.
NO_CHANCE = "all say the same of every case, so that agreement beyond chance is not defined"
NO_PAIRS = "kappa needs cases with two readings, and there are none"


def readers_kappa_ci(
    readings: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """Kappa between the readers of each case, with a bootstrap interval over groups (patients).

    Args:
        readings: (N, R), 1 where a reader says that the class is present, 0 where absent, NaN without a reading.
            Cases with fewer than two readings do not count.
        groups: (N,) the patient of each case; when None, every case is a group of its own.
        level: of the interval, in (0, 1).
        resamples, seed: of the bootstrap; at least 100 resamples.

    Warns:
        StatisticsWarning: no case has two readings, or all readings are equal, so that kappa is NaN; or as
            `bootstrap_interval`.

    Raises:
        ValueError: another shape, values other than 0, 1 and NaN, or an option out of range.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import readers_kappa_ci
        >>> readings = np.repeat([[1, 1, np.nan], [0, 0, 0], [1, 0, np.nan]], [20, 30, 10], axis=0)
        >>> kappa = readers_kappa_ci(readings, resamples=500)
        >>> round(kappa.value, 3), kappa.low < kappa.value < kappa.high
        (0.657, True)
    """
    readings = _checked(readings)
    counts = (~np.isnan(readings)).sum(axis=1)
    rows = np.flatnonzero(counts >= 2)
    if not rows.size:
        return Estimate(undefined(NO_PAIRS))
    present, count = np.nansum(readings[rows], axis=1), counts[rows].astype(np.float64)
    absent = count - present
    agreed = (present * (present - 1) + absent * (absent - 1)) / (count * (count - 1))
    share = present / count
    return _interval(_kappa(agreed, share, share), rows, groups, level, resamples, seed)


def model_kappa_ci(
    called: ArrayLike,
    readings: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """Kappa of a model's calls with the readings of each case, with a bootstrap interval over groups (patients).

    Args:
        called: (N,) 1 where the model calls the class present, else 0.
        readings: (N, R) as for `readers_kappa_ci`; cases with fewer than two readings do not count, so that both
            kappas are of the same cases.
        groups, level, resamples, seed: as for `readers_kappa_ci`.

    Warns, Raises: as `readers_kappa_ci`.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import model_kappa_ci
        >>> readings = np.repeat([[1, 1], [0, 0], [1, 0]], [20, 30, 10], axis=0)
        >>> round(model_kappa_ci(readings[:, 0], readings, resamples=500).value, 3)
        0.833
    """
    readings = _checked(readings)
    called = np.asarray(called, dtype=np.float64)
    if called.shape != readings.shape[:1] or not np.isin(called, (0, 1)).all():
        raise ValueError(f"called must be (N,) of 0 and 1, got shape {called.shape} for readings {readings.shape}")
    rows = np.flatnonzero((~np.isnan(readings)).sum(axis=1) >= 2)
    if not rows.size:
        return Estimate(undefined(NO_PAIRS))
    share = np.nanmean(readings[rows], axis=1)
    agreed = np.where(called[rows] == 1, share, 1 - share)
    return _interval(_kappa(agreed, called[rows], share), rows, groups, level, resamples, seed)


def _kappa(agreed: NDArray[np.float64], one: NDArray[np.float64], other: NDArray[np.float64]) -> Statistic:
    """Kappa from the agreement in each case and the frequency with which either side says "present"."""

    def kappa(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        observed, p, q = (weights @ values / weights.sum(axis=1) for values in (agreed, one, other))
        expected = p * q + (1 - p) * (1 - q)
        found: NDArray[np.float64] = np.divide(
            observed - expected, 1 - expected, out=np.full(len(weights), np.nan), where=expected < 1 - 1e-12
        )
        return found

    return kappa


def _interval(
    kappa: Statistic, rows: NDArray[np.intp], groups: ArrayLike | None, level: float, resamples: int, seed: int
) -> Estimate:
    require_options("percentile", level, resamples)
    value = float(kappa(np.ones((1, len(rows))))[0])
    if np.isnan(value):
        return Estimate(undefined(NO_CHANCE))
    of_rows = rows if groups is None else np.asarray(groups)[rows]
    return bootstrap_interval(kappa, value, of_rows, level=level, resamples=resamples, seed=seed)


def _checked(readings: ArrayLike) -> NDArray[np.float64]:
    readings = np.asarray(readings, dtype=np.float64)
    if readings.ndim != 2 or not np.isin(readings[~np.isnan(readings)], (0, 1)).all():
        raise ValueError(f"readings must be (N, R) of 0, 1 and NaN, got shape {readings.shape}")
    return readings
