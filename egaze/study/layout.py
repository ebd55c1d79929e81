"""The files of a study and how their digests are made."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from egaze.errors import StudyError

FORMAT_VERSION = 1
MANIFEST = "study.json"
IMAGES = "images.npy"
CASES = "cases.parquet"
FIXATIONS = "fixations.parquet"
SPLIT = "split.json"


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
    if not isinstance(content, dict) or content.get("format_version") != FORMAT_VERSION:
        found = content.get("format_version") if isinstance(content, dict) else None
        raise StudyError(f"{path}: format version {found!r}, this egaze reads {FORMAT_VERSION}")
    return content
