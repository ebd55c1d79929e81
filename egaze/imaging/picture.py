"""PNG and JPEG films, through Pillow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egaze.errors import FilmError
from egaze.imaging import present
from egaze.imaging.radiograph import Presentation, Radiograph

_SIXTEEN_BIT_MODES = {"I;16", "I;16B", "I;16L", "I"}


def read_picture(path: Path, policy: str) -> Radiograph:
    """Read a PNG or JPEG; see `read_radiograph`."""
    stored = _stored_values(path)
    bits = 16 if stored.dtype == np.uint16 else 8
    return present_integers(stored, bits, policy)


def present_integers(stored: NDArray[np.integer], bits: int, policy: str) -> Radiograph:
    """Pixels of a file that says nothing of how it wants to be shown."""
    apply = {
        "voi": present.divide_by(2.0**bits - 1.0),
        "raw-max": present.raw_max,
        "equalize": present.equalized,
    }[policy]
    return Radiograph(present.look_up(stored, apply), Presentation(policy, bits))


def _stored_values(path: Path) -> NDArray[np.integer]:
    try:
        # Pillow refuses more than 178 million pixels before it decodes one.
        with Image.open(path, formats=("PNG", "JPEG")) as picture:
            return _grey(path, picture)
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise FilmError(f"{path}: cannot read the picture: {error}") from error


def _grey(path: Path, picture: Image.Image) -> NDArray[np.integer]:
    if picture.mode in _SIXTEEN_BIT_MODES:
        values = np.asarray(picture)
        if values.min() < 0 or values.max() > 65535:
            raise FilmError(f"{path}: values from {values.min()} to {values.max()} do not fit 16 bits")
        return values.astype(np.uint16)
    if picture.mode in {"L", "LA", "1", "P", "PA", "RGB", "RGBA"}:
        if picture.mode == "LA":
            return np.asarray(picture.getchannel(0))
        if picture.mode in {"P", "PA", "RGBA"}:
            # Palettes go through their colours; alpha is dropped, not blended.
            picture = picture.convert("RGBA").convert("RGB")
        return np.asarray(picture.convert("L"))
    raise FilmError(f"{path}: colour mode {picture.mode} is not grey, RGB or a palette")
