"""Presentation policies on stored values.

A film has at most 65,536 different stored values, so every policy is worked out once per value, in float64, and
then looked up per pixel.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def look_up(stored: NDArray[np.integer], policy: Callable[[Values, NDArray[np.int64]], Values]) -> NDArray[np.float32]:
    """Apply a policy to (H, W) stored integers of at most 16 bits.

    `policy(values, counts)` gets each value between the film's smallest and largest and how many pixels hold it,
    and returns what each becomes; the result is clipped to [0, 1].
    """
    low = int(stored.min())
    offsets = (stored.astype(np.int32) - low) if stored.dtype.kind == "i" or low else stored
    counts = np.bincount(offsets.ravel())
    values = np.arange(low, low + len(counts), dtype=np.float64)
    table = np.clip(policy(values, counts), 0.0, 1.0).astype(np.float32)
    return table[offsets]


def divide_by(largest: float) -> Callable[[Values, NDArray[np.int64]], Values]:
    """Values over a fixed largest one: what PNG and JPEG mean."""
    return lambda values, counts: values / largest


def raw_max(values: Values, counts: NDArray[np.int64]) -> Values:
    """Values over the film's largest, as the EGD-CXR baseline does. A film without a positive value is black."""
    return values / values[-1] if values[-1] > 0 else np.zeros_like(values)


def full_range(values: Values, counts: NDArray[np.int64]) -> Values:
    """The film's own extremes to 0 and 1; a film of one value is black."""
    present = values[counts > 0]
    low, high = (present.min(), present.max()) if present.size else (0.0, 0.0)
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def equalized(values: Values, counts: NDArray[np.int64]) -> Values:
    """MIMIC-CXR-JPG's recipe: 8 bits between the extremes, then OpenCV's equalizeHist."""
    grey = np.clip(np.floor(full_range(values, counts) * 255.0), 0, 255).astype(np.intp)
    histogram = np.bincount(grey, weights=counts, minlength=256)
    cumulated = np.cumsum(histogram)
    first = histogram[np.flatnonzero(histogram)[0]]
    if first == cumulated[-1]:
        return grey / 255.0
    table = np.rint((cumulated - first) * (255.0 / (cumulated[-1] - first)))
    return np.clip(table, 0, 255)[grey] / 255.0
