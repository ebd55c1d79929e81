"""fixations.csv of a reading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.gaze import Fixations
from egaze.imaging.fit import is_within
from egaze.tables.delimited import read_table

_TIMES = ("timestamp_start_fixation", "timestamp_end_fixation")
_POSITION = ("x_position", "y_position")
_SCALE = ("angular_resolution_x_pixels_per_degree", "angular_resolution_y_pixels_per_degree")
_WINDOW = ("window_width", "window_level")
_SHOWN = tuple(f"{side}_shown_from_image" for side in ("xmin", "ymin", "xmax", "ymax"))
_COLUMNS = dict.fromkeys((*_TIMES, *_POSITION), pl.Float64)
_USED = dict.fromkeys((*_SCALE, *_WINDOW, *_SHOWN), pl.Float64)
_REASONS = ("no_position", "no_duration", "no_resolution", "duplicate")


def start_counts(hygiene: Counter[str]) -> None:
    """Enter the counts of `read_fixations` as 0, so that counts of 0 are reported too."""
    counted = (
        *(f"fixations_dropped_{reason}" for reason in _REASONS),
        "fixations_kept",
        "kept_fixations_outside_radiograph",
    )
    hygiene.update(dict.fromkeys(counted, 0))


def read_fixations(path: Path, size_px: tuple[float, float] | None, hygiene: Counter[str]) -> Fixations | None:
    """The fixations of one reading in time order, or None if none is usable.

    Rows are dropped, and counted under the first reason that applies: no position, no duration above 0 (end minus
    start), no resolution above 0 pixels per degree, or an exact copy of an earlier row. Fixations outside the
    radiograph or outside the part shown are kept, because their Gaussians may reach into it. The parts shown and the
    grey windows are left out of a reading, and the reading is counted, if one of its kept fixations has none (a part
    whose minimum is above its maximum counts as none) or if one of their columns is missing; so is the resolution if
    one of its columns is missing.

    Args:
        path: the table.
        size_px: the width and height of the radiograph, to count fixations outside it; None if unknown.
        hygiene: gets the counts.

    Raises:
        TableError: a missing table or column, or a cell that is neither a number nor empty.
    """
    rows = read_table(path, _COLUMNS, _USED, nullable=frozenset(_COLUMNS))
    has_scale = set(_SCALE) <= set(rows.columns)
    hygiene["readings_without_resolution"] += not has_scale
    start, end = (rows[name].to_numpy() for name in _TIMES)
    # Values are checked as float32, as `Fixations` holds them: 1e-50 s becomes a duration of 0.
    position, scale, window, shown = (_columns(rows, names) for names in (_POSITION, _SCALE, _WINDOW, _SHOWN))
    with np.errstate(over="ignore"):
        onset_s, duration_s = _float32(start), _float32(end - start)
    wrong = {
        "no_position": ~np.isfinite(position).all(axis=1),
        "no_duration": ~(np.isfinite(onset_s) & np.isfinite(duration_s) & (duration_s > 0)),
        "no_resolution": has_scale & ~(np.isfinite(scale) & (scale > 0)).all(axis=1),
        "duplicate": ~rows.select(pl.struct(pl.all()).is_first_distinct()).to_series().to_numpy(),
    }
    keep = np.ones(len(rows), dtype=bool)
    for reason in _REASONS:
        hygiene[f"fixations_dropped_{reason}"] += int((keep & wrong[reason]).sum())
        keep &= ~wrong[reason]
    kept = np.flatnonzero(keep)
    hygiene["fixations_kept"] += len(kept)
    if not len(kept):
        return None
    kept = kept[np.argsort(start[kept], kind="stable")]
    x_px, y_px = position[kept].T
    if size_px is not None:
        width_px, height_px = size_px
        on_radiograph = is_within(x_px, width_px) & is_within(y_px, height_px)
        hygiene["kept_fixations_outside_radiograph"] += int((~on_radiograph).sum())
    fixations = Fixations(
        x_px=x_px,
        y_px=y_px,
        duration_s=duration_s[kept],
        onset_s=onset_s[kept],
        pixels_per_degree=scale[kept] if has_scale else None,
        shown_px=_complete(_sides(shown[kept]), "shown_rectangle", hygiene),
        window_frac=_complete(window[kept], "window", hygiene),
    )
    hygiene["kept_fixations_outside_shown_part"] += int((~fixations.on_shown).sum())
    return fixations


def join(parts: Sequence[Fixations]) -> Fixations | None:
    """The fixations of several readings of one radiograph, one reading after the other, with unchanged durations.

    Readings have different clocks, so the result has no onsets unless there is only one reading. The parts shown and
    the windows are kept if every reading has them.
    """
    if len(parts) < 2:
        return parts[0] if parts else None

    def joined(values: Sequence[NDArray[np.float32] | None]) -> NDArray[np.float32] | None:
        known = [value for value in values if value is not None]
        return np.concatenate(known) if len(known) == len(values) else None

    return Fixations(
        x_px=np.concatenate([part.x_px for part in parts]),
        y_px=np.concatenate([part.y_px for part in parts]),
        duration_s=np.concatenate([part.duration_s for part in parts]),
        pixels_per_degree=joined([part.pixels_per_degree for part in parts]),
        shown_px=joined([part.shown_px for part in parts]),
        window_frac=joined([part.window_frac for part in parts]),
    )


def _complete(values: NDArray[np.float32], name: str, hygiene: Counter[str]) -> NDArray[np.float32] | None:
    if np.isfinite(values).all():
        return values
    hygiene[f"readings_without_{name}"] += 1
    return None


def _sides(shown: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sides of the parts shown with integers as pixel centres; the tables have the bounds of array slices."""
    falls = np.any(shown[:, 2:] < shown[:, :2], axis=1, keepdims=True)
    sides: NDArray[np.float32] = shown - np.float32(0.5)
    return np.where(falls, np.float32(np.nan), sides)


def _columns(rows: pl.DataFrame, names: Sequence[str]) -> NDArray[np.float32]:
    """(R, C) the values of columns; NaN if a column is missing."""
    present = [pl.col(name) if name in rows.columns else pl.lit(None, pl.Float64).alias(name) for name in names]
    return _float32(rows.with_columns(present).select(names).to_numpy())


def _float32(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Values as float32; those out of its range become infinite without a warning."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)
