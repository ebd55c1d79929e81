"""The radiographs that arguments of the command line name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from glob import glob


def radiograph_list(words: Sequence[str]) -> list[str]:
    """List the radiographs that arguments name, as `egaze-run` does (csrc/runner/radiograph_list.hpp).

    A folder stands for the files in it and in its subfolders, sorted by path; links are followed and hidden names are
    left out. A folder that can be reached in several ways is read once. An argument that is not a path stands for the
    paths that match it as a pattern (*, ? and [...]), in order. A file NAME.txt stands for the paths in it, one per
    line and relative to the current folder. Arguments without a match, links without a target, empty lists and folders
    that cannot be read are kept, so that each leads to an error.
    """
    radiographs: list[str] = []
    for word in words:
        paths = [word] if _exists(word) else sorted(glob(word), key=os.fsencode)
        for path in (listed for named in paths or [word] for listed in _listed(named)):
            found = list(_folder(path, set())) if os.path.isdir(path) else []
            # An empty folder is kept as if it were a radiograph, so that reading it gives an error.
            radiographs += sorted(found or [path], key=os.fsencode)
    return radiographs


def _exists(path: str) -> bool:
    try:
        return os.path.lexists(path)
    except ValueError:  # a NUL character
        return True


def _listed(path: str) -> list[str]:
    """The lines of a list, or the path itself if it is none."""
    if not path.lower().endswith(".txt") or not os.path.isfile(path):
        return [path]
    try:
        with open(path, "rb") as file:
            lines = file.read().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError:
        return [path]
    return [os.fsdecode(line) for line in (line.removesuffix(b"\r") for line in lines) if line] or [path]


def _folder(folder: str, read: set[str]) -> Iterator[str]:
    real = os.path.realpath(folder)
    if real in read:
        return
    read.add(real)
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: os.fsencode(entry.path))
    except OSError:
        # Kept as if it were a radiograph, so that reading it gives an error.
        yield folder
        return
    # Subfolders come before links to them.
    for entry in sorted(entries, key=lambda entry: entry.is_symlink()):
        if entry.name.startswith("."):
            continue
        if os.path.isdir(entry.path):
            yield from _folder(entry.path, read)
        elif os.path.isfile(entry.path) or entry.is_symlink():
            yield entry.path
