"""Tobii Studio 1 and 2: lines of facts, then a table of tabs: "All Data", "Fixation Data" or "Event Data".

In "All Data" a lost eye has the validity 4 and, for its position, minus the resolution of the screen, but the average
of both eyes, GazePointX and GazePointY, is then 0, 0: validity alone tells that a sample is lost (Tobii Studio 2 User
Manual, "Validity codes": 0 and 1 are of use, 2 to 4 are not).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from egaze.errors import TableError
from egaze.gaze.exports.reading import (
    Column,
    first_lines,
    floats,
    pictures_of,
    read_columns,
    require_clock,
    runs,
    samples_of,
)
from egaze.gaze.recording import Eye, GazeFormat, GazeRecording, Message, RecordedFixations
from egaze.gaze.screen import Screen

if TYPE_CHECKING:
    import polars as pl

_FIXATION_DATA, _ALL_DATA, _EVENT_DATA = "FixationIndex\tTimestamp", "Timestamp\tDateTimeStamp", "Timestamp\tEvent\t"
#: Validity codes of a sample that is of use.
_VALID = (0, 1)
_PREAMBLE_LINES = 100

_PREFIXES: tuple[tuple[Eye, str], ...] = (("left", "left_"), ("right", "right_"))
_COLUMNS = {
    "time_ms": Column(("Timestamp",), is_required=True),
    "time_us": Column(("MicroSecondTimestamp",)),
    "x": Column(("GazePointX",)),
    "y": Column(("GazePointY",)),
    "left_x": Column(("GazePointXLeft",)),
    "left_y": Column(("GazePointYLeft",)),
    "left_validity": Column(("ValidityLeft",)),
    "right_x": Column(("GazePointXRight",)),
    "right_y": Column(("GazePointYRight",)),
    "right_validity": Column(("ValidityRight",)),
    "event": Column(("Event",), "text"),
    "event_value": Column(("Descriptor",), "text"),
    "stimulus": Column(("StimuliName",), "text"),
    "fixation_index": Column(("FixationIndex",)),
    "fixation_ms": Column(("FixationDuration",)),
    "fixation_x": Column(("MappedFixationPointX",)),
    "fixation_y": Column(("MappedFixationPointY",)),
}


def _matches(path: Path, head: bytes) -> bool:
    return _header_line(first_lines(head)) is not None


def _header_line(lines: list[str]) -> int | None:
    """The line of the table's header, from 1, below facts of Tobii Studio's kind."""
    if not any(line.startswith(("Data properties:", "System Properties:")) for line in lines[:3]):
        return None
    for number, line in enumerate(lines[:_PREAMBLE_LINES], start=1):
        if line.startswith((_FIXATION_DATA, _ALL_DATA, _EVENT_DATA)):
            return number
    return None


def _read(path: Path) -> GazeRecording:
    from egaze.tables import tell_dialect

    with path.open("rb") as file:
        lines = first_lines(file.read(1 << 16))
    line = _header_line(lines)
    if line is None:
        raise TableError(f"{path}: has no table of Tobii Studio within {_PREAMBLE_LINES} lines: another version?")
    facts = lines[: line - 1]
    if (unit := _fact(facts, "Coordinate unit")) not in (None, "Pixels"):
        raise TableError(f"{path}: its Coordinate unit is {unit!r}, expected Pixels")
    notes: list[str] = []
    table = read_columns(path, _COLUMNS, notes, dialect=tell_dialect(path, line)).with_row_index("record", 1)
    header = lines[line - 1]
    screen = _screen(facts)
    messages = _messages(table)
    if header.startswith(_FIXATION_DATA):
        return GazeRecording((), (_listed(path, table, notes),), (), screen, None, tuple(notes))
    if header.startswith(_EVENT_DATA):
        raise TableError(f"{path}: Event Data of Tobii Studio: {len(messages)} events, no gaze; export All Data")
    rows = table.filter(table["event"].is_null())
    time_s = _times_s(path, rows)
    samples = []
    for eye, prefix in _PREFIXES:
        valid = np.isin(floats(rows, f"{prefix}validity"), _VALID)
        samples.append(samples_of(eye, time_s, floats(rows, f"{prefix}x"), floats(rows, f"{prefix}y"), "px", valid))
    either = samples[0].is_valid | samples[1].is_valid
    both = samples_of("both", time_s, floats(rows, "x"), floats(rows, "y"), "px", either)
    if not either.any() and len(rows):
        notes.append("no sample has a valid eye")
    return GazeRecording(
        (both, *samples) if len(rows) else (),
        _repeated(rows, time_s),
        messages,
        screen,
        None,
        tuple(notes),
        pictures=pictures_of(rows["stimulus"], time_s),
    )


#: The format for `egaze.gaze.GAZE_FORMATS`.
TOBII_STUDIO = GazeFormat("Tobii Studio 1 and 2, All Data and Fixation Data", _matches, _read)


def _fact(facts: list[str], name: str) -> str | None:
    for line in facts:
        if line.startswith(f"{name}:"):
            return line.partition(":")[2].strip()
    return None


def _screen(facts: list[str]) -> Screen:
    said = _fact(facts, "Screen resolution") or _fact(facts, "Recording resolution") or ""
    found = re.fullmatch(r"([1-9]\d{0,4}) x ([1-9]\d{0,4})", said)
    return Screen(int(found[1]), int(found[2])) if found else Screen()


def _times_s(path: Path, rows: pl.DataFrame) -> np.ndarray:
    """Times by the column of microseconds, which counts from the same beginning, or by that of milliseconds."""
    time_us = floats(rows, "time_us")
    time_s = time_us / 1e6 if np.isfinite(time_us).all() else floats(rows, "time_ms") / 1e3
    require_clock(path, rows["record"].to_numpy().astype(np.int64), time_s)
    return time_s


def _listed(path: Path, table: pl.DataFrame, notes: list[str]) -> RecordedFixations:
    """Fixation Data: one row a fixation."""
    record = table["record"].to_numpy().astype(np.int64)
    onset_s, duration_s = floats(table, "time_ms") / 1e3, floats(table, "fixation_ms") / 1e3
    require_clock(path, record, onset_s)
    for place in np.flatnonzero(~(duration_s >= 0))[:1]:
        raise TableError(
            f"{path}: record {record[place]}, column 'FixationDuration' holds {table['fixation_ms'][int(place)]}"
        )
    if count := int((duration_s == 0).sum()):
        notes.append(
            f"{count} fixation{'s have' if count > 1 else ' has'} the duration 0: cut off by the recording's end"
        )
    return RecordedFixations("both", onset_s, duration_s, floats(table, "fixation_x"), floats(table, "fixation_y"))


def _repeated(rows: pl.DataFrame, time_s: np.ndarray) -> tuple[RecordedFixations, ...]:
    """All Data: a fixation on each of its rows."""
    index = floats(rows, "fixation_index")
    during = np.isfinite(index) & (floats(rows, "fixation_ms") > 0)
    if not during.any():
        return ()
    begins, _ = runs(index[during])
    columns = (floats(rows, name)[during][begins] for name in ("fixation_ms", "fixation_x", "fixation_y"))
    duration_ms, x, y = columns
    return (RecordedFixations("both", time_s[during][begins], duration_ms / 1e3, x, y),)


def _messages(table: pl.DataFrame) -> tuple[Message, ...]:
    events = table.filter(table["event"].is_not_null() & table["time_ms"].is_not_null())
    return tuple(
        Message(time_ms / 1e3, event if value is None else f"{event}: {value}")
        for time_ms, event, value in events.select("time_ms", "event", "event_value").iter_rows()
    )
