"""What the formats of exports share: the first lines of a file, columns by their names, runs of equal rows."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from egaze.errors import TableError
from egaze.gaze.recording import Eye, GazeSamples
from egaze.gaze.screen import PositionUnit
from egaze.gaze.shown_picture import ShownPicture

if TYPE_CHECKING:
    import polars as pl

    from egaze.tables import Dialect

#: What stands for a missing value in exports, in lower case.
MISSING = frozenset({"", "-", "n/a", "na", "nan", "null", "none"})
#: Seconds in the units that headers name.
SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}


def first_lines(head: bytes) -> list[str]:
    """The lines of a file's first bytes, in UTF-8 or UTF-16; the last one may be cut off."""
    from egaze.tables.dialect import decoded, encoding_of

    return [line.removesuffix("\r") for line in decoded(head, encoding_of(head)[0]).split("\n")]


def header_names(head: bytes, line: int = 0) -> set[str]:
    """The names in the header of a table, whatever its delimiter, from the file's first bytes."""
    lines = first_lines(head)
    return {name.strip().strip('"') for name in re.split(r"[,;\t|]", lines[line])} if line < len(lines) else set()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an export.

    Attributes:
        names: the names that it has in the versions of the export.
        type: "number", "count" (a whole number, exact in 64 bits) or "text".
        is_required: whether there is no export without it.
    """

    names: tuple[str, ...]
    type: str = "number"
    is_required: bool = False


def read_columns(
    path: Path,
    columns: Mapping[str, Column],
    notes: list[str],
    *,
    dialect: Dialect | None = None,
    missing: frozenset[str] = frozenset(),
) -> pl.DataFrame:
    """Some columns of an export's table by our own names; empty and missing cells are null, as are missing columns.

    Notes receive the dialect if it is unusual, and a last record that is cut off. Cells in `missing` are missing in
    addition to `MISSING`.

    Raises:
        TableError: not such a table; see `egaze.tables.scan_table`.
    """
    import polars as pl

    from egaze.tables import scan_table
    from egaze.tables.delimited import header_of
    from egaze.tables.text_limits import table_limits, too_many_samples

    types = {"number": pl.Float64, "count": pl.Int64, "text": pl.String}
    header = header_of(path, dialect)
    found: dict[str, str] = {}
    for own, column in columns.items():
        present = [name for name in column.names if name in header]
        if not present and column.is_required:
            raise TableError(
                f"{path}: has no column {' or '.join(map(repr, column.names))}; is it an export of another version? "
                "A mapping file can name the columns"
            )
        if present:
            found[own] = present[0]
    wanted = {found[own]: types[columns[own].type] for own in found}
    limit = table_limits().samples
    frames, rows = [], 0
    for frame in scan_table(
        path,
        {},
        wanted,
        unread=frozenset(found[own] for own in found if columns[own].type == "text"),
        missing=MISSING | missing,
        dialect=dialect,
        on_cut=notes.append,
        say=lambda text: notes.append(text.removeprefix(f"{path}: ")),
    ):
        rows += len(frame)
        if rows > limit:
            raise too_many_samples(path, limit)
        frames.append(frame)
    table = pl.concat(frames)
    return table.select(
        pl.col(found[own]).alias(own) if own in found else pl.lit(None, dtype=types[column.type]).alias(own)
        for own, column in columns.items()
    )


def floats(table: pl.DataFrame, name: str) -> NDArray[np.float64]:
    """A column of numbers, NaN where it is null."""
    import polars as pl

    values: NDArray[np.float64] = table[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return values


def require_clock(path: Path, records: NDArray[np.int64], time_s: NDArray[np.float64], what: str = "record") -> None:
    """Raise TableError for the first time that is missing or before the one above; `records` are its numbers."""
    for place in np.flatnonzero(~np.isfinite(time_s))[:1]:
        raise TableError(f"{path}: {what} {records[place]} has no time")
    for place in np.flatnonzero(np.diff(time_s) < 0)[:1]:
        raise TableError(
            f"{path}: {what} {records[place + 1]} is at {time_s[place + 1]:.6f} s, before the {what} above at "
            f"{time_s[place]:.6f} s: the clock runs back, or the file holds more than one recording"
        )


def require_one(path: Path, table: pl.DataFrame, names: Collection[str]) -> None:
    """Raise TableError, without the names, if rows belong to different recordings or participants."""
    for name in names:
        values = table[name].fill_null("")
        if len(values) and (other := values != values[0]).any():
            raise TableError(
                f"{path}: record {int(other.arg_true()[0]) + 1} belongs to another {name} than the first one; "
                "export one file for each recording"
            )


def samples_of(
    eye: Eye,
    time_s: NDArray[np.float64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    unit: PositionUnit,
    valid: NDArray[np.bool_] | None = None,
) -> GazeSamples:
    """The samples of an eye, lost where a coordinate is missing or the tracker says so."""
    lost = ~(np.isfinite(x) & np.isfinite(y))
    if valid is not None:
        lost |= ~valid
    return GazeSamples(eye, time_s, np.where(lost, np.nan, x), np.where(lost, np.nan, y), unit)


def with_any(samples: Collection[GazeSamples]) -> tuple[GazeSamples, ...]:
    """The samples of the eyes that were there at least once; of all if none was."""
    return tuple(item for item in samples if item.is_valid.any()) or tuple(samples)


def mean_positions(
    samples: GazeSamples, begin_s: NDArray[np.float64], end_s: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(F,) and (F,) the mean position of the valid samples from each beginning to each end; NaN without any."""
    valid = samples.is_valid
    time_s = samples.time_s[valid]
    slack_s = 1e-9 * max(1.0, float(np.abs(samples.time_s).max(initial=0.0)))
    first, last = np.searchsorted(time_s, begin_s - slack_s), np.searchsorted(time_s, end_s + slack_s, side="right")
    count = last - first
    means = []
    for positions_px in (samples.x_px[valid], samples.y_px[valid]):
        total = np.concatenate([[0.0], np.cumsum(positions_px)])
        means.append(np.where(count > 0, (total[last] - total[first]) / np.maximum(count, 1), np.nan))
    return means[0], means[1]


def runs(keys: NDArray[np.generic]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first row of each run of equal keys, and one past its last row."""
    if not len(keys):
        empty = np.empty(0, dtype=np.int64)
        return empty, empty
    begins = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    return begins, np.append(begins[1:], len(keys))


def pictures_of(names: pl.Series, time_s: NDArray[np.float64]) -> tuple[ShownPicture, ...]:
    """The pictures by the name that each sample has; one without a place. A sample without a name shows none."""
    filled = names.fill_null("").to_numpy()
    end_s = float(time_s[-1]) + _step_s(time_s) if len(time_s) else 0.0
    return tuple(
        ShownPicture(str(filled[begin]), float(time_s[begin]), float(time_s[end]) if end < len(time_s) else end_s)
        for begin, end in zip(*runs(filled), strict=True)
        if filled[begin] and (end == len(time_s) or time_s[end] > time_s[begin])
    )


def _step_s(time_s: NDArray[np.float64]) -> float:
    steps = np.diff(time_s)
    steps = steps[steps > 0]
    return float(np.median(steps)) if len(steps) else 1e-3
