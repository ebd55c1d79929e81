"""The records of a CSV file, in blocks of bounded size with a checked structure."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from egaze.errors import TableError
from egaze.sources.text_limits import TableLimits, table_limits

_READ_BYTES = 1 << 22
_QUOTE, _COMMA, _LF, _CR = b'",\n\r'
_BOM = b"\xef\xbb\xbf"
# The first bytes of files of other kinds.
_FOREIGN = {
    b"\xff\xfe": "UTF-16 or UTF-32 text; save it as UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8",
    b"\x1f\x8b": "a gzip file; unpack it first",
    b"PK\x03\x04": "a zip or spreadsheet file; unpack it or save it as CSV",
    b"BZh": "a bzip2 file; unpack it first",
    b"\xfd7zXZ": "an xz file; unpack it first",
    b"\x28\xb5\x2f\xfd": "a zstd file; unpack it first",
    b"PAR1": "a Parquet file; save it as CSV",
}


@dataclass(frozen=True, slots=True)
class Block:
    """Complete records, each with as many cells as the header and one line feed at its end.

    Attributes:
        data: valid UTF-8 without NUL bytes, with quotes only where RFC 4180 allows them.
        first: the number of the first record; the header is record 0.
        records: the number of records.
    """

    data: bytes
    first: int
    records: int


def read_blocks(path: Path) -> Iterator[Block]:
    """Read a CSV file (RFC 4180, UTF-8) from beginning to end; the first block is the header alone.

    Line ends are LF or CRLF. Blank lines are skipped and not counted. Memory is bounded by `TableLimits` and a few
    megabytes, whatever the file contains.

    Raises:
        TableError: not a regular file, or a file that is compressed, not UTF-8 text, empty, over a limit, or not a
            table: missing or additional cells, a stray or unclosed quote, a carriage return without a line feed.
    """
    limits = table_limits()
    _require_file(path, limits)
    checker = _Checker(path, limits)
    try:
        with path.open("rb") as file:
            rest = b""
            # The last record may lack its line feed; an additional one is only a blank line.
            for piece in chain(_pieces(path, file, limits), [b"\n"]):
                block = rest + piece
                ends = _record_ends(block)
                size = int(ends[-1]) if ends.size else 0
                if size:
                    yield from checker.check(block[:size])
                rest = block[size:]
                if len(rest) > limits.record_bytes:
                    checker.fail(checker.next, _too_long(limits))
    except OSError as error:
        raise TableError(f"{path}: cannot read the table: {error.strerror or error}") from error
    if rest:
        checker.fail(checker.next, "has a quote that is never closed")
    if not checker.names:
        raise TableError(f"{path}: cannot read the table: it is empty")


def column_names(header: Block) -> list[str]:
    """The cells of the header, without quotes and surrounding spaces."""
    marks, _ = _marks(np.frombuffer(header.data, np.uint8))
    begins = [0, *(marks[:-1] + 1)]
    cells = [header.data[begin:end].decode(errors="replace") for begin, end in zip(begins, marks, strict=True)]
    return [(cell[1:-1].replace('""', '"') if cell.startswith('"') else cell).strip() for cell in cells]


def shorten(value: str, length: int = 40) -> str:
    """A value for a message: on one line, with control characters escaped, and cut off if it is long."""
    return repr(value if len(value) <= length else value[: length - 3] + "...")


def _require_file(path: Path, limits: TableLimits) -> None:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise TableError(f"{path}: no such table") from error
    except (OSError, ValueError) as error:
        raise TableError(f"{shorten(str(path))}: cannot read the table: {error}") from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise TableError(f"{path}: cannot read the table: it is {kind}")
    if status.st_size > limits.file_bytes:
        raise TableError(f"{path}: {status.st_size} bytes: more than {limits.file_bytes} (EGAZE_TABLE_FILE_BYTES)")


def _pieces(path: Path, file: BinaryIO, limits: TableLimits) -> Iterator[bytes]:
    """The bytes of the file, in pieces, without a byte order mark."""
    head = file.read(_READ_BYTES)
    for magic, kind in _FOREIGN.items():
        if head.startswith(magic):
            raise TableError(f"{path}: cannot read the table: it is {kind}")
    total = len(head)
    yield head.removeprefix(_BOM)
    while piece := file.read(_READ_BYTES):
        total += len(piece)
        if total > limits.file_bytes:  # the file grows while it is read, or its size was unknown
            raise TableError(f"{path}: more than {limits.file_bytes} bytes (EGAZE_TABLE_FILE_BYTES)")
        yield piece


def _marks(line: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The positions of the commas and line feeds outside quotes, and of the quotes."""
    quotes = np.flatnonzero(line == _QUOTE)
    return _outside(quotes, np.flatnonzero((line == _COMMA) | (line == _LF))), quotes


def _outside(quotes: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """The positions that follow an even number of quotes."""
    return places[np.searchsorted(quotes, places) % 2 == 0] if quotes.size else places


def _record_ends(block: bytes) -> NDArray[np.int64]:
    """The end of each record, one past its last byte, in a block that begins with a record."""
    line = np.frombuffer(block, np.uint8)
    return _outside(np.flatnonzero(line == _QUOTE), np.flatnonzero(line == _LF)) + 1


def _too_long(limits: TableLimits) -> str:
    return (
        f"is longer than {limits.record_bytes} bytes (EGAZE_TABLE_RECORD_BYTES): "
        "is a quote never closed, or are the line ends not line feeds?"
    )


class _Structure:
    """The positions of cells and records in a block of complete records."""

    def __init__(self, block: bytes, first: int) -> None:
        self.block = block
        self.line = np.frombuffer(block, np.uint8)
        self.marks, self.quotes = _marks(self.line)
        #: Carriage returns outside quotes.
        self.returns = _outside(self.quotes, np.flatnonzero(self.line == _CR))
        last = np.flatnonzero(self.line[self.marks] == _LF)
        self.ends = self.marks[last]
        self.begins = np.concatenate([[0], self.ends[:-1] + 1])
        self.cells = np.diff(last, prepend=-1)
        length = self.ends - self.begins
        #: Whether each line is empty.
        self.blank = (length == 0) | ((length == 1) & (self.line[self.begins] == _CR))
        #: The record number of each line.
        self.numbers = first + np.cumsum(~self.blank) - ~self.blank

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
            opening[(before != _COMMA) & (before != _LF) & (before != _QUOTE)],
            closing[(after != _COMMA) & (after != _LF) & (after != _QUOTE) & (after != _CR)],
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

    def __init__(self, path: Path, limits: TableLimits) -> None:
        self._path = path
        self._limits = limits
        self.names: list[str] = []
        self.next = 0

    def check(self, block: bytes) -> Iterator[Block]:
        """Check a block of complete records. Raises TableError for the first fault; see `read_blocks`."""
        found = _Structure(block, self.next)
        records = int((~found.blank).sum())
        if not records:
            return
        columns = self._columns(found)
        self._check_text(found)
        self._check_shape(found, columns)
        first, data = self.next, found.without_blanks()
        self.next += records
        if first == 0:
            size = int(_record_ends(data)[0])
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
            self.names = column_names(Block(found.block[found.begins[header] : found.ends[header] + 1], 0, 1))
        return len(self.names)

    def _check_text(self, found: _Structure) -> None:
        for position in np.flatnonzero(found.line == 0)[:1]:
            self._fail_at(found, position, "holds a NUL byte: not UTF-8 text")
        if not found.block.isascii():
            try:
                found.block.decode()
            except UnicodeDecodeError as error:
                self._fail_at(found, error.start, f"holds the byte 0x{found.block[error.start]:02x}: not UTF-8 text")
        for position in found.returns[found.line[found.returns + 1] != _LF][:1]:
            self._fail_at(found, position, "holds a carriage return without a line feed")
        for position in found.stray_quotes()[:1]:
            self._fail_at(found, position, "holds a quote that neither opens nor closes the cell")

    def _check_shape(self, found: _Structure, columns: int) -> None:
        limit = self._limits.cell_bytes
        for line in np.flatnonzero(~found.blank & (found.cells != columns))[:1]:
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
        where = f"record {record}" if record else "the header (line 1)"
        raise TableError(f"{self._path}: {where}{joint}{what}")
