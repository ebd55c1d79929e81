"""Outputs that exist whole or not at all: written beside their place, then renamed.

What is being written lies in a hidden folder `.egaze-HOST-XXXXXXXX.tmp` beside its place, with a lock that its process
holds. A process that is killed leaves the folder and loses the lock, and the next one on the same host that writes
there removes it. Locks of other hosts cannot be seen on every network disk, so their folders are left alone.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from egaze.errors import EgazeError

_PREFIX, _SUFFIX, _LOCK, _CONTENT = ".egaze-", ".tmp", "lock", "content"

# What egaze once wrote into, `.NAME.PID.partial`, does not say on which host: that nobody has touched it for so long
# must do.
_ABANDONED_AFTER_S = 24 * 3600.0

# The folders that this process has cleared, with what an earlier egaze has left in them by the name it was to get.
_cleared: dict[Path, dict[str, list[Path]]] = {}


@contextmanager
def new_directory(out: Path) -> Iterator[Path]:
    """Yield a folder to fill, which becomes `out` when the block ends well and vanishes when it does not.

    Raises:
        EgazeError: as `require_free`, or the disk's error.
    """
    out = Path(out)
    require_free(out)
    place = out.resolve()  # a link to an empty folder stays one
    with _written_in(place.parent, out) as content:
        content.mkdir()
        yield content
        content.replace(place)


@contextmanager
def new_files(folder: Path) -> Iterator[Path]:
    """Yield a folder to fill with files that belong together. When the block ends well they go into `folder`, which is
    made if need be, and take the place of what has their names there.

    Raises:
        EgazeError: as `require_folder`, or the disk's error.
    """
    folder = Path(folder)
    require_folder(folder)
    with _written_in(_place(folder), folder) as content:
        content.mkdir()
        yield content
        for path in sorted(content.iterdir()):
            path.replace(folder / path.name)


def write_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, then put it there: where a link leads, if `path` is one.

    Raises:
        EgazeError: as `require_file`, or the disk's error.
    """
    path = Path(path)
    require_file(path)
    with _written_in(_place(path).parent, path) as content:
        write(content)
        content.replace(_place(path))


def require_free(out: Path) -> None:
    """Say at once that no new folder `out` can be written.

    Raises:
        EgazeError: it exists and is not an empty folder, is the top folder of a disk, or lies where nothing can be
            written.
    """
    out = Path(out)
    with _cannot_write(out):
        if os.path.ismount(_place(out)):
            raise EgazeError(f"{out}: cannot take the place of a disk's top folder; choose a folder in it")
        if _is_there(out) and (not out.is_dir() or any(out.iterdir())):
            raise EgazeError(f"{out}: already exists; choose another place or remove it first")
        _require_parent(_place(out))


def require_folder(out: Path) -> None:
    """Say at once that no files can be written into the folder `out`, which may be there already.

    Raises:
        EgazeError: it is something else, or nothing can be written there.
    """
    out = Path(out)
    with _cannot_write(out):
        if not _is_there(out):
            _require_parent(out)
        elif out.is_dir():
            _require_writable(out)
        else:
            raise EgazeError(f"{out}: cannot write: {_what(out)}")


def require_file(path: Path) -> None:
    """Say at once that no file `path` can be written, which may be there already.

    Raises:
        EgazeError: it is something else than a file, or lies where nothing can be written.
    """
    path = Path(path)
    with _cannot_write(path):
        if _is_there(path) and not path.is_file():
            raise EgazeError(f"{path}: cannot write: {_what(path)}")
        _require_parent(_place(path))


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file as `write_file` does."""
    write_file(path, lambda partial: partial.write_text(text, encoding="utf-8"))


@contextmanager
def _cannot_write(path: Path) -> Iterator[None]:
    """Tell the system's errors in one line."""
    try:
        yield
    except OSError as error:
        # numpy says how many values it wrote, and not why; others add pages of their own.
        why = error.strerror or f"{str(error).partition(os.linesep)[0]} (is the disk full?)"
        raise EgazeError(f"{path}: cannot write: {why}") from error


def _is_there(path: Path) -> bool:
    """Whether something has that name, if only a link that leads nowhere."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _place(path: Path) -> Path:
    """Where a link leads; any other path as it is."""
    return Path(os.path.realpath(path)) if os.path.islink(path) else path


def _what(path: Path) -> str:
    if path.is_symlink() and not path.exists():
        return "it is a link that leads nowhere"
    return "it is a folder" if path.is_dir() else "it is a file" if path.is_file() else "it is no ordinary file"


def _require_parent(path: Path) -> None:
    """Raise EgazeError or OSError when `path` cannot be made in the nearest folder on its way that is there."""
    for parent in path.parents:
        try:
            exists = _is_there(parent)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            continue  # one further up is the loop
        if exists:
            if not parent.is_dir():
                raise EgazeError(f"{path}: cannot write: {parent} is not a folder")
            _require_writable(parent)
            return


def _require_writable(folder: Path) -> None:
    """Raise OSError when nothing can be written into a folder."""
    with tempfile.TemporaryFile(dir=folder):
        pass


@contextmanager
def _written_in(parent: Path, path: Path) -> Iterator[Path]:
    """Yield a place in the folder `parent` where nothing is yet; what is left of it at the end is removed.

    Errors name `path`, for which it is.
    """
    folder = lock = None
    made: list[Path] = []
    done = False
    try:
        with _cannot_write(path):
            made = [folder for folder in (parent, *parent.parents) if not folder.exists()]
            parent.mkdir(parents=True, exist_ok=True)
            _clear_abandoned(parent, path.name)
            folder, lock = _locked_folder(parent)
            yield folder / _CONTENT
        done = True
    finally:
        # Nothing here may hide why the writing ended.
        if folder is not None and lock is not None:
            lock.release()
            shutil.rmtree(folder, ignore_errors=True)
        if not done:
            _remove_empty(made)


def _remove_empty(folders: Sequence[Path]) -> None:
    """Remove folders, the innermost first, up to one that holds something."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _locked_folder(parent: Path) -> tuple[Path, FileLock]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_own_prefix(), suffix=_SUFFIX, dir=parent))
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


def this_host() -> str:
    """A name of this machine that does not tell whose it is."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _own_prefix() -> str:
    return f"{_PREFIX}{this_host()}-"


def _clear_abandoned(parent: Path, name: str) -> None:
    """Remove what killed processes of this host have left in a folder, looked for once by each process, and what an
    earlier egaze has left of the output `name`."""
    parent = parent.absolute()
    if parent not in _cleared:
        _cleared[parent] = {}
        with os.scandir(parent) as entries:
            hidden = [Path(entry) for entry in entries if entry.name.startswith(".")]
        for left in hidden:
            if left.name.startswith(_own_prefix()) and left.name.endswith(_SUFFIX):
                _clear(left)
            elif earlier := re.fullmatch(r"\.(.+)\.\d{1,10}\.partial", left.name, re.DOTALL):
                _cleared[parent].setdefault(earlier[1], []).append(left)
    for left in _cleared[parent].pop(name, ()):
        _clear_earlier(left)


def _clear(folder: Path) -> None:
    # Only what is certainly ours, and only where the lock tells that nobody is at work.
    if not {path.name for path in _children(folder)} <= {_LOCK, _CONTENT}:
        return
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=0)
    except (OSError, NotImplementedError, Timeout):
        return
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()


def _clear_earlier(left: Path) -> None:
    """Remove `.NAME.PID.partial`, in which an egaze before locks wrote, once its process is surely gone."""
    inside = [left, *(left.rglob("*") if left.is_dir() else ())]
    if any(path.name == _LOCK for path in inside):
        return  # a study named NAME.PID that is under way
    with suppress(OSError):
        if time.time() - max(path.lstat().st_mtime for path in inside) > _ABANDONED_AFTER_S:
            shutil.rmtree(left) if left.is_dir() else left.unlink()


def _children(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return [folder]
