"""The images of an unfinished study on disk, and a journal of those that are complete."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.lib.format import open_memmap

from egaze.errors import StudyError
from egaze.study.placing import Placed, RadiographFacts, stamp

_RADIOGRAPHS = "radiographs.npy"
_JOURNAL = "journal.jsonl"

#: The journal names a radiograph only once it is on disk, so a killed process loses what it has read in this time.
SYNC_EVERY_S = 1.0


class ImageStore:
    """The images in the order of the cases, and a journal with one line for each radiograph that is on disk.

    Pixels are written rather than memory-mapped, so that the memory of this process does not grow with the number of
    radiographs. They are synced at intervals, and only then are their lines appended to the journal and synced: after a
    kill or a power failure, every radiograph that the journal names is complete. The journal begins with the digest of
    the settings and contains numbers, but no paths.

    Args:
        folder: of the unfinished study.
        settings: the digest of everything that the pixels depend on; radiographs of an earlier run are used only if it
            had the same one.
        radiographs: the paths of all radiographs. A radiograph whose file has changed is read again.
        rows: for each radiograph, the rows of its cases.
        size_px: the side of the canvas.

    Attributes:
        facts: about the stored radiographs, by number.
        found: the number of radiographs stored by an earlier run.
        outdated: whether radiographs of an earlier run are discarded because its settings were different.

    Raises:
        StudyError: the disk has too little space.
    """

    def __init__(
        self, folder: Path, settings: str, radiographs: Sequence[Path], rows: Sequence[Sequence[int]], size_px: int
    ) -> None:
        self._path = folder / _RADIOGRAPHS
        self._rows = rows
        self._shape = (sum(map(len, rows)), size_px, size_px)
        head = _line({"settings": settings})
        lines = _whole_lines(folder / _JOURNAL)
        self.outdated = bool(lines) and lines[0] != head
        offset = _pixels_offset(self._path, self._shape) if lines[:1] == [head] else None
        if offset is None:
            _require_room(folder, self._shape)
        self.facts: dict[int, RadiographFacts] = {}
        with ExitStack() as files:  # closes the files if this fails
            self._journal = files.enter_context((folder / _JOURNAL).open("ab"))
            offset = self._trusted(radiographs, head, lines, offset)
            self._images = files.enter_context(self._path.open("r+b"))
            self._files = files.pop_all()
        self.found = len(self.facts)
        self._offset = offset
        self._new_lines: list[bytes] = []
        self._synced_s = time.monotonic()

    def _trusted(self, radiographs: Sequence[Path], head: bytes, lines: Sequence[bytes], offset: int | None) -> int:
        """Take over the radiographs of an earlier run, or start again; returns the offset of the pixels."""
        if offset is None:
            # The journal is emptied first, so that it never names pixels of another file.
            self._journal.truncate(0)
            os.fsync(self._journal.fileno())
            offset = open_memmap(self._path, mode="w+", dtype=np.uint16, shape=self._shape).offset
            self._append([head])
        else:
            known = _known_radiographs(lines[1:], len(radiographs))
            self._journal.truncate(sum(map(len, lines)))
            self.facts = {number: facts for number, facts in known.items() if _is_unchanged(radiographs[number], facts)}
            if changed := known.keys() - self.facts.keys():
                # Their rows are about to be overwritten.
                self._append([_line({"radiograph": number, "stamp": None}) for number in changed])
        return offset

    def __enter__(self) -> ImageStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        with self._files:
            self.sync()

    def add(self, number: int, placed: Placed) -> None:
        """Store one radiograph in the rows of its cases."""
        for row in self._rows[number]:
            self._images.seek(self._offset + row * placed.pixels.nbytes)
            self._images.write(placed.pixels.tobytes())
        self._new_lines.append(_line({"radiograph": number, **placed.facts.as_dict()}))
        self.facts[number] = placed.facts
        if time.monotonic() - self._synced_s >= SYNC_EVERY_S:
            self.sync()

    def sync(self) -> None:
        """Wait until all radiographs are on disk and in the journal."""
        if self._new_lines:
            self._images.flush()
            os.fsync(self._images.fileno())
            self._append(self._new_lines)
            self._new_lines = []
        self._synced_s = time.monotonic()

    def save(self, path: Path) -> None:
        """Write the rows of all stored radiographs, in the order of the cases, as one .npy file."""
        kept = sorted(row for number in self.facts for row in self._rows[number])
        self._images.flush()
        if len(kept) == self._shape[0]:
            # A hard link, so that this store stays complete until the study has been published.
            with suppress(OSError):
                path.hardlink_to(self._path)
                return
        shape = (len(kept), *self._shape[1:])
        offset = open_memmap(path, mode="w+", dtype=np.uint16, shape=shape).offset
        row_bytes = 2 * shape[1] * shape[2]
        with path.open("r+b") as out:
            out.seek(offset)
            for row in kept:
                self._images.seek(self._offset + row * row_bytes)
                out.write(self._images.read(row_bytes))

    def _append(self, lines: Sequence[bytes]) -> None:
        self._journal.write(b"".join(lines))
        self._journal.flush()
        os.fsync(self._journal.fileno())


def _pixels_offset(path: Path, shape: tuple[int, int, int]) -> int | None:
    """The offset of the pixels in a file of this shape, or None if it has another shape or is damaged."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return array.offset if array.shape == shape and array.dtype == np.uint16 else None


def _line(fields: dict[str, object]) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def _whole_lines(path: Path) -> list[bytes]:
    """The complete lines of a journal."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return []
    return [line + b"\n" for line in lines[:-1]]


def _known_radiographs(lines: Sequence[bytes], radiographs: int) -> dict[int, RadiographFacts]:
    """The facts in the last line about each radiograph; a line without facts revokes earlier ones."""
    known: dict[int, RadiographFacts] = {}
    for line in lines:
        try:
            fields = json.loads(line)
            number = fields.pop("radiograph")
            known.pop(number, None)
            facts = RadiographFacts(**{**fields, "stamp": tuple(fields["stamp"])})
        except (ValueError, TypeError, KeyError, AttributeError):
            continue  # the radiograph will be read again
        if isinstance(number, int) and 0 <= number < radiographs:
            known[number] = facts
    return known


def _is_unchanged(path: Path, facts: RadiographFacts) -> bool:
    try:
        return stamp(path) == facts.stamp
    except OSError:
        return False


def _require_room(folder: Path, shape: tuple[int, int, int]) -> None:
    needed, free = 2 * shape[0] * shape[1] * shape[2], shutil.disk_usage(folder).free
    if needed > free:
        raise StudyError(f"{folder.parent}: the study needs {_size(needed)}, but only {_size(free)} are free")


def _size(count_bytes: int) -> str:
    return f"{count_bytes / 1e9:.1f} GB" if count_bytes >= 1e9 else f"{count_bytes / 1e6:.1f} MB"
