"""Limits on the size of tables and transcripts."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path

from egaze.errors import TableError

_PREFIX = "EGAZE_TABLE_"


@dataclass(frozen=True, slots=True)
class TableLimits:
    """Limits on input tables. A table beyond them raises TableError and is not loaded.

    Each limit can be set by an environment variable: `EGAZE_TABLE_CELL_BYTES=1000000 egaze prepare ...`.

    Attributes:
        file_bytes: of a whole table (EGD-CXR's largest, eye_gaze.csv, has 0.4e9).
        record_bytes: of one record; it also bounds a quote that is never closed.
        cell_bytes: of one cell.
        columns: of the header.
        samples: of one recording of an eye tracker; reading takes some 100 bytes of memory for each.
        json_bytes: of one transcript.
        gaze_json_bytes: of one file of all readings' gaze (the gaze on SIIM-ACR's radiographs has 4e6).
    """

    file_bytes: int = 4_000_000_000
    record_bytes: int = 1_000_000
    cell_bytes: int = 100_000
    columns: int = 2_000
    samples: int = 50_000_000
    json_bytes: int = 1_000_000
    gaze_json_bytes: int = 100_000_000


def table_limits() -> TableLimits:
    """The limits in force.

    Raises:
        TableError: an environment variable that is not a whole number above 0.
    """
    changed = {}
    for field in fields(TableLimits):
        if (text := os.environ.get(_PREFIX + field.name.upper())) is not None:
            if not (text.isascii() and text.isdigit() and 0 < len(text) <= 18 and int(text) > 0):
                raise TableError(f"{_PREFIX}{field.name.upper()} must be a whole number of {_unit(field.name)} above 0")
            changed[field.name] = int(text)
    return TableLimits(**changed)


def too_many_samples(path: Path, limit: int) -> TableError:
    """The error for a recording of more samples than the limit: it says the limit, and how to raise it."""
    return TableError(
        f"{path}: holds more than {limit} samples, the limit; each takes some 100 bytes of memory: raise it with "
        "EGAZE_TABLE_SAMPLES=NUMBER, or export the recording in parts"
    )


def _unit(name: str) -> str:
    return name.rpartition("_")[2]
