"""The files of a study and how their digests are made."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from egaze.errors import StudyError

FORMAT_VERSION = 2
MANIFEST = "study.json"
IMAGES = "images.npy"
CASES = "cases.parquet"
FIXATIONS = "fixations.parquet"
REGIONS = "regions.parquet"
PHRASES = "phrases.parquet"
SPLIT = "split.json"

#: The files whose digests the manifest holds.
DIGESTED = (IMAGES, CASES, FIXATIONS, REGIONS, PHRASES)


def sha256_file(path: Path) -> str:
    """The file's SHA-256 as hexadecimal digits, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """Raises StudyError when the file is missing, not JSON, or of another format version."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StudyError(f"{path.parent}: not a prepared study: {path.name} is missing") from error
    except (OSError, ValueError) as error:
        raise StudyError(f"{path}: cannot be read: {error}") from error
    found = content.get("format_version") if isinstance(content, dict) else None
    if found == 1:
        raise StudyError(f"{path}: a study of format version 1, this egaze reads {FORMAT_VERSION}: prepare it again")
    if found != FORMAT_VERSION:
        raise StudyError(f"{path}: format version {found!r}, this egaze reads {FORMAT_VERSION}")
    return content


def version_or_none(package: str) -> str | None:
    """An installed package's version, None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
