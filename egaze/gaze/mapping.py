"""Mapping files, which say what the columns of a table of samples or fixations mean.

docs/own-tracker.md describes the file. Nothing in it is guessed: a column without a unit is an error.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from egaze.errors import EgazeError, TableError
from egaze.gaze.exports.reading import SECONDS
from egaze.gaze.recording import Eye
from egaze.gaze.screen import PositionUnit
from egaze.settings import from_table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_MAX_BYTES = 1 << 20
TIME_UNITS = {unit: factor for unit, factor in SECONDS.items() if unit.isascii()}
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
            _one_of("time.unit", self.time.unit, TIME_UNITS, "a unit is never guessed")
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
            _one_of("duration.unit", self.duration.unit, TIME_UNITS, "a unit is never guessed")
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
