"""A study under way: a hidden folder beside its place that survives an interruption, one process at a time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from egaze.atomic import require_free
from egaze.errors import EgazeError

_LOCK = "lock"
_STUDY = "study"


@contextmanager
def unfinished(out: Path) -> Iterator[Path]:
    """Yield the folder `.NAME.partial` beside `out`, locked; what an earlier run left in it is still there.

    It stays when the block ends with an error, so that the same command goes on from there.

    Raises:
        EgazeError: `out` exists and is not an empty folder, another process is at work on it, or a disk's error.
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
            try:
                yield folder
            finally:
                if folder.is_dir() and os.listdir(folder) == [_LOCK]:
                    discard(folder)
    except OSError as error:
        raise EgazeError(f"{out}: cannot write: {error.strerror or error}") from error


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
