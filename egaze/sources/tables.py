"""Reading delimited tables whose columns are known, so that an error can name file, record, column and value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath

import polars as pl
from polars.exceptions import PolarsError

from egaze.errors import TableError
from egaze.sources.records import Block, column_names, read_blocks, shorten

Columns = Mapping[str, type[pl.DataType]]

_MEANS = {pl.String: "text of one line", pl.Float64: "a number", pl.Int64: "a whole number"}
#: Columns whose cells no message may show.
PRIVATE = frozenset({"patient_id", "subject_id", "study_id", "stay_id"})
# Whole numbers that a float64 holds exactly.
_EXACT = 2**53
_CONTROL = r"[\x00-\x1f\x7f]"
_MAX_PATH = 1024
_MAX_NAME = 255


def read_table(
    path: Path, columns: Columns, optional: Columns | None = None, *, nullable: frozenset[str] = frozenset()
) -> pl.DataFrame:
    """Read the wanted columns of a CSV file, typed; other columns are left in the file.

    Args:
        path: a UTF-8 CSV file with a header; quoted fields may hold line breaks.
        columns: the columns that must be there and their types (String, Float64 or Int64).
        optional: columns that may be there, likewise; their cells may be empty.
        nullable: columns whose cells may be empty.

    Raises:
        TableError: no such file, not a table (see `read_blocks`), a missing column, a column that is there twice,
            the header once more among the records, an empty cell where none may be, text with control characters,
            or a cell that is not of its column's type; the message names the file, the record (counted from 1
            after the header), the column and the value, unless it is `PRIVATE`.
    """
    return pl.concat(scan_table(path, columns, optional, nullable=nullable))


def scan_table(
    path: Path,
    columns: Columns,
    optional: Columns | None = None,
    *,
    nullable: frozenset[str] = frozenset(),
    unread: frozenset[str] = frozenset(),
) -> Iterator[pl.DataFrame]:
    """Like `read_table`, in frames of a few thousand records in the file's order; memory stays bounded.

    Args:
        unread: columns that must be there, but of whose text nothing is asked: it may hold line breaks.
    """
    optional = dict(optional or {})
    blocks = read_blocks(path)
    header = column_names(next(blocks))
    _require_columns(path, header, columns)
    wanted = {**columns, **{name: dtype for name, dtype in optional.items() if name in header}}
    yield pl.DataFrame(schema=wanted)
    for block in blocks:
        raw = _parse(path, block, header, wanted)
        _refuse_second_header(path, raw, block.first)
        typed = [
            raw[name]
            if name in unread
            else _typed(path, raw[name], dtype, name in nullable or name in optional, block.first)
            for name, dtype in wanted.items()
        ]
        yield pl.DataFrame(typed)


def unknown_columns(path: Path, known: Columns) -> list[str]:
    """Names in the header that are not among the known ones. Raises TableError: see `read_blocks`."""
    return [name for name in column_names(next(read_blocks(path))) if name not in known]


def _require_columns(path: Path, header: list[str], columns: Columns) -> None:
    for number, name in enumerate(header):
        if name and header.index(name) < number:
            raise TableError(f"{path}: column {shorten(name)} is there twice in the header (line 1)")
    if missing := [name for name in columns if name not in header]:
        # A table without a header begins with a record, and of that nothing is shown.
        known = [name for name in header if name in columns]
        found = f"; found {shorten(', '.join(header), 400)[1:-1]}" if known else ", as are all others"
        raise TableError(f"{path}: column {missing[0]!r} is missing from the header (line 1){found}")


def _parse(path: Path, block: Block, header: list[str], wanted: Columns) -> pl.DataFrame:
    """The wanted columns as they stand. A header of numbers goes before: names may repeat, numbers do not."""
    places = [str(header.index(name)) for name in wanted]
    numbered = ",".join(map(str, range(len(header)))).encode()
    try:
        raw = pl.read_csv(numbered + b"\n" + block.data, columns=places, infer_schema=False, null_values=[""])
    except PolarsError as error:
        raise TableError(f"{path}: cannot read the table: {str(error).splitlines()[0]}") from error
    if len(raw) != block.records:
        raise TableError(f"{path}: cannot read records {block.first} to {block.first + block.records - 1}")
    return raw.select(pl.col(place).alias(name) for place, name in zip(places, wanted, strict=True))


def _refuse_second_header(path: Path, raw: pl.DataFrame, first: int) -> None:
    again = raw.select(pl.all_horizontal(pl.col(name).str.strip_chars() == name for name in raw.columns)).to_series()
    for record in again.fill_null(False).arg_true()[:1]:
        raise TableError(f"{path}: record {first + record} is the header once more")


def _typed(path: Path, column: pl.Series, dtype: type[pl.DataType], may_be_empty: bool, first: int) -> pl.Series:
    column = column.str.strip_chars()
    column = column.set((column == "").fill_null(False), None)
    typed = _cast(column, dtype)
    bad = typed.is_null() if not may_be_empty else typed.is_null() & column.is_not_null()
    if bad.any():
        record = int(bad.arg_max())  # type: ignore[arg-type]
        raise TableError(
            f"{path}: record {first + record}, column {column.name!r} {_said(column.name, column[record])}, "
            f"expected {_MEANS[dtype]}"
        )
    return typed


def _cast(column: pl.Series, dtype: type[pl.DataType]) -> pl.Series:
    """Null where a cell is not of the type."""
    if dtype is pl.String:
        return column.set(column.str.contains(_CONTROL).fill_null(False), None)
    numbers = column.cast(pl.Float64, strict=False)
    # Beyond float32 a number is as good as infinite here.
    numbers = numbers.set((~numbers.cast(pl.Float32).is_finite()).fill_null(False), None)
    if dtype is pl.Float64:
        return numbers
    # Pandas writes a column of whole numbers with a gap as 1.0, 2.0.
    whole = (numbers == numbers.floor()) & (numbers.abs() <= _EXACT)
    rounded = numbers.set(~whole.fill_null(False), None).cast(pl.Int64)
    return column.cast(pl.Int64, strict=False).fill_null(rounded)


def _said(name: str, value: str | None) -> str:
    if value is None:
        return "is empty"
    return "holds a value that is not shown" if name in PRIVATE else f"holds {shorten(value)}"


def require_unique(path: Path, column: pl.Series) -> None:
    """Raise TableError, naming the record, when a value of the column has been there before."""
    repeated = ~column.is_first_distinct()
    if repeated.any():
        record = int(repeated.arg_max())  # type: ignore[arg-type]
        raise TableError(f"{path}: record {record + 1}: {column.name} {shorten(column[record], 80)} is there twice")


def inside(root: Path, relative: str, where: str) -> Path:
    """Join a path that a table gives to its root, refusing one that leads outside.

    The test is on the words of the path: links inside the root are the user's own and are followed.

    Raises:
        TableError: an absolute path, one that climbs out of the root, or one that no file system holds; `where`
            says which cell gave it. Numbers of patients and studies, as in MIMIC-CXR's tree, are not shown.
    """
    path = PurePosixPath(relative.replace("\\", "/"))
    shown = shorten(re.sub(r"\d{8,}", "…", relative), 80)
    if path.is_absolute() or ".." in path.parts or PureWindowsPath(relative).drive:
        raise TableError(f"{where}: the path {shown} does not stay inside {root}")
    too_long = len(relative.encode()) > _MAX_PATH or any(len(part.encode()) > _MAX_NAME for part in path.parts)
    if too_long or not relative.isprintable():
        raise TableError(f"{where}: the path {shown} is too long or holds characters that no path has")
    return root / path
