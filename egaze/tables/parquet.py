"""Writing Parquet files."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl


def write_parquet(path: Path, table: pl.DataFrame) -> None:
    """Write a Parquet file.

    Raises:
        OSError: it cannot be written.
    """
    content = io.BytesIO()  # written here rather than by polars, whose write errors do not name the cause
    table.write_parquet(content)
    path.write_bytes(content.getbuffer())
