"""The hidden folder of an unfinished study, which survives an interruption and belongs to one process at a time."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from egaze.atomic import require_free, this_host
from egaze.errors import EgazeError

_LOCK = "lock"
_HOST = "host"
_STUDY = "study"

# Not every network disk shows the locks of other hosts. Radiographs are stored every few seconds; the longest pause in
# writing is the digest of all images.
_IDLE_S = 600.0


@contextmanager
def unfinished(out: Path) -> Iterator[Path]:
    """Yield the folder `.NAME.partial` beside `out`, locked, with the files that an earlier run left in it.

    The folder stays if the block fails, so that the same command can continue.

    Raises:
        EgazeError: `out` exists and is not an empty folder, another process is preparing it, another host has written
            to the folder within the last minutes, or an error of the disk.
    """
    out = out.absolute()
    require_free(out)
    folder = out.parent / f".{out.name}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock = FileLock(folder / _LOCK, timeout=0).acquire()
        except Timeout as error:
            raise EgazeError(f"{out}: another egaze process is preparing this study") from error
        with lock:
            _take_from_host(folder, out)
            try:
                yield folder
            finally:
                if folder.is_dir() and set(os.listdir(folder)) <= {_LOCK, _HOST}:
                    discard(folder)
    except OSError as error:
        raise EgazeError(f"{out}: cannot write: {error.strerror or error}") from error


def _take_from_host(folder: Path, out: Path) -> None:
    """Write the name of this host into the folder, unless a process of another host may be using it."""
    host = folder / _HOST
    if host.exists() and host.read_text(encoding="utf-8") != this_host():
        idle_s = time.time() - max(path.stat().st_mtime for path in folder.iterdir() if path.name != _LOCK)
        if idle_s < _IDLE_S:
            raise EgazeError(
                f"{out}: another machine seems to be preparing this study: {folder} was written to "
                f"{max(idle_s, 0):.0f} s ago; try again once nothing has been written for {_IDLE_S / 60:.0f} minutes"
            )
    host.write_text(this_host(), encoding="utf-8")


def new_study_folder(folder: Path) -> Path:
    """Make an empty folder inside the unfinished one that will become the study."""
    study = folder / _STUDY
    shutil.rmtree(study, ignore_errors=True)
    study.mkdir()
    return study


def publish(folder: Path, out: Path) -> None:
    """Move the finished study to its final path, as a whole or not at all, even if the power fails."""
    study = folder / _STUDY
    for path in (*study.iterdir(), study):
        sync(path)
    study.replace(out)
    sync(out.absolute().parent)
    discard(folder)


def discard(folder: Path) -> None:
    """Remove the folder of an unfinished study."""
    shutil.rmtree(folder, ignore_errors=True)


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
