"""Outputs that exist as a whole or not at all: written beside their destination, then renamed.

An output that is being written lies in a hidden folder `.egaze-HOST-XXXXXXXX.tmp` beside its destination, with a lock
that its process holds. A process that is killed leaves the folder and releases the lock; the next process on the same
host that writes there removes the folder. Not every network disk shows the locks of other hosts, so their folders are
left alone.
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

# Earlier versions wrote into `.NAME.PID.partial`, which does not name the host. Such a folder counts as abandoned if
# nothing in it has changed for this long.
_ABANDONED_AFTER_S = 24 * 3600.0

# The folders that this process has cleared, with what earlier versions left in them, by the name of the output.
_cleared: dict[Path, dict[str, list[Path]]] = {}


@contextmanager
def new_directory(out: Path) -> Iterator[Path]:
    """Yield a folder to fill, which becomes `out` if the block succeeds and is removed if it fails.

    Raises:
        EgazeError: as `require_free`, or an error of the disk.
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
    """Yield a folder to fill with files that belong together.

    If the block succeeds they are moved into `folder`, which is created if necessary, and replace files of the same
    names there.

    Raises:
        EgazeError: as `require_folder`, or an error of the disk.
    """
    folder = Path(folder)
    require_folder(folder)
    with _written_in(_place(folder), folder) as content:
        content.mkdir()
        yield content
        for path in sorted(content.iterdir()):
            path.replace(folder / path.name)


def write_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` write a file beside `path`, then move it to `path`, or to the target of `path` if that is a link.

    Raises:
        EgazeError: as `require_file`, or an error of the disk.
    """
    path = Path(path)
    require_file(path)
    with _written_in(_place(path).parent, path) as content:
        write(content)
        content.replace(_place(path))


def require_free(out: Path) -> None:
    """Check, before work begins, that the new folder `out` can be written.

    Raises:
        EgazeError: it exists and is not an empty folder, is the top folder of a disk, or lies in a place that is not
            writable.
    """
    out = Path(out)
    with _cannot_write(out):
        if os.path.ismount(_place(out)):
            raise EgazeError(f"{out}: cannot take the place of a disk's top folder; choose a folder in it")
        if _is_there(out) and (not out.is_dir() or any(out.iterdir())):
            raise EgazeError(f"{out}: already exists; choose another place or remove it first")
        _require_parent(_place(out))


def require_folder(out: Path) -> None:
    """Check, before work begins, that files can be written into the folder `out`, which may exist already.

    Raises:
        EgazeError: it is not a folder, or is not writable.
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
    """Check, before work begins, that the file `path` can be written, which may exist already.

    Raises:
        EgazeError: it is not a file, or lies in a place that is not writable.
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
    """Turn errors of the operating system into an EgazeError of one line."""
    try:
        yield
    except OSError as error:
        # numpy says how many values it wrote but not why it stopped; other libraries add further lines.
        why = error.strerror or f"{str(error).partition(os.linesep)[0]} (is the disk full?)"
        raise EgazeError(f"{path}: cannot write: {why}") from error


def _is_there(path: Path) -> bool:
    """Whether anything has that name, even a broken link."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _place(path: Path) -> Path:
    """The target of a link; any other path unchanged."""
    return Path(os.path.realpath(path)) if os.path.islink(path) else path


def _what(path: Path) -> str:
    if path.is_symlink() and not path.exists():
        return "it is a broken link"
    return "it is a folder" if path.is_dir() else "it is a file" if path.is_file() else "it is not a regular file"


def _require_parent(path: Path) -> None:
    """Raise EgazeError or OSError if `path` cannot be created in the nearest parent that exists."""
    for parent in path.parents:
        try:
            exists = _is_there(parent)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            continue  # the loop is in a parent further up
        if exists:
            if not parent.is_dir():
                raise EgazeError(f"{path}: cannot write: {parent} is not a folder")
            _require_writable(parent)
            return


def _require_writable(folder: Path) -> None:
    """Raise OSError if a folder is not writable."""
    with tempfile.TemporaryFile(dir=folder):
        pass


@contextmanager
def _written_in(parent: Path, path: Path) -> Iterator[Path]:
    """Yield an unused path in the folder `parent`; whatever is left there at the end is removed.

    Errors name `path`, the output for which it is.
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
        # Nothing here may hide the error that ended the writing.
        if folder is not None and lock is not None:
            lock.release()
            shutil.rmtree(folder, ignore_errors=True)
        if not done:
            _remove_empty(made)


def _remove_empty(folders: Sequence[Path]) -> None:
    """Remove folders, the innermost first, until one is not empty."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _locked_folder(parent: Path) -> tuple[Path, FileLock]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_own_prefix(), suffix=_SUFFIX, dir=parent))
        lock = FileLock(folder / _LOCK)
        try:
            lock.acquire(timeout=0)
        except NotImplementedError:  # a file system without locks: no other process will clear this folder
            return folder, lock
        except Timeout:
            continue  # another process is clearing what looked abandoned
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if (folder / _LOCK).exists():
            return folder, lock
        lock.release()


def this_host() -> str:
    """A name of this machine that does not reveal its host name."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _own_prefix() -> str:
    return f"{_PREFIX}{this_host()}-"


def _clear_abandoned(parent: Path, name: str) -> None:
    """Remove what killed processes of this host left in a folder, and what earlier versions left of the output `name`.

    Each process looks into a folder only once.
    """
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
    # Only what is certainly from egaze, and only if the lock shows that no process is writing.
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
    """Remove `.NAME.PID.partial`, which versions without locks wrote, once its process must have ended."""
    inside = [left, *(left.rglob("*") if left.is_dir() else ())]
    if any(path.name == _LOCK for path in inside):
        return  # a study named NAME.PID that is being written
    with suppress(OSError):
        if time.time() - max(path.lstat().st_mtime for path in inside) > _ABANDONED_AFTER_S:
            shutil.rmtree(left) if left.is_dir() else left.unlink()


def _children(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return [folder]
