"""Regions of a radiograph as pixels of the canvas."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egaze.imaging import FitGeometry, resize
from egaze.metrics import region_mask
from egaze.sources import Region


def on_canvas(geometry: FitGeometry, region: Region) -> NDArray[np.bool_]:
    """(H, W) bool: of a box or an ellipse the pixels whose centres lie in it, of a mask those that it covers by half.

    A mask too small for that has the pixel of which it covers most.
    """
    if region.mask is None:
        sides = np.array([[region.x_min_px, region.y_min_px, region.x_max_px, region.y_max_px]])
        return region_mask(geometry.canvas_shape, geometry.sides_to_canvas_px(sides), [region.shape == "ellipse"])
    share = covered_frac(geometry, region.mask.pixels().astype(np.uint8), table=None)
    mask = np.zeros(geometry.canvas_shape, dtype=bool)
    geometry.cut_out(mask)[:] = share >= min(0.5, float(share.max()))
    return mask


def covered_frac(
    geometry: FitGeometry, pixels: NDArray[np.generic], table: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """The mean of a picture of the radiograph over each pixel of the radiograph's part of the canvas, unrounded.

    `table` is that of `egaze.imaging.resize`.
    """
    return resize(pixels, (geometry.height_px, geometry.width_px), out_dtype=np.float32, table=table)
