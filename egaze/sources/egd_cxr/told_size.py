"""A radiograph's size as its gaze tells it: the published map's inverse, for radiographs that were resized since."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.sources.egd_cxr.screen import SCREEN_PX

#: So many rows and so large a share of a radiograph's have to agree on its size before it is believed.
_FEWEST_ROWS, _SHARE = 3, 0.8
_NEAR_PX, _NEAR = 2.0, 0.02
#: A radiograph differs from what its gaze tells when a side does by more.
_DIFFERS = 0.02


def told_sizes(rows: pl.DataFrame, pads_px: NDArray[np.int64], size_px: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sizes of the radiographs that stored positions and boxes refer to.

    Where a position x on the screen, and with it its part of the radiograph's width, is known together with the stored
    pixel X, the radiograph had X / part pixels. Radiographs as large as that keep their size. When one is not,
    radiographs have been resized, and one of which too few rows tell the size has none: its positions cannot be placed.

    Args:
        rows: usable rows of gaze with radiograph, x_frac, y_frac on the screen, x_px and y_px on the radiograph.
        pads_px: (N, 4) top, bottom, left, right.
        size_px: (N, 2) the width and height that the radiographs' files have, 0 where unknown.

    Returns:
        (N, 2) width and height, 0 where unknown.
    """
    told = np.stack([_told_sides(rows, pads_px, size_px, axis) for axis in (0, 1)], axis=1)
    even_px = size_px + size_px % 2
    known = np.all((size_px > 0) & np.isfinite(told), axis=1, keepdims=True)
    differs = known[:, 0] & (np.abs(told - even_px) > _DIFFERS * even_px + 1).any(axis=1)
    if not differs.any():
        return size_px
    sizes = np.where(known, size_px, 0)
    sizes[differs] = 2 * np.round(told[differs] / 2)
    return sizes


def _told_sides(
    rows: pl.DataFrame, pads_px: NDArray[np.int64], size_px: NDArray[np.int64], axis: int
) -> NDArray[np.float64]:
    """(N,) width (axis 0) or height (axis 1); NaN where rows are few or disagree."""
    low = pads_px[:, [2, 0]][:, axis]
    shown = SCREEN_PX[axis] - pads_px[:, [3, 1]][:, axis] - low
    radiograph = rows["radiograph"].to_numpy()
    screen, stored = (
        rows.select("x_frac", "x_px").to_numpy().T if axis == 0 else rows.select("y_frac", "y_px").to_numpy().T
    )
    part = (screen * SCREEN_PX[axis] - low[radiograph]) / shown[radiograph]
    # Near the radiograph's edge a pixel's rounding weighs most.
    usable = (part > 0.1) & (part < 1) & (stored > 0)
    table = pl.DataFrame({"radiograph": radiograph, "part": part, "stored": stored + 0.5}).filter(pl.Series(usable))
    middle = (pl.col("stored") / pl.col("part")).median().over("radiograph")
    near = (pl.col("stored") - middle * pl.col("part")).abs() <= _NEAR_PX + _NEAR * pl.col("stored")
    sides = (
        table.with_columns(near.alias("near"))
        .group_by("radiograph")
        .agg(
            pl.len().alias("rows"),
            pl.col("near").mean().alias("share"),
            # Least squares through the rows that agree.
            (
                (pl.col("stored") * pl.col("part")).filter("near").sum() / (pl.col("part") ** 2).filter("near").sum()
            ).alias("side"),
        )
        .filter((pl.col("rows") >= _FEWEST_ROWS) & (pl.col("share") >= _SHARE))
    )
    found = np.full(len(size_px), np.nan)
    found[sides["radiograph"].to_numpy()] = sides["side"].to_numpy()
    return found
