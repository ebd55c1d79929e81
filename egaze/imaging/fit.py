"""How a film of any shape is placed on a square canvas, and how coordinates follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egaze import _core
from egaze.imaging.resize import PixelT, resize

#: "stretch" fills the canvas, "letterbox" keeps the film's shape and pads with black.
FITS = ("stretch", "letterbox")


@dataclass(frozen=True, slots=True)
class FitGeometry:
    """Where a film lies on a canvas. Both are (height, width) in pixels.

    Example:
        >>> from egaze.imaging import FitGeometry
        >>> geometry = FitGeometry.of((3000, 2500), (224, 224), "letterbox")
        >>> geometry.height_px, geometry.width_px, geometry.left_px
        (224, 187, 18)
        >>> x, y = geometry.to_unit([1249.5], [1499.5])
        >>> x.round(3).tolist(), y.round(3).tolist()
        ([0.498], [0.5])
    """

    film_shape: tuple[int, int]
    canvas_shape: tuple[int, int]
    top_px: int
    left_px: int
    height_px: int
    width_px: int

    @classmethod
    def of(cls, film_shape: tuple[int, int], canvas_shape: tuple[int, int], fit: str) -> FitGeometry:
        """Raises ValueError for an unknown fit or a side without pixels."""
        return cls(film_shape, canvas_shape, *_core.fit_rectangle(film_shape, canvas_shape, fit))

    @property
    def scale(self) -> NDArray[np.float32]:
        """(2,) canvas pixels per film pixel, along x and y."""
        return np.array([self.width_px / self.film_shape[1], self.height_px / self.film_shape[0]], dtype=np.float32)

    def place(
        self, pixels: NDArray[np.generic], *, scale: float = 1.0, table: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Put a (H, W) film of any pixel type on the canvas, area-averaged and scaled; black around it.

        With a table, (K,) float32, the film holds integers below K, each of which is looked up first.
        """
        canvas = np.zeros(self.canvas_shape, dtype=np.float32)
        film = resize(
            pixels, (self.height_px, self.width_px), filter="area", out_dtype=np.float32, scale=scale, table=table
        )
        canvas[self.top_px : self.top_px + self.height_px, self.left_px : self.left_px + self.width_px] = film
        return canvas

    def cut_out(self, canvas: NDArray[PixelT]) -> NDArray[PixelT]:
        """The part of a canvas of any resolution that the film covers: the undoing of `place`, unresized."""
        y = canvas.shape[0] / self.canvas_shape[0]
        x = canvas.shape[1] / self.canvas_shape[1]
        top, bottom = round(self.top_px * y), round((self.top_px + self.height_px) * y)
        left, right = round(self.left_px * x), round((self.left_px + self.width_px) * x)
        return canvas[top : max(bottom, top + 1), left : max(right, left + 1)]

    def to_unit(
        self, x_px: NDArray[np.floating], y_px: NDArray[np.floating]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Film pixels to unit coordinates of the canvas: 0 is its left or top edge, 1 its right or bottom."""
        x = self.left_px + (np.asarray(x_px, np.float64) + 0.5) * self.width_px / self.film_shape[1]
        y = self.top_px + (np.asarray(y_px, np.float64) + 0.5) * self.height_px / self.film_shape[0]
        return x / self.canvas_shape[1], y / self.canvas_shape[0]
