"""Random views of an image. A view depends on (seed, epoch, case) alone, never on order, batch or threads."""

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
    """How N images are seen, as the compiled kernel takes it.

    Attributes:
        to_image: (N, 2, 3) float64 maps from the view's unit coordinates to the image's.
        intensity: (N, 4) float32 gain, bias, gamma and the noise's standard deviation.
        noise_key: (N,) uint64; a pixel's noise follows from it and the pixel's place.
        cutouts_unit: (N, R, 4) float64 left, top, right and bottom of what is blacked out, in unit coordinates.
    """

    to_image: NDArray[np.float64]
    intensity: NDArray[np.float32]
    noise_key: NDArray[np.uint64]
    cutouts_unit: NDArray[np.float64]

    def to_image_px(self, view_px: int, image_px: int) -> NDArray[np.float32]:
        """(N, 2, 3) maps from a view's pixel centres to an image's, for square views and images of these sides."""
        linear = self.to_image[:, :, :2] * (image_px / view_px)
        offset = unit_to_px(self.to_image[:, :, 2], image_px) + 0.5 * linear.sum(axis=2)
        return np.concatenate([linear, offset[:, :, None]], axis=2).astype(np.float32)

    def cutouts_px(self, view_px: int) -> NDArray[np.int32]:
        """(N, R, 4) left, top, right and bottom in pixels of the view, the last two exclusive."""
        return np.rint(self.cutouts_unit * view_px).astype(np.int32)


#: The settings that let a view move the image, and not only its grey values.
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
    """How far a view may differ from the image. The defaults suit chest images.

    Numbers are drawn evenly between their limits. Gain and bias come first, then gamma, noise and cut-outs; between
    them values are kept in [0, 1].

    Attributes:
        rotation_deg: largest turn either way.
        zoom: largest relative change of size either way, below 1.
        shift_frac: largest shift along x and y either way, as a fraction of the side.
        shear_deg: largest lean of the vertical either way, below 90.
        gain: largest relative change of contrast either way, below 1; about mid-grey.
        bias: largest change of brightness either way, in units of the full range.
        gamma: largest relative change either way of the exponent that values are raised to, below 1 (0.2 draws from
            1 / 1.2 to 1.2).
        noise: largest standard deviation of the noise, in units of the full range.
        cutouts: rectangles that are made black. None by default: one may hide the finding that makes the label.
        cutout_frac: largest side of a cut-out, as a fraction of the image's.
        mirror: whether half of the views are mirrored. It teaches a model that the heart may lie on either side, so
            it warns.

    Raises:
        RecipeError: a value of the wrong type or out of range.
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
        """Whether views may move the image."""
        return any(getattr(self, name) for name in MOVING)

    def draw(self, seed: int, epoch: int, cases: NDArray[np.int64], repeats: NDArray[np.int64] | int = 0) -> Views:
        """One random view for each of N cases.

        Args:
            seed, epoch: any numbers.
            cases: (N,) places in the study.
            repeats: how often each case came up before in this epoch: another time gives another view.
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
        # The numbers for mirroring and cut-outs come last, so that switching these on leaves the others as they are.
        mirrored = drawn[:, 9] < (0.5 if self.mirror else 0.0)
        return Views(self._maps(even, mirrored), intensity, keys, self._cutouts(drawn[:, 10:]))

    def _maps(self, even: NDArray[np.float64], mirrored: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Turned and zoomed, of a sheared view, about the image's centre."""
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
        """Centres anywhere, sides up to the largest."""
        drawn = drawn.reshape(len(drawn), self.cutouts, 4)
        half = 0.5 * self.cutout_frac * drawn[:, :, 2:]
        return np.concatenate([drawn[:, :, :2] - half, drawn[:, :, :2] + half], axis=2)


def identity(count: int) -> Views:
    """The images as they are, `count` times."""
    return Views(
        np.broadcast_to(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), (count, 2, 3)),
        np.broadcast_to(np.array([1.0, 0.0, 1.0, 0.0], dtype=np.float32), (count, 4)).copy(),
        np.zeros(count, dtype=np.uint64),
        np.empty((count, 0, 4)),
    )
