"""The dialect of a table: encoding, delimiter, quoting and decimal mark, told from the file."""

from __future__ import annotations

import gzip
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from egaze.errors import TableError
from egaze.tables.text_limits import TableLimits, table_limits

Encoding = Literal["utf-8", "utf-16-le", "utf-16-be", "windows-1252"]
Decimal = Literal[".", ","]

#: The first bytes of a file from which its dialect is told.
HEAD_BYTES = 1 << 20
#: The number of records that must agree on a delimiter.
_RECORDS = 200
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_ENCODINGS = {"utf-8": "UTF-8", "utf-16-le": "UTF-16 LE", "utf-16-be": "UTF-16 BE", "windows-1252": "Windows-1252"}
_MARKS: dict[Encoding, bytes] = {"utf-8": b"\xef\xbb\xbf", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}
_QUOTE, _LF = b'"\n'
# The first bytes of files of other kinds.
_FOREIGN = {
    b"\xff\xfe\x00\x00": "UTF-32 text; save it as UTF-8",
    b"\x00\x00\xfe\xff": "UTF-32 text; save it as UTF-8",
    b"\x1f\x8b": "a gzip file; unpack it first, or let its name end in .gz",
    b"PK\x03\x04": "a zip or spreadsheet file; unpack it or save it as CSV",
    b"BZh": "a bzip2 file; unpack it first",
    b"\xfd7zXZ": "an xz file; unpack it first",
    b"\x28\xb5\x2f\xfd": "a zstd file; unpack it first",
    b"PAR1": "a Parquet file; save it as CSV",
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table is written.

    Attributes:
        encoding: of the file.
        has_mark: whether the file begins with a byte order mark.
        delimiter: one character between cells.
        quoted: whether cells may be quoted as in RFC 4180; false in files of tabs that hold bare quotes.
        decimal: the decimal mark; None means that it is told from the cells.
        header_line: the line of the header, from 1; the lines before it are not part of the table.

    Example:
        >>> from egaze.tables import Dialect
        >>> print(Dialect(delimiter="\\t", decimal=",", has_mark=True))
        UTF-8 with a byte order mark, tabs, decimal commas
    """

    encoding: Encoding = "utf-8"
    has_mark: bool = False
    delimiter: str = ","
    quoted: bool = True
    decimal: Decimal | None = None
    header_line: int = 1

    def __str__(self) -> str:
        encoding = _ENCODINGS[self.encoding] + (" with a byte order mark" if self.has_mark else "")
        decimal = {None: [], ".": ["decimal points"], ",": ["decimal commas"]}[self.decimal]
        return ", ".join([encoding, DELIMITERS.get(self.delimiter, repr(self.delimiter)), *decimal])

    @property
    def is_usual(self) -> bool:
        """Whether it is UTF-8 with commas and decimal points, which needs no mention."""
        return self.encoding == "utf-8" and self.delimiter == "," and self.decimal != ","


def tell_dialect(path: Path, header_line: int = 1) -> Dialect:
    """Tell the dialect of a table from its first `HEAD_BYTES`; the decimal mark is left to the cells.

    Args:
        path: the table.
        header_line: the line of its header, from 1.

    Raises:
        TableError: not a regular file, a file of another kind, or one that can be cut into cells in two ways.

    Example:
        >>> from pathlib import Path
        >>> from egaze.tables import tell_dialect
        >>> _ = Path("gaze.csv").write_text("time;x;y\\n0,5;1,2;3,4\\n", encoding="utf-16")
        >>> print(tell_dialect(Path("gaze.csv")))
        UTF-16 LE with a byte order mark, semicolons
    """
    require_file(path)
    with opened(path) as file:
        head = file.read(HEAD_BYTES)
    for magic, kind in _FOREIGN.items():
        if head.startswith(magic):
            raise TableError(f"{path}: cannot read the table: it is {kind}")
    return dialect_of(head, str(path), header_line)


def dialect_of(head: bytes, where: str, header_line: int = 1) -> Dialect:
    """As `tell_dialect`, from the first bytes of a file; `where` begins the message of an error."""
    encoding, has_mark = encoding_of(head)
    text = decoded(head, encoding).encode()
    lines = text.split(b"\n", header_line - 1)
    told = Dialect(encoding, has_mark, header_line=header_line)
    return _cut(lines[-1], told, where) if len(lines) == header_line else told


def encoding_of(head: bytes) -> tuple[Encoding, bool]:
    """The encoding of text by its first bytes, and whether a byte order mark says so."""
    for encoding, mark in _MARKS.items():
        if head.startswith(mark):
            return encoding, True
    # ASCII in UTF-16 has a NUL in every other byte.
    pairs = np.frombuffer(head[: len(head[:4096]) // 2 * 2], np.uint8).reshape(-1, 2)
    if len(pairs) >= 2:
        if (pairs[:, 1] == 0).all() and (pairs[:, 0] != 0).all():
            return "utf-16-le", False
        if (pairs[:, 0] == 0).all() and (pairs[:, 1] != 0).all():
            return "utf-16-be", False
    return "utf-8", False


def decoded(head: bytes, encoding: Encoding) -> str:
    """The text of a file's first bytes, without the byte order mark; a character that is cut off is left out."""
    return head.removeprefix(_MARKS.get(encoding, b"")).decode(encoding, errors="ignore")


def require_file(path: Path, limits: TableLimits | None = None) -> None:
    """Raise TableError if there is no such file, it is not a regular one, or it is larger than the limit."""
    limits = limits or table_limits()
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise TableError(f"{path}: no such table; give its path, relative to the current folder or whole") from error
    except (OSError, ValueError) as error:
        raise TableError(f"{str(path)!r}: cannot read the table: {error}") from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise TableError(f"{path}: cannot read the table: it is {kind}")
    if status.st_size > limits.file_bytes:
        raise TableError(f"{path}: {status.st_size} bytes: more than {limits.file_bytes} (EGAZE_TABLE_FILE_BYTES)")


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a table to read its bytes, unpacked where the name ends in .gz.

    Raises:
        TableError: the file cannot be opened or, while the block lasts, read or unpacked.
    """
    try:
        with path.open("rb") if path.suffix.lower() != ".gz" else gzip.open(path) as file:
            yield file  # type: ignore[misc]  # gzip.open's type depends on a mode that is the default
    except EOFError as error:
        raise TableError(f"{path}: cannot read the table: the gzip file is cut off") from error
    except (OSError, zlib.error) as error:
        raise TableError(f"{path}: cannot read the table: {getattr(error, 'strerror', None) or error}") from error


def _cut(text: bytes, told: Dialect, where: str) -> Dialect:
    """The dialect with its delimiter: the one that cuts all records into as many cells as the header."""
    line = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(line == _QUOTE)
    counts = {delimiter: _cells(line, quotes, delimiter) for delimiter in DELIMITERS}
    in_header = {delimiter: int(cells[0]) for delimiter, cells in counts.items() if cells.size and cells[0] > 1}
    if not in_header:
        return told
    even = [delimiter for delimiter in in_header if (counts[delimiter] == counts[delimiter][0]).all()]
    if len(even) > 1:
        # A delimiter that cuts off no more than a note of the header is no rival.
        most = max(in_header[delimiter] for delimiter in even)
        even = [delimiter for delimiter in even if 2 * in_header[delimiter] > most]
    if len(even) > 1:
        readings = " or ".join(f"{in_header[delimiter]} columns between {DELIMITERS[delimiter]}" for delimiter in even)
        raise TableError(
            f"{where}: can be read in two ways, as {readings}; quote the cells that hold one of them, "
            "or save the table with one delimiter only"
        )
    delimiter = even[0] if even else max(in_header, key=lambda name: (in_header[name], name == ","))
    return replace(told, delimiter=delimiter, quoted=delimiter != "\t" or _are_rfc_quotes(line, quotes))


def _cells(line: NDArray[np.uint8], quotes: NDArray[np.int64], delimiter: str) -> NDArray[np.int64]:
    """How many cells each of the first complete records has that is not blank."""
    places = _outside(quotes, np.flatnonzero((line == ord(delimiter)) | (line == _LF)))
    ends = np.flatnonzero(line[places] == _LF)[: 2 * _RECORDS]
    if not ends.size:
        ends = np.array([len(places)])  # one line without an end
        return np.array([len(places) + 1]) if len(line) else ends[:0]
    cells = np.diff(ends, prepend=-1)
    begins = np.concatenate([[0], places[ends[:-1]] + 1])
    length = places[ends] - begins
    blank = (length == 0) | ((length <= 2) & (line[begins] == ord("\r")) & (cells == 1))
    filled: NDArray[np.int64] = cells[~blank][:_RECORDS]
    return filled


def _outside(quotes: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
    return places[np.searchsorted(quotes, places) % 2 == 0] if quotes.size else places


def _are_rfc_quotes(line: NDArray[np.uint8], quotes: NDArray[np.int64]) -> bool:
    """Whether the quotes in a table of tabs, if there are any, open and close cells."""
    if not quotes.size or quotes.size % 2:
        return False
    edges = np.frombuffer(b'\t\n\r"', np.uint8)
    before = np.where(quotes[0::2] > 0, line[quotes[0::2] - 1], _LF)
    last = quotes[1::2] + 1 >= len(line)
    after = np.where(last, _LF, line[np.minimum(quotes[1::2] + 1, len(line) - 1)])
    return bool(np.isin(before, edges).all() and np.isin(after, edges).all())
