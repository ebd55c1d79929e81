"""The canvas on which a chest is drawn: a grid in centimetres that accumulates attenuation.

Anatomy is drawn upright, in centimetres, on a grid whose axes are those of the body, so most organs are
products of one function of x and one of y. The radiograph's own tilt, zoom and shift come afterwards, in one
resampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

PIXELS_PER_CM = 15.0
WIDTH_CM = 53.0
HEIGHT_CM = 54.0
# The body's origin is the carina: x grows to the viewer's right (the patient's left), y grows down.
ORIGIN_X_CM = 26.5
ORIGIN_Y_CM = 26.0

#: Points of matter: x and y in centimetres, and the mass of each.
Points = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True)
class Attenuation:
    """Attenuation, in centimetres of water, over the body's plane.

    `x_cm` is (1, W), `y_cm` is (H, 1), `attenuation` is (H, W) float32 and starts at zero.
    """

    x_cm: np.ndarray
    y_cm: np.ndarray
    attenuation: np.ndarray = field(repr=False)

    @staticmethod
    def blank() -> Attenuation:
        width = int(WIDTH_CM * PIXELS_PER_CM)
        height = int(HEIGHT_CM * PIXELS_PER_CM)
        x_cm = ((np.arange(width, dtype=np.float32) + 0.5) / PIXELS_PER_CM - ORIGIN_X_CM)[None, :]
        y_cm = ((np.arange(height, dtype=np.float32) + 0.5) / PIXELS_PER_CM - ORIGIN_Y_CM)[:, None]
        return Attenuation(x_cm, y_cm, np.zeros((height, width), np.float32))

    @property
    def shape(self) -> tuple[int, int]:
        height, width = self.attenuation.shape
        return height, width

    def window(self, x_from_cm: float, x_to_cm: float, y_low_cm: float, y_high_cm: float) -> tuple[slice, slice]:
        """The rows and columns that cover a box given in centimetres, with its two sides in x in any order."""
        x_low_cm, x_high_cm = sorted((x_from_cm, x_to_cm))
        height, width = self.shape
        rows = slice(_index(y_low_cm, ORIGIN_Y_CM, height), _index(y_high_cm, ORIGIN_Y_CM, height))
        columns = slice(_index(x_low_cm, ORIGIN_X_CM, width), _index(x_high_cm, ORIGIN_X_CM, width))
        return rows, columns

    def splat(self, x_cm: np.ndarray, y_cm: np.ndarray, mass: np.ndarray) -> np.ndarray:
        """Accumulate points of matter in a new (H, W) layer; `mass` is in cm of water times square centimetres.

        Each point is added to the cell that contains it; dense points and the later blur hide the grid.
        """
        height, width = self.shape
        column = ((np.ravel(x_cm) + ORIGIN_X_CM) * PIXELS_PER_CM).astype(np.float32)
        row = ((np.ravel(y_cm) + ORIGIN_Y_CM) * PIXELS_PER_CM).astype(np.float32)
        weight = np.ravel(mass).astype(np.float32) * np.float32(PIXELS_PER_CM**2)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        column, row, weight = column[inside], row[inside], weight[inside]
        left, top = column.astype(np.int32), row.astype(np.int32)
        layer = np.bincount(top * width + left, weight, minlength=height * width)
        return layer.reshape(height, width).astype(np.float32)


def joined(pieces: Sequence[Points]) -> Points:
    """The points of all pieces together."""
    x_cm, y_cm, mass = (np.concatenate(part) for part in zip(*pieces, strict=True))
    return x_cm, y_cm, mass


def _index(value_cm: float, origin_cm: float, length: int) -> int:
    return int(np.clip(round((value_cm + origin_cm) * PIXELS_PER_CM), 0, length))


def smoothstep(value: np.ndarray | float, low: np.ndarray | float, high: np.ndarray | float) -> np.ndarray:
    """0 below `low`, 1 above `high` (or the other way round when `high < low`), a smooth ramp between."""
    t = np.clip((np.asarray(value, np.float32) - np.float32(low)) / np.float32(high - low), 0, 1)
    ramp: np.ndarray = t * t * (3 - 2 * t)
    return ramp


def chord(offset: np.ndarray) -> np.ndarray:
    """The height of a unit half-disc at `offset` from its centre: the path of a beam through a round body."""
    height: np.ndarray = np.sqrt(np.maximum(1 - offset * offset, 0))
    return height


def resize_field(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resize a (h, w) float field to `shape` with bicubic interpolation."""
    image = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC), np.float32)


def blur(values: np.ndarray, sigma_px: float) -> np.ndarray:
    """A wide, Gaussian-like blur at the cost of a narrow one: shrink, blur and enlarge."""
    height, width = values.shape
    factor = max(1, int(sigma_px / 1.5))
    image = Image.fromarray(np.ascontiguousarray(values, np.float32))
    small = image.resize((max(2, width // factor), max(2, height // factor)), Image.Resampling.BOX)
    return resize_field(convolve_small(np.asarray(small, np.float32), sigma_px / factor), (height, width))


def convolve_small(values: np.ndarray, sigma_px: float) -> np.ndarray:
    """A separable Gaussian blur with edge padding, for sigmas of a few pixels."""
    blurred: np.ndarray = gaussian_filter(values, sigma_px, mode="nearest", truncate=3.0)
    return blurred


def cloud(rng: np.random.Generator, shape: tuple[int, int], cells: int, octaves: int = 3) -> np.ndarray:
    """A smooth random field with mean about 0 and standard deviation about 1, `cells` lumps wide at its coarsest."""
    total: np.ndarray = np.zeros(shape, np.float32)
    power = 0.0
    for octave in range(octaves):
        count = cells * 2**octave
        rows = max(2, round(count * shape[0] / shape[1]))
        share = 0.6**octave
        total += share * resize_field(rng.standard_normal((rows, count), np.float32), shape)
        power += share * share
    total /= np.float32(np.sqrt(power))
    return total
