"""The lines of a text file that is not a table, in blocks of bounded size."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from egaze.errors import TableError
from egaze.tables.dialect import HEAD_BYTES, encoding_of, require_file
from egaze.tables.text_limits import table_limits

_READ_BYTES = 1 << 22


def read_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The lines of a text file without their ends, in blocks with the number of the block's first line, from 1.

    The encoding is UTF-8 or UTF-16; bytes that are neither become U+FFFD, which no number contains. Line ends are LF or
    CRLF. Memory is bounded by a block and `TableLimits.record_bytes`.

    Raises:
        TableError: not a regular file, or a file or a line over a limit.
    """
    limits = table_limits()
    require_file(path, limits)
    number, rest = 1, ""
    try:
        with path.open("rb") as file:
            encoding, _ = encoding_of(file.read(HEAD_BYTES))
            file.seek(0)
            decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
            while piece := file.read(_READ_BYTES):
                text = decoder.decode(piece)
                if number == 1 and not rest:
                    text = text.removeprefix("\ufeff")
                lines = (rest + text).split("\n")
                rest = lines.pop()
                if len(rest) > limits.record_bytes:
                    raise TableError(
                        f"{path}: line {number + len(lines)} is longer than {limits.record_bytes} bytes "
                        "(EGAZE_TABLE_RECORD_BYTES)"
                    )
                if lines:
                    yield number, [line.removesuffix("\r") for line in lines]
                number += len(lines)
            rest += decoder.decode(b"", final=True)
    except OSError as error:
        raise TableError(f"{path}: cannot be read: {error.strerror or error}") from error
    if rest:
        yield number, [rest.removesuffix("\r")]
