"""Films saved as .npy arrays: what the C++ side reads without any library."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from egaze.errors import FilmError
from egaze.imaging.picture import present_integers
from egaze.imaging.radiograph import MAX_PIXELS, Presentation, Radiograph


def read_npy(path: Path, policy: str) -> Radiograph:
    """Read a (H, W) uint8, uint16 or float32 array; see `read_radiograph`."""
    try:
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError) as error:
        raise FilmError(f"{path}: cannot read the array: {error}") from error
    if stored.ndim != 2 or not 0 < stored.size <= MAX_PIXELS:
        raise FilmError(f"{path}: a film has shape (H, W) with 1 to {MAX_PIXELS} pixels, got {stored.shape}")
    if stored.dtype in (np.uint8, np.uint16):
        return present_integers(stored, 8 * stored.dtype.itemsize, policy)
    if stored.dtype != np.float32:
        raise FilmError(f"{path}: a film is uint8, uint16 or float32, got {stored.dtype}")
    if policy != "voi":
        raise FilmError(f"{path}: a float32 film is already presented, so {policy!r} cannot be applied to it")
    pixels = np.array(stored)
    if not (np.isfinite(pixels).all() and pixels.min() >= 0.0 and pixels.max() <= 1.0):
        raise FilmError(f"{path}: float32 pixels must lie in [0, 1], got {np.nanmin(pixels)} to {np.nanmax(pixels)}")
    return Radiograph(pixels, Presentation(policy, bits_stored=16))
