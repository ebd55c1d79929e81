"""Radiographs and masks as PNG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

_TWELVE_TO_SIXTEEN = 16  # 12-bit grey spread over 16 bits, so that it does not look black


def write_grey16(path: Path, pixels: np.ndarray) -> None:
    """(H, W) uint16 in 0..4095 as a 16-bit grey PNG."""
    Image.fromarray(pixels * np.uint16(_TWELVE_TO_SIXTEEN)).save(path, compress_level=1)


def write_mask(path: Path, mask: np.ndarray) -> None:
    """(H, W) bool as an 8-bit PNG of 0 and 255."""
    Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(path, compress_level=3)
