"""recordings.json of `egaze gaze import`: the quality of the samples that a table's fixations were found in."""

from __future__ import annotations

from pathlib import Path

from egaze.errors import TableError
from egaze.serialize import JsonObject
from egaze.sources.json_file import kind_of, read_json

_LIMIT_BYTES = 50_000_000


def read_recordings(path: Path) -> list[JsonObject]:
    """Each recording's name, quality, marks, and how its fixations were detected; its path stays in the file.

    Raises:
        TableError: not such a file.
    """
    content = read_json(path, _LIMIT_BYTES, "no recordings.json is longer")
    if not isinstance(content, list):
        raise TableError(f"{path}: holds {kind_of(content)}, expected the list of `egaze gaze import`")
    found: list[JsonObject] = []
    for number, item in enumerate(content, start=1):
        where = f"{path}: recording {number}"
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise TableError(f"{where} has no name: is it recordings.json of `egaze gaze import`?")
        marks = item.get("marks")
        if not isinstance(item.get("quality"), dict | type(None)) or not isinstance(marks, list):
            raise TableError(f"{where} has no quality or marks: import it again")
        if not all(isinstance(mark, str) for mark in marks):
            raise TableError(f"{where}: marks must be text")
        found.append({"name": item["name"], **{key: item.get(key) for key in ("quality", "marks", "detected")}})
    return found
