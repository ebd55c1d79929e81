"""The screen of a recording, and positions on it in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

PositionUnit = Literal["px", "frac", "deg"]


@dataclass(frozen=True, slots=True)
class Screen:
    """The screen of a recording; what the export does not say is None.

    Attributes:
        width_px, height_px: its resolution.
        width_mm, height_mm: its visible area.
        distance_mm: from the eyes.

    Raises:
        ValueError: a value that is not above 0.

    Example:
        >>> from egaze.gaze import Screen
        >>> round(Screen(1920, 1080, 527.0, 296.0, distance_mm=650.0).pixels_per_degree, 1)
        41.3
    """

    width_px: int | None = None
    height_px: int | None = None
    width_mm: float | None = None
    height_mm: float | None = None
    distance_mm: float | None = None

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{name} of the screen must be above 0, got {value}")

    @property
    def pixels_per_degree(self) -> float | None:
        """Pixels per degree of visual angle at the centre of the screen, along x; None if a measure is unknown."""
        if self.width_px is None or self.width_mm is None or self.distance_mm is None:
            return None
        return float(self.distance_mm * np.tan(np.radians(1.0)) * self.width_px / self.width_mm)

    @property
    def pixels_per_degree_down(self) -> float | None:
        """The same along y; as along x if the height is unknown."""
        if self.height_px is None or self.height_mm is None or self.distance_mm is None:
            return self.pixels_per_degree
        return float(self.distance_mm * np.tan(np.radians(1.0)) * self.height_px / self.height_mm)

    def in_pixels(
        self, x: NDArray[np.float64], y: NDArray[np.float64], unit: PositionUnit
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Positions in pixels of this screen.

        Degrees are angles at the eye: the position is tan(x) times the distance from the screen's centre.

        Raises:
            ValueError: a measure that the conversion needs is unknown; the message names it and the option for it.
        """
        if unit == "px":
            return x, y
        needed = ("width_px", "height_px") + (("width_mm", "height_mm", "distance_mm") if unit == "deg" else ())
        if unknown := [name for name in needed if getattr(self, name) is None]:
            what = {"frac": "fractions of the screen", "deg": "degrees from the screen's centre"}[unit]
            options = "WxH,WxHmm,Dmm" if unit == "deg" else "WxH"
            raise ValueError(
                f"positions are {what}, and {', '.join(unknown)} of the screen is unknown: give the screen "
                f"(--screen {options})"
            )
        assert self.width_px is not None and self.height_px is not None
        if unit == "frac":
            return x * self.width_px - 0.5, y * self.height_px - 0.5
        assert self.width_mm is not None and self.height_mm is not None and self.distance_mm is not None
        across = np.tan(np.radians(x)) * self.distance_mm * self.width_px / self.width_mm
        down = np.tan(np.radians(y)) * self.distance_mm * self.height_px / self.height_mm
        return self.width_px / 2 + across - 0.5, self.height_px / 2 + down - 0.5

    def completed(self, other: Screen) -> Screen:
        """This screen, with what it does not say taken from another."""
        return Screen(
            *(own if (own := getattr(self, name)) is not None else getattr(other, name) for name in Screen.__slots__)
        )
