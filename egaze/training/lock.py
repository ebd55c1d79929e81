"""One process at a time trains in a folder.

The process holds a lock of the operating system, which ends with it however it ends. It is `flock` on Linux and macOS
and `LockFileEx` on Windows. On NFS, and on other network file systems that pass locks to their server, it keeps out
processes of other machines; where a file system has no locks, training goes on with a warning.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from egaze.atomic import require_folder
from egaze.errors import EgazeError, RunError

logger = logging.getLogger(__name__)

LOCK, HOLDER = ".training.lock", ".training.json"

# A process that ends removes its lock's file; for that moment the file is there and its lock is of no use.
_WAIT_S = 0.5

_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


@contextmanager
def only_process_in(folder: Path) -> Iterator[None]:
    """Keep other processes from training in a folder until the block ends.

    Raises:
        RunError: another process trains there; the message names it and its computer.
        EgazeError: the folder is not writable.
    """
    require_folder(folder)
    lock = _acquired(folder)
    try:
        _write_holder(folder)
        yield
    finally:
        with suppress(OSError):
            (folder / HOLDER).unlink()
        if lock is not None:
            with suppress(OSError):  # Windows does not remove a file that is open; there, the lock does it
                (folder / LOCK).unlink()
            lock.release()


def _acquired(folder: Path) -> FileLock | None:
    """The folder's lock; None if its file system has none."""
    lock = FileLock(folder / LOCK)
    try:
        while True:
            lock.acquire(timeout=_WAIT_S)
            if (folder / LOCK).exists():
                return lock
            lock.release()  # that of the file which another process removed at its end
    except Timeout as error:
        raise RunError(f"{folder}: {_holder(folder)} trains here now; wait until it has ended, or end it") from error
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise EgazeError(f"{folder / LOCK}: cannot write: {error.strerror or error}") from error
        logger.warning("%s: its file system has no locks: do not train here with two processes at once", folder)
        return None


def _write_holder(folder: Path) -> None:
    holder = {"process": os.getpid(), "computer": socket.gethostname()}
    with suppress(OSError):  # the lock holds without it
        (folder / HOLDER).write_text(json.dumps(holder) + "\n", encoding="utf-8")


def _holder(folder: Path) -> str:
    try:
        holder = json.loads((folder / HOLDER).read_text(encoding="utf-8"))
        process, computer = int(holder["process"]), str(holder["computer"])
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
    return f"process {process} on " + ("this computer" if computer == socket.gethostname() else repr(computer))
