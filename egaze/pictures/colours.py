"""The one colour map in which egaze shows heatmaps."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import ListedColormap
from numpy.typing import NDArray

#: Perceptually even, dark where there is nothing, and its lightness rises all the way, so that readers who tell no
#: colours apart still read it.
COLOUR_MAP = "inferno"

#: Opacity of a heatmap's peak on a radiograph, so that the radiograph stays visible below it.
PEAK_OPACITY = 0.7


@lru_cache(maxsize=8)
def heatmap_table(peak_opacity: float = 1.0) -> NDArray[np.uint8]:
    """(256, 4) RGBA of the colour map for laying over a radiograph: the lower the value, the more the radiograph shows
    through.

    Opacity rises with the square root of the value, from 0 to `peak_opacity` in [0, 1].
    """
    colours: NDArray[np.uint8] = np.rint(colormaps[COLOUR_MAP](np.arange(256)) * 255).astype(np.uint8)
    colours[:, 3] = np.rint(255 * peak_opacity * np.sqrt(np.arange(256) / 255)).astype(np.uint8)
    colours.flags.writeable = False
    return colours


def overlay_colours() -> ListedColormap:
    """The colour map for a heatmap on a radiograph."""
    return ListedColormap(heatmap_table(PEAK_OPACITY) / 255.0, name=f"{COLOUR_MAP}_on_radiograph")


def blend(radiograph: NDArray[np.uint8], levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay a heatmap over a radiograph as the overlay does.

    Args:
        radiograph: (H, W) grey.
        levels: (H, W) the heatmap, 255 its largest value.

    Returns:
        (H, W, 3) RGB.
    """
    table = heatmap_table(PEAK_OPACITY).astype(np.float32)
    opacity = table[:, 3] / np.float32(255)
    lit = (table[:, :3] * opacity[:, None])[levels]
    blended: NDArray[np.float32] = lit + radiograph[..., None] * (1 - opacity)[levels][..., None]
    return np.rint(blended).astype(np.uint8)
