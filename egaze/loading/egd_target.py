"""The heatmap that the EGD-CXR baseline's published code trains on, to one grey level."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from egaze.gaze import Fixations, rasterize_fixations
from egaze.imaging import resize

SIGMA_PX = 150.0


def egd_target(
    fixations: Fixations, film_shape: tuple[int, int], size_px: int, *, threads: int = 1
) -> NDArray[np.uint8]:
    """Make the EGD-CXR baseline's target: fixations counted on the film's grid padded to even sides, blurred with
    sigma 150 px (reflect, truncate 4), stretched from its least to its largest value, coloured with 8-bit viridis,
    resized as colours (bilinear, antialiased), and turned to luminance.

    Colour mapping and resizing are exchanged for their equivalent on luminance: both are linear, so the result
    differs from the reference's by its rounding only, one grey level at most.

    Args:
        fixations: in pixels of the film; those outside are left out.
        film_shape: (H, W) of the film.
        size_px: side of the square target.
        threads: the result does not depend on it.

    Returns:
        (size, size) uint8, about 30 to 215; a film without fixations has viridis's darkest grey everywhere.

    Raises:
        ValueError: a shape or size without pixels.
    """
    even = (film_shape[0] + film_shape[0] % 2, film_shape[1] + film_shape[1] % 2)
    heatmap = rasterize_fixations(
        fixations, even, sigma_px=SIGMA_PX, weight="count", boundary="reflect", kernel="scipy", threads=threads
    )
    low, high = float(heatmap.min()), float(heatmap.max())
    heatmap -= low
    heatmap *= 256.0 / (high - low) if high > low else 0.0
    # matplotlib gives the largest value the last of its 256 colours.
    levels = np.minimum(heatmap, 255.0, out=heatmap).astype(np.uint8)
    return resize(_luminance()[levels], (size_px, size_px), filter="bilinear", out_dtype=np.uint8, threads=threads)


@lru_cache(maxsize=1)
def _luminance() -> NDArray[np.float32]:
    """(256,) grey of 8-bit viridis's colours by ITU-R 601, as Pillow's convert("L") weighs them."""
    red, green, blue, _ = colormaps["viridis"](np.arange(256), bytes=True).T.astype(np.float64)
    return ((19595 * red + 38470 * green + 7471 * blue) / 65536).astype(np.float32)
