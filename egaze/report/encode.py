"""Radiographs and heatmaps as small pictures in base64, which a page can embed."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egaze.imaging import resize

#: Default of a radiograph's longest side.
RADIOGRAPH_PX = 1024
#: A heatmap's longest side. Its Gaussians are wider than a pixel of this size.
HEATMAP_PX = 80
#: The most that a radiograph of 512 px may take, so that 200 radiographs with heatmaps and gaze stay below 40 MB. The
#: limit is proportional to the number of pixels.
RADIOGRAPH_BYTES = 80_000

_QUALITIES = (92, 85, 75, 60, 40)


def radiograph_bytes(radiograph_px: int) -> int:
    """Return the most bytes that a radiograph with a longest side of `radiograph_px` may take."""
    return max(RADIOGRAPH_BYTES, round(RADIOGRAPH_BYTES * (radiograph_px / 512) ** 2))


def radiograph_jpeg(
    radiograph: NDArray[np.generic], radiograph_px: int = RADIOGRAPH_PX, *, white: float = 65535.0
) -> tuple[str, list[int]]:
    """Encode a radiograph as a grey JPEG of the best quality within its limit.

    Args:
        radiograph: (h, w) grey values, 0 is black. It is reduced if necessary, but never enlarged.
        radiograph_px: the largest longest side.
        white: the value of white.

    Returns:
        The JPEG in base64, and its width and height.
    """
    shape = _within(radiograph.shape, radiograph_px)
    budget = radiograph_bytes(max(shape))
    grey = Image.fromarray(resize(np.ascontiguousarray(radiograph), shape, out_dtype=np.uint8, scale=255 / white))
    while True:
        for quality in _QUALITIES:
            data = _saved(grey, "JPEG", quality=quality, optimize=True)
            if len(data) <= budget:
                return base64.b64encode(data).decode(), list(grey.size)
        grey = grey.reduce(2)


def level_png(heatmap: NDArray[np.floating]) -> str:
    """Encode an (h, w) heatmap with values in [0, 1] as a PNG of 256 grey levels, in base64."""
    shape = _within(heatmap.shape, HEATMAP_PX)
    levels = resize(np.ascontiguousarray(heatmap, np.float32), shape, out_dtype=np.uint8, scale=255.0)
    return base64.b64encode(_saved(Image.fromarray(levels), "PNG", optimize=True)).decode()


def _within(shape: tuple[int, ...], longest_px: int) -> tuple[int, int]:
    shrink = min(1.0, longest_px / max(shape))
    return max(1, round(shape[0] * shrink)), max(1, round(shape[1] * shrink))


def _saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, **options)
    return buffer.getvalue()
