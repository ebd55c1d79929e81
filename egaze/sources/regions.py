"""What a reader said of a radiograph besides a label: regions and spoken phrases."""

from __future__ import annotations

import math
from dataclasses import dataclass

SHAPES = ("box", "ellipse")


@dataclass(frozen=True, slots=True)
class Region:
    """A named region of a radiograph.

    Attributes:
        name: what it shows, in the source's words.
        shape: "box", or "ellipse" for the ellipse inscribed in the box.
        x_min_px, y_min_px, x_max_px, y_max_px: in pixels of the original image; may reach outside.
        certainty: the reader's, 1 (unlikely) to 5 (certain), or None where the source has none.

    Raises:
        ValueError: an unknown shape, or sides that are not finite or end before they begin.

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
            raise ValueError(f"region {self.name!r}: x_min, y_min, x_max, y_max must be finite and rise, got {sides}")


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words of a dictation and when they were spoken, in seconds on the clock of the fixations' onsets.

    Raises:
        ValueError: times that are not finite, or that end before they begin.

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
            raise ValueError(f"a phrase's times must be finite and rise, got {self.begin_s} to {self.end_s} s")
