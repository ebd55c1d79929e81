"""Whether a table's numbers have decimal points or decimal commas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from egaze.errors import TableError
from egaze.tables.dialect import Decimal, Dialect
from egaze.tables.records import Block, shorten

#: A number with one comma and no point.
_COMMA = r"^\s*[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?\s*$|^\s*[+-]?[0-9]+,\s*$"
#: One that may also be a whole number with commas between thousands.
_THOUSANDS = r"^\s*[+-]?[1-9][0-9]{0,2},[0-9]{3}\s*$"
#: One with a point and no comma; "1.0" too is how programs write whole numbers.
_POINT = r"^\s*[+-]?[0-9]*\.[0-9]+([eE][+-]?[0-9]+)?\s*$|^\s*[+-]?[0-9]+\.\s*$"


class DecimalMark:
    """Tells the decimal mark from the first block of records that has one, and writes numbers with points.

    Args:
        path: the table, for messages.
        dialect: whose `decimal`, if it is not None, is taken as given.
        numbers: the columns of numbers with fractions.

    Attributes:
        mark: the decimal mark, or None as long as no cell has shown it.
    """

    def __init__(self, path: Path, dialect: Dialect, numbers: Sequence[str]) -> None:
        self._path = path
        self._delimiter = dialect.delimiter
        self._numbers = numbers
        self.mark: Decimal | None = dialect.decimal

    def as_points(self, raw: pl.DataFrame, block: Block) -> pl.DataFrame:
        """The text cells of a block with points for decimal commas.

        Raises:
            TableError: numbers such as 1,234 alone, which can be read in two ways, or a decimal point where the
                others are commas.
        """
        if self.mark == "." or not self._numbers:
            return raw
        if self.mark is None:
            self.mark = self._told(raw, block)
        if self.mark != ",":
            return raw
        for name in self._numbers:
            for record in raw[name].str.contains(_POINT).fill_null(False).arg_true()[:1]:
                cell = shorten(raw[name][record])
                raise TableError(
                    f"{self._path}: record {block.first + record}, column {name!r} holds {cell} with "
                    "a point, and the numbers of this table have decimal commas; write all in one way"
                )
        is_comma = {name: raw[name].str.contains(_COMMA) for name in self._numbers}
        return raw.with_columns(
            pl.when(is_comma[name]).then(pl.col(name).str.replace(",", ".", literal=True)).otherwise(pl.col(name))
            for name in self._numbers
        )

    def _told(self, raw: pl.DataFrame, block: Block) -> Decimal | None:
        """The mark that most cells of a block show; None if they show none."""
        points = sum(int(raw[name].str.contains(_POINT).sum()) for name in self._numbers)
        commas = {name: raw[name].str.contains(_COMMA).fill_null(False) for name in self._numbers}
        count = sum(int(marks.sum()) for marks in commas.values())
        if points or not count:
            return None if not points else "." if points >= count else ","
        if any((marks & ~raw[name].str.contains(_THOUSANDS).fill_null(False)).any() for name, marks in commas.items()):
            return ","
        if self._delimiter != "," and any(not re.match(_THOUSANDS, cell) for cell in self._cells(block)):
            return ","
        name = next(name for name, marks in commas.items() if marks.any())
        record = int(commas[name].arg_true()[0])
        cell = raw[name][record].strip()
        raise TableError(
            f"{self._path}: record {block.first + record}, column {name!r} holds {shorten(cell)}, which can be "
            f"{cell.replace(',', '.')} with a decimal comma or {cell.replace(',', '')} with a comma between "
            "thousands; write decimal points, or no comma between thousands"
        )

    def _cells(self, block: Block) -> Iterator[str]:
        """The cells of all columns, also of those that are not read, that are numbers with a comma."""
        edge = re.escape(self._delimiter)
        text = block.data.decode()
        return (cell[1] for cell in re.finditer(rf"(?:^|{edge})([+-]?[0-9]*,[0-9]+)(?=$|{edge})", text, re.MULTILINE))
