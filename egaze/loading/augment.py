"""Random views of a film. A sample depends on (seed, epoch, case) alone, never on order or batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far a view may differ from the film. There is no mirror: the heart has a side.

    Attributes:
        rotation_deg: largest turn either way.
        zoom: largest relative change of size either way, below 1.
        shift_frac: largest shift along x and y either way, as a fraction of the side.
        gain: largest relative change of contrast either way, below 1.
        bias: largest change of brightness either way, in units of the full range.
    """

    rotation_deg: float = 10.0
    zoom: float = 0.1
    shift_frac: float = 0.05
    gain: float = 0.2
    bias: float = 0.05

    def draw(self, seed: int, epoch: int, cases: Sequence[int]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """One random view a case.

        Returns:
            (N, 2, 3) maps from the view's unit coordinates to the film's, and (N, 2) float32 gain and bias.
        """
        # One row of six uniform numbers in [-1, 1) per case.
        u = np.stack([np.random.default_rng((seed, epoch, int(case))).uniform(-1.0, 1.0, 6) for case in cases])
        angle = np.deg2rad(self.rotation_deg) * u[:, 0]
        scale = 1.0 + self.zoom * u[:, 1]
        cos, sin = scale * np.cos(angle), scale * np.sin(angle)
        maps = np.empty((len(u), 2, 3))
        maps[:, 0, 0], maps[:, 0, 1] = cos, -sin
        maps[:, 1, 0], maps[:, 1, 1] = sin, cos
        centre = 0.5 + self.shift_frac * u[:, 2:4]
        maps[:, :, 2] = centre - maps[:, :, :2] @ np.array([0.5, 0.5])
        gain = 1.0 + self.gain * u[:, 4]
        # Contrast turns about mid-grey, so that it does not change brightness as well.
        bias = self.bias * u[:, 5] + 0.5 * (1.0 - gain)
        return maps, np.stack([gain, bias], axis=1).astype(np.float32)


def identity(count: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """The film as it is, `count` times, in the form of `Augmentation.draw`."""
    maps = np.broadcast_to(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), (count, 2, 3))
    return maps, np.broadcast_to(np.array([1.0, 0.0], dtype=np.float32), (count, 2))


def unit_to_pixels(maps: NDArray[np.float64], view_px: int, film_px: int) -> NDArray[np.float32]:
    """Turn maps between unit coordinates into maps from a view's pixel centres to a film's."""
    linear = maps[:, :, :2] * (film_px / view_px)
    offset = maps[:, :, 2] * film_px - 0.5 + linear @ np.array([0.5, 0.5])
    return np.concatenate([linear, offset[:, :, None]], axis=2).astype(np.float32)
