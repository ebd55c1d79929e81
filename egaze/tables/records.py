"""The records of a table of text, in blocks of bounded size with a checked structure."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from egaze.errors import TableError
from egaze.tables.dialect import Dialect, opened, require_file, tell_dialect
from egaze.tables.text_limits import TableLimits, table_limits

_READ_BYTES = 1 << 22
_QUOTE, _LF, _CR = b'"\n\r'
_BOM = "\ufeff".encode()


@dataclass(frozen=True, slots=True)
class Block:
    """Complete records, each with a cell for every name in the header and one line feed at its end.

    Attributes:
        data: valid UTF-8 without NUL bytes; if the dialect has quotes, only where RFC 4180 allows them.
        first: the number of the first record; the header is record 0.
        records: the number of records.
    """

    data: bytes
    first: int
    records: int


def read_blocks(
    path: Path, dialect: Dialect | None = None, *, on_cut: Callable[[str], None] | None = None
) -> Iterator[Block]:
    """Read a table (RFC 4180, in any dialect) from beginning to end; the first block is the header alone.

    Line ends are LF, CRLF or CRCRLF. Blank lines are skipped and not counted. Cells without a name at the end of the
    header may all be missing from a record, as in `BBox_List_2017.csv`. Memory is bounded by `TableLimits` and a few
    megabytes, whatever the file contains.

    Args:
        path: the table.
        dialect: how it is written; None tells it from the file.
        on_cut: takes a sentence about a last record that is cut off: it has no line end and lacks cells, and is left
            out. None makes that an error.

    Raises:
        TableError: not a regular file, or a file that is compressed (but by gzip, with a name that ends in .gz), not
            text, empty, over a limit, or not a table: missing or additional cells, a stray or unclosed quote, a
            carriage return without a line feed.
    """
    limits = table_limits()
    require_file(path, limits)
    dialect = dialect or tell_dialect(path)
    checker = _Checker(path, limits, dialect, on_cut)
    with opened(path) as file:
        rest = b""
        # The last record may lack its line feed; an additional one is only a blank line.
        for piece in chain(_pieces(path, file, limits, dialect), [None]):
            block = rest + (b"\n" if piece is None else piece)
            ends = _record_ends(block, dialect)
            size = int(ends[-1]) if ends.size else 0
            if size:
                yield from checker.check(block[:size], is_last=piece is None)
            rest = block[size:]
            if len(rest) > limits.record_bytes:
                checker.fail(checker.next, _too_long(limits))
    if rest:
        checker.fail(checker.next, "has a quote that is never closed")
    if not checker.names:
        raise TableError(f"{path}: cannot read the table: it is empty")


def column_names(header: Block, dialect: Dialect) -> list[str]:
    """The cells of the header, without quotes and surrounding spaces."""
    marks, _ = _marks(np.frombuffer(header.data, np.uint8), dialect)
    begins = [0, *(marks[:-1] + 1)]
    cells = [header.data[begin:end].decode(errors="replace") for begin, end in zip(begins, marks, strict=True)]
    if not dialect.quoted:
        return [cell.strip() for cell in cells]
    return [(cell[1:-1].replace('""', '"') if cell.startswith('"') else cell).strip() for cell in cells]


def shorten(value: str, length: int = 40) -> str:
    """A value for a message: on one line, with control characters escaped, and cut off if it is long."""
    return repr(value if len(value) <= length else value[: length - 3] + "...")


def _pieces(path: Path, file: BinaryIO, limits: TableLimits, dialect: Dialect) -> Iterator[bytes]:
    """The text of the file as UTF-8, in pieces, from the header on and without a byte order mark."""
    is_utf8 = dialect.encoding == "utf-8"  # which the checker decodes, so that it can name the record
    decoder = codecs.getincrementaldecoder(dialect.encoding)()
    total, lines, is_first = 0, dialect.header_line - 1, True
    while piece := file.read(_READ_BYTES if not is_first else max(_READ_BYTES, len(_BOM))):
        total += len(piece)
        if total > limits.file_bytes:  # the file grows while it is read, or its size was unknown
            raise TableError(f"{path}: more than {limits.file_bytes} bytes (EGAZE_TABLE_FILE_BYTES)")
        if not is_utf8:
            try:
                piece = decoder.decode(piece).encode()
            except UnicodeDecodeError as error:
                raise TableError(f"{path}: is not {dialect.encoding} text: {error.reason}") from error
        if is_first:
            piece = piece.removeprefix(_BOM)
        is_first = False
        while lines and b"\n" in piece:
            piece = piece.partition(b"\n")[2]
            lines -= 1
        if not lines:
            yield piece
    if not is_utf8:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise TableError(f"{path}: is not {dialect.encoding} text: it ends within a character") from error


def _marks(line: NDArray[np.uint8], dialect: Dialect) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The positions of the delimiters and line feeds outside quotes, and of the quotes."""
    quotes = _quotes(line, dialect)
    return _outside(quotes, np.flatnonzero((line == ord(dialect.delimiter)) | (line == _LF))), quotes


def _quotes(line: NDArray[np.uint8], dialect: Dialect) -> NDArray[np.int64]:
    return np.flatnonzero(line == _QUOTE) if dialect.quoted else np.empty(0, dtype=np.int64)


def _outside(quotes: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """The positions that follow an even number of quotes."""
    return places[np.searchsorted(quotes, places) % 2 == 0] if quotes.size else places


def _record_ends(block: bytes, dialect: Dialect) -> NDArray[np.int64]:
    """The end of each record, one past its last byte, in a block that begins with a record."""
    line = np.frombuffer(block, np.uint8)
    return _outside(_quotes(line, dialect), np.flatnonzero(line == _LF)) + 1


def _too_long(limits: TableLimits) -> str:
    return (
        f"is longer than {limits.record_bytes} bytes (EGAZE_TABLE_RECORD_BYTES): "
        "is a quote never closed, or are the line ends not line feeds?"
    )


class _Structure:
    """The positions of cells and records in a block of complete records."""

    def __init__(self, block: bytes, first: int, dialect: Dialect) -> None:
        self.block = block
        self.delimiter = ord(dialect.delimiter)
        self.line = np.frombuffer(block, np.uint8)
        self.marks, self.quotes = _marks(self.line, dialect)
        #: Carriage returns outside quotes.
        self.returns = _outside(self.quotes, np.flatnonzero(self.line == _CR))
        last = np.flatnonzero(self.line[self.marks] == _LF)
        self.ends = self.marks[last]
        self.begins = np.concatenate([[0], self.ends[:-1] + 1])
        self.cells = np.diff(last, prepend=-1)
        length = self.ends - self.begins
        #: Whether each line is empty.
        self.blank = (length == 0) | ((length <= 2) & (self.line[self.begins] == _CR) & (self.cells == 1))
        #: The record number of each line.
        self.numbers = first + np.cumsum(~self.blank) - ~self.blank

    def ends_line(self, returns: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether carriage returns belong to a line end; Python's csv module can write two of them."""
        one, two = self.line[returns + 1], self.line[np.minimum(returns + 2, len(self.line) - 1)]
        ends: NDArray[np.bool_] = (one == _LF) | ((one == _CR) & (two == _LF))
        return ends

    def place(self, position: int) -> tuple[int, int]:
        """The record and the column, both counted from 0, of a byte."""
        line = int(np.searchsorted(self.ends, position))
        before = np.searchsorted(self.marks, [self.begins[line], position])
        return int(self.numbers[line]), int(before[1] - before[0])

    def stray_quotes(self) -> NDArray[np.int64]:
        """Quotes that neither open nor close a cell and are not doubled inside one (RFC 4180, rules 5 to 7)."""
        opening, closing = self.quotes[0::2], self.quotes[1::2]
        before = np.where(opening > 0, self.line[opening - 1], _LF)
        after = self.line[closing + 1]
        wrong = [
            opening[(before != self.delimiter) & (before != _LF) & (before != _QUOTE)],
            closing[(after != self.delimiter) & (after != _LF) & (after != _QUOTE) & (after != _CR)],
        ]
        return np.sort(np.concatenate(wrong))

    def without_blanks(self) -> bytes:
        """The records with LF line ends and without blank lines."""
        if not self.returns.size and not self.blank.any():
            return self.block
        keep = np.ones(len(self.line), dtype=bool)
        keep[self.returns] = False
        keep[self.ends[self.blank]] = False
        return self.line[keep].tobytes()


class _Checker:
    """Checks complete records block by block, and counts them."""

    def __init__(self, path: Path, limits: TableLimits, dialect: Dialect, on_cut: Callable[[str], None] | None) -> None:
        self._path = path
        self._limits = limits
        self._dialect = dialect
        self._on_cut = on_cut
        self.names: list[str] = []
        self._fewest = 0
        self.next = 0

    def check(self, block: bytes, *, is_last: bool) -> Iterator[Block]:
        """Check a block of complete records. Raises TableError for the first fault; see `read_blocks`."""
        found = _Structure(block, self.next, self._dialect)
        if not (~found.blank).any():
            return
        columns = self._columns(found)
        if is_last and self._on_cut is not None and found.cells[-1] < self._fewest and found.numbers[-1] > 0:
            cells = f"{found.cells[-1]} of {columns} cells"
            self._on_cut(f"record {found.numbers[-1]}, the last one, is cut off after {cells} and left out")
            if len(found.ends) == 1:
                return
            found = _Structure(block[: found.begins[-1]], self.next, self._dialect)
        records = int((~found.blank).sum())
        if not records:
            return
        self._check_text(found)
        self._check_shape(found, columns)
        first, data = self.next, found.without_blanks()
        self.next += records
        if first == 0:
            size = int(_record_ends(data, self._dialect)[0])
            yield Block(data[:size], 0, 1)
            first, data, records = 1, data[size:], records - 1
        if records:
            yield Block(data, first, records)

    def _columns(self, found: _Structure) -> int:
        if not self.names:
            header = int(np.argmin(found.blank))
            columns = int(found.cells[header])
            if columns > self._limits.columns:
                self.fail(0, f"has {columns} columns, more than {self._limits.columns} (EGAZE_TABLE_COLUMNS)")
            line = found.block[found.begins[header] : found.ends[header] + 1]
            self.names = column_names(Block(line, 0, 1), self._dialect)
            # A record must have the cells up to the last one with a name.
            self._fewest = max((place for place, name in enumerate(self.names, 1) if name), default=columns)
        return len(self.names)

    def _check_text(self, found: _Structure) -> None:
        for position in np.flatnonzero(found.line == 0)[:1]:
            self._fail_at(found, position, "holds a NUL byte: not UTF-8 text")
        if not found.block.isascii():
            try:
                found.block.decode()
            except UnicodeDecodeError as error:
                self._fail_at(found, error.start, f"holds the byte 0x{found.block[error.start]:02x}: not UTF-8 text")
        for position in found.returns[~found.ends_line(found.returns)][:1]:
            self._fail_at(found, position, "holds a carriage return without a line feed")
        for position in found.stray_quotes()[:1]:
            self._fail_at(found, position, "holds a quote that neither opens nor closes the cell")

    def _check_shape(self, found: _Structure, columns: int) -> None:
        limit = self._limits.cell_bytes
        is_wrong = (found.cells != columns) & (found.cells != self._fewest)
        for line in np.flatnonzero(~found.blank & is_wrong)[:1]:
            self.fail(found.numbers[line], f"has {found.cells[line]} cells, the header has {columns}")
        lengths = np.diff(found.marks, prepend=-1) - 1
        for mark in np.flatnonzero(lengths > limit)[:1]:
            what = f"holds {lengths[mark]} bytes, more than {limit} (EGAZE_TABLE_CELL_BYTES)"
            self._fail_at(found, found.marks[mark], what)
        for line in np.flatnonzero(found.ends - found.begins > self._limits.record_bytes)[:1]:
            self.fail(found.numbers[line], _too_long(self._limits))

    def _fail_at(self, found: _Structure, position: int, what: str) -> NoReturn:
        record, column = found.place(int(position))
        known = record > 0 and column < len(self.names)
        self.fail(record, f"column {shorten(self.names[column]) if known else column + 1} {what}", ", ")

    def fail(self, record: int, what: str, joint: str = " ") -> NoReturn:
        """Raise TableError about a record."""
        where = f"record {record}" if record else f"the header (line {self._dialect.header_line})"
        raise TableError(f"{self._path}: {where}{joint}{what}")
