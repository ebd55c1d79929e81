"""Radiographs saved as .npy arrays, which the C++ runtime reads without a library."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from egaze.errors import RadiographError
from egaze.imaging.limits import require_pixel_count
from egaze.imaging.present import present_integers
from egaze.imaging.radiograph import Presentation, StoredRadiograph

#: numpy parses the header as a Python expression, with that parser's warnings and limits. A radiograph's header has
#: only these entries.
_HEADER = re.compile(
    rb"\s*\{\s*'descr':\s*'(?P<descr>[<>|=]?\w{2,4})',\s*'fortran_order':\s*(?P<fortran>True|False),"
    rb"\s*'shape':\s*\((?P<height>\d{1,18}),\s*(?P<width>\d{1,18}),?\s*\),?\s*\}\s*"
)
_PIXEL_TYPES: dict[bytes, np.dtype[Any]] = {b"|u1": np.dtype("u1"), b"<u2": np.dtype("<u2"), b"<f4": np.dtype("<f4")}
_MAX_HEADER_BYTES = 1 << 16


def read_npy(path: Path, content: bytes, policy: str) -> StoredRadiograph:
    """Read a (H, W) uint8, uint16 or float32 array; see `read_radiograph`."""
    major = content[6] if len(content) > 12 else 0
    if major not in (1, 2):
        raise RadiographError(f"{path}: .npy of version {major}, expected 1 or 2")
    prefix = 10 if major == 1 else 12
    header_bytes = int.from_bytes(content[8:prefix], "little")
    begin = prefix + header_bytes
    header = _HEADER.fullmatch(content, prefix, begin) if header_bytes <= _MAX_HEADER_BYTES else None
    if header is None or begin > len(content):
        raise RadiographError(f"{path}: is no .npy array of shape (H, W)")
    shape = (int(header["height"]), int(header["width"]))
    require_pixel_count(path, *shape)
    if (dtype := _PIXEL_TYPES.get(header["descr"])) is None:
        raise RadiographError(
            f"{path}: a radiograph is uint8, uint16 or float32 (|u1, <u2, <f4), got {header['descr'].decode()}"
        )
    pixels = shape[0] * shape[1]
    if (left := len(content) - begin) < pixels * dtype.itemsize:
        raise RadiographError(
            f"{path}: truncated: {left} bytes for {shape[0]}x{shape[1]} pixels of {dtype.itemsize} bytes"
        )
    stored = np.frombuffer(content, dtype, count=pixels, offset=begin).reshape(
        shape, order="F" if header["fortran"] == b"True" else "C"
    )
    if dtype != np.float32:
        return present_integers(stored, policy)
    if policy != "voi":
        raise RadiographError(
            f"{path}: a float32 radiograph is already presented, so {policy!r} cannot be applied to it"
        )
    low, high = stored.min(), stored.max()
    if not (low >= 0.0 and high <= 1.0):  # also true for NaN
        raise RadiographError(f"{path}: float32 pixels must lie in [0, 1], got {low} to {high}")
    return StoredRadiograph(stored, None, Presentation(policy, bits_stored=16))
