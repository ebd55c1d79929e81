"""Outputs that exist whole or not at all: written beside their place, then renamed.

What is being written lies in a hidden folder `.egaze-XXXXXXXX.tmp` beside its place, with a lock that its process
holds. A process that is killed leaves the folder and loses the lock, and the next one that writes there removes it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from egaze.errors import EgazeError

_PREFIX, _SUFFIX, _LOCK, _CONTENT = ".egaze-", ".tmp", "lock", "content"

_cleared: set[Path] = set()


@contextmanager
def new_directory(out: Path) -> Iterator[Path]:
    """Yield a folder to fill, which becomes `out` when the block ends well and vanishes when it does not.

    Raises:
        EgazeError: `out` exists and is not an empty folder, or cannot be written.
    """
    out = Path(out)
    require_free(out)
    out = out.resolve()  # a link to an empty folder stays one
    with _written_beside(out) as content:
        content.mkdir()
        yield content
        content.replace(out)


def require_free(out: Path) -> None:
    """Raise EgazeError when `out` exists and is not an empty folder, or lies where no folder can be made."""
    out = Path(out)
    try:
        if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
            raise EgazeError(f"{out}: already exists; choose another place or remove it first")
    except OSError as error:
        raise EgazeError(f"{out}: cannot write: {error.strerror or error}") from error
    _require_parents(out)


def write_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, then put it there. Raises EgazeError when it cannot be written."""
    path = Path(path)
    _require_parents(path)
    with _written_beside(path) as content:
        write(content)
        content.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file as `write_file` does."""
    write_file(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def _require_parents(path: Path) -> None:
    """Raise EgazeError when a folder on the way to `path` is something else."""
    for parent in path.parents:
        if os.path.lexists(parent):
            if not parent.is_dir():
                raise EgazeError(f"{path}: cannot write: {parent} is not a folder")
            return


@contextmanager
def _written_beside(path: Path) -> Iterator[Path]:
    """Yield a place on the disk of `path` where nothing is yet; what is left of it at the end is removed."""
    folder = lock = None
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _clear_abandoned(path.parent)
            folder, lock = _locked_folder(path.parent)
            yield folder / _CONTENT
        except OSError as error:
            raise EgazeError(f"{path}: cannot write: {error.strerror or error}") from error
    finally:
        # Nothing here may hide why the writing ended.
        if folder is not None and lock is not None:
            lock.release()
            shutil.rmtree(folder, ignore_errors=True)


def _locked_folder(parent: Path) -> tuple[Path, FileLock]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, suffix=_SUFFIX, dir=parent))
        lock = FileLock(folder / _LOCK)
        try:
            lock.acquire(timeout=0)
        except NotImplementedError:  # a file system without locks: nobody will clear this folder but we
            return folder, lock
        except Timeout:
            continue  # somebody is just clearing what looked abandoned
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if (folder / _LOCK).exists():
            return folder, lock
        lock.release()


def _clear_abandoned(parent: Path) -> None:
    """Remove what killed processes have left in `parent`, looked for once by each process."""
    parent = parent.absolute()
    if parent in _cleared:
        return
    _cleared.add(parent)
    with os.scandir(parent) as entries:
        found = [Path(entry) for entry in entries if entry.name.startswith(_PREFIX) and entry.name.endswith(_SUFFIX)]
    for folder in found:
        # Only what is certainly ours, and only where the lock tells that nobody is at work.
        if not {path.name for path in _children(folder)} <= {_LOCK, _CONTENT}:
            continue
        lock = FileLock(folder / _LOCK)
        try:
            lock.acquire(timeout=0)
        except (OSError, NotImplementedError, Timeout):
            continue
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def _children(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return [folder]
