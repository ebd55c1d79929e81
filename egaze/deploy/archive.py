"""The layout of an exported model's file: a zip archive whose members follow one another, stored as they are.

`csrc/archive` reads it, for Python and C++ alike, and refuses any other layout.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from pathlib import Path

from egaze.errors import EgazeError

_PROGRAM = "code/__torch__/egaze.py"
# An object of the class __torch__.egaze.Model, without attributes.
_OBJECT = b"\x80\x02c__torch__.egaze\nModel\nq\x00)\x81}(ubq\x01."
# Debug tables hold the paths of the machine that exported; the serialization's id depends on names left out here.
_LEFT_OUT = (".debug_pkl", "serialization_id")
_CLASS = re.compile(rb"class (\w+)\(Module\):\n")


def members_of(archive: bytes) -> dict[str, bytes]:
    """The members of a frozen TorchScript archive that running needs, by their names without the top folder.

    The module's class gets one fixed name: torch's depends on what a process exported before.

    Raises:
        EgazeError: the module kept attributes or other methods when it was frozen.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        members = {
            name.partition("/")[2]: opened.read(name) for name in opened.namelist() if not name.endswith(_LEFT_OUT)
        }
    programs = [name for name in members if name.startswith("code/")]
    program = members.pop(programs[0])
    found = _CLASS.match(program)
    if len(programs) > 1 or found is None:
        raise EgazeError("the model changes its own attributes as it runs, so that it cannot be frozen")
    module = programs[0].removeprefix("code/").removesuffix(".py").replace("/", ".")
    program = program.replace(module.encode() + b"." + found[1], b"__torch__.egaze.Model")
    members[_PROGRAM] = b"class Model(Module):\n" + program[found.end() :]
    members["data.pkl"] = _OBJECT
    return members


def digest(members: dict[str, bytes]) -> str:
    """SHA-256 of the members in the order of their names: for each the name, a NUL byte, the length as 8 bytes little
    endian, the content. The spec is a member too, with 64 zeros in the place of the digest."""
    sha = hashlib.sha256()
    for name in sorted(members):
        sha.update(name.encode() + b"\0" + len(members[name]).to_bytes(8, "little"))
        sha.update(members[name])
    return sha.hexdigest()


def write_archive(path: Path, members: dict[str, bytes]) -> None:
    """Write the members in the order of their names, with a fixed date: the same members give the same bytes, and
    `csrc/archive` takes no others."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(f"egaze/{name}", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, wherever it is written
            archive.writestr(entry, members[name])
