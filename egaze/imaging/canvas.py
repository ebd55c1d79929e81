"""How a film comes to a model: placed on a study's square, which is then brought to the model's input.

Both steps have their one definition here, in `place_on_square` and `to_input`, and in C++ in csrc/runtime/placing.cpp.
A study stores what the first step gives, so what is trained on, judged and shipped is the same image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egaze.imaging.fit import FitGeometry
from egaze.imaging.radiograph import StoredFilm
from egaze.imaging.resize import resize

#: What the largest grey value is stored as.
WHITE = 65535


def place_on_square(film: StoredFilm | NDArray[np.generic], geometry: FitGeometry) -> NDArray[np.uint16]:
    """A film on its study's canvas: fitted, area-averaged, and rounded to 16 bits.

    Args:
        film: as `read_film` gives it, or (H, W) pixels in the MONOCHROME2 sense: float32 in [0, 1], or uint8 or uint16
            that are divided by the largest value of their type.
        geometry: of the film on the canvas.

    Returns:
        (S, S) uint16, or (H, W) for another canvas; 0 is black and 65535 white.

    Raises:
        ValueError: float pixels outside of [0, 1], or not finite.
    """
    if isinstance(film, StoredFilm):
        canvas = film.place(geometry)
    elif film.dtype.kind == "f":
        canvas = geometry.place(film)
        # Every pixel of the film has a part in some pixel here.
        if not (np.isfinite(canvas).all() and canvas.min() >= 0 and canvas.max() <= 1 + 1e-6):
            raise ValueError("a film's float pixels must be finite and lie in [0, 1]")
    else:
        canvas = geometry.place(film, scale=1.0 / np.iinfo(film.dtype).max)
    return resize(canvas, canvas.shape, filter="nearest", out_dtype=np.uint16, scale=float(WHITE))  # type: ignore[arg-type,return-value]


def to_input(square: NDArray[np.uint16], shape: tuple[int, int], *, threads: int = 1) -> NDArray[np.float32]:
    """A placed film as a model sees it: (H, W) float32 in [0, 1] of that shape.

    The mean over what each pixel covers, or, where a side grows, an interpolation.
    """
    grows = shape[0] > square.shape[0] or shape[1] > square.shape[1]
    return resize(  # type: ignore[return-value]
        square,
        shape,
        filter="bilinear" if grows else "area",
        out_dtype=np.float32,
        scale=1.0 / WHITE,
        threads=threads,
    )
