"""The position of a radiograph on a canvas, and the conversion of coordinates between them.

Integer coordinates are pixel centres, so an image of N pixels extends from -0.5 to N - 0.5. Unit coordinates are
fractions of an image's sides: 0 is the left or top edge, 1 the right or bottom edge. All conversions between the two
are in this module; they keep the type of the numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egaze import _core
from egaze.imaging.resize import PixelT

#: "stretch" fills the canvas; "letterbox" keeps the aspect ratio of the radiograph and pads with black.
FITS = ("stretch", "letterbox")

Number = TypeVar("Number", float, NDArray[np.float32], NDArray[np.float64])
XY = tuple[NDArray[np.float64], NDArray[np.float64]]


def unit_to_px(positions_unit: Number, side_px: float) -> Number:
    """Unit coordinates along a side to pixels: 0 is -0.5, and 1 is side - 0.5."""
    return positions_unit * side_px - 0.5


def px_to_unit(positions_px: Number, side_px: float) -> Number:
    """Pixels along a side to unit coordinates, the inverse of `unit_to_px`."""
    return (positions_px + 0.5) / side_px


def rescale_px(positions_px: NDArray[np.float64], scale: float | tuple[float, ...]) -> NDArray[np.float64]:
    """Pixels of an image to pixels of the same image resized by a factor."""
    return (positions_px + 0.5) * np.asarray(scale, np.float64) - 0.5


def is_within(positions_px: NDArray[np.floating], side_px: float) -> NDArray[np.bool_]:
    """Whether positions lie in [-0.5, side_px - 0.5), which are the pixels of a side."""
    return (positions_px >= -0.5) & (positions_px < side_px - 0.5)


@dataclass(frozen=True, slots=True)
class FitGeometry:
    """The position of one radiograph on a canvas, and conversions between the pixels of both.

    Attributes:
        radiograph_shape, canvas_shape: (height, width) in pixels.
        top_px, left_px: the number of black rows above the radiograph and of black columns to its left.
        height_px, width_px: of the radiograph on the canvas.

    Example:
        >>> from egaze.imaging import FitGeometry
        >>> geometry = FitGeometry.of((3000, 2500), (224, 224), "letterbox")
        >>> geometry.height_px, geometry.width_px, geometry.left_px
        (224, 187, 18)
        >>> x, y = geometry.to_unit([1249.5], [1499.5])
        >>> x.round(3).tolist(), y.round(3).tolist()
        ([0.498], [0.5])
    """

    radiograph_shape: tuple[int, int]
    canvas_shape: tuple[int, int]
    top_px: int
    left_px: int
    height_px: int
    width_px: int

    @classmethod
    def of(cls, radiograph_shape: tuple[int, int], canvas_shape: tuple[int, int], fit: str) -> FitGeometry:
        """Fit a radiograph of one shape onto a canvas of another, both (height, width) in pixels.

        Raises:
            ValueError: an unknown fit, or a side without pixels.
        """
        return cls(radiograph_shape, canvas_shape, *_core.fit_rectangle(radiograph_shape, canvas_shape, fit))

    @property
    def scale(self) -> NDArray[np.float32]:
        """(2,) canvas pixels per radiograph pixel along x and y, the factor for sizes."""
        return np.array(
            [self.width_px / self.radiograph_shape[1], self.height_px / self.radiograph_shape[0]], dtype=np.float32
        )

    @property
    def edges_px(self) -> tuple[float, float, float, float]:
        """The left, top, right and bottom edges of the radiograph in pixels of the canvas."""
        left, top = self.left_px - 0.5, self.top_px - 0.5
        return left, top, left + self.width_px, top + self.height_px

    def to_unit(self, x_px: ArrayLike, y_px: ArrayLike) -> XY:
        """Pixels of the radiograph to unit coordinates of the canvas."""
        x = self.left_px + (np.asarray(x_px, np.float64) + 0.5) * self.width_px / self.radiograph_shape[1]
        y = self.top_px + (np.asarray(y_px, np.float64) + 0.5) * self.height_px / self.radiograph_shape[0]
        return x / self.canvas_shape[1], y / self.canvas_shape[0]

    def to_canvas_px(self, x_px: ArrayLike, y_px: ArrayLike) -> XY:
        """Pixels of the radiograph to pixels of the canvas."""
        x_unit, y_unit = self.to_unit(x_px, y_px)
        return unit_to_px(x_unit, self.canvas_shape[1]), unit_to_px(y_unit, self.canvas_shape[0])

    def to_radiograph_px(self, x_px: ArrayLike, y_px: ArrayLike) -> XY:
        """Pixels of the canvas to pixels of the radiograph."""
        x_unit, y_unit = self.to_radiograph_unit(np.asarray(x_px, np.float64), np.asarray(y_px, np.float64))
        return unit_to_px(x_unit, self.radiograph_shape[1]), unit_to_px(y_unit, self.radiograph_shape[0])

    def to_radiograph_unit(self, x_px: Number, y_px: Number) -> tuple[Number, Number]:
        """Pixels of the canvas to unit coordinates of the radiograph."""
        left_px, top_px, width_px, height_px = map(float, (self.left_px, self.top_px, self.width_px, self.height_px))
        return (x_px + 0.5 - left_px) / width_px, (y_px + 0.5 - top_px) / height_px

    def sides_to_canvas_px(self, sides_px: NDArray[np.floating]) -> NDArray[np.float64]:
        """(N, 4) x_min, y_min, x_max, y_max of rectangles in pixels of the radiograph to pixels of the canvas."""
        return _corners(self.to_canvas_px(sides_px[:, 0::2], sides_px[:, 1::2]))

    def sides_to_radiograph_px(self, sides_px: NDArray[np.floating]) -> NDArray[np.float64]:
        """(N, 4) x_min, y_min, x_max, y_max of rectangles in pixels of the canvas to pixels of the radiograph."""
        return _corners(self.to_radiograph_px(sides_px[:, 0::2], sides_px[:, 1::2]))

    def is_on_radiograph(self, x_px: NDArray[np.floating], y_px: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether positions in pixels of the canvas lie on the radiograph."""
        x, y = x_px + 0.5, y_px + 0.5
        across = (x >= self.left_px) & (x < self.left_px + self.width_px)
        return across & (y >= self.top_px) & (y < self.top_px + self.height_px)

    def cut_out(self, canvas: NDArray[PixelT]) -> NDArray[PixelT]:
        """A view of the part of a canvas, of any resolution, that the radiograph covers."""
        y = canvas.shape[0] / self.canvas_shape[0]
        x = canvas.shape[1] / self.canvas_shape[1]
        top, bottom = round(self.top_px * y), round((self.top_px + self.height_px) * y)
        left, right = round(self.left_px * x), round((self.left_px + self.width_px) * x)
        return canvas[top : max(bottom, top + 1), left : max(right, left + 1)]


def _corners(xy: XY) -> NDArray[np.float64]:
    """From (N, 2) x and (N, 2) y of two corners to (N, 4) x_min, y_min, x_max, y_max."""
    return np.stack(xy, axis=2).reshape(-1, 4)
