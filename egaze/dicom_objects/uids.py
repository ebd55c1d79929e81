"""UIDs of objects, which follow from their content.

An object of the same content has the same UID whenever and wherever it is made, so that an archive never holds it
twice. Content that differs in anything, such as the model, the version of egaze, one pixel or a corrected Patient ID,
has another UID, so that no UID stands for two contents. Only when an object was made is no part of its content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

#: Changes whenever objects of the same content would be written differently.
_LAYOUT = b"egaze DICOM objects 1"


@dataclass(frozen=True, slots=True)
class ObjectUids:
    """The UIDs of an object: of its series, of itself, and of whatever it defines within itself."""

    series: str
    instance: str

    def within(self, what: str) -> str:
        """A UID that the object defines within itself."""
        return uid_of([self.instance.encode(), what.encode()])


def uid_of(parts: Iterable[bytes]) -> str:
    """A UID of the form 2.25.UUID (PS3.5 B.2) from the SHA-256 of parts; csrc/imaging/object_uids.cpp gives the same.

    Example:
        >>> from egaze.dicom_objects.uids import uid_of
        >>> uid_of([b"one", b"two"]) == uid_of([b"onetwo"])
        False
    """
    digest = hashlib.sha256()
    for part in (_LAYOUT, *parts):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    # A UUID of version 8, whose bits are its maker's choice (RFC 9562).
    bits = bytearray(digest.digest()[:16])
    bits[6], bits[8] = bits[6] & 0x0F | 0x80, bits[8] & 0x3F | 0x80
    return f"2.25.{UUID(bytes=bytes(bits)).int}"
