"""The one layout that the archive of a model file may have: the same verdict in Python and C++."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
from deploy.scripted_models import PROGRAM, packed


def with_member(members, name, content=b"x", **info):
    """A sound archive and one more member."""
    buffer = io.BytesIO(packed(members))
    with zipfile.ZipFile(buffer, "a") as file:
        entry = zipfile.ZipInfo(f"egaze/{name}")
        for key, value in info.items():
            setattr(entry, key, value)
        file.writestr(entry, content)
    return buffer.getvalue()


def duplicated(members):
    with pytest.warns(UserWarning, match="Duplicate name"):
        return with_member(members, "data.pkl", members["data.pkl"])


def patched(members, magic, offset, value):
    """The first header of a kind with some bytes written over."""
    content = bytearray(packed(members))
    at = content.index(magic) + offset
    content[at : at + len(value)] = value
    return bytes(content)


def shifted(members):
    """A byte before the first member, every offset moved: readers that go by the directory do not see it."""
    content = bytearray(b"\0" + packed(members))
    at = -1
    while (at := content.find(b"PK\x01\x02", at + 1)) >= 0:
        content[at + 42 : at + 46] = struct.pack("<I", struct.unpack("<I", content[at + 42 : at + 46])[0] + 1)
    end = content.rindex(b"PK\x05\x06")
    content[end + 16 : end + 20] = struct.pack("<I", struct.unpack("<I", content[end + 16 : end + 20])[0] + 1)
    return bytes(content)


def hole(members):
    """The directory moved behind a byte that belongs to nothing."""
    content = packed(members)
    directory = content.index(b"PK\x01\x02")
    end = content.rindex(b"PK\x05\x06")
    tail = content[directory : end + 16] + struct.pack("<I", directory + 1) + content[end + 20 :]
    return content[:directory] + b"\0" + tail


def two_names(members):
    content = packed(members)
    return content.replace(b"egaze/byteorder", b"egaze/byteordex", 1)


def many(members):
    buffer = io.BytesIO(packed(members))
    with zipfile.ZipFile(buffer, "a") as file:
        for number in range(20_001):
            file.writestr(zipfile.ZipInfo(f"egaze/constants/{number + 100}"), b"")
    return buffer.getvalue()


ARCHIVES = {
    "compressed": (lambda m: with_member(m, "bomb", bytes(1 << 20), compress_type=zipfile.ZIP_DEFLATED), "compressed"),
    "twice": (duplicated, "two members of the name"),
    "twice by case": (lambda m: with_member(m, "Data.pkl"), "two members of the name"),
    "upwards": (lambda m: with_member(m, "../../etc/passwd"), "not named as a model's are"),
    "absolute": (lambda m: packed(m).replace(b"egaze/byteorder", b"/gaze/byteorder"), "not named as a model's are"),
    "another folder": (lambda m: packed(m).replace(b"egaze/byteorder", b"ogaze/byteorder"), "not named as"),
    "strange letters": (lambda m: with_member(m, "na\tme"), "not named as a model's are"),
    "unknown member": (lambda m: packed({**m, "code/more.py": b""}), "holds a member 'code/more.py'"),
    "odd key": (lambda m: packed({**m, "constants/007": b""}), "holds a member 'constants/007'"),
    "a member missing": (lambda m: packed({k: v for k, v in m.items() if k != PROGRAM}), "lacks the member"),
    "big-endian": (lambda m: packed({**m, "byteorder": b"big"}), "little-endian"),
    "too many": (many, "20"),
    "extra field": (lambda m: with_member(m, "byteordex", extra=b"\xfe\xca\x01\x00x"), "not stored plainly"),
    "comment": (lambda m: with_member(m, "byteordex", comment=b"hello"), "not stored plainly"),
    "encrypted": (lambda m: patched(m, b"PK\x01\x02", 8, b"\x01"), "not stored plainly"),
    "two sizes": (lambda m: patched(m, b"PK\x01\x02", 20, b"\xff"), "not stored plainly"),
    "another offset": (lambda m: patched(m, b"PK\x01\x02", 42, b"\x01"), "does not follow"),
    "two headers": (lambda m: patched(m, b"PK\x03\x04", 14, b"\xff\xff"), "told of in two ways"),
    "two names": (two_names, "told of in two ways"),
    "far offset": (lambda m: patched(m, b"PK\x05\x06", 16, b"\xff\xff\xff\x7f"), "directory is broken"),
    "several parts": (lambda m: patched(m, b"PK\x05\x06", 4, b"\x01"), "several parts"),
    "a hole": (hole, "between its members and its directory"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_of_another_layout(members, refuse, name):
    make, message = ARCHIVES[name]
    refuse(make(members), "model_archive", message)


def test_an_archive_that_begins_late(members, refuse):
    refuse(shifted(members), "model_foreign")
