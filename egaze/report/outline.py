"""The lines round a mask, for the gallery to draw at any zoom."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from egaze.imaging import resize
from egaze.sources import Mask

#: Masks are outlined on a grid of at most so many pixels a side, so that the page stays small.
OUTLINE_PX = 256


def outline(mask: Mask) -> list[list[float]]:
    """Lines round a mask, each x, y, x, y of its ends in fractions of the radiograph's sides."""
    pixels = mask.pixels()
    rows, columns = (min(side_px, OUTLINE_PX) for side_px in pixels.shape)
    share = resize(pixels.astype(np.uint8), (rows, columns), out_dtype=np.float32)
    inside = np.pad(share >= min(0.5, float(share.max())), 1)
    lines = [
        (x0 / columns, row / rows, x1 / columns, row / rows)
        for row, changes in enumerate(inside[1:] != inside[:-1])
        for x0, x1 in _runs(changes[1:-1])
    ]
    lines += [
        (column / columns, y0 / rows, column / columns, y1 / rows)
        for column, changes in enumerate((inside[:, 1:] != inside[:, :-1]).T)
        for y0, y1 in _runs(changes[1:-1])
    ]
    return [[round(end, 4) for end in line] for line in lines]


def _runs(flags: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Where true values that follow each other begin and end."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
