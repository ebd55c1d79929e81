"""Reading a table of samples or fixations by a mapping."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from egaze.errors import TableError
from egaze.gaze.exports.reading import Column, floats, pictures_of, read_columns, require_clock, samples_of
from egaze.gaze.mapping import TIME_UNITS, TableMapping, TablePart
from egaze.gaze.recording import Eye, GazeRecording, GazeSamples, RecordedFixations
from egaze.gaze.screen import PositionUnit, Screen

if TYPE_CHECKING:
    import polars as pl

    from egaze.tables import Dialect


def read_by_mapping(path: str | Path, mapping: TableMapping) -> GazeRecording:
    """Read a table of samples or fixations.

    Args:
        path: the table.
        mapping: what its columns mean.

    Raises:
        TableError: a column that is missing, a bad value, or a clock that runs back; the message names the record.

    Example:
        >>> from pathlib import Path
        >>> from egaze.gaze import TableMapping, read_by_mapping
        >>> from egaze.gaze.mapping import EyePart, PositionPart, TimePart
        >>> _ = Path("own.csv").write_text("t;gx;gy\\n0;0,25;0,5\\n4;-1;-1\\n")
        >>> mapping = TableMapping(missing=("-1",), time=TimePart("t", "ms"), both=EyePart("gx", "gy"),
        ...                   positions=PositionPart("frac", "top left"))
        >>> (samples,) = read_by_mapping("own.csv", mapping).samples
        >>> samples.time_s.tolist(), samples.x.tolist(), samples.unit
        ([0.0, 0.004], [0.25, nan], 'frac')
    """
    path = Path(path)
    notes: list[str] = []
    table = _table(path, mapping, notes)
    record = table["record"].to_numpy().astype(np.int64)
    time = mapping.time
    time_s = floats(table, "time") * TIME_UNITS[time.unit] if time.column else np.arange(len(table)) / time.rate_hz
    require_clock(path, record, time_s)
    screen = Screen(*(getattr(mapping.screen, name) or None for name in Screen.__slots__))
    positions = [_eye(path, table, mapping, eye, time_s, screen) for eye in mapping.eyes()]
    if mapping.kind == "fixations":
        (found,) = positions
        duration_s = floats(table, "duration") * TIME_UNITS[mapping.duration.unit]
        for place in np.flatnonzero(~(duration_s >= 0))[:1]:
            raise TableError(
                f"{path}: record {record[place]}, column {mapping.duration.column!r} holds "
                f"{table['duration'][int(place)]}, expected a duration"
            )
        fixations = RecordedFixations(found.eye, time_s, duration_s, found.x, found.y, found.unit)
        pictures = pictures_of(table["picture"], time_s) if mapping.picture.column else ()
        if pictures:  # the last one lasts until its last fixation ends
            pictures = (*pictures[:-1], replace(pictures[-1], end_s=float((time_s + duration_s).max())))
        return GazeRecording((), (fixations,), screen=screen, notes=tuple(notes), pictures=pictures)
    notes += [f"the {item.eye} eye is never there" for item in positions if len(item) and not item.is_valid.any()]
    pictures = pictures_of(table["picture"], time_s) if mapping.picture.column else ()
    rate = time.rate_hz or None
    return GazeRecording(
        tuple(positions) if len(table) else (),
        screen=screen,
        sampling_hz=rate,
        notes=tuple(notes),
        pictures=pictures,
    )


def _table(path: Path, mapping: TableMapping, notes: list[str]) -> pl.DataFrame:
    """The columns of the mapping, by what they mean, of the rows that are to be read, with the records' numbers."""
    columns = {}
    if mapping.time.column:
        columns["time"] = Column((mapping.time.column,), is_required=True)
    for eye, part in mapping.eyes().items():
        columns[f"{eye}_x"] = Column((part.x,), is_required=True)
        columns[f"{eye}_y"] = Column((part.y,), is_required=True)
        if part.valid:
            columns[f"{eye}_valid"] = Column((part.valid,), "text", is_required=True)
    if mapping.duration.column:
        columns["duration"] = Column((mapping.duration.column,), is_required=True)
    if mapping.rows.column:
        columns["row"] = Column((mapping.rows.column,), "text", is_required=True)
    if mapping.picture.column:
        columns["picture"] = Column((mapping.picture.column,), "text", is_required=True)
    own = {cell.strip().lower() for cell in mapping.missing}
    table = read_columns(path, columns, notes, dialect=_dialect(path, mapping.table), missing=frozenset(own))
    table = table.with_row_index("record", 1)
    if mapping.rows.column:
        wanted = [value.strip() for value in mapping.rows.values]
        kept = table.filter(table["row"].str.strip_chars().is_in(wanted).fill_null(False))
        notes.append(
            f"{len(kept)} of {len(table)} rows have the value in column {mapping.rows.column!r} that is wanted"
        )
        return kept
    return table


def _dialect(path: Path, part: TablePart) -> Dialect:
    from egaze.tables import Dialect, tell_dialect

    given = {name: value for name in ("delimiter", "decimal", "encoding") if (value := getattr(part, name))}
    told = Dialect(header_line=part.header_line) if "delimiter" in given else tell_dialect(path, part.header_line)
    return replace(told, **given)  # `TableMapping` has checked them


def _eye(
    path: Path, table: pl.DataFrame, mapping: TableMapping, eye: Eye, time_s: NDArray[np.float64], screen: Screen
) -> GazeSamples:
    x, y = floats(table, f"{eye}_x"), floats(table, f"{eye}_y")
    # A missing value may be written -1 here and -1.0000 there.
    for cell in mapping.missing:
        number = _number(cell)
        if number is not None:
            x, y = np.where(x == number, np.nan, x), np.where(y == number, np.nan, y)
    valid: NDArray[np.bool_] | None = None
    part = mapping.eyes()[eye]
    if part.valid:
        texts = table[f"{eye}_valid"].str.strip_chars()
        wanted = {value.strip() for value in part.valid_values}
        numbers = {number for value in wanted if (number := _number(value)) is not None}
        same = [text for text in texts.unique().drop_nulls() if text in wanted or _number(text) in numbers]
        valid = texts.is_in(same).fill_null(False).to_numpy()
    unit: PositionUnit = mapping.positions.unit  # type: ignore[assignment]  # `TableMapping` has checked it
    x, y = _from_top_left(path, x, y, unit, mapping.positions.origin, screen)
    return samples_of(eye, time_s, x, y, unit, valid)


def _from_top_left(
    path: Path,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    unit: PositionUnit,
    origin: str,
    screen: Screen,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions counted as `GazeSamples` has them: from the top left, degrees from the centre, downwards."""
    if unit == "deg":
        return x, -y if origin.endswith("y up") else y
    width, height = (1.0, 1.0) if unit == "frac" else (screen.width_px, screen.height_px)
    if origin != "top left" and (width is None or height is None):
        raise TableError(
            f"{path}: positions are counted in pixels from the {origin}, and the mapping states no width_px and "
            "height_px in [screen]"
        )
    assert origin == "top left" or (width is not None and height is not None)
    half_px = 0.5 if unit == "px" else 0.0
    if origin == "bottom left":
        return x, height - 2 * half_px - y  # type: ignore[operator]
    if origin.startswith("centre"):
        down = -y if origin.endswith("y up") else y
        return x + width / 2 - half_px, down + height / 2 - half_px  # type: ignore[operator]
    return x, y


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
