"""Tobii Pro Lab's "Data Export": a table of tabs, one row a sample or an event.

Headers state units since version 1.138 or so ("Recording timestamp [ms]", "Gaze point X [DACS px]"); in earlier
versions times are milliseconds and positions pixels of the display (Tobii Pro Lab User Manual, "Data export"). Rows of
the eye tracker have the sensor "Eye Tracker" or, where there is no such column, no event; other rows are of the mouse
or events. A fixation repeats its position and its whole duration on every row. With the filter "Raw" every sample is
called a fixation, and none is one.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from egaze.errors import TableError
from egaze.gaze.exports.reading import (
    Column,
    first_lines,
    floats,
    header_names,
    pictures_of,
    read_columns,
    require_clock,
    require_one,
    runs,
    samples_of,
    with_any,
)
from egaze.gaze.recording import Eye, GazeFormat, GazeRecording, Message, RecordedFixations
from egaze.gaze.screen import Screen
from egaze.gaze.shown_picture import ShownPicture
from egaze.gaze.validation import TrackerValidation, ValidationKind

if TYPE_CHECKING:
    import polars as pl

_PX = ("", " [DACS px]", " [px]", " (ADCSpx)")
_MS = ("", " [ms]")
_US = ("", " [μs]", " [µs]", " [us]")
_SIZE = ("", " [px]")
_TIMES = tuple("Recording timestamp" + unit for unit in ("", " [ms]", " [μs]", " [µs]"))
#: No tracker samples as slowly; later versions write microseconds, too.
_SLOWEST_S = 0.2
#: The sensors of glasses, whose gaze is in the video of their scene camera.
_GLASSES = ("Gyroscope", "Accelerometer", "Magnetometer")
#: The eye tracker's own clock may be off the recording's by rounding to milliseconds, and by no more.
_CLOCKS_APART_S = 0.005


def _column(name: str, units: tuple[str, ...] = ("",), type: str = "number", is_required: bool = False) -> Column:
    return Column(tuple(name + unit for unit in units), type, is_required)


_PREFIXES: tuple[tuple[Eye, str], ...] = (("both", ""), ("left", "left_"), ("right", "right_"))
_COLUMNS = {
    "time_ms": _column("Recording timestamp", _MS),
    "time_us": Column(("Recording timestamp [μs]", "Recording timestamp [µs]")),
    "tracker_us": _column("Eyetracker timestamp", _US),
    "x": _column("Gaze point X", _PX),
    "y": _column("Gaze point Y", _PX),
    "left_x": _column("Gaze point left X", _PX),
    "left_y": _column("Gaze point left Y", _PX),
    "right_x": _column("Gaze point right X", _PX),
    "right_y": _column("Gaze point right Y", _PX),
    "left_valid": _column("Validity left", type="text"),
    "right_valid": _column("Validity right", type="text"),
    "sensor": _column("Sensor", type="text"),
    "event": _column("Event", type="text"),
    "event_value": _column("Event value", type="text"),
    "recording": _column("Recording name", type="text"),
    "participant": _column("Participant name", type="text"),
    "filter": _column("Recording Fixation filter name", type="text"),
    "movement": _column("Eye movement type", type="text"),
    "movement_index": _column("Eye movement type index"),
    "movement_ms": Column(
        ("Eye movement event duration [ms]", "Gaze event duration [ms]", "Gaze event duration", "Eye movement duration")
    ),
    "fixation_x": _column("Fixation point X", _PX),
    "fixation_y": _column("Fixation point Y", _PX),
    "stimulus": _column("Presented Stimulus name", type="text"),
    "media": _column("Presented Media name", type="text"),
    "media_width": _column("Presented Media width", _SIZE),
    "media_height": _column("Presented Media height", _SIZE),
    "media_left": _column("Presented Media position X", ("", " (RCSpx)", " [DACS px]", " [px]")),
    "media_top": _column("Presented Media position Y", ("", " (RCSpx)", " [DACS px]", " [px]")),
    "original_width": _column("Original Media width", _SIZE),
    "original_height": _column("Original Media height", _SIZE),
    "validation_deg": Column(("Average validation accuracy [°]", "Average validation accuracy (degrees)")),
    "calibration_deg": Column(("Average calibration accuracy [°]", "Average calibration accuracy (degrees)")),
    "screen_width": _column("Recording resolution width", _SIZE),
    "screen_height": _column("Recording resolution height", _SIZE),
}


def _matches(path: Path, head: bytes) -> bool:
    names = header_names(head)
    return bool(set(_TIMES) & names) or {"TOI", "Interval", "Participant"} <= names


def _read(path: Path) -> GazeRecording:
    import polars as pl

    with path.open("rb") as file:
        head = file.read(1 << 16)
    if not any(name.startswith("Gaze point") or name.startswith("Fixation point") for name in header_names(head)):
        kind = "a Metrics export" if "TOI" in header_names(head) else "an export without gaze"
        raise TableError(
            f"{path}: {kind} of Tobii Pro Lab: it holds no gaze; choose Data Export, with the columns of gaze points"
        )
    _refuse_other_units(path, first_lines(head)[0])
    notes: list[str] = []
    table = read_columns(path, _COLUMNS, notes).with_row_index("record", 1)
    require_one(path, table, ("recording", "participant"))
    table = table.with_columns((pl.col("time_ms") / 1e3).fill_null(pl.col("time_us") / 1e6).alias("time_s"))
    is_glasses = table["sensor"].is_in(_GLASSES).any()
    if is_glasses:
        notes.append("a recording of glasses: positions are in the video of the scene camera, which is no screen")
    is_gaze = _is_gaze(table)
    rows = table.filter(is_gaze)
    time_s = _times_s(path, rows, notes)
    screen = Screen(_first_size(table, "screen_width"), _first_size(table, "screen_height"))
    samples = tuple(
        samples_of(eye, time_s, floats(rows, f"{prefix}x"), floats(rows, f"{prefix}y"), "px", _validity(rows, prefix))
        for eye, prefix in _PREFIXES
    )
    fixations = _fixations(rows, time_s, notes)
    return GazeRecording(
        with_any(samples) if len(rows) else (),
        () if fixations is None else (fixations,),
        _messages(table),
        screen,
        notes=tuple(notes),
        plane="scene camera" if is_glasses else "screen",
        pictures=() if is_glasses else _pictures(rows, time_s),
        validations=_validations(table),
    )


#: The format for `egaze.gaze.GAZE_FORMATS`.
TOBII_PRO_LAB = GazeFormat("Tobii Pro Lab, Data Export", _matches, _read)


def _refuse_other_units(path: Path, header: str) -> None:
    """Raise TableError where only positions in another unit are there."""
    for name in ("Gaze point X", "Recording timestamp"):
        units = re.findall(rf"(?:^|\t){name} [\[(]([^\])]*)[\])]", header)
        accepted = {unit.strip(" []()") for unit in (_PX if name == "Gaze point X" else (*_MS, *_US))}
        bare = re.search(rf"(?:^|\t)\ufeff?{name}(?:\t|$)", header)
        if units and not bare and not accepted & set(units):
            raise TableError(
                f"{path}: column {name!r} is in {units[0]}; export it in {' or '.join(sorted(accepted - {''}))}"
            )


def _is_gaze(table: pl.DataFrame) -> pl.Series:
    """Which rows are of the eye tracker."""
    if not table["sensor"].is_null().all():
        return (table["sensor"] == "Eye Tracker").fill_null(False)
    return table["event"].is_null()


def _times_s(path: Path, rows: pl.DataFrame, notes: list[str]) -> NDArray[np.float64]:
    """Times on the recording's clock: by the tracker's timestamps, which are in microseconds, where they fit."""
    record = rows["record"].to_numpy().astype(np.int64)
    time_s = floats(rows, "time_s")
    require_clock(path, record, time_s)
    step_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0
    if step_s > _SLOWEST_S:
        raise TableError(
            f"{path}: samples are {step_s:g} s apart if 'Recording timestamp' is in milliseconds, as it was where the "
            "column states no unit; export it with its unit, or name the columns in a mapping file"
        )
    tracker_s = floats(rows, "tracker_us") / 1e6
    if not len(time_s) or not np.isfinite(tracker_s).all():
        return time_s
    apart_s = time_s - tracker_s
    offset_s = float(np.median(apart_s))
    if np.abs(apart_s - offset_s).max() <= _CLOCKS_APART_S and (np.diff(tracker_s) >= 0).all():
        return tracker_s + offset_s
    notes.append("the eye tracker's timestamps do not fit the recording's, so times are whole milliseconds")
    return time_s


def _validity(rows: pl.DataFrame, prefix: str) -> NDArray[np.bool_] | None:
    if not prefix or rows[f"{prefix}valid"].is_null().all():
        return None
    valid: NDArray[np.bool_] = (rows[f"{prefix}valid"] != "Invalid").fill_null(True).to_numpy()
    return valid


def _fixations(rows: pl.DataFrame, time_s: NDArray[np.float64], notes: list[str]) -> RecordedFixations | None:
    is_fixation = (rows["movement"] == "Fixation").fill_null(False).to_numpy()
    if not is_fixation.any():
        return None
    within = rows.filter(is_fixation)
    onset_s = time_s[is_fixation]
    begins, ends = runs(floats(within, "movement_index"))
    names = within["filter"].drop_nulls().unique().to_list()
    is_raw = names == ["Raw"] or (not names and bool(((ends - begins) == 1).all()))
    if is_raw:
        notes.append(
            "its filter is Raw, which calls every sample a fixation; none is imported: detect them from the samples, "
            "or export with another filter"
        )
        return None
    duration_s = floats(within, "movement_ms")[begins] / 1e3
    step_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0
    kept = np.isfinite(duration_s)
    if not kept.all():
        notes.append(f"{int((~kept).sum())} fixations have no duration and are left out")
    begins, ends, duration_s = begins[kept], ends[kept], duration_s[kept]
    if len(begins):
        in_export_s = onset_s[ends - 1] - onset_s[begins] + step_s
        cut = np.flatnonzero(duration_s - in_export_s > 2 * step_s + 0.002)
        for place in cut[(cut == 0) | (cut == len(begins) - 1)]:
            which = "first" if place == 0 else "last"
            notes.append(
                f"the {which} fixation is cut off: it lasts {duration_s[place]:.3f} s by its duration, "
                f"{in_export_s[place]:.3f} s of them in this export"
            )
    return RecordedFixations(
        "both",
        onset_s[begins],
        duration_s,
        floats(within, "fixation_x")[begins],
        floats(within, "fixation_y")[begins],
    )


def _messages(table: pl.DataFrame) -> tuple[Message, ...]:
    events = table.filter(table["event"].is_not_null() & table["time_s"].is_not_null())
    return tuple(
        Message(time_s, event if value is None else f"{event}: {value}")
        for time_s, event, value in events.select("time_s", "event", "event_value").iter_rows()
    )


def _pictures(rows: pl.DataFrame, time_s: NDArray[np.float64]) -> tuple[ShownPicture, ...]:
    """What was presented, with its place where the export has it; a stimulus is named as in the project."""
    import polars as pl

    named = "stimulus" if not rows["stimulus"].is_null().all() else "media"
    places = ("media_left", "media_top", "media_width", "media_height")
    place = pl.concat_str([pl.lit(""), *places], separator=" ", ignore_nulls=True)
    key = rows.select(pl.when(pl.col(named).is_not_null()).then(pl.concat_str([named, place], separator="\t")))
    found = []
    for shown in pictures_of(key.to_series(), time_s):
        row = rows.row(int(np.searchsorted(time_s, shown.begin_s)), named=True)
        picture = replace(shown, case_id=row[named])
        if all(row[name] is not None for name in places):
            left_px, top_px, width_px, height_px = (row[name] for name in places)
            picture = replace(
                picture,
                left_px=left_px,
                top_px=top_px,
                width_px=width_px,
                height_px=height_px,
                radiograph_width_px=row["original_width"] or None,
                radiograph_height_px=row["original_height"] or None,
            )
        found.append(picture)
    return tuple(found)


def _validations(table: pl.DataFrame) -> tuple[TrackerValidation, ...]:
    """The mean errors, which the export repeats on every row."""
    kinds: tuple[ValidationKind, ...] = ("validation", "calibration")
    return tuple(
        TrackerValidation(None, "both", kind, value)
        for kind in kinds
        for value in table[f"{kind}_deg"].drop_nulls().unique(maintain_order=True)
    )


def _first_size(table: pl.DataFrame, name: str) -> int | None:
    for value in table[name].drop_nulls().head(1):
        return int(value) if value > 0 else None
    return None
