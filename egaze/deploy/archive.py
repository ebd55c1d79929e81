"""Writing a model file: a zip archive whose members are not compressed and follow one another without gaps.

`csrc/archive` reads model files for both Python and C++, and refuses any other layout.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from pathlib import Path

from egaze.errors import EgazeError

_PROGRAM = "code/__torch__/egaze.py"
# The pickle of an object of the class __torch__.egaze.Model without attributes.
_OBJECT = b"\x80\x02c__torch__.egaze\nModel\nq\x00)\x81}(ubq\x01."
# Debug tables contain paths of the exporting machine. The serialization id is a digest of names, some of which are
# replaced below.
_LEFT_OUT = (".debug_pkl", "serialization_id")
_CLASS = re.compile(rb"class (\w+)\(Module\):\n")


def members_of(archive: bytes) -> dict[str, bytes]:
    """Read the members of a frozen TorchScript archive that are needed to run it, by name without the top folder.

    The module's class gets a fixed name, because torch's name depends on what the process exported before.

    Raises:
        EgazeError: the frozen module still has attributes, or methods other than forward.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        members = {
            name.partition("/")[2]: opened.read(name) for name in opened.namelist() if not name.endswith(_LEFT_OUT)
        }
    programs = [name for name in members if name.startswith("code/")]
    program = members.pop(programs[0])
    found = _CLASS.match(program)
    if len(programs) > 1 or found is None:
        raise EgazeError("the model cannot be exported: it changes its own attributes when it runs")
    module = programs[0].removeprefix("code/").removesuffix(".py").replace("/", ".")
    program = program.replace(module.encode() + b"." + found[1], b"__torch__.egaze.Model")
    members[_PROGRAM] = b"class Model(Module):\n" + program[found.end() :]
    members["data.pkl"] = _OBJECT
    return members


def digest(members: dict[str, bytes]) -> str:
    """Compute the SHA-256 of the members in the order of their names, in hex.

    Each member contributes its name, a NUL byte, its length as 8 bytes in little-endian order, and its content. The
    spec is one of the members; it contributes with 64 zeros in the place of the digest.
    """
    sha = hashlib.sha256()
    for name in sorted(members):
        sha.update(name.encode() + b"\0" + len(members[name]).to_bytes(8, "little"))
        sha.update(members[name])
    return sha.hexdigest()


def write_archive(path: Path, members: dict[str, bytes]) -> None:
    """Write the members in the order of their names and with a fixed date, so that equal members give equal bytes.

    `csrc/archive` refuses archives that were written in any other way.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(f"egaze/{name}", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, wherever it is written
            archive.writestr(entry, members[name])
