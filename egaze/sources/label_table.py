"""The table of independent labels: one row per case, one column per class.

A cell holds 1 where the class is present, 0 where it is absent, and nothing (or one of
`egaze.sources.cell_names.NO_VALUE`) where that is unknown. -1 is CheXpert's "uncertain", without a number; a number
between 0 and 1 is a certainty. What an uncertain label teaches is the study's choice (`egaze.labels.UNCERTAIN`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import polars as pl

from egaze.atomic import write_file
from egaze.errors import TableError
from egaze.labels import UNSTATED_CERTAINTY
from egaze.sources.cell_names import is_no_value
from egaze.tables.delimited import PRIVATE, first_true, has_control, header_of, read_table, require_unique
from egaze.tables.records import shorten

_CASE, _READER = "case_id", "reader_id"
_UNCERTAIN = -1.0


def read_certainties(
    path: Path, case_ids: pl.Series, class_names: Sequence[str] | None, others: Collection[str], hygiene: dict[str, int]
) -> tuple[tuple[str, ...], dict[str, dict[str, float]]]:
    """The classes, and the certainty of each class that is known of each case.

    Args:
        path: the table.
        case_ids: of all cases.
        class_names: the columns that are classes, in order; None takes all but `others`.
        others: the names of columns that are no classes.
        hygiene: receives counts.

    Raises:
        TableError: a class that no column has, a case that is unknown or occurs twice, a cell that holds no label, or a
            class without any label.
    """
    names = _class_columns(path, class_names, others)
    rows = read_table(path, {_CASE: pl.String, **dict.fromkeys(names, pl.String)}, nullable=frozenset(names))
    require_unique(path, rows[_CASE])
    stray = ~rows[_CASE].is_in(case_ids.implode())
    if stray.any():
        record = first_true(stray)
        raise TableError(f"{path}: record {record + 1}: no case {shorten(rows[_CASE][record])} in the table of cases")
    columns = {name: _certainties(path, rows[name], hygiene, is_named=class_names is not None) for name in names}
    if without := len(case_ids) - len(rows):
        hygiene["cases_without_a_row_of_labels"] = without
    if all(column.null_count() == len(rows) for column in columns.values()):
        raise TableError(f"{path}: no case has a label: every cell of {_listed(names)} is empty")
    for name, column in columns.items():
        if column.null_count() == len(rows):
            raise TableError(f"{path}: column {shorten(name)} has no label in any record; leave it out with --classes")
    table = pl.DataFrame(columns)
    of_case = {
        case_id: {name: value for name, value in row.items() if value is not None}
        for case_id, row in zip(rows[_CASE], table.iter_rows(named=True), strict=True)
    }
    return names, of_case


@dataclass(frozen=True, slots=True)
class Reading:
    """One reader's labels of one case: the certainty of each class that the reader says something of."""

    case_id: str
    reader_id: str
    certainties: dict[str, float]


def read_readings(path: Path, case_ids: Sequence[str], class_names: Sequence[str]) -> list[Reading]:
    """Read the labels of several readers: a table like that of `read_certainties`, with a column `reader_id` too.

    Args:
        path: the table, one row per case and reader.
        case_ids: of all cases; rows of others are an error.
        class_names: the classes; a table need not have a column for each.

    Raises:
        TableError: no column of any class, a case that is unknown, a reader who labels a case twice, or a cell that
            holds no label.
    """
    names = [name for name in class_names if name in header_of(path)]
    if not names:
        raise TableError(f"{path}: has no column of a class; the classes are {_listed(class_names)}")
    texts = {_CASE: pl.String, _READER: pl.String, **dict.fromkeys(names, pl.String)}
    rows = read_table(path, texts, nullable=frozenset(names))
    stray = ~rows[_CASE].is_in(list(case_ids))
    if stray.any():
        record = first_true(stray)
        raise TableError(f"{path}: record {record + 1}: no case {shorten(rows[_CASE][record])} in the study")
    again = rows.select(_CASE, _READER).is_duplicated()
    if again.any():
        record = first_true(again)
        who = f"reader {shorten(rows[_READER][record])} labels case {shorten(rows[_CASE][record])}"
        raise TableError(f"{path}: record {record + 1}: {who} more than once")
    table = pl.DataFrame({name: _certainties(path, rows[name], {}) for name in names})
    return [
        Reading(case_id, reader_id, {name: value for name, value in row.items() if value is not None})
        for case_id, reader_id, row in zip(rows[_CASE], rows[_READER], table.iter_rows(named=True), strict=True)
    ]


def write_readings(path: Path, readings: Sequence[Reading], class_names: Sequence[str]) -> None:
    """Write the labels of several readers as a table that `read_readings` takes. Raises EgazeError."""
    schema = {_CASE: pl.String, _READER: pl.String, **dict.fromkeys(class_names, pl.Float64)}
    columns = {
        _CASE: [reading.case_id for reading in readings],
        _READER: [reading.reader_id for reading in readings],
        **{name: [reading.certainties.get(name) for reading in readings] for name in class_names},
    }
    write_file(path, pl.DataFrame(columns, schema=schema).write_csv)


def _class_columns(path: Path, given: Sequence[str] | None, others: Collection[str]) -> tuple[str, ...]:
    header = header_of(path)
    names = tuple(name for name in header if name not in others) if given is None else tuple(given)
    if not names:
        raise TableError(f"{path}: has no column of labels beside {_listed(header)}")
    for name in names:
        if has_control(name):
            raise TableError(f"{path}: the header (line 1): column {shorten(name)} contains control characters")
        if name not in header:
            near = get_close_matches(name, header, n=1)
            meant = f"did you mean {shorten(near[0])}?" if near else f"its columns are {_listed(header)}"
            raise TableError(f"{path}: class {shorten(name)} is no column of the header (line 1); {meant}")
        if name in PRIVATE:
            raise TableError(f"{path}: column {shorten(name)} identifies patients; name the classes with --classes")
        if name in others:
            raise TableError(f"{path}: column {shorten(name)} describes the case and cannot be a class")
    return names


def _certainties(path: Path, cells: pl.Series, hygiene: dict[str, int], *, is_named: bool = True) -> pl.Series:
    """The certainties of one column, null where nothing is known.

    A text in a column that nobody named as a class is not quoted, because it may say who the patient is.
    """
    if count := int((no_value := is_no_value(cells)).sum()):
        cells = cells.set(no_value, None)
        _count(hygiene, "labels_such_as_NA_read_as_unknown", count)
    numbers = cells.cast(pl.Float64, strict=False)
    holds_label = ((numbers >= 0) & (numbers <= 1)) | (numbers == _UNCERTAIN)
    wrong = cells.is_not_null() & ~holds_label.fill_null(False)
    if wrong.any():
        record = first_true(wrong)
        is_quoted = is_named or numbers[record] is not None
        remedy = "" if is_quoted else "; if the column is no class, name the classes with --classes"
        raise TableError(
            f"{path}: record {record + 1}, column {shorten(cells.name)} holds "
            f"{shorten(cells[record]) if is_quoted else 'a text'}, expected 1 (present), 0 (absent), -1 (uncertain), a "
            f"certainty between 0 and 1, or nothing (unknown){remedy}"
        )
    if count := int((numbers == _UNCERTAIN).sum()):
        _count(hygiene, "labels_of_-1_read_as_uncertain", count)
    unstated = (numbers == _UNCERTAIN).fill_null(False)
    certainties: pl.Series = numbers.set(unstated, UNSTATED_CERTAINTY)
    return certainties


def _count(hygiene: dict[str, int], what: str, count: int) -> None:
    hygiene[what] = hygiene.get(what, 0) + count


def _listed(names: Sequence[str]) -> str:
    return shorten(", ".join(names), 400)[1:-1]
