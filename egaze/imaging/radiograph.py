"""A radiograph, and how its stored values became grey values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: How stored values become grey values in [0, 1]: "voi" as the file asks for, "raw-max" as in the EGD-CXR baseline,
#: "equalize" as in MIMIC-CXR-JPG.
PRESENTATIONS = ("voi", "raw-max", "equalize")


@dataclass(frozen=True, slots=True)
class Presentation:
    """How the stored values of a radiograph became its pixels.

    Attributes:
        policy: one of PRESENTATIONS.
        bits_stored: the bits of a stored value, 1 to 16.
        voi: the transform applied, such as "window 2047/4096 LINEAR" or "VOI LUT", or None for the full range.
        inverted: whether the radiograph was MONOCHROME1 and has been inverted.
        notes: what the file says that was not followed, such as "Rescale Slope 0 ignored".
    """

    policy: str
    bits_stored: int
    voi: str | None = None
    inverted: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Radiograph:
    """A radiograph in the MONOCHROME2 sense: 0 is black, 1 is white.

    Attributes:
        pixels: (H, W) float32 in [0, 1].
        presentation: how the stored values became these pixels.

    Example:
        >>> import numpy as np
        >>> from egaze import Radiograph
        >>> from egaze.imaging import Presentation
        >>> Radiograph(np.zeros((4, 4), np.float32), Presentation("voi", 16)).pixels.shape
        (4, 4)
    """

    pixels: NDArray[np.float32]
    presentation: Presentation


@dataclass(frozen=True, slots=True, eq=False)
class StoredRadiograph:
    """A radiograph as stored, with the table of its grey values.

    Placing it on a canvas does not need a full-size array of floats.

    Attributes:
        stored: (H, W) read-only content of the file: uint8 or uint16 words, or float32 in [0, 1].
        table: (256,) or (65536,) float32, the grey value in [0, 1] of each word; None if `stored` is float32.
        presentation: how the table was made.

    Example:
        >>> from egaze.imaging import read_stored
        >>> radiograph = read_stored("radiograph.dcm")
        >>> radiograph.shape == radiograph.stored.shape == radiograph.present().pixels.shape
        True
    """

    stored: NDArray[np.generic]
    table: NDArray[np.float32] | None
    presentation: Presentation

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        height, width = self.stored.shape
        return height, width

    def present(self) -> Radiograph:
        """The radiograph at full size, as grey values."""
        pixels = np.array(self.stored) if self.table is None else self.table[self.stored]
        return Radiograph(pixels, self.presentation)
