"""Places where nothing can be written, for every command with an output."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest


def _a_file(folder: Path) -> Path:
    (folder / "file").write_text("mine")
    return folder / "file"


def _a_filled_folder(folder: Path) -> Path:
    (folder / "filled").mkdir()
    (folder / "filled" / "mine").write_text("mine")
    return folder / "filled"


def _below_a_file(folder: Path) -> Path:
    return _a_file(folder) / "sub" / "out"


def _a_dangling_link(folder: Path) -> Path:
    (folder / "link").symlink_to(folder / "nowhere" / "out")
    return folder / "link"


def _a_cyclic_link(folder: Path) -> Path:
    (folder / "loop").symlink_to(folder / "pool")
    (folder / "pool").symlink_to(folder / "loop")
    return folder / "loop"


def _below_a_cyclic_link(folder: Path) -> Path:
    return _a_cyclic_link(folder) / "out"


def _a_read_only_folder(folder: Path) -> Path:
    (folder / "locked").mkdir(mode=0o555)
    return folder / "locked"


def _in_a_read_only_folder(folder: Path) -> Path:
    return _a_read_only_folder(folder) / "sub" / "out"


def _a_name_too_long(folder: Path) -> Path:
    return folder / ("long" * 100)


_EVERYWHERE = {
    "below a file": _below_a_file,
    "a dangling link": _a_dangling_link,
    "a cyclic link": _a_cyclic_link,
    "below a cyclic link": _below_a_cyclic_link,
    "in a read-only folder": _in_a_read_only_folder,
    "a name too long": _a_name_too_long,
}
_MAKERS = {
    **_EVERYWHERE,
    "a file": _a_file,
    "a filled folder": _a_filled_folder,
    "a read-only folder": _a_read_only_folder,
}
#: Of each kind of output the places that are refused: a new folder, a folder that may be there, a file.
REFUSED = {
    "new folder": (*_EVERYWHERE, "a file", "a filled folder"),
    "folder": (*_EVERYWHERE, "a file", "a read-only folder"),
    "file": (*_EVERYWHERE, "a filled folder"),
}


def made(place: str, folder: Path) -> tuple[Path, dict[str, object]]:
    """The place, in the folder, and all that the folder then holds."""
    return _MAKERS[place](folder), content(folder)


def content(folder: Path) -> dict[str, object]:
    """Every path in a folder with what it is: a link's target, a file's bytes, None of a folder."""
    return {
        str(path.relative_to(folder)): os.readlink(path)
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else None
        for path in sorted(folder.rglob("*"))
    }


@contextmanager
def obeyed_permissions():
    """Read-only folders are so for this process and its children, also where root runs the tests; or else a skip."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3 of this thread
    all_powers = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice
    set_securebits, no_root = 28, 1
    if sys.platform != "linux" or libc.capget(header, all_powers) or libc.prctl(set_securebits, no_root, 0, 0, 0):
        pytest.skip("root writes everywhere here")
    powers = (ctypes.c_uint32 * 6)(*all_powers)
    powers[0] &= ~(1 << 1)  # CAP_DAC_OVERRIDE
    libc.capset(header, powers)
    try:
        yield
    finally:
        libc.capset(header, all_powers)
        libc.prctl(set_securebits, 0, 0, 0, 0)
