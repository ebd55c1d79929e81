"""Reading tables of text with known columns; errors name the file, the record, the column and the value."""

from __future__ import annotations

import logging
import os.path
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import polars as pl
from polars.exceptions import PolarsError

from egaze.errors import TableError
from egaze.tables.decimal_mark import DecimalMark
from egaze.tables.dialect import Dialect, tell_dialect
from egaze.tables.records import Block, column_names, read_blocks, shorten

_logger = logging.getLogger(__name__)

Columns = Mapping[str, type[pl.DataType]]

_MEANS = {pl.String: "text of one line", pl.Float64: "a number", pl.Int64: "a whole number"}
#: Columns whose cells must not appear in messages.
PRIVATE = frozenset({"patient_id", "Patient ID", "subject_id", "study_id", "stay_id"})
# The name of a file may begin with a space that is not ASCII.
_PATHS = frozenset({"image", "path"})
# Whole numbers that a float64 holds exactly.
_EXACT = 2**53
# Control characters, separators of lines and paragraphs, and characters that change the direction of writing.
_CONTROL = r"[\p{Cc}\p{Zl}\p{Zp}\u{202a}-\u{202e}\u{2066}-\u{2069}]"
_CONTROL_CHARACTER = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def read_table(
    path: Path, columns: Columns, optional: Columns | None = None, *, nullable: frozenset[str] = frozenset()
) -> pl.DataFrame:
    """Read some columns of a table with their types; other columns are ignored.

    Args:
        path: a table of text with a header, in any dialect that `tell_dialect` knows; quoted fields may hold line
            breaks.
        columns: the required columns and their types (String, Float64 or Int64).
        optional: the optional columns and their types; their cells may be empty.
        nullable: required columns whose cells may be empty.

    Raises:
        TableError: no such file, not a table (see `read_blocks`), a missing column, a column that occurs twice, the
            header repeated among the records, an empty cell that must have a value, text with control characters, or a
            cell that does not have its column's type. The message names the file, the record (counted from 1 after the
            header), the column, and the value unless the column is `PRIVATE`. So are numbers such as 1,234 where
            nothing tells whether the comma is a decimal mark.

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> from egaze.tables import read_table
        >>> _ = Path("gaze.csv").write_text("case_id;x_px\\na;1,5\\nb;2\\n")
        >>> read_table(Path("gaze.csv"), {"x_px": pl.Float64})["x_px"].to_list()
        [1.5, 2.0]
    """
    return pl.concat(scan_table(path, columns, optional, nullable=nullable))


def scan_table(
    path: Path,
    columns: Columns,
    optional: Columns | None = None,
    *,
    nullable: frozenset[str] = frozenset(),
    unread: frozenset[str] = frozenset(),
    missing: frozenset[str] = frozenset(),
    dialect: Dialect | None = None,
    on_cut: Callable[[str], None] | None = None,
    say: Callable[[str], None] = _logger.warning,
) -> Iterator[pl.DataFrame]:
    """Like `read_table`, in frames of a few thousand records in the order of the file; memory stays bounded.

    Args:
        path, columns, optional, nullable: as for `read_table`.
        unread: text columns that are not checked, so that they may contain line breaks.
        missing: cells that count as empty where a number is expected, in lower case.
        dialect: how the table is written; None tells it from the file.
        on_cut: see `read_blocks`.
        say: takes a sentence about the dialect if it is not `Dialect.is_usual`; by default it is logged.

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> from egaze.tables import scan_table
        >>> _ = Path("gaze.csv").write_text("x_px,note\\n1.5,\\n,\\n")
        >>> sum(len(rows) for rows in scan_table(Path("gaze.csv"), {"x_px": pl.Float64}, nullable=frozenset({"x_px"})))
        2
    """
    optional = optional or {}
    dialect = dialect or tell_dialect(path)
    blocks = read_blocks(path, dialect, on_cut=on_cut)
    header = column_names(next(blocks), dialect)
    _require_columns(path, header, columns, dialect.header_line)
    wanted = {**columns, **{name: dtype for name, dtype in optional.items() if name in header}}
    decimal = DecimalMark(path, dialect, [name for name, dtype in wanted.items() if dtype is pl.Float64])
    yield pl.DataFrame(schema=wanted)
    is_said = False
    for block in blocks:
        raw = _parse(path, block, header, wanted, dialect)
        _refuse_second_header(path, raw, block.first)
        raw = decimal.as_points(raw, block)
        dialect = replace(dialect, decimal=decimal.mark)
        if not is_said and not dialect.is_usual:
            say(f"{path}: read as {dialect}")
            is_said = True
        if missing:
            raw = raw.with_columns(
                pl.when(~pl.col(name).str.strip_chars().str.to_lowercase().is_in(list(missing))).then(pl.col(name))
                for name in raw.columns
                if wanted[name] is not pl.String
            )
        yield _typed(path, raw, wanted, nullable | optional.keys(), unread, block.first)


def header_of(path: Path, dialect: Dialect | None = None) -> list[str]:
    """The column names in the header of a table. Raises TableError: see `read_blocks`."""
    dialect = dialect or tell_dialect(path)
    return column_names(next(read_blocks(path, dialect)), dialect)


def first_true(marks: pl.Series) -> int:
    """The index of the first true value; there must be one."""
    place = marks.arg_max()
    assert place is not None
    return place


def unknown_columns(path: Path, known: Collection[str]) -> list[str]:
    """The column names in the header that are not known. Raises TableError: see `read_blocks`."""
    return [name for name in header_of(path) if name not in known]


def require_columns(tables: Mapping[Path, Iterable[str]], instead: Mapping[str, str] | None = None) -> None:
    """Raise one TableError that names all columns missing from the tables.

    Args:
        tables: the required columns of each table.
        instead: for some columns, another one that may take their place.
    """
    if missing := [
        said for path, columns in tables.items() if (said := _missing_columns(path, header_of(path), columns, instead))
    ]:
        raise TableError("; ".join(missing))


def _require_columns(path: Path, header: list[str], columns: Iterable[str], line: int) -> None:
    for number, name in enumerate(header):
        if name and header.index(name) < number:
            raise TableError(f"{path}: column {shorten(name)} occurs twice in the header (line {line})")
    if missing := _missing_columns(path, header, columns, line=line):
        raise TableError(missing)


def _missing_columns(
    path: Path, header: list[str], columns: Iterable[str], instead: Mapping[str, str] | None = None, line: int = 1
) -> str | None:
    columns, instead = list(columns), instead or {}
    if not (missing := [name for name in columns if name not in header and instead.get(name) not in header]):
        return None
    named = ", ".join(f"{name!r} (or {instead[name]!r})" if name in instead else repr(name) for name in missing)
    said = f"column {named} is" if len(missing) == 1 else f"columns {named} are"
    # A table without a header begins with a record, which must not be shown.
    known = any(name in columns for name in header)
    found = (
        f"; found {shorten(', '.join(header), 400)[1:-1]}"
        if known
        else f": is line {line} a header, with commas, semicolons or tabs between its names?"
    )
    return f"{path}: {said} missing from the header (line {line}){found}"


def _parse(path: Path, block: Block, header: list[str], wanted: Columns, dialect: Dialect) -> pl.DataFrame:
    """The wanted columns as text. The header is replaced by numbers, because names may repeat."""
    places = [str(header.index(name)) for name in wanted]
    numbered = dialect.delimiter.join(map(str, range(len(header)))).encode()
    try:
        raw = pl.read_csv(
            numbered + b"\n" + block.data,
            columns=places,
            separator=dialect.delimiter,
            quote_char='"' if dialect.quoted else None,
            infer_schema=False,
            null_values=[""],
        )
    except PolarsError as error:
        raise TableError(f"{path}: cannot read the table: {str(error).splitlines()[0]}") from error
    if len(raw) != block.records:
        raise TableError(f"{path}: cannot read records {block.first} to {block.first + block.records - 1}")
    return raw.select(pl.col(place).alias(name) for place, name in zip(places, wanted, strict=True))


def _refuse_second_header(path: Path, raw: pl.DataFrame, first: int) -> None:
    is_again = pl.all_horizontal(pl.col(name).str.strip_chars() == name for name in raw.columns)
    again = raw.select(is_again.fill_null(False).alias("again"))["again"].to_numpy()
    for record in np.flatnonzero(again)[:1]:
        raise TableError(f"{path}: record {first + record} repeats the header")


def _typed(
    path: Path, raw: pl.DataFrame, wanted: Columns, nullable: Set[str], unread: Set[str], first: int
) -> pl.DataFrame:
    stripped = raw.select(pl.col(name) if name in unread else _stripped(name).replace("", None) for name in wanted)
    typed = stripped.select(pl.col(name) if name in unread else _cast(name, wanted[name]) for name in wanted)
    empty, null = stripped.null_count().row(0), typed.null_count().row(0)
    for name, empty_cells, null_cells in zip(wanted, empty, null, strict=True):
        if name not in unread and null_cells > (empty_cells if name in nullable else 0):
            bad = typed[name].is_null() & (stripped[name].is_not_null() | (name not in nullable))
            record = first_true(bad)
            said = _said(name, stripped[name][record])
            raise TableError(
                f"{path}: record {first + record}, column {name!r} {said}, expected {_MEANS[wanted[name]]}"
            )
    return typed


def _stripped(name: str) -> pl.Expr:
    return pl.col(name).str.strip_chars(" \t\r\n" if name in _PATHS else None)


def _cast(name: str, dtype: type[pl.DataType]) -> pl.Expr:
    """A column cast to a type; null where a cell does not have it."""
    cell = pl.col(name)
    if dtype is pl.String:
        return pl.when(~cell.str.contains(_CONTROL)).then(cell)
    # A number that float32 cannot hold is treated as infinite.
    number = cell.cast(pl.Float64, strict=False)
    number = pl.when(number.cast(pl.Float32).is_finite()).then(number)
    if dtype is pl.Float64:
        return number.alias(name)
    # pandas writes a column of whole numbers with missing values as 1.0, 2.0.
    whole = pl.when((number == number.floor()) & (number.abs() <= _EXACT)).then(number)
    return cell.cast(pl.Int64, strict=False).fill_null(whole.cast(pl.Int64, strict=False)).alias(name)


def _said(name: str, value: str | None) -> str:
    if value is None:
        return "is empty"
    return "holds a value that is not shown" if name in PRIVATE else f"holds {shorten(value)}"


def require_unique(path: Path, column: pl.Series) -> None:
    """Raise TableError, naming the record, if a value of the column occurs twice."""
    repeated = ~column.is_first_distinct()
    if repeated.any():
        record = first_true(repeated)
        raise TableError(f"{path}: record {record + 1}: {column.name} {shorten(column[record], 80)} occurs twice")


def has_control(text: str) -> bool:
    """Whether a text contains a control character, a line break, or a change of the direction of writing."""
    return _CONTROL_CHARACTER.search(text) is not None


def inside(root: Path, given: str, where: str, remedy: str = "") -> Path:
    """Join a path from a table to its root folder, refusing a path that leads outside.

    The test is on the text of the path: links inside the root belong to the user and are followed.

    Args:
        root: the folder.
        given: a path relative to the root, or an absolute path inside it.
        where: the cell that holds the path, for the message.
        remedy: what the user can do about a path that leads outside.

    Raises:
        TableError: an absolute path elsewhere, a path with "..", or one with a control character. Numbers of patients
            and studies, as in MIMIC-CXR's tree, are not shown.
    """
    path = PurePosixPath(given.replace("\\", "/"))
    shown = shorten(re.sub(r"\d{8,}", "…", given), 80)
    is_elsewhere = path.is_absolute() and not any(
        path.is_relative_to(PurePosixPath(Path(top).as_posix()))
        for top in (os.path.abspath(root), os.path.realpath(root))
    )
    if "\0" in given or is_elsewhere or ".." in path.parts or PureWindowsPath(given).drive:
        raise TableError(f"{where}: the path {shown} does not stay inside {root}{remedy}")
    if has_control(given):
        raise TableError(f"{where}: the path {shown} contains control characters")
    return root / path
