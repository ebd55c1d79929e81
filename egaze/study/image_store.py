"""The radiographs of a study under way, on disk, and the journal of those that can be trusted."""

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

#: Radiographs read in this time are lost when the process is killed: the journal names a radiograph only once it is on
#: disk.
SYNC_EVERY_S = 1.0


class ImageStore:
    """Canvases in the order of the cases, and one journal line for each radiograph that is surely on disk.

    Pixels are written, not mapped, so that this process's memory does not grow with the radiographs. They are synced in
    steps, and only then are their lines appended and synced: whatever a kill or a power failure cuts off, a radiograph
    that the journal names is whole. The journal begins with the settings' digest and holds numbers, no paths.

    Args:
        folder: the unfinished study's.
        settings: digest of all that the pixels depend on; an earlier run's radiographs are used under the same one
            only.
        radiographs: every radiograph's path. A radiograph whose file has changed since it was read is read again.
        rows: for each radiograph the rows of the cases that show it.
        size_px: the canvas's side.

    Attributes:
        facts: of the radiographs that are there, by number.
        found: how many of them an earlier run has left.
        outdated: whether an earlier run's radiographs are thrown away because its settings were others.

    Raises:
        StudyError: there is too little room on the disk.
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
        with ExitStack() as files:  # closed where this fails
            self._journal = files.enter_context((folder / _JOURNAL).open("ab"))
            offset = self._trusted(radiographs, head, lines, offset)
            self._images = files.enter_context(self._path.open("r+b"))
            self._files = files.pop_all()
        self.found = len(self.facts)
        self._offset = offset
        self._new_lines: list[bytes] = []
        self._synced_s = time.monotonic()

    def _trusted(self, radiographs: Sequence[Path], head: bytes, lines: Sequence[bytes], offset: int | None) -> int:
        """Take what an earlier run has left, or begin anew; returns where the pixels begin."""
        if offset is None:
            # Nothing may be trusted while the files do not fit each other, so the journal goes first.
            self._journal.truncate(0)
            os.fsync(self._journal.fileno())
            offset = open_memmap(self._path, mode="w+", dtype=np.uint16, shape=self._shape).offset
            self._append([head])
        else:
            known = _known_radiographs(lines[1:], len(radiographs))
            self._journal.truncate(sum(map(len, lines)))
            self.facts = {number: facts for number, facts in known.items() if _is_unchanged(radiographs[number], facts)}
            if changed := known.keys() - self.facts.keys():
                # Their rows are about to be written over.
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
        """Wait until every radiograph is on disk and in the journal."""
        if self._new_lines:
            self._images.flush()
            os.fsync(self._images.fileno())
            self._append(self._new_lines)
            self._new_lines = []
        self._synced_s = time.monotonic()

    def save(self, path: Path) -> None:
        """Write the rows of all radiographs that are there, in the order of the cases, as one .npy file."""
        kept = sorted(row for number in self.facts for row in self._rows[number])
        self._images.flush()
        if len(kept) == self._shape[0]:
            # A second name: this store stays whole until the study is in its place.
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
    """Where the pixels begin in a file of this shape, or None when it is another or damaged."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return array.offset if array.shape == shape and array.dtype == np.uint16 else None


def _line(fields: dict[str, object]) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def _whole_lines(path: Path) -> list[bytes]:
    """A journal's lines; the last one is left out when it was cut off."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return []
    return [line + b"\n" for line in lines[:-1]]


def _known_radiographs(lines: Sequence[bytes], radiographs: int) -> dict[int, RadiographFacts]:
    """The last word on each radiograph; a line without facts takes back what was said before."""
    known: dict[int, RadiographFacts] = {}
    for line in lines:
        try:
            fields = json.loads(line)
            number = fields.pop("radiograph")
            known.pop(number, None)
            facts = RadiographFacts(**{**fields, "stamp": tuple(fields["stamp"])})
        except (ValueError, TypeError, KeyError, AttributeError):
            continue  # that radiograph is read again
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
        raise StudyError(f"{folder.parent}: the study needs {_size(needed)}, {_size(free)} are free")


def _size(count_bytes: int) -> str:
    return f"{count_bytes / 1e9:.1f} GB" if count_bytes >= 1e9 else f"{count_bytes / 1e6:.1f} MB"
