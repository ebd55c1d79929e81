"""The presentation policies, applied to stored values.

A radiograph has at most 65,536 different stored values, so every policy is computed once per value, in float64, and
then looked up for each pixel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egaze.imaging.radiograph import Presentation, StoredRadiograph

Values = NDArray[np.float64]
Counts = NDArray[np.int64]

#: The number of pixels counted at a time, so that the work array stays in the processor's cache.
_CHUNK_PIXELS = 1 << 16


def count_words(stored: NDArray[np.unsignedinteger]) -> Counts:
    """The number of pixels that hold each value of the type: (256,) for uint8, (65536,) for uint16."""
    size = 1 << 8 * stored.dtype.itemsize
    counts = np.zeros(size, dtype=np.int64)
    flat = stored.ravel(order="K")
    for begin in range(0, flat.size, _CHUNK_PIXELS):
        counts += np.bincount(flat[begin : begin + _CHUNK_PIXELS], minlength=size)
    return counts


def to_table(shown: Values) -> NDArray[np.float32]:
    """Grey values as a float32 table, clipped to [0, 1]."""
    return np.clip(shown, 0.0, 1.0).astype(np.float32)


def present_integers(stored: NDArray[np.unsignedinteger], policy: str) -> StoredRadiograph:
    """The radiograph of a file that has no information about its presentation."""
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
    """Values divided by the radiograph's largest, as the EGD-CXR baseline does; all 0 without a positive value."""
    return values / largest if largest > 0 else np.zeros_like(values)


def full_range(values: Values, counts: Counts) -> Values:
    """Values scaled so that the extremes among the pixels become 0 and 1; all 0 if the pixels have one value."""
    present = values[counts > 0]
    low, high = (present.min(), present.max()) if present.size else (0.0, 0.0)
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def equalized(values: Values, counts: Counts) -> Values:
    """Values equalised as in MIMIC-CXR-JPG: 8 bits between the extremes, then OpenCV's equalizeHist."""
    grey = np.clip(np.floor(full_range(values, counts) * 255.0), 0, 255).astype(np.intp)
    histogram = np.bincount(grey, weights=counts, minlength=256)
    cumulated = np.cumsum(histogram)
    first = histogram[np.flatnonzero(histogram)[0]]
    if first == cumulated[-1]:
        return grey / 255.0
    table = np.rint((cumulated - first) * (255.0 / (cumulated[-1] - first)))
    equal: Values = np.clip(table, 0, 255)[grey] / 255.0
    return equal
