"""Calibration cards: a dot in the middle of the screen that shows how far off the tracker is."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.sources.egd_cxr.screen import SCREEN_PX

# A card's rows carry the id of a radiograph cut short, most by five characters and one by nine.
_CUTS = (5, 9)


def card_ids(dicom_ids: pl.Series) -> pl.Series:
    """The ids that calibration cards of these radiographs may carry; to be matched whole, never as prefixes."""
    cut = [dicom_ids.str.head(-count) for count in _CUTS]
    ids = pl.concat(cut).unique(maintain_order=True)
    cut_short: pl.Series = ids.filter((ids != "") & ~ids.is_in(dicom_ids.implode()))
    return cut_short


def last_valid_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """The last row of each card of each session that the tracker marked valid.

    Args:
        rows: rows of cards in the file's order, with session, id, valid, x_frac and y_frac.
    """
    has_place = pl.col("x_frac").is_not_null() & pl.col("y_frac").is_not_null()
    valid = rows.filter(pl.col("valid") & has_place).select("session", "id", "valid", "x_frac", "y_frac")
    return valid.unique(["session", "id"], keep="last", maintain_order=True)


def session_shifts(last_rows: pl.DataFrame) -> dict[int, NDArray[np.float64]]:
    """(x, y) in pixels of the screen to add to a session's gaze: (960, 540) minus the mean of the cards' last rows."""
    width_px, height_px = SCREEN_PX
    means = last_rows.group_by("session", maintain_order=True).agg(pl.col("x_frac", "y_frac").mean())
    return {
        session: np.array([width_px / 2 - x_frac * width_px, height_px / 2 - y_frac * height_px])
        for session, x_frac, y_frac in means.select("session", "x_frac", "y_frac").iter_rows()
    }
