"""From a radiograph to a model's input: it is placed on a canvas, which is then resized to the input.

A study stores the result of the first step, so that training, evaluation and deployment use the same image. Both steps
are compiled (csrc/kernels/placing.cpp); the C++ `Predictor` and the loader's views without augmentation call the same
functions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from egaze import _core
from egaze.imaging.fit import FITS, FitGeometry, Number, is_within, px_to_unit, unit_to_px
from egaze.imaging.radiograph import PRESENTATIONS, Radiograph, StoredRadiograph


@dataclass(frozen=True, slots=True)
class Canvas:
    """The canvas on which every radiograph of a study, or of a model, is placed.

    Attributes:
        height_px, width_px: the size of the canvas.
        fit: "stretch" fills the canvas; "letterbox" keeps the aspect ratio of the radiograph and pads with black.
        presentation: how stored values become grey values in [0, 1], as for `read_stored`.

    Raises:
        ValueError: a side below 1, or an unknown fit or presentation.

    Example:
        >>> from egaze.imaging import Canvas, read_stored
        >>> canvas = Canvas.square(64, "letterbox")
        >>> placed = canvas.place(read_stored("radiograph.dcm"))
        >>> placed.shape, placed.dtype
        ((64, 64), dtype('uint16'))
    """

    height_px: int
    width_px: int
    fit: str = "stretch"
    presentation: str = "voi"

    def __post_init__(self) -> None:
        for name, side_px in (("height", self.height_px), ("width", self.width_px)):
            if side_px < 1:
                raise ValueError(f"a canvas's {name} must be at least 1 px, got {side_px}")
        for name, value, known in (("fit", self.fit, FITS), ("presentation", self.presentation, PRESENTATIONS)):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")

    @classmethod
    def square(cls, size_px: int, fit: str = "stretch", presentation: str = "voi") -> Canvas:
        """A square canvas. Raises ValueError as the class does."""
        return cls(size_px, size_px, fit, presentation)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.height_px, self.width_px

    def resized(self, size_px: int) -> Canvas:
        """The same canvas as a square of another size; unit coordinates do not change."""
        return replace(self, height_px=size_px, width_px=size_px)

    def geometry(self, radiograph_shape: tuple[int, int]) -> FitGeometry:
        """The position of a radiograph of (height, width) pixels on the canvas.

        Raises:
            ValueError: a radiograph without pixels.
        """
        return FitGeometry.of(radiograph_shape, self.shape, self.fit)

    def place(self, radiograph: StoredRadiograph | Radiograph | NDArray[np.generic]) -> NDArray[np.uint16]:
        """Place a radiograph on the canvas: fitted, area-averaged, rounded to 16 bits, and padded with black.

        Args:
            radiograph: the result of `read_stored` or `read_radiograph`, or (H, W) pixels in the MONOCHROME2 sense:
                float32 in [0, 1], or uint8 or uint16, which are divided by the largest value of their type.

        Returns:
            (H, W) uint16 of the canvas's shape; 0 is black and 65535 white.

        Raises:
            TypeError: pixels of another type.
            ValueError: values that are not finite or lie outside [0, 1], or an array that is not 2-D.

        Example:
            >>> import numpy as np
            >>> from egaze.imaging import Canvas
            >>> Canvas.square(4, "letterbox").place(np.full((2, 4), 255, np.uint8)).tolist()
            [[0, 0, 0, 0], [65535, 65535, 65535, 65535], [65535, 65535, 65535, 65535], [0, 0, 0, 0]]
        """
        table = radiograph.table if isinstance(radiograph, StoredRadiograph) else None
        if isinstance(radiograph, StoredRadiograph):
            pixels: NDArray[np.generic] = radiograph.stored
        else:
            pixels = radiograph.pixels if isinstance(radiograph, Radiograph) else radiograph
        if pixels.ndim != 2:
            raise ValueError(f"a radiograph has shape (H, W), got {pixels.shape}")
        where = self.geometry((pixels.shape[0], pixels.shape[1]))
        rectangle = where.top_px, where.left_px, where.height_px, where.width_px
        return _core.place_on_canvas(pixels, rectangle, self.shape, table=table, threads=1)

    def to_px(self, x_unit: Number, y_unit: Number) -> tuple[Number, Number]:
        """Unit coordinates of the canvas to pixels of the canvas."""
        return unit_to_px(x_unit, self.width_px), unit_to_px(y_unit, self.height_px)

    def to_unit(self, x_px: Number, y_px: Number) -> tuple[Number, Number]:
        """Pixels of the canvas to unit coordinates of the canvas."""
        return px_to_unit(x_px, self.width_px), px_to_unit(y_px, self.height_px)

    def contains(self, x_px: NDArray[np.floating], y_px: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether positions in pixels of the canvas lie on it."""
        return is_within(x_px, self.width_px) & is_within(y_px, self.height_px)


def to_input(pixels: NDArray[np.uint16], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Resize the pixels of a canvas to a model's input, (H, W) float32 in [0, 1] of the given shape.

    Each pixel is the mean over the area it covers; a side that grows is interpolated. Every path to a model uses this
    function: the loader's views without augmentation, `RadiographLoader`, and `Predictor` in Python and C++.

    Example:
        >>> import numpy as np
        >>> from egaze.imaging import to_input
        >>> image = to_input(np.full((64, 64), 65535, np.uint16), (32, 32))
        >>> image.shape, image.dtype, float(image.max())
        ((32, 32), dtype('float32'), 1.0)
    """
    return _core.to_input(np.ascontiguousarray(pixels), shape)
