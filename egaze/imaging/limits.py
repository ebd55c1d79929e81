"""The largest radiograph that is read. The size that a file declares is checked against it before anything is read."""

from __future__ import annotations

import os
from pathlib import Path

from egaze.errors import EgazeError, RadiographError

#: The environment variable that sets the limit, in Python and C++.
MAX_RADIOGRAPH_PIXELS = "EGAZE_MAX_RADIOGRAPH_PIXELS"

#: 2^26: eight times a full-size radiograph (3056 x 2544 pixels).
DEFAULT_MAX_RADIOGRAPH_PIXELS = 1 << 26

_HIGHEST_LIMIT = 1 << 32
_HEADER_BYTES = 1 << 24


def max_radiograph_pixels() -> int:
    """The largest number of pixels that a radiograph may have.

    Raises:
        EgazeError: EGAZE_MAX_RADIOGRAPH_PIXELS is not a whole number from 1 to 2^32.
    """
    if (text := os.environ.get(MAX_RADIOGRAPH_PIXELS)) is None:
        return DEFAULT_MAX_RADIOGRAPH_PIXELS
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 1 <= int(text) <= _HIGHEST_LIMIT):
        raise EgazeError(f"{MAX_RADIOGRAPH_PIXELS} must be a whole number from 1 to {_HIGHEST_LIMIT}, got {text!r}")
    return int(text)


def max_radiograph_bytes() -> int:
    """The largest size of a radiograph's file in bytes, inflated or not: four per pixel, and 16 MiB for headers."""
    return 4 * max_radiograph_pixels() + _HEADER_BYTES


def require_pixel_count(path: Path, height: int, width: int) -> None:
    """Raise RadiographError unless the number of pixels is between 1 and the limit."""
    if height < 1 or width < 1 or height * width > max_radiograph_pixels():
        raise RadiographError(
            f"{path}: {height}x{width} pixels are not between 1 and {max_radiograph_pixels()} "
            f"(raise {MAX_RADIOGRAPH_PIXELS} to read larger radiographs)"
        )
