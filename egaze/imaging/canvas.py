"""How a film comes to a model: placed on its study's canvas, which is then brought to the model's input.

A study stores what the first step gives, so what is trained on, judged and shipped is the same image. Both steps are
compiled (csrc/kernels/placing.cpp), and C++'s `Predictor` and the loader's unmoved views call the same functions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egaze import _core
from egaze.imaging.fit import FitGeometry
from egaze.imaging.radiograph import StoredFilm


def place_on_canvas(film: StoredFilm | NDArray[np.generic], geometry: FitGeometry) -> NDArray[np.uint16]:
    """A film on its study's canvas: fitted, area-averaged, and rounded to 16 bits; black around it.

    Args:
        film: as `read_film` gives it, or (H, W) pixels in the MONOCHROME2 sense: float32 in [0, 1], or uint8 or uint16
            that are divided by the largest value of their type.
        geometry: of the film on the canvas.

    Returns:
        (H, W) uint16 of the canvas's shape; 0 is black and 65535 white.

    Raises:
        TypeError: pixels of another type.
        ValueError: values that are not finite, or lie outside of [0, 1].

    Example:
        >>> from egaze.imaging import FitGeometry, place_on_canvas, read_film
        >>> film = read_film("film.dcm")
        >>> canvas = place_on_canvas(film, FitGeometry.of(film.shape, (64, 64), "letterbox"))
        >>> canvas.shape, canvas.dtype
        ((64, 64), dtype('uint16'))
    """
    stored, table = (film.stored, film.table) if isinstance(film, StoredFilm) else (film, None)
    rectangle = geometry.top_px, geometry.left_px, geometry.height_px, geometry.width_px
    return _core.place_on_canvas(stored, rectangle, geometry.canvas_shape, table=table, threads=1)


def to_input(canvas: NDArray[np.uint16], shape: tuple[int, int]) -> NDArray[np.float32]:
    """A canvas as a model sees it: (H, W) float32 in [0, 1] of that shape.

    The mean over what each pixel covers, or, where a side grows, an interpolation. Every way to a model goes through
    this: the loader's views without augmentation, `FilmLoader`, `Predictor` and C++'s.

    Example:
        >>> import numpy as np
        >>> from egaze.imaging import to_input
        >>> image = to_input(np.full((64, 64), 65535, np.uint16), (32, 32))
        >>> image.shape, image.dtype, float(image.max())
        ((32, 32), dtype('float32'), 1.0)
    """
    return _core.to_input(np.ascontiguousarray(canvas), shape)
