"""Films saved as .npy arrays: what the C++ side reads without any library."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from egaze.errors import FilmError
from egaze.imaging.limits import require_pixel_count
from egaze.imaging.present import present_integers
from egaze.imaging.radiograph import Presentation, StoredFilm


def read_npy(path: Path, content: bytes, policy: str) -> StoredFilm:
    """Read a (H, W) uint8, uint16 or float32 array; see `read_radiograph`."""
    file = BytesIO(content)
    try:
        version = npy.read_magic(file)
        read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, fortran_order, dtype = read_header(file)
    except Exception as error:
        # The header is a Python expression, whose reader raises whatever it likes.
        raise FilmError(f"{path}: damaged .npy header ({type(error).__name__})") from error
    if len(shape) != 2:
        raise FilmError(f"{path}: a film has shape (H, W), got {len(shape)} axes")
    require_pixel_count(path, *shape)
    if dtype not in (np.uint8, np.dtype("<u2"), np.dtype("<f4")):
        raise FilmError(f"{path}: a film is uint8, uint16 or float32 (|u1, <u2, <f4), got {dtype.str[:16]}")
    begin, pixels = file.tell(), shape[0] * shape[1]
    if (left := len(content) - begin) < pixels * dtype.itemsize:
        raise FilmError(f"{path}: truncated: {left} bytes for {shape[0]}x{shape[1]} pixels of {dtype.itemsize} bytes")
    stored = np.frombuffer(content, dtype, count=pixels, offset=begin).reshape(shape, order="CF"[fortran_order])
    if dtype != np.float32:
        return present_integers(stored, policy)
    if policy != "voi":
        raise FilmError(f"{path}: a float32 film is already presented, so {policy!r} cannot be applied to it")
    low, high = stored.min(), stored.max()
    if not (low >= 0.0 and high <= 1.0):  # written so that NaN fails too
        raise FilmError(f"{path}: float32 pixels must lie in [0, 1], got {low} to {high}")
    return StoredFilm(stored, None, Presentation(policy, bits_stored=16))
