"""Tobii Studio 3: a table of tabs with a header in its first line, one row a sample or an event.

RecordingTimestamp is in milliseconds and EyeTrackerTimestamp in microseconds; GazePointX (ADCSpx) and so on are pixels
of the display, and FixationPointX (MCSpx) of the media, whose scale on the display the export does not tell with
certainty (Tobii Studio 3 User's Manual, "Data export"). So a fixation lies at the mean of its gaze points on the
display. Rows without a GazePointIndex are events.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from egaze.errors import TableError
from egaze.gaze.exports.reading import (
    Column,
    floats,
    header_names,
    mean_positions,
    pictures_of,
    read_columns,
    require_clock,
    require_one,
    runs,
    samples_of,
    with_any,
)
from egaze.gaze.recording import Eye, GazeFormat, GazeRecording, GazeSamples, Message, RecordedFixations
from egaze.gaze.screen import Screen

if TYPE_CHECKING:
    import polars as pl

_PREFIXES: tuple[tuple[Eye, str], ...] = (("both", ""), ("left", "left_"), ("right", "right_"))
_COLUMNS = {
    "time_ms": Column(("RecordingTimestamp",), is_required=True),
    "x": Column(("GazePointX (ADCSpx)",), is_required=True),
    "y": Column(("GazePointY (ADCSpx)",), is_required=True),
    "left_x": Column(("GazePointLeftX (ADCSpx)",)),
    "left_y": Column(("GazePointLeftY (ADCSpx)",)),
    "left_validity": Column(("ValidityLeft",)),
    "right_x": Column(("GazePointRightX (ADCSpx)",)),
    "right_y": Column(("GazePointRightY (ADCSpx)",)),
    "right_validity": Column(("ValidityRight",)),
    "sample": Column(("GazePointIndex",), is_required=True),
    "event": Column(("StudioEvent",), "text"),
    "event_value": Column(("StudioEventData",), "text"),
    "recording": Column(("RecordingName",), "text"),
    "participant": Column(("ParticipantName",), "text"),
    "resolution": Column(("RecordingResolution",), "text"),
    "media": Column(("MediaName",), "text"),
    "movement": Column(("GazeEventType",), "text"),
    "movement_index": Column(("FixationIndex",)),
    "movement_ms": Column(("GazeEventDuration",)),
}


def _matches(path: Path, head: bytes) -> bool:
    names = header_names(head)
    return "RecordingTimestamp" in names and any(name.startswith(("GazePoint", "FixationPoint")) for name in names)


def _read(path: Path) -> GazeRecording:
    notes: list[str] = []
    table = read_columns(path, _COLUMNS, notes).with_row_index("record", 1)
    require_one(path, table, ("recording", "participant"))
    rows = table.filter(table["sample"].is_not_null())
    time_s = floats(rows, "time_ms") / 1e3
    require_clock(path, rows["record"].to_numpy().astype(np.int64), time_s)
    samples = tuple(
        samples_of(eye, time_s, floats(rows, f"{prefix}x"), floats(rows, f"{prefix}y"), "px", _validity(rows, prefix))
        for eye, prefix in _PREFIXES
    )
    return GazeRecording(
        with_any(samples) if len(rows) else (),
        _fixations(rows, samples[0], notes),
        _messages(table),
        _screen(path, table),
        notes=tuple(notes),
        pictures=pictures_of(rows["media"], time_s),
    )


#: The format for `egaze.gaze.GAZE_FORMATS`.
TOBII_STUDIO3 = GazeFormat("Tobii Studio 3", _matches, _read)


def _validity(rows: pl.DataFrame, prefix: str) -> NDArray[np.bool_] | None:
    """Whether an eye's code says that it is of use: 0 or 1 of 0 to 4; None if there are no codes."""
    if not prefix or rows[f"{prefix}validity"].is_null().all():
        return None
    return floats(rows, f"{prefix}validity") <= 1


def _fixations(rows: pl.DataFrame, both: GazeSamples, notes: list[str]) -> tuple[RecordedFixations, ...]:
    during = (rows["movement"] == "Fixation").fill_null(False).to_numpy() & np.isfinite(floats(rows, "movement_index"))
    if not during.any():
        return ()
    place = np.flatnonzero(during)
    begins, ends = runs(floats(rows, "movement_index")[during])
    duration_s = floats(rows, "movement_ms")[during][begins] / 1e3
    kept = np.isfinite(duration_s)
    if not kept.all():
        notes.append(f"{int((~kept).sum())} fixations have no duration and are left out")
    onset_s, last_s = both.time_s[place[begins[kept]]], both.time_s[place[ends[kept] - 1]]
    x, y = mean_positions(both, onset_s, last_s)
    notes.append("a fixation lies at the mean of its gaze points on the display")
    return (RecordedFixations("both", onset_s, duration_s[kept], x, y),)


def _messages(table: pl.DataFrame) -> tuple[Message, ...]:
    events = table.filter(table["event"].is_not_null() & table["time_ms"].is_not_null())
    return tuple(
        Message(time_ms / 1e3, event if value is None else f"{event}: {value}")
        for time_ms, event, value in events.select("time_ms", "event", "event_value").iter_rows()
    )


def _screen(path: Path, table: pl.DataFrame) -> Screen:
    for said in table["resolution"].drop_nulls().head(1):
        found = re.fullmatch(r"([1-9]\d{0,4}) ?x ?([1-9]\d{0,4})", said.strip())
        if found is None:
            raise TableError(
                f"{path}: column 'RecordingResolution' holds {said[:40]!r}, expected one such as 1920 x 1080"
            )
        return Screen(int(found[1]), int(found[2]))
    return Screen()
