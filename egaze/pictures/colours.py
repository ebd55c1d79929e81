"""The colour map of all heatmaps."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import ListedColormap
from numpy.typing import NDArray

#: Perceptually uniform and dark at 0. Its lightness rises monotonically, so that it can be read without colour vision.
COLOUR_MAP = "inferno"

#: The opacity of a heatmap's peak on a radiograph, which leaves the radiograph visible.
PEAK_OPACITY = 0.7


@lru_cache(maxsize=8)
def heatmap_table(peak_opacity: float = 1.0) -> NDArray[np.uint8]:
    """(256, 4) RGBA colours for overlaying a heatmap on a radiograph.

    Opacity rises with the square root of the value, from 0 to `peak_opacity`, which is in [0, 1].
    """
    colours: NDArray[np.uint8] = np.rint(colormaps[COLOUR_MAP](np.arange(256)) * 255).astype(np.uint8)
    colours[:, 3] = np.rint(255 * peak_opacity * np.sqrt(np.arange(256) / 255)).astype(np.uint8)
    colours.flags.writeable = False
    return colours


def overlay_colours() -> ListedColormap:
    """The colour map for a heatmap on a radiograph."""
    return ListedColormap(heatmap_table(PEAK_OPACITY) / 255.0, name=f"{COLOUR_MAP}_on_radiograph")


def blend(radiograph: NDArray[np.uint8], levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Blend a heatmap with a radiograph in the colours of the overlay.

    Args:
        radiograph: (H, W) grey values.
        levels: (H, W) the heatmap, with 255 as its largest value.

    Returns:
        (H, W, 3) RGB.
    """
    table = heatmap_table(PEAK_OPACITY).astype(np.float32)
    opacity = table[:, 3] / np.float32(255)
    lit = (table[:, :3] * opacity[:, None])[levels]
    blended: NDArray[np.float32] = lit + radiograph[..., None] * (1 - opacity)[levels][..., None]
    return np.rint(blended).astype(np.uint8)
