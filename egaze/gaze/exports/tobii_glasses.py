"""Tobii Pro Glasses 2 (livedata.json.gz) and 3 (gazedata.gz): a JSON object on each line.

Positions are fractions of the scene camera's video, origin top left, and thus on no screen. Glasses 2 write "gp" with
a time "ts" in microseconds and a status "s", 0 if the sample is good (Tobii Pro Glasses 2 API Developer's Guide).
Glasses 3 write "timestamp" in seconds and "data" with "gaze2d", which is empty if the eyes were lost (Glasses 3
Developer Guide).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from egaze.errors import TableError
from egaze.gaze.exports.reading import require_clock, samples_of
from egaze.gaze.recording import GazeFormat, GazeRecording

_GZIP = b"\x1f\x8b"
_READ_BYTES = 1 << 20
_LINE_BYTES = 1 << 20


def _matches(path: Path, head: bytes) -> bool:
    try:
        text = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(head, 1 << 14) if head.startswith(_GZIP) else head
    except zlib.error:
        return False
    first = text.split(b"\n", 1)[0]
    return (first.startswith(b'{"ts":') and b'"s":' in first) or first.startswith(
        (b'{"type":"gaze"', b'{"type": "gaze"')
    )


def _read(path: Path) -> GazeRecording:
    from egaze.tables.text_limits import table_limits, too_many_samples

    limit = table_limits().samples
    rows: list[tuple[int, float, float, float]] = []
    for number, line in enumerate(_lines(path), start=1):
        if b'"gp":' not in line and b'"gaze"' not in line:
            continue
        try:
            item = json.loads(line)
            sample = _sample(item)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise TableError(
                f"{path}: line {number} is no record of Tobii Glasses: {str(error).splitlines()[0]}"
            ) from error
        if sample is not None:
            rows.append((number, *sample))
        if len(rows) > limit:
            raise too_many_samples(path, limit)
    if not rows:
        raise TableError(f"{path}: holds no gaze record")
    records, time_s, x, y = np.array(rows).T
    require_clock(path, records.astype(np.int64), time_s, "line")
    note = "positions are fractions of the video of the scene camera, which is no screen"
    return GazeRecording((samples_of("both", time_s, x, y, "frac"),), notes=(note,), plane="scene camera")


#: The format for `egaze.gaze.GAZE_FORMATS`.
TOBII_GLASSES = GazeFormat("Tobii Pro Glasses 2 and 3", _matches, _read)


def _sample(item: Any) -> tuple[float, float, float] | None:
    """Time in s and position of a gaze record, NaN if the eyes were lost; None for another record."""
    if "gp" in item:
        x, y = item["gp"] if item["s"] == 0 else (np.nan, np.nan)
        return float(item["ts"]) / 1e6, float(x), float(y)
    if item.get("type") == "gaze":
        x, y = item["data"].get("gaze2d", (np.nan, np.nan))
        return float(item["timestamp"]), float(x), float(y)
    return None


def _lines(path: Path) -> Iterator[bytes]:
    """The lines of the file, unpacked if it is a gzip file, in bounded memory."""
    from egaze.tables.text_limits import table_limits

    limits, total, rest = table_limits(), 0, b""
    for piece in _pieces(path):
        total += len(piece)
        if total > limits.file_bytes:
            raise TableError(f"{path}: holds more than {limits.file_bytes} bytes (EGAZE_TABLE_FILE_BYTES)")
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > _LINE_BYTES:
            raise TableError(f"{path}: holds a line longer than {_LINE_BYTES} bytes")
        yield from lines
    if rest:
        yield rest


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            is_gzip = file.read(2) == _GZIP
            file.seek(0)
            inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
            while packed := file.read(_READ_BYTES):
                if not is_gzip:
                    yield packed
                    continue
                while packed:
                    yield inflater.decompress(packed, _READ_BYTES)
                    packed = inflater.unconsumed_tail
            if is_gzip and not inflater.eof:
                raise TableError(f"{path}: the gzip file is cut off")
    except (OSError, zlib.error) as error:
        raise TableError(f"{path}: cannot be unpacked: {error}") from error
