"""A study under way: a hidden folder beside its place that survives an interruption, one process at a time."""

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

# Locks of other hosts cannot be seen on every network disk. Radiographs are stored every few seconds; the longest pause
# is the digest of all of them.
_IDLE_S = 600.0


@contextmanager
def unfinished(out: Path) -> Iterator[Path]:
    """Yield the folder `.NAME.partial` beside `out`, locked; what an earlier run left in it is still there.

    It stays when the block ends with an error, so that the same command goes on from there.

    Raises:
        EgazeError: `out` exists and is not an empty folder, another process is at work on it, another host was until
            some minutes ago, or a disk's error.
    """
    out = out.absolute()
    require_free(out)
    folder = out.parent / f".{out.name}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock = FileLock(folder / _LOCK, timeout=0).acquire()
        except Timeout as error:
            raise EgazeError(f"{out}: another egaze is preparing this study at the moment") from error
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
    """Write this host's name into the folder, unless another's process may be at work in it."""
    host = folder / _HOST
    if host.exists() and host.read_text(encoding="utf-8") != this_host():
        idle_s = time.time() - max(path.stat().st_mtime for path in folder.iterdir() if path.name != _LOCK)
        if idle_s < _IDLE_S:
            raise EgazeError(
                f"{out}: another machine seems to be preparing this study: {folder} was written to "
                f"{max(idle_s, 0):.0f} s ago; after {_IDLE_S / 60:.0f} minutes without that the same command goes on"
            )
    host.write_text(this_host(), encoding="utf-8")


def new_study_folder(folder: Path) -> Path:
    """An empty folder inside the unfinished one, to become the study."""
    study = folder / _STUDY
    shutil.rmtree(study, ignore_errors=True)
    study.mkdir()
    return study


def publish(folder: Path, out: Path) -> None:
    """Put the finished study in its place: whole or not at all, also when the power fails."""
    study = folder / _STUDY
    for path in (*study.iterdir(), study):
        sync(path)
    study.replace(out)
    sync(out.absolute().parent)
    discard(folder)


def discard(folder: Path) -> None:
    """Remove an unfinished study's folder."""
    shutil.rmtree(folder, ignore_errors=True)


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
