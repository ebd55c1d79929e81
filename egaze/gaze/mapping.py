"""Any table of samples or fixations, by a mapping file that names its columns and their units.

docs/own-tracker.md describes the file. Nothing in it is guessed: a column without a unit is an error.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from egaze.errors import EgazeError, TableError
from egaze.gaze.exports.reading import SECONDS, Column, floats, pictures_of, read_columns, require_clock, samples_of
from egaze.gaze.recording import Eye, GazeRecording, GazeSamples, PositionUnit, RecordedFixations, Screen
from egaze.settings import from_table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    import polars as pl

    from egaze.tables import Dialect

_MAX_BYTES = 1 << 20
_UNITS = {unit: factor for unit, factor in SECONDS.items() if unit.isascii()}
_POSITION_UNITS = get_args(PositionUnit)
_ORIGINS = ("top left", "bottom left", "centre", "centre, y up")
_KINDS = ("samples", "fixations")


@dataclass(frozen=True, slots=True)
class TablePart:
    """`[table]`: how the table is written, where it cannot be told from the file."""

    delimiter: str = ""
    decimal: str = ""
    encoding: str = ""
    header_line: int = 1


@dataclass(frozen=True, slots=True)
class TimePart:
    """`[time]`: the column of times, or of onsets, and its unit; without a column the rate of the samples."""

    column: str = ""
    unit: str = ""
    rate_hz: float = 0.0


@dataclass(frozen=True, slots=True)
class EyePart:
    """`[both]`, `[left]`, `[right]`: columns of the positions of an eye, or of both, and what tells a valid one."""

    x: str = ""
    y: str = ""
    valid: str = ""
    valid_values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PositionPart:
    """`[positions]`: their unit and where they are counted from."""

    unit: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class DurationPart:
    """`[duration]`: the column of fixations' durations, and its unit."""

    column: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class RowPart:
    """`[rows]`: read only rows with one of these values in a column."""

    column: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PicturePart:
    """`[picture]`: the column that names the picture on the screen."""

    column: str = ""


@dataclass(frozen=True, slots=True)
class ScreenPart:
    """`[screen]`: its resolution, visible area and distance."""

    width_px: int = 0
    height_px: int = 0
    width_mm: float = 0.0
    height_mm: float = 0.0
    distance_mm: float = 0.0


@dataclass(frozen=True, slots=True)
class TableMapping:
    """What the columns of a table of gaze mean, as a mapping file says; its docstrings' brackets name the parts.

    Attributes:
        kind: "samples", one row each, or "fixations".
        missing: cells of positions that mean that there is none, in addition to empty ones and words such as n/a.

    Raises:
        ValueError: a part that is missing, a unit that is not stated or unknown, or values that contradict each other.
    """

    kind: str = "samples"
    missing: tuple[str, ...] = ()
    table: TablePart = field(default_factory=TablePart)
    time: TimePart = field(default_factory=TimePart)
    both: EyePart = field(default_factory=EyePart)
    left: EyePart = field(default_factory=EyePart)
    right: EyePart = field(default_factory=EyePart)
    positions: PositionPart = field(default_factory=PositionPart)
    duration: DurationPart = field(default_factory=DurationPart)
    rows: RowPart = field(default_factory=RowPart)
    picture: PicturePart = field(default_factory=PicturePart)
    screen: ScreenPart = field(default_factory=ScreenPart)

    def __post_init__(self) -> None:
        _one_of("kind", self.kind, _KINDS)
        if self.time.column:
            _one_of("time.unit", self.time.unit, _UNITS, "a unit is never guessed")
        elif self.kind == "fixations" or not 0 < self.time.rate_hz < float("inf"):
            raise ValueError("time.column is missing, the column of times" + _OR_RATE * (self.kind == "samples"))
        _one_of("positions.unit", self.positions.unit, _POSITION_UNITS, "a unit is never guessed")
        _one_of("positions.origin", self.positions.origin, _ORIGINS, "an origin is never guessed")
        if self.positions.unit == "deg" and not self.positions.origin.startswith("centre"):
            raise ValueError("positions.unit is 'deg', which is counted from the centre: positions.origin must say so")
        if not self.eyes():
            raise ValueError("no positions: name the columns x and y in [both], [left] or [right]")
        for eye, part in self.eyes().items():
            if not part.x or not part.y:
                raise ValueError(f"{eye}.{'y' if part.x else 'x'} is missing, the column of its positions")
            if bool(part.valid) != bool(part.valid_values):
                raise ValueError(f"{eye}.valid and {eye}.valid_values need each other")
        if self.kind == "fixations":
            if not self.duration.column:
                raise ValueError("duration.column is missing, the column of the fixations' durations")
            _one_of("duration.unit", self.duration.unit, _UNITS, "a unit is never guessed")
            if len(self.eyes()) > 1:
                raise ValueError("fixations have positions of one eye, or of [both]")
        if bool(self.rows.column) != bool(self.rows.values):
            raise ValueError("rows.column and rows.values need each other")
        if self.table.delimiter not in ("", ",", ";", "\t", "|"):
            raise ValueError(f"table.delimiter must be one of , ; | or a tab, got {self.table.delimiter!r}")
        if self.table.decimal not in ("", ".", ","):
            raise ValueError(f"table.decimal must be . or , and not {self.table.decimal!r}")
        if self.table.encoding not in ("", "utf-8", "utf-16-le", "utf-16-be", "windows-1252"):
            raise ValueError(
                f"table.encoding must be utf-8, utf-16-le, utf-16-be or windows-1252, got {self.table.encoding!r}"
            )
        if self.table.header_line < 1:
            raise ValueError(f"table.header_line must be 1 or more, got {self.table.header_line}")

    def eyes(self) -> dict[Eye, EyePart]:
        """The parts of the eyes that the table has."""
        parts: dict[Eye, EyePart] = {"both": self.both, "left": self.left, "right": self.right}
        return {eye: part for eye, part in parts.items() if part != EyePart()}


_OR_RATE = ", and so is time.rate_hz, the rate of samples without times"


def _one_of(name: str, value: str, known: object, why: str = "") -> None:
    names = ", ".join(map(str, known))  # type: ignore[call-overload]
    if value not in known:  # type: ignore[operator]
        said = f"{name} is missing, and {why}" if not value and why else f"{name} is {value!r}"
        raise ValueError(f"{said}; it must be one of {names}")


def load_mapping(path: str | Path) -> TableMapping:
    """Read a mapping file.

    Raises:
        TableError: not a TOML file, an unknown key, or a mapping that leaves a unit open; the message names the key.

    Example:
        >>> from pathlib import Path
        >>> from egaze.gaze import load_mapping
        >>> text = "time = {column = 't', unit = 'ms'}\\nboth = {x = 'gx', y = 'gy'}\\n"
        >>> _ = Path("own.toml").write_text(text + "positions = {unit = 'px', origin = 'top left'}\\n")
        >>> load_mapping("own.toml").time.unit
        'ms'
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise TableError(f"{path}: larger than {_MAX_BYTES} bytes")
        tree = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise TableError(f"{path}: cannot read the mapping: {str(error).splitlines()[0]}") from error
    try:
        mapping: TableMapping = from_table(TableMapping, tree, str(path))
    except EgazeError as error:
        raise TableError(str(error)) from error
    return mapping


def read_by_mapping(path: str | Path, mapping: TableMapping) -> GazeRecording:
    """Read a table of samples or fixations.

    Args:
        path: the table.
        mapping: what its columns mean.

    Raises:
        TableError: a column that is missing, a bad value, or a clock that runs back; the message names the record.

    Example:
        >>> from pathlib import Path
        >>> from egaze.gaze.mapping import EyePart, TableMapping, PositionPart, TimePart, read_by_mapping
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
    time_s = floats(table, "time") * _UNITS[time.unit] if time.column else np.arange(len(table)) / time.rate_hz
    require_clock(path, record, time_s)
    screen = Screen(*(getattr(mapping.screen, name) or None for name in Screen.__slots__))
    positions = [_eye(path, table, mapping, eye, time_s, screen) for eye in mapping.eyes()]
    if mapping.kind == "fixations":
        (found,) = positions
        duration_s = floats(table, "duration") * _UNITS[mapping.duration.unit]
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
