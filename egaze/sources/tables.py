"""Reading delimited tables whose columns are known, so that an error can name file, row and column."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath

import polars as pl
from polars.exceptions import PolarsError

from egaze.errors import TableError

_MEANS = {pl.String: "text", pl.Float64: "a number", pl.Int64: "a whole number"}


def read_table(
    path: Path,
    columns: Mapping[str, type[pl.DataType]],
    optional: Mapping[str, type[pl.DataType]] | None = None,
    *,
    nullable: frozenset[str] = frozenset(),
) -> pl.DataFrame:
    """Read the wanted columns of a CSV file, typed; other columns are left in the file.

    Args:
        path: a UTF-8 CSV file with a header; quoted fields may hold line breaks.
        columns: the columns that must be there and their types (String, Float64 or Int64).
        optional: columns that may be there, likewise; their cells may be empty.
        nullable: columns whose cells may be empty.

    Raises:
        TableError: no such file, not a table, a missing column, an empty cell where none may be, or a cell that
            is not of its column's type; the message names the file, the record (counted from 1 after the header),
            the column and the value.
    """
    optional = dict(optional or {})
    try:
        raw = pl.read_csv(path, infer_schema=False, null_values=[""])
    except FileNotFoundError as error:
        raise TableError(f"{path}: no such table") from error
    except (PolarsError, OSError) as error:
        raise TableError(f"{path}: cannot read the table: {str(error).splitlines()[0]}") from error
    raw = raw.rename({name: name.strip().lstrip("\ufeff") for name in raw.columns})
    if missing := [name for name in columns if name not in raw.columns]:
        raise TableError(
            f"{path}: column {missing[0]!r} is missing from the header (line 1); found {', '.join(raw.columns)}"
        )
    wanted = {**columns, **{name: dtype for name, dtype in optional.items() if name in raw.columns}}
    typed = [_typed(path, raw[name], dtype, name in nullable or name in optional) for name, dtype in wanted.items()]
    return pl.DataFrame(typed)


def _typed(path: Path, column: pl.Series, dtype: type[pl.DataType], may_be_empty: bool) -> pl.Series:
    column = column.str.strip_chars()
    if dtype is pl.String:
        typed = column.set(column == "", None)
    else:
        typed = column.cast(dtype, strict=False)
        if dtype is pl.Float64:
            typed = typed.set(typed.is_nan() | typed.is_infinite(), None)
    bad = typed.is_null() if not may_be_empty else typed.is_null() & column.is_not_null() & (column != "")
    if bad.any():
        record = int(bad.arg_max())  # type: ignore[arg-type]
        value = column[record]
        found = "is empty" if value is None or value == "" else f"holds {value!r}"
        raise TableError(f"{path}: record {record + 1}, column {column.name!r} {found}, expected {_MEANS[dtype]}")
    return typed


def require_unique(path: Path, column: pl.Series) -> None:
    """Raise TableError, naming the record, when a value of the column has been there before."""
    repeated = ~column.is_first_distinct()
    if repeated.any():
        record = int(repeated.arg_max())  # type: ignore[arg-type]
        raise TableError(f"{path}: record {record + 1}: {column.name} {column[record]!r} is there twice")


def inside(root: Path, relative: str, where: str) -> Path:
    """Join a path that a table gives to its root, refusing one that leads outside.

    The test is on the words of the path: links inside the root are the user's own and are followed.

    Raises:
        TableError: an absolute path, or one that climbs out of the root; `where` says which cell gave it.
    """
    path = PurePosixPath(relative.replace("\\", "/"))
    if "\0" in relative or path.is_absolute() or ".." in path.parts or PureWindowsPath(relative).drive:
        raise TableError(f"{where}: the path {relative!r} does not stay inside {root}")
    return root / path
