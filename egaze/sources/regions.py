"""A reader's regions and dictated phrases on a radiograph."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHAPES = ("box", "ellipse", "mask")


@dataclass(frozen=True, slots=True)
class Mask:
    """Some pixels of a grid that covers the whole radiograph, whatever the radiograph's own resolution.

    Attributes:
        height_px, width_px: of the grid.
        runs: start, length, start, length, ... of pixels that follow each other, counted from 0 down each column, the
            leftmost column first. Runs rise, do not overlap, and there is one at least.

    Raises:
        ValueError: no run, or runs that are empty, do not rise, or do not end on the grid.

    Example:
        >>> from egaze.sources import Mask
        >>> print(Mask(height_px=3, width_px=4, runs=(1, 2, 4, 2)).pixels().astype(int))
        [[0 0 0 0]
         [1 1 0 0]
         [1 1 0 0]]
    """

    height_px: int
    width_px: int
    runs: tuple[int, ...]

    def __post_init__(self) -> None:
        starts, lengths = self.runs[::2], self.runs[1::2]
        if not lengths or len(starts) != len(lengths) or min(lengths) < 1:
            raise ValueError("a mask's runs must be starts and lengths by turns, one run at least, none of them empty")
        ends = [start + length for start, length in zip(starts, lengths, strict=True)]
        if starts[0] < 0 or any(start < end for end, start in zip(ends, starts[1:], strict=False)):
            raise ValueError("a mask's runs must rise and not overlap")
        if ends[-1] > self.height_px * self.width_px:
            raise ValueError(f"a mask's runs must end on its {self.width_px} x {self.height_px} px, got {ends[-1]}")

    @classmethod
    def of(cls, pixels: NDArray[np.bool_]) -> Mask:
        """The mask of (H, W) bool. Raises ValueError where no pixel is true."""
        height_px, width_px = pixels.shape
        edges = np.flatnonzero(np.diff(pixels.T.ravel().astype(np.int8), prepend=0, append=0)).tolist()
        runs = [number for start, end in zip(edges[::2], edges[1::2], strict=True) for number in (start, end - start)]
        return cls(height_px, width_px, tuple(runs))

    def pixels(self) -> NDArray[np.bool_]:
        """(height_px, width_px), true where the mask is."""
        column_by_column = np.zeros(self.height_px * self.width_px, dtype=bool)
        for start, length in zip(self.runs[::2], self.runs[1::2], strict=True):
            column_by_column[start : start + length] = True
        pixels: NDArray[np.bool_] = column_by_column.reshape(self.width_px, self.height_px).T
        return pixels


@dataclass(frozen=True, slots=True)
class Region:
    """A named region of a radiograph.

    Attributes:
        name: what it shows, as the source calls it.
        shape: "box", "ellipse" for the ellipse inscribed in the box, or "mask" for pixels within it.
        x_min_px, y_min_px, x_max_px, y_max_px: in pixels of the radiograph; a region may extend beyond it.
        certainty: of the reader, from 1 (unlikely) to 5 (certain), or None if the source has none.
        mask: the pixels, for the shape "mask" only.

    Raises:
        ValueError: an unknown shape, sides that are not finite, a minimum above its maximum, a mask for another shape
            than "mask", or none for that shape.

    Example:
        >>> from egaze.sources import Region
        >>> region = Region("pneumonia", "ellipse", 120, 300, 480, 610, certainty=4)
        >>> region.x_max_px - region.x_min_px
        360
    """

    name: str
    shape: str
    x_min_px: float
    y_min_px: float
    x_max_px: float
    y_max_px: float
    certainty: int | None = None
    mask: Mask | None = None

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise ValueError(f"shape must be one of {', '.join(SHAPES)}, got {self.shape!r}")
        if (self.shape == "mask") != (self.mask is not None):
            raise ValueError(f"region {self.name!r}: pixels belong to the shape 'mask' and to no other")
        sides = (self.x_min_px, self.y_min_px, self.x_max_px, self.y_max_px)
        if not all(map(math.isfinite, sides)) or self.x_max_px < self.x_min_px or self.y_max_px < self.y_min_px:
            raise ValueError(
                f"region {self.name!r}: x_min, y_min, x_max, y_max must be finite and ordered, got {sides}"
            )

    @classmethod
    def of_mask(cls, name: str, mask: Mask) -> Region:
        """The region of a mask whose grid is that of the original image."""
        y, x = np.nonzero(mask.pixels())
        x_min_px, y_min_px = float(x.min() - 0.5), float(y.min() - 0.5)
        return cls(name, "mask", x_min_px, y_min_px, float(x.max() + 0.5), float(y.max() + 0.5), mask=mask)


@dataclass(frozen=True, slots=True)
class Phrase:
    """Dictated words with their time.

    Attributes:
        text: the words.
        begin_s, end_s: when they were spoken, in seconds on the clock of the fixations' onsets.

    Raises:
        ValueError: times that are not finite, or an end before the beginning.

    Example:
        >>> from egaze.sources import Phrase
        >>> phrase = Phrase("there is a small left pleural effusion", 1.2, 4.6)
        >>> round(phrase.end_s - phrase.begin_s, 1)
        3.4
    """

    text: str
    begin_s: float
    end_s: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.begin_s) and math.isfinite(self.end_s)) or self.end_s < self.begin_s:
            raise ValueError(f"a phrase's times must be finite and ordered, got {self.begin_s} to {self.end_s} s")
