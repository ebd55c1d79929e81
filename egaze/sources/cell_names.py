"""Names in tables: cells that stand for a missing name, and names that look alike."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl

from egaze.errors import TableError
from egaze.tables.delimited import PRIVATE, first_true
from egaze.tables.records import shorten

#: What programs write for a missing value; upper and lower case are equal.
NO_VALUE = frozenset({"na", "nan", "none", "null", "n/a", "#n/a"})


def is_no_value(column: pl.Series) -> pl.Series:
    """Which cells hold one of `NO_VALUE`; false for empty cells."""
    return column.str.to_lowercase().is_in(list(NO_VALUE)).fill_null(False)


def require_names(path: Path, column: pl.Series, remedy: str) -> None:
    """Raise TableError, naming the record, for a cell that holds one of `NO_VALUE` where a name is needed."""
    for record in is_no_value(column).arg_true()[:1]:
        raise TableError(
            f"{path}: record {record + 1}, column {column.name!r} holds {column[record]!r}, which names nothing; "
            f"{remedy}"
        )


def as_seen(name: str) -> str:
    """A name as it appears: without invisible characters, and with single spaces only."""
    shown = (character for character in unicodedata.normalize("NFKC", name) if unicodedata.category(character) != "Cf")
    return " ".join("".join(shown).split())


def folded(name: str) -> str:
    """A name as it appears, without spaces and in lower case."""
    return as_seen(name).casefold().replace(" ", "")


def require_unlike(path: Path, column: pl.Series, look: Callable[[str], str], differ: str, remedy: str) -> None:
    """Raise TableError, naming the records, if two different names of a column become equal under `look`.

    Args:
        path: the table, for the message.
        column: the names.
        look: `as_seen` or `folded`.
        differ: in what such names differ, for the message; names of `PRIVATE` columns are not shown.
        remedy: what the user can do.
    """
    if (pair := first_alike(column.drop_nulls().unique(maintain_order=True), look)) is None:
        return
    records = " and ".join(str(first_true((column == name).fill_null(False)) + 1) for name in pair)
    shown = "which are not shown" if column.name in PRIVATE else " and ".join(shorten(name, 80) for name in pair)
    raise TableError(
        f"{path}: records {records}: two values of column {column.name!r}, {shown}, differ only in {differ}; {remedy}"
    )


def first_alike(names: Iterable[str], look: Callable[[str], str]) -> tuple[str, str] | None:
    """The first two of distinct names that become equal under `look`, or None."""
    seen: dict[str, str] = {}
    for name in names:
        if (earlier := seen.setdefault(look(name), name)) != name:
            return earlier, name
    return None
