"""A reader's regions and dictated phrases on a radiograph."""

from __future__ import annotations

import math
from dataclasses import dataclass

SHAPES = ("box", "ellipse")


@dataclass(frozen=True, slots=True)
class Region:
    """A named region of a radiograph.

    Attributes:
        name: what it shows, as the source calls it.
        shape: "box", or "ellipse" for the ellipse inscribed in the box.
        x_min_px, y_min_px, x_max_px, y_max_px: in pixels of the radiograph; a region may extend beyond it.
        certainty: of the reader, from 1 (unlikely) to 5 (certain), or None if the source has none.

    Raises:
        ValueError: an unknown shape, sides that are not finite, or a minimum above its maximum.

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

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise ValueError(f"shape must be one of {', '.join(SHAPES)}, got {self.shape!r}")
        sides = (self.x_min_px, self.y_min_px, self.x_max_px, self.y_max_px)
        if not all(map(math.isfinite, sides)) or self.x_max_px < self.x_min_px or self.y_max_px < self.y_min_px:
            raise ValueError(
                f"region {self.name!r}: x_min, y_min, x_max, y_max must be finite and ordered, got {sides}"
            )


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
