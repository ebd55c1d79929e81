"""The published map from the reading screen to a radiograph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Width and height of the screen.
SCREEN_PX = (1920, 1080)
#: What X_ORIGINAL and Y_ORIGINAL hold outside the radiograph; the dataset has -1 too.
OUTSIDE_PX = -2


def screen_to_radiograph(
    screen_px: NDArray[np.float64], pads_px: NDArray[np.int64], radiograph_px: NDArray[np.int64]
) -> NDArray[np.int64]:
    """EGD-CXR's own map of gaze, step by step, so that it gives the stored integers.

    A position is inside where `left < x < 1920 - right` and `top < y < 1080 - bottom`, strictly; there the radiograph's
    pixel is `int(W / (1920 - left - right) * (x - left))` and `int(H / (1080 - top - bottom) * (y - top))`, W and H
    being the radiograph's sides, odd ones made even by one more pixel.

    Args:
        screen_px: (R, 2) x and y on the screen of 1920 x 1080, not NaN.
        pads_px: (R, 4) top, bottom, left, right.
        radiograph_px: (R, 2) width and height of the radiograph.

    Returns:
        (R, 2) x and y, integers; -2, -2 outside the radiograph.
    """
    low = pads_px[:, [2, 0]]
    high = np.array(SCREEN_PX) - pads_px[:, [3, 1]]
    inside = ((low < screen_px) & (screen_px < high)).all(axis=1)
    even_px = radiograph_px + radiograph_px % 2
    found = np.full(screen_px.shape, OUTSIDE_PX, dtype=np.int64)
    scale = even_px[inside] / (high - low)[inside]
    found[inside] = (scale * (screen_px - low)[inside]).astype(np.int64)
    return found
