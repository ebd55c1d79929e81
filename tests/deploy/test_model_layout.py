"""The one layout that the archive of a model file may have: the same verdict in Python and C++."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
from deploy.scripted_models import PROGRAM, packed


def with_member(members, name, content=b"x", **info):
    """A valid archive with one more member."""
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
    """A valid archive in which some bytes of the first header of a kind are replaced."""
    content = bytearray(packed(members))
    at = content.index(magic) + offset
    content[at : at + len(value)] = value
    return bytes(content)


def shifted(members):
    """One byte before the first member, with all offsets adjusted: readers that use the directory do not notice it."""
    content = bytearray(b"\0" + packed(members))
    at = -1
    while (at := content.find(b"PK\x01\x02", at + 1)) >= 0:
        content[at + 42 : at + 46] = struct.pack("<I", struct.unpack("<I", content[at + 42 : at + 46])[0] + 1)
    end = content.rindex(b"PK\x05\x06")
    content[end + 16 : end + 20] = struct.pack("<I", struct.unpack("<I", content[end + 16 : end + 20])[0] + 1)
    return bytes(content)


def gap(members):
    """One byte between the members and the directory."""
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
    "twice": (duplicated, "two members named"),
    "twice by case": (lambda m: with_member(m, "Data.pkl"), "two members named"),
    "upwards": (lambda m: with_member(m, "../../etc/passwd"), "a name that no exported model uses"),
    "absolute": (
        lambda m: packed(m).replace(b"egaze/byteorder", b"/gaze/byteorder"),
        "a name that no exported model uses",
    ),
    "another folder": (
        lambda m: packed(m).replace(b"egaze/byteorder", b"ogaze/byteorder"),
        "a name that no exported model uses",
    ),
    "strange letters": (lambda m: with_member(m, "na\tme"), "a name that no exported model uses"),
    "unknown member": (lambda m: packed({**m, "code/more.py": b""}), "unexpected member 'code/more.py'"),
    "odd key": (lambda m: packed({**m, "constants/007": b""}), "unexpected member 'constants/007'"),
    "a member missing": (lambda m: packed({k: v for k, v in m.items() if k != PROGRAM}), "lacks the member"),
    "big-endian": (lambda m: packed({**m, "byteorder": b"big"}), "little-endian"),
    "too many": (many, "more than 20000"),
    "extra field": (lambda m: with_member(m, "byteordex", extra=b"\xfe\xca\x01\x00x"), "not stored plainly"),
    "comment": (lambda m: with_member(m, "byteordex", comment=b"hello"), "not stored plainly"),
    "encrypted": (lambda m: patched(m, b"PK\x01\x02", 8, b"\x01"), "not stored plainly"),
    "two sizes": (lambda m: patched(m, b"PK\x01\x02", 20, b"\xff"), "not stored plainly"),
    "another offset": (lambda m: patched(m, b"PK\x01\x02", 42, b"\x01"), "does not follow"),
    "two headers": (lambda m: patched(m, b"PK\x03\x04", 14, b"\xff\xff"), "described differently"),
    "two names": (two_names, "described differently"),
    "far offset": (lambda m: patched(m, b"PK\x05\x06", 16, b"\xff\xff\xff\x7f"), "directory is broken"),
    "several parts": (lambda m: patched(m, b"PK\x05\x06", 4, b"\x01"), "several files"),
    "a gap": (gap, "between its members and its directory"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_of_another_layout(members, refuse, name):
    make, message = ARCHIVES[name]
    refuse(make(members), "model_archive", message)


def test_an_archive_that_begins_late(members, refuse):
    refuse(shifted(members), "model_foreign")
