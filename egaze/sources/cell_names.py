"""Names in tables: cells that give none, and names that look alike."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl

from egaze.errors import TableError
from egaze.sources.delimited import PRIVATE, first_true
from egaze.sources.records import shorten

#: What programs write for a missing value, in any case.
NO_VALUE = frozenset({"na", "nan", "none", "null", "n/a", "#n/a"})


def is_no_value(column: pl.Series) -> pl.Series:
    """Which cells hold one of `NO_VALUE`; an empty one holds nothing."""
    return column.str.to_lowercase().is_in(list(NO_VALUE)).fill_null(False)


def require_names(path: Path, column: pl.Series, remedy: str) -> None:
    """Raise TableError, naming the record, for a cell that holds one of `NO_VALUE` where a name is needed."""
    for record in is_no_value(column).arg_true()[:1]:
        raise TableError(
            f"{path}: record {record + 1}, column {column.name!r} holds {column[record]!r}, which names nothing; "
            f"{remedy}"
        )


def as_seen(name: str) -> str:
    """A name without characters that do not show, and with one kind of blank."""
    shown = (character for character in unicodedata.normalize("NFKC", name) if unicodedata.category(character) != "Cf")
    return " ".join("".join(shown).split())


def folded(name: str) -> str:
    """A name as seen, whatever its case and blanks."""
    return as_seen(name).casefold().replace(" ", "")


def require_unlike(path: Path, column: pl.Series, look: Callable[[str], str], differ: str, remedy: str) -> None:
    """Raise TableError, naming the records, when two names of a column are one by `look` and yet not the same.

    Args:
        differ: what such names differ in, for the message; of `PRIVATE` columns no name is shown.
        remedy: what to do.
    """
    if (pair := first_alike(column.drop_nulls().unique(maintain_order=True), look)) is None:
        return
    records = " and ".join(str(first_true((column == name).fill_null(False)) + 1) for name in pair)
    shown = "which are not shown" if column.name in PRIVATE else " and ".join(shorten(name, 80) for name in pair)
    raise TableError(
        f"{path}: records {records}: two values of column {column.name!r}, {shown}, differ only in {differ}; {remedy}"
    )


def first_alike(names: Iterable[str], look: Callable[[str], str]) -> tuple[str, str] | None:
    """The first two of distinct names that look the same."""
    seen: dict[str, str] = {}
    for name in names:
        if (earlier := seen.setdefault(look(name), name)) != name:
            return earlier, name
    return None
