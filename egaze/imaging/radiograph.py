"""A radiograph's pixels and how they came to be what they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: How stored values become [0, 1]:
#: "voi" as the film asks to be shown, "raw-max" as the EGD-CXR baseline does, "equalize" as MIMIC-CXR-JPG does.
PRESENTATIONS = ("voi", "raw-max", "equalize")

#: DICOM and .npy films with more pixels are refused before they are decoded; a full-size film has 8 million.
MAX_PIXELS = 1 << 28


@dataclass(frozen=True, slots=True)
class Presentation:
    """How a film's stored values became its pixels.

    Attributes:
        policy: one of PRESENTATIONS.
        bits_stored: bits of a stored value, 1 to 16.
        voi: what was applied, such as "window 2047/4096 LINEAR" or "VOI LUT", or None for the film's full range.
        inverted: whether the film was MONOCHROME1 and has been inverted.
    """

    policy: str
    bits_stored: int
    voi: str | None = None
    inverted: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Radiograph:
    """A film in the MONOCHROME2 sense: 0 is black, 1 is white.

    Attributes:
        pixels: (H, W) float32 in [0, 1].
        presentation: how they came to be.
    """

    pixels: NDArray[np.float32]
    presentation: Presentation
