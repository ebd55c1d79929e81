"""The reading screen: the published map from it to a radiograph, the inverse of that map, and calibration cards.

A calibration card shows a dot in the middle of the screen, which reveals the tracker's offset in a session.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

#: Width and height of the screen.
SCREEN_PX = (1920, 1080)
#: What X_ORIGINAL and Y_ORIGINAL hold outside the radiograph; the data set has -1 too.
OUTSIDE_PX = -2

# The rows of a card carry the id of a radiograph without its last characters: five in most cases, nine in one.
_CUTS = (5, 9)

#: The size of a radiograph is accepted if at least this many of its rows, and this share of them, agree on it.
_FEWEST_ROWS, _SHARE = 3, 0.8
_NEAR_PX, _NEAR = 2.0, 0.02
#: A file's size differs from the recorded one if a side differs by more than this share.
_DIFFERS = 0.02


def screen_to_radiograph(
    screen_px: NDArray[np.float64], pads_px: NDArray[np.int64], radiograph_px: NDArray[np.int64]
) -> NDArray[np.int64]:
    """EGD-CXR's own map of gaze, in the same steps, so that it reproduces the stored integers.

    A position is inside if `left < x < 1920 - right` and `top < y < 1080 - bottom`. The pixel of the radiograph is then
    `int(W / (1920 - left - right) * (x - left))` and `int(H / (1080 - top - bottom) * (y - top))`, where W and H are
    the sides of the radiograph, an odd side being increased by one pixel.

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


def recorded_sizes(rows: pl.DataFrame, pads_px: NDArray[np.int64], size_px: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sizes of the radiographs to which stored positions and boxes refer, inferred from gaze.

    A position on the screen is at a known fraction of the radiograph's width; if X is the stored pixel, the radiograph
    was X / fraction pixels wide. If the files of all radiographs have the inferred sizes, their sizes are returned. If
    one does not, the radiographs have been resized, and a radiograph with too few rows to infer its size has none: its
    positions cannot be placed.

    Args:
        rows: usable rows of gaze with radiograph, x_frac, y_frac on the screen, x_px and y_px on the radiograph.
        pads_px: (N, 4) top, bottom, left, right.
        size_px: (N, 2) the width and height of the radiographs' files, 0 where unknown.

    Returns:
        (N, 2) width and height, 0 where unknown.
    """
    inferred = np.stack([_inferred_sides(rows, pads_px, size_px, axis) for axis in (0, 1)], axis=1)
    even_px = size_px + size_px % 2
    known = np.all((size_px > 0) & np.isfinite(inferred), axis=1, keepdims=True)
    differs = known[:, 0] & (np.abs(inferred - even_px) > _DIFFERS * even_px + 1).any(axis=1)
    if not differs.any():
        return size_px
    sizes = np.where(known, size_px, 0)
    sizes[differs] = 2 * np.round(inferred[differs] / 2)
    return sizes


def _inferred_sides(
    rows: pl.DataFrame, pads_px: NDArray[np.int64], size_px: NDArray[np.int64], axis: int
) -> NDArray[np.float64]:
    """(N,) width (axis 0) or height (axis 1) of each radiograph; NaN where too few rows agree."""
    low = pads_px[:, [2, 0]][:, axis]
    shown = SCREEN_PX[axis] - pads_px[:, [3, 1]][:, axis] - low
    radiograph = rows["radiograph"].to_numpy()
    screen, stored = (
        rows.select("x_frac", "x_px").to_numpy().T if axis == 0 else rows.select("y_frac", "y_px").to_numpy().T
    )
    part = (screen * SCREEN_PX[axis] - low[radiograph]) / shown[radiograph]
    # Near the left and top edge the rounding to pixels has too large an effect.
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
            # Least squares over the rows that agree.
            (
                (pl.col("stored") * pl.col("part")).filter("near").sum() / (pl.col("part") ** 2).filter("near").sum()
            ).alias("side"),
        )
        .filter((pl.col("rows") >= _FEWEST_ROWS) & (pl.col("share") >= _SHARE))
    )
    found = np.full(len(size_px), np.nan)
    found[sides["radiograph"].to_numpy()] = sides["side"].to_numpy()
    return found


def card_ids(dicom_ids: pl.Series) -> pl.Series:
    """The ids that calibration cards of these radiographs may carry, to be compared as a whole and not as prefixes."""
    cut = [dicom_ids.str.head(-count) for count in _CUTS]
    ids = pl.concat(cut).unique(maintain_order=True)
    cut_short: pl.Series = ids.filter((ids != "") & ~ids.is_in(dicom_ids.implode()))
    return cut_short


def last_valid_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """The last row that the tracker marked valid, of each calibration card of each session.

    Args:
        rows: rows of cards in the order of the file, with session, id, valid, x_frac and y_frac.
    """
    has_place = pl.col("x_frac").is_not_null() & pl.col("y_frac").is_not_null()
    valid = rows.filter(pl.col("valid") & has_place).select("session", "id", "valid", "x_frac", "y_frac")
    return valid.unique(["session", "id"], keep="last", maintain_order=True)


def session_shifts(last_rows: pl.DataFrame) -> dict[int, NDArray[np.float64]]:
    """The shift (x, y) to add to the gaze of each session, in pixels of the screen.

    It is the middle of the screen, (960, 540), minus the mean of the session's `last_rows`.
    """
    width_px, height_px = SCREEN_PX
    means = last_rows.group_by("session", maintain_order=True).agg(pl.col("x_frac", "y_frac").mean())
    return {
        session: np.array([width_px / 2 - x_frac * width_px, height_px / 2 - y_frac * height_px])
        for session, x_frac, y_frac in means.select("session", "x_frac", "y_frac").iter_rows()
    }
