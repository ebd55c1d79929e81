"""Presentation policies on stored values.

A radiograph has at most 65,536 different stored values, so every policy is worked out once per value, in float64, and
then looked up per pixel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egaze.imaging.radiograph import Presentation, StoredRadiograph

Values = NDArray[np.float64]
Counts = NDArray[np.int64]

#: Pixels that are counted at a time: the work array stays in the processor's cache.
_CHUNK_PIXELS = 1 << 16


def count_words(stored: NDArray[np.unsignedinteger]) -> Counts:
    """How many pixels hold each value of the type: (256,) for uint8, (65536,) for uint16."""
    size = 1 << 8 * stored.dtype.itemsize
    counts = np.zeros(size, dtype=np.int64)
    flat = stored.ravel(order="K")
    for begin in range(0, flat.size, _CHUNK_PIXELS):
        counts += np.bincount(flat[begin : begin + _CHUNK_PIXELS], minlength=size)
    return counts


def to_table(shown: Values) -> NDArray[np.float32]:
    """What each value becomes, clipped to [0, 1]."""
    return np.clip(shown, 0.0, 1.0).astype(np.float32)


def present_integers(stored: NDArray[np.unsignedinteger], policy: str) -> StoredRadiograph:
    """Pixels of a file that says nothing of how it wants to be shown."""
    bits = 8 * stored.dtype.itemsize
    values = np.arange(1 << bits, dtype=np.float64)
    if policy == "voi":
        shown = values / values[-1]
    elif policy == "raw-max":
        shown = raw_max(values, float(stored.max()))
    else:
        shown = equalized(values, count_words(stored))
    return StoredRadiograph(stored, to_table(shown), Presentation(policy, bits))


def raw_max(values: Values, largest: float) -> Values:
    """Values over the radiograph's largest, as the EGD-CXR baseline does. A radiograph without a positive value is
    black."""
    return values / largest if largest > 0 else np.zeros_like(values)


def full_range(values: Values, counts: Counts) -> Values:
    """The extremes of what pixels hold to 0 and 1; a radiograph of one value is black."""
    present = values[counts > 0]
    low, high = (present.min(), present.max()) if present.size else (0.0, 0.0)
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def equalized(values: Values, counts: Counts) -> Values:
    """MIMIC-CXR-JPG's recipe: 8 bits between the extremes, then OpenCV's equalizeHist."""
    grey = np.clip(np.floor(full_range(values, counts) * 255.0), 0, 255).astype(np.intp)
    histogram = np.bincount(grey, weights=counts, minlength=256)
    cumulated = np.cumsum(histogram)
    first = histogram[np.flatnonzero(histogram)[0]]
    if first == cumulated[-1]:
        return grey / 255.0
    table = np.rint((cumulated - first) * (255.0 / (cumulated[-1] - first)))
    equal: Values = np.clip(table, 0, 255)[grey] / 255.0
    return equal
