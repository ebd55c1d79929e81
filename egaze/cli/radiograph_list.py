"""Words of the command line to radiographs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from glob import glob


def radiograph_list(words: Sequence[str]) -> list[str]:
    """The radiographs that words name, as `egaze-run` lists them (csrc/runner/radiograph_list.hpp).

    A folder becomes the files in it and in its folders, links followed, in the order of their paths, hidden ones left
    out; a folder that several ways lead to is read once. What is no file becomes the paths that match it as a pattern
    (*, ? and [...]), in order; what matches nothing stays, as do links that lead nowhere and folders that cannot be
    read, so that none is left out without a word.
    """
    radiographs: list[str] = []
    for word in words:
        paths = [word] if _exists(word) else sorted(glob(word), key=os.fsencode)
        for path in paths or [word]:
            found = list(_folder(path, set())) if os.path.isdir(path) else []
            # An empty folder is asked about as a radiograph, which says what is wrong.
            radiographs += sorted(found or [path], key=os.fsencode)
    return radiographs


def _exists(path: str) -> bool:
    try:
        return os.path.lexists(path)
    except ValueError:  # a NUL
        return True


def _folder(folder: str, read: set[str]) -> Iterator[str]:
    real = os.path.realpath(folder)
    if real in read:
        return
    read.add(real)
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: os.fsencode(entry.path))
    except OSError:
        # Asked about as a radiograph, which says that it cannot be read.
        yield folder
        return
    # Folders of this one before links to them.
    for entry in sorted(entries, key=lambda entry: entry.is_symlink()):
        if entry.name.startswith("."):
            continue
        if os.path.isdir(entry.path):
            yield from _folder(entry.path, read)
        elif os.path.isfile(entry.path) or entry.is_symlink():
            yield entry.path
