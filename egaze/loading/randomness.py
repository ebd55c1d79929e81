"""Random numbers that depend on their purpose alone, not on how many were drawn before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def keys(seed: int, epoch: int, cases: NDArray[np.int64], repeats: NDArray[np.int64] | int = 0) -> NDArray[np.uint64]:
    """Return an (N,) pseudo-random 64-bit key for each case, which depends only on seed, epoch, case and repeat.

    The numbers are mixed one after the other by the finalizer of SplitMix64 (Steele, Lea and Flood 2014). Cases must be
    below 2^40.
    """
    shared = np.array([seed & _MASK], dtype=np.uint64)
    shared = _mixed(_mixed(shared) + np.array([epoch & _MASK], dtype=np.uint64))
    numbers = (np.asarray(repeats, dtype=np.int64) << 40) + cases
    return _mixed(shared + numbers.astype(np.uint64) * np.uint64(_GOLDEN))


def uniform(keys: NDArray[np.uint64], count: int) -> NDArray[np.float64]:
    """Return (N, count) uniform numbers in [0, 1), `count` for each key."""
    words = _mixed(keys[:, None] + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GOLDEN))
    unit: NDArray[np.float64] = (words >> np.uint64(11)) * np.float64(2.0**-53)
    return unit


def _mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = words ^ (words >> np.uint64(31))
    return mixed
