"""The hidden folder of an unfinished output, which survives an interruption and belongs to one process at a time."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from egaze.atomic import this_host
from egaze.errors import EgazeError

_LOCK = "lock"
_HOST = "host"

# Not every network disk shows the locks of other hosts. Whoever writes an output writes to its folder more often than
# this; the longest pause is the digest of all images of a study.
_IDLE_S = 600.0


@contextmanager
def unfinished(out: Path, doing: str) -> Iterator[Path]:
    """Yield the folder `.NAME.partial` beside `out`, locked, with the files that an earlier run left in it.

    The folder stays if the block fails, so that the same command can continue.

    Args:
        out: the file or folder that will be written; whether it may exist is for the caller to decide.
        doing: what another process would be doing, such as "preparing this study".

    Raises:
        EgazeError: another process is doing it, another host has written to the folder within the last minutes, or an
            error of the disk.
    """
    out = out.absolute()
    folder = out.parent / f".{out.name}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock = FileLock(folder / _LOCK, timeout=0).acquire()
        except Timeout as error:
            raise EgazeError(f"{out}: another egaze process is {doing}") from error
        with lock:
            _take_from_host(folder, out, doing)
            try:
                yield folder
            finally:
                if folder.is_dir() and set(os.listdir(folder)) <= {_LOCK, _HOST}:
                    discard(folder)
    except OSError as error:
        raise EgazeError(f"{out}: cannot write: {error.strerror or error}") from error


def _take_from_host(folder: Path, out: Path, doing: str) -> None:
    """Write the name of this host into the folder, unless a process of another host may be using it."""
    host = folder / _HOST
    if host.exists() and host.read_text(encoding="utf-8") != this_host():
        idle_s = time.time() - max(path.stat().st_mtime for path in folder.iterdir() if path.name != _LOCK)
        if idle_s < _IDLE_S:
            raise EgazeError(
                f"{out}: another machine seems to be {doing}: {folder} was written to "
                f"{max(idle_s, 0):.0f} s ago; try again once nothing has been written for {_IDLE_S / 60:.0f} minutes"
            )
    host.write_text(this_host(), encoding="utf-8")


def discard(folder: Path) -> None:
    """Remove the folder of an unfinished output."""
    shutil.rmtree(folder, ignore_errors=True)


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
