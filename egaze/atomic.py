"""Outputs that exist whole or not at all: written beside their place, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from egaze.errors import EgazeError


@contextmanager
def new_directory(out: Path) -> Iterator[Path]:
    """Yield a folder to fill, which becomes `out` when the block ends well and vanishes when it does not.

    Raises:
        EgazeError: `out` exists and is not an empty folder, or its parent cannot be written.
    """
    out = Path(out)
    require_free(out)
    partial = out.parent / f".{out.name}.{os.getpid()}.partial"
    try:
        partial.mkdir(parents=True)
        yield partial
        partial.replace(out)
    except OSError as error:
        raise EgazeError(f"{out}: cannot write: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def require_free(out: Path) -> None:
    """Raise EgazeError when `out` exists and is not an empty folder."""
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise EgazeError(f"{out}: already exists; choose another place or remove it first")


def write_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, then put it there. Raises EgazeError when it cannot be written."""
    path = Path(path)
    partial = path.parent / f".{path.name}.{os.getpid()}.partial"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        partial.replace(path)
    except OSError as error:
        raise EgazeError(f"{path}: cannot write: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file as `write_file` does."""
    write_file(path, lambda partial: partial.write_text(text, encoding="utf-8"))
