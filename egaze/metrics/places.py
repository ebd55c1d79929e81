"""Which pixels fixations lie on."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def nearest_pixels(
    shape: tuple[int, ...], x_px: ArrayLike, y_px: ArrayLike
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Rows and columns (F,) of the pixels whose centres are nearest to fixations, and which of these lie on the
    (H, W) radiograph; the places of the others mean nothing."""
    x = np.floor(np.asarray(x_px, dtype=np.float64) + 0.5)
    y = np.floor(np.asarray(y_px, dtype=np.float64) + 0.5)
    inside = (x >= 0) & (x < shape[1]) & (y >= 0) & (y < shape[0])
    return np.where(inside, y, 0).astype(np.intp), np.where(inside, x, 0).astype(np.intp), inside
