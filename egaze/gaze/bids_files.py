"""The files of a BIDS recording: tables without a header, and JSON files with the facts about them."""

from __future__ import annotations

import json
import re
import zlib
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from egaze.errors import TableError
from egaze.tables.text_limits import table_limits, too_many_samples

if TYPE_CHECKING:
    import polars as pl

#: A JSON object of facts; BIDS leaves their types open, so every use checks them.
Facts = dict[str, Any]

_MAX_JSON_BYTES = 1 << 20
_PIECE_BYTES = 1 << 22


def read_rows(path: Path, facts: Facts, *, required: tuple[str, ...], numbers: set[str]) -> pl.DataFrame:
    """The rows of a table without a header.

    Args:
        path: a gzip file of tab-separated values.
        facts: of its JSON file; `Columns` names the columns.
        required: columns that must be there.
        numbers: columns of numbers, Float64; the others are String. "n/a" is null in both.

    Raises:
        TableError: a file that cannot be unpacked, missing columns, a row with another number of columns, or a cell
            that is not a number.
    """
    import polars as pl  # here, because heatmaps should not wait for polars to load
    from polars.exceptions import PolarsError

    columns = facts.get("Columns")
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise TableError(f"{path}: Columns in its JSON file is {quoted(columns)}, expected a list of names")
    if len(set(columns)) < len(columns):
        raise TableError(f"{path}: a name occurs twice in Columns of its JSON file")
    if missing := [name for name in required if name not in columns]:
        raise TableError(f"{path}: Columns in its JSON file lacks {', '.join(map(repr, missing))}")
    content = _inflated(path).rstrip(b"\n")
    if not content:
        return pl.DataFrame(schema={name: pl.Float64 if name in numbers else pl.String for name in columns})
    for record, line in enumerate(BytesIO(content), start=1):
        if line.count(b"\t") != len(columns) - 1:
            raise TableError(
                f"{path}: record {record} has {line.count(9) + 1} columns, its JSON file names {len(columns)}"
            )
    try:
        raw = pl.read_csv(
            BytesIO(content),
            separator="\t",
            has_header=False,
            new_columns=columns,
            infer_schema=False,
            quote_char=None,
            null_values=["n/a"],
        )
    except PolarsError as error:
        raise TableError(f"{path}: cannot read the table: {str(error).splitlines()[0]}") from error
    for name in numbers & set(columns):
        cast = raw[name].str.strip_chars().cast(pl.Float64, strict=False)
        for record in ((cast.is_null() & raw[name].is_not_null()) | ~cast.is_finite().fill_null(True)).arg_true()[:1]:
            cell = quoted(raw[name][record])
            raise TableError(f"{path}: record {record + 1}, column {name!r} holds {cell}, expected a number or n/a")
        raw = raw.with_columns(cast.alias(name))
    return raw


def _inflated(path: Path) -> bytes:
    """The content of a gzip file without a byte order mark; it is unpacked no further than the limits."""
    limits, pieces, size, samples = table_limits(), [], 0, 0
    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        packed = path.read_bytes()
        while packed and not inflater.eof:
            pieces.append(inflater.decompress(packed, _PIECE_BYTES))
            packed = inflater.unconsumed_tail
            size, samples = size + len(pieces[-1]), samples + pieces[-1].count(b"\n")
            if samples > limits.samples:
                raise too_many_samples(path, limits.samples)
            if size > limits.file_bytes:
                raise TableError(f"{path}: unpacks to more than {limits.file_bytes} bytes (EGAZE_TABLE_FILE_BYTES)")
    except (OSError, zlib.error) as error:
        raise TableError(f"{path}: cannot be unpacked: {error}") from error
    if not inflater.eof or inflater.unused_data:
        raise TableError(f"{path}: is not one complete gzip stream")
    return b"".join(pieces).removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")


def inherited(path: Path, suffix: str, *, required: bool = True) -> Facts:
    """The facts about a file from its JSON files, by the inheritance principle of BIDS.

    A JSON file applies if it has the suffix and no entity that the file lacks; it may lie beside the file or in a
    folder above, up to that of the data set. The keys of a more specific file replace those of others.

    Raises:
        TableError: a JSON file that cannot be read, or, if `required`, none.
    """
    entities = set(path.name.split("_")[:-1])
    places = [path.parent]
    while not (places[-1] / "dataset_description.json").is_file() and places[-1].parent != places[-1]:
        places.append(places[-1].parent)
    if not (places[-1] / "dataset_description.json").is_file():
        places = [path.parent]
    found: list[tuple[int, Path]] = []
    for depth, place in enumerate(reversed(places)):
        for file in place.glob("*.json"):
            *own, last = file.name.removesuffix(".json").split("_")
            if last == suffix and set(own) <= entities:
                found.append((depth * 1000 + len(own), file))
    if required and not found:
        expected = re.sub(r"\.tsv\.gz$", ".json", path.name)
        raise TableError(f"{path}: its JSON file {expected} is missing, so its columns are unknown")
    facts: Facts = {}
    for _, file in sorted(found):
        facts |= _json(file)
    return facts


def _json(path: Path) -> Facts:
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise TableError(f"{path}: larger than {_MAX_JSON_BYTES} bytes")
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise TableError(f"{path}: not JSON: {(str(error).splitlines() or [''])[0]}") from error
    if not isinstance(content, dict):
        raise TableError(f"{path}: is not a JSON object")
    return content


def unit(path: Path, facts: Facts, name: str) -> str:
    """The unit that is stated for a column. Raises TableError if there is none."""
    described = facts.get(name)
    stated = described.get("Units") if isinstance(described, dict) else None
    if not isinstance(stated, str):
        raise TableError(f"{path}: its JSON file states no Units of column {name!r}, and units are not guessed")
    return stated


def number(path: Path, facts: Facts, key: str) -> float | None:
    """A number, above 0 unless it is StartTime; None if it is missing or n/a. Raises TableError for anything else."""
    value = facts.get(key)
    if value is None or value == "n/a":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value):
        raise TableError(f"{path}: {key} is {quoted(value)}, expected a number")
    if value <= 0 and key != "StartTime":
        raise TableError(f"{path}: {key} is {quoted(value)}, expected a number above 0")
    return float(value)


def pair(path: Path, facts: Facts, key: str) -> tuple[float, float] | None:
    """Two numbers above 0; None if they are missing or n/a. Raises TableError for anything else."""
    value = facts.get(key)
    if value is None or value == "n/a":
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise TableError(f"{path}: {key} is {quoted(value)}, expected two numbers")
    first, second = (number(path, {key: part}, key) for part in value)
    return None if first is None or second is None else (first, second)


def quoted(value: object) -> str:
    """A value for a message, cut off if it is long."""
    said = repr(value)
    return said if len(said) <= 60 else said[:57] + "..."
