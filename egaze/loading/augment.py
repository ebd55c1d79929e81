"""Random views of an image. A view depends only on the seed, epoch and case, never on order, batch or threads."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egaze.imaging.fit import unit_to_px
from egaze.loading import randomness
from egaze.settings import require, settle_types


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """The views of N images, in the form that the compiled kernel takes.

    Attributes:
        to_image: (N, 2, 3) float64 maps from the view's unit coordinates to the image's.
        intensity: (N, 4) float32 gain, bias, gamma and standard deviation of the noise.
        noise_key: (N,) uint64 key that, with a pixel's position, decides the pixel's noise.
        cutouts_unit: (N, R, 4) float64 left, top, right and bottom of the blacked-out rectangles, in unit coordinates.
    """

    to_image: NDArray[np.float64]
    intensity: NDArray[np.float32]
    noise_key: NDArray[np.uint64]
    cutouts_unit: NDArray[np.float64]

    def to_image_px(self, view_px: int, image_px: int) -> NDArray[np.float32]:
        """Return (N, 2, 3) maps from the pixel centres of square views to those of square images of these sides."""
        linear = self.to_image[:, :, :2] * (image_px / view_px)
        offset = unit_to_px(self.to_image[:, :, 2], image_px) + 0.5 * linear.sum(axis=2)
        return np.concatenate([linear, offset[:, :, None]], axis=2).astype(np.float32)

    def cutouts_px(self, view_px: int) -> NDArray[np.int32]:
        """Return (N, R, 4) left, top, right and bottom in pixels of the view, the last two exclusive."""
        return np.rint(self.cutouts_unit * view_px).astype(np.int32)


#: The settings that let a view move the image rather than only change its grey values.
MOVING = ("rotation_deg", "zoom", "shift_frac", "shear_deg", "mirror")

_LARGEST = {
    "rotation_deg": 180,
    "zoom": 0.9,
    "shift_frac": 1,
    "shear_deg": 60,
    "gain": 0.9,
    "bias": 1,
    "gamma": 0.9,
    "noise": 1,
    "cutouts": 100,
    "cutout_frac": 1,
}


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far a view may differ from the image. The defaults suit chest radiographs.

    Values are drawn uniformly between their limits. Gain and bias are applied first, then gamma, noise and cut-outs;
    grey values are clipped to [0, 1] after each.

    Attributes:
        rotation_deg: largest rotation in either direction.
        zoom: largest relative change of size in either direction, up to 0.9.
        shift_frac: largest shift along x and along y in either direction, as a fraction of the side.
        shear_deg: largest shear of the vertical axis in either direction, up to 60.
        gain: largest relative change of contrast in either direction, about mid-grey, up to 0.9.
        bias: largest change of brightness in either direction, as a fraction of the full range.
        gamma: largest relative change of the exponent in either direction, up to 0.9; 0.2 draws exponents from 1 / 1.2
            to 1.2.
        noise: largest standard deviation of the noise, as a fraction of the full range.
        cutouts: number of rectangles that are blacked out. 0 by default, because a cut-out may hide the finding that
            decides the label.
        cutout_frac: largest side of a cut-out, as a fraction of the image's side.
        mirror: whether half of the views are mirrored. This raises a warning, because the heart then lies on the wrong
            side.

    Raises:
        RecipeError: a value has the wrong type or is out of range.

    Example:
        >>> from egaze.loading import Augmentation
        >>> views = Augmentation(rotation_deg=5, cutouts=2).draw(seed=0, epoch=0, cases=[3, 4])
        >>> views.to_image.shape, views.cutouts_px(224).shape
        ((2, 2, 3), (2, 2, 4))
    """

    rotation_deg: float = 10.0
    zoom: float = 0.1
    shift_frac: float = 0.05
    shear_deg: float = 3.0
    gain: float = 0.2
    bias: float = 0.05
    gamma: float = 0.2
    noise: float = 0.02
    cutouts: int = 0
    cutout_frac: float = 0.2
    mirror: bool = False

    def __post_init__(self) -> None:
        settle_types(self)
        for name, largest in _LARGEST.items():
            require(0 <= (value := getattr(self, name)) <= largest, name, f"0 to {largest}", value)
        if self.mirror:
            warnings.warn("mirror: a mirrored chest image shows the heart on the wrong side", UserWarning, stacklevel=3)

    @property
    def moves(self) -> bool:
        """Whether views can move the image."""
        return any(getattr(self, name) for name in MOVING)

    def draw(self, seed: int, epoch: int, cases: NDArray[np.int64], repeats: NDArray[np.int64] | int = 0) -> Views:
        """Draw one random view for each of N cases.

        Args:
            seed, epoch: any integers.
            cases: (N,) indices into the study.
            repeats: how often each case has occurred before in this epoch; each occurrence has a view of its own.
        """
        keys = randomness.keys(seed, epoch, np.asarray(cases), repeats)
        drawn = randomness.uniform(keys, 10 + 4 * self.cutouts)
        even = 2.0 * drawn - 1.0
        gain = 1.0 + self.gain * even[:, 5]
        intensity = np.empty((len(keys), 4), dtype=np.float32)
        intensity[:, 0] = gain
        # Contrast turns about mid-grey, so that it does not change brightness as well.
        intensity[:, 1] = self.bias * even[:, 6] + 0.5 * (1.0 - gain)
        intensity[:, 2] = (1.0 + self.gamma) ** even[:, 7]
        intensity[:, 3] = self.noise * drawn[:, 8]
        # Mirroring and cut-outs use the last numbers, so that turning them on does not change the others.
        mirrored = drawn[:, 9] < (0.5 if self.mirror else 0.0)
        return Views(self._maps(even, mirrored), intensity, keys, self._cutouts(drawn[:, 10:]))

    def _maps(self, even: NDArray[np.float64], mirrored: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the maps that shear a view, then rotate and zoom it, about the image's centre."""
        angle = np.deg2rad(self.rotation_deg) * even[:, 0]
        scale = 1.0 + self.zoom * even[:, 1]
        lean = np.tan(np.deg2rad(self.shear_deg) * even[:, 4])
        cos, sin = scale * np.cos(angle), scale * np.sin(angle)
        side = np.where(mirrored, -1.0, 1.0)
        maps = np.empty((len(even), 2, 3))
        maps[:, 0, 0], maps[:, 0, 1] = side * cos, lean * cos - sin
        maps[:, 1, 0], maps[:, 1, 1] = side * sin, lean * sin + cos
        maps[:, :, 2] = 0.5 + self.shift_frac * even[:, 2:4] - 0.5 * maps[:, :, :2].sum(axis=2)
        return maps

    def _cutouts(self, drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return cut-outs with centres anywhere in the view and sides up to the largest."""
        drawn = drawn.reshape(len(drawn), self.cutouts, 4)
        half = 0.5 * self.cutout_frac * drawn[:, :, 2:]
        return np.concatenate([drawn[:, :, :2] - half, drawn[:, :, :2] + half], axis=2)


def identity(count: int) -> Views:
    """Return `count` views that leave the images unchanged."""
    return Views(
        np.broadcast_to(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), (count, 2, 3)),
        np.broadcast_to(np.array([1.0, 0.0, 1.0, 0.0], dtype=np.float32), (count, 4)).copy(),
        np.zeros(count, dtype=np.uint64),
        np.empty((count, 0, 4)),
    )
