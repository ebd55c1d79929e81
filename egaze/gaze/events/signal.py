"""The samples in which fixations are looked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egaze.errors import GazeError

#: If half of all positions are spread further than this, they are hardly in the unit that they are taken to be in.
_WIDEST_HALF_DEG = 120.0


@dataclass(frozen=True, slots=True, eq=False)
class GazeSignal:
    """The gaze samples of one eye or of both eyes combined, with the scale of their positions.

    Attributes:
        time_s: (N,) float64, which does not fall. Two samples may have the same time, as those of a clock in
            milliseconds do above 1,000 Hz; three may not.
        x_px, y_px: (N,) float64, not finite where the tracker lost the eye.
        pixels_per_degree: along x and y, above 0; 1, 1 for positions in degrees.

    Raises:
        GazeError: arrays that are not (N,) of one length, a scale that is not above 0, or positions so many degrees
            apart that their unit must be another one.

    Example:
        >>> from egaze.gaze.events import GazeSignal
        >>> gaze = GazeSignal([0.0, 0.002], [512.8, 513.3], [394.5, 395.4], (41.3, 41.3))
        >>> len(gaze)
        2
    """

    time_s: NDArray[np.float64]
    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    pixels_per_degree: tuple[float, float]

    def __post_init__(self) -> None:
        for name in ("time_s", "x_px", "y_px"):
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), dtype=np.float64))
        shapes = [self.time_s.shape, self.x_px.shape, self.y_px.shape]
        if len(set(shapes)) != 1 or self.time_s.ndim != 1:
            raise GazeError(f"time_s, x_px and y_px must be (N,) of one length, got {shapes}")
        scale = tuple(float(value) for value in self.pixels_per_degree)
        if len(scale) != 2 or not all(0 < value < float("inf") for value in scale):
            raise GazeError(f"pixels_per_degree must be two numbers above 0, got {self.pixels_per_degree}")
        object.__setattr__(self, "pixels_per_degree", scale)
        for name, positions, per_degree in (("x_px", self.x_px, scale[0]), ("y_px", self.y_px, scale[1])):
            some = positions[:: max(1, len(positions) // 10_000)]
            low, high = np.quantile(some[np.isfinite(some)], [0.25, 0.75]) if np.isfinite(some).any() else (0.0, 0.0)
            if (high - low) / per_degree > _WIDEST_HALF_DEG:
                raise GazeError(
                    f"{name}: half of the positions spread over {(high - low) / per_degree:.0f} degrees at "
                    f"{per_degree:g} pixels per degree: check the scale and the unit"
                )

    def __len__(self) -> int:
        return len(self.time_s)

    @property
    def is_valid(self) -> NDArray[np.bool_]:
        """(N,) whether a sample has a position."""
        valid: NDArray[np.bool_] = np.isfinite(self.x_px) & np.isfinite(self.y_px)
        return valid
