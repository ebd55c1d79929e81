"""The few elements of a DICOM file that a radiograph needs, found without trusting the lengths in it (PS3.5 7).

pydicom converts values, and warns about and logs unusual ones, quoting the text of the header. This module only locates
elements and reads a number, a code word or nothing from them, so that no name can reach a message, and neither nesting
nor lengths can cost more than the size of the file.
"""

from __future__ import annotations

import math
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom.datadict import dictionary_description
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from egaze.errors import RadiographError
from egaze.imaging.limits import max_radiograph_bytes

UNDEFINED = 0xFFFFFFFF
PIXEL_DATA = 0x7FE00010

_LONG_VRS = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
_SHORT_VRS = set(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_TRANSFER_SYNTAX = 0x00020010
_SHARED_GROUPS, _PER_FRAME_GROUPS = 0x52009229, 0x52009230
_BINARY_VRS = {b"US": "H", b"SS": "h", b"UL": "L", b"SL": "l", b"FL": "f", b"FD": "d"}

_META_BEGIN = 132
_MAX_ELEMENTS = 250_000
_MAX_NUMBERS_BYTES = 1 << 12
_DECIMAL = re.compile(r"[+-]?(\d{1,64}\.?\d{0,64}|\.\d{1,64})([eE][+-]?\d{1,3})?", re.ASCII)
_CODE = re.compile(r"[A-Z0-9_ ]{0,16}")
_LARGEST_DECIMAL, _SMALLEST_DECIMAL = 1e30, 1e-30


@dataclass(frozen=True, slots=True)
class Element:
    """The position of an element's value in the file; `vr` is b"" in an implicit file."""

    vr: bytes
    begin: int
    length: int


class Header:
    """The elements of a data set or of one sequence item by tag. Every error names the file and the element."""

    def __init__(self, path: Path, content: bytes, little: bool, elements: dict[int, Element]) -> None:
        self.path = path
        self.content = content
        self.little = little
        self._elements = elements

    def __contains__(self, tag: int) -> bool:
        return tag in self._elements and self._elements[tag].length > 0

    def __getitem__(self, tag: int) -> Element:
        return self._elements[tag]

    def fail(self, tag: int, why: str) -> RadiographError:
        """The error to raise; `why` may contain numbers, but no text from the file."""
        return RadiographError(f"{self.path}: {dictionary_description(tag)} {why}")

    def value(self, tag: int) -> bytes:
        """The element's bytes, empty if it is absent.

        Raises:
            RadiographError: the file ends before the element does.
        """
        element = self._elements.get(tag, Element(b"", 0, 0))
        if element.length == UNDEFINED:
            raise self.fail(tag, "has no length")
        if element.length > len(self.content) - element.begin:
            left = len(self.content) - element.begin
            raise self.fail(tag, f"is truncated: {element.length} bytes, {left} are left in the file")
        return self.content[element.begin : element.begin + element.length]

    def words(self, tag: int, count: int) -> tuple[int, ...] | None:
        """`count` unsigned 16-bit words, or None if the element has no value."""
        value = self.value(tag)
        if not value:
            return None
        if len(value) != 2 * count:
            raise self.fail(tag, f"is {len(value)} bytes long, expected {2 * count}")
        return struct.unpack(f"{'<' if self.little else '>'}{count}H", value)

    def word(self, tag: int) -> int:
        """One unsigned 16-bit word, which must be present."""
        if (words := self.words(tag, 1)) is None:
            raise RadiographError(f"{self.path}: lacks {dictionary_description(tag)}")
        return words[0]

    def decimal(self, tag: int) -> float | None:
        """The element's first number, decimal text unless its VR is binary, or None if the element has no value."""
        if tag in self and (kind := _BINARY_VRS.get(self._elements[tag].vr)) is not None:
            return self._binary(tag, kind)
        first = self.first_text(tag)
        if not first:
            return None
        if not _DECIMAL.fullmatch(first):
            raise self.fail(tag, "is no decimal number")
        if (number := float(first)) == 0.0 and re.search("[1-9]", first.lower().split("e")[0]):
            raise self.fail(tag, "is out of range")
        return self._in_range(tag, number)

    def _binary(self, tag: int, kind: str) -> float:
        value = self.value(tag)
        size = struct.calcsize(f"<{kind}")
        if len(value) % size:
            raise self.fail(tag, f"is {len(value)} bytes long, expected numbers of {size}")
        number = float(struct.unpack_from(f"{'<' if self.little else '>'}{kind}", value)[0])
        if not math.isfinite(number):
            raise self.fail(tag, "is no decimal number")
        return self._in_range(tag, number)

    def _in_range(self, tag: int, number: float) -> float:
        if number != 0.0 and not _SMALLEST_DECIMAL <= abs(number) <= _LARGEST_DECIMAL:
            raise self.fail(tag, f"{number:g} is out of range")
        return number

    def places(self, macro: int) -> Iterator[Header]:
        """The places of the elements of a functional group (C.7.6.16): the frame's own, the shared one, and here."""
        for groups in (_PER_FRAME_GROUPS, _SHARED_GROUPS):
            if (group := self.first_item(groups)) is not None and (item := group.first_item(macro)) is not None:
                yield item
        yield self

    def code(self, tag: int) -> str:
        """A code word in upper case, "" if the element has no value."""
        text = self._text(tag).upper()
        if not _CODE.fullmatch(text):
            raise self.fail(tag, "is no code word")
        return text

    def first_text(self, tag: int) -> str:
        """The element's first text. It may contain anything: do not quote it."""
        return self._text(tag).split("\\", 1)[0].strip()

    def _text(self, tag: int) -> str:
        value = self.value(tag)
        if len(value) > _MAX_NUMBERS_BYTES:
            raise self.fail(tag, f"is {len(value)} bytes long, expected at most {_MAX_NUMBERS_BYTES}")
        return value.decode("latin-1").strip(" \0")

    def first_item(self, tag: int) -> Header | None:
        """The first item of a sequence, or None if there is none or it is empty."""
        if tag not in self:
            return None
        element = self._elements[tag]
        walker = _Walker(self.path, self.content, self.little, implicit=element.vr != b"SQ")
        item_tag, length, at = walker.item(element.begin)
        if item_tag != _ITEM or length == 0:
            return None
        end = len(self.content) if length == UNDEFINED else at + length
        elements: dict[int, Element] = {}
        walker.add_first_of_each(at, end, elements)
        return Header(self.path, self.content, self.little, elements) if elements else None


def read_header(path: Path, content: bytes) -> tuple[str, Header]:
    """The UID of the transfer syntax, and the elements.

    No element should follow Pixel Data, but some writers put elements there, and they are read too.

    Raises:
        RadiographError: a damaged file, or one without pixels.
    """
    meta: dict[int, Element] = {}
    begin = _META_BEGIN
    walker = _Walker(path, content, little=True, implicit=False)
    for tag, element in walker.elements(_META_BEGIN, len(content)):
        if tag >> 16 != 2:
            break
        meta[tag] = element
        begin = element.begin + element.length
    syntax = Header(path, content, True, meta).value(_TRANSFER_SYNTAX).decode("latin-1").strip(" \0")
    if not re.fullmatch(r"[0-9.]{1,64}", syntax):
        raise RadiographError(f"{path}: names no transfer syntax")
    if syntax == DeflatedExplicitVRLittleEndian:
        content, begin = _inflated(path, content[begin:]), 0
    little = syntax != ExplicitVRBigEndian
    # Some data sets are not coded as the file says: the VR of the first element, or its absence, tells.
    known = content[begin + 4 : begin + 6] in _LONG_VRS | _SHORT_VRS
    implicit = not known and (syntax == ImplicitVRLittleEndian or not content[begin + 4 : begin + 6].isalpha())
    walker = _Walker(path, content, little, implicit)
    elements: dict[int, Element] = {}
    try:
        walker.add_first_of_each(begin, len(content), elements)
    except RadiographError:
        if PIXEL_DATA not in elements:
            raise
    if PIXEL_DATA not in elements:
        raise RadiographError(f"{path}: holds no pixels (or ends before them)")
    return syntax, Header(path, content, little, elements)


def fragments(header: Header) -> list[bytes]:
    """The items of encapsulated Pixel Data (PS3.5 A.4): the offset table and the fragments of the codestream."""
    content, at = header.content, header[PIXEL_DATA].begin
    found: list[bytes] = []
    for _ in range(_MAX_ELEMENTS):
        if at + 8 > len(content):  # some writers leave out the end mark
            return found
        group, number, length = struct.unpack_from("<HHL", content, at)
        at += 8
        if group << 16 | number == _SEQUENCE_END:
            return found
        if group << 16 | number != _ITEM:
            raise header.fail(PIXEL_DATA, f"is damaged: no fragment at byte {at - 8}")
        if length > len(content) - at:
            raise header.fail(PIXEL_DATA, f"is truncated: a fragment of {length} bytes, {len(content) - at} are left")
        found.append(content[at : at + length])
        at += length
    raise header.fail(PIXEL_DATA, f"has more than {_MAX_ELEMENTS} fragments")


def _inflated(path: Path, deflated: bytes) -> bytes:
    limit = max_radiograph_bytes()
    try:
        content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(deflated, limit + 1)
    except zlib.error as error:
        raise RadiographError(f"{path}: damaged deflated data") from error
    if len(content) > limit:
        raise RadiographError(f"{path}: inflates to more than any radiograph ({limit} bytes)")
    return content


class _Walker:
    """Steps from element to element. Nesting is counted, not recursed into."""

    def __init__(self, path: Path, content: bytes, little: bool, implicit: bool) -> None:
        order = "<" if little else ">"
        self._path = path
        self._content = content
        self._implicit = implicit
        self._short = struct.Struct(order + "HH2sH").unpack_from
        self._long = struct.Struct(order + "HHL").unpack_from
        self._length = struct.Struct(order + "L").unpack_from
        self._budget = _MAX_ELEMENTS

    def elements(self, at: int, end: int) -> Iterator[tuple[int, Element]]:
        """The elements of one level, up to `end`, the end mark of the item, or the last element that is complete."""
        end = min(end, len(self._content))
        while at + 8 <= end:
            tag, element = self._element(at)
            if tag == _ITEM_END:
                return
            yield tag, element
            at = element.begin + element.length
            if element.length == UNDEFINED:
                at = self._end_of_undefined(element.begin)

    def add_first_of_each(self, at: int, end: int, found: dict[int, Element]) -> None:
        """Add the elements of one level by tag; if a tag occurs twice, the first occurrence counts."""
        for tag, element in self.elements(at, end):
            found.setdefault(tag, element)

    def item(self, at: int) -> tuple[int, int, int]:
        """(tag, length, offset of the value) of an item or an end mark."""
        if at + 8 > len(self._content):
            raise RadiographError(f"{self._path}: truncated sequence")
        group, number, length = self._long(self._content, at)
        return group << 16 | number, length, at + 8

    def _element(self, at: int) -> tuple[int, Element]:
        self._budget -= 1
        if self._budget < 0:
            raise RadiographError(f"{self._path}: more than {_MAX_ELEMENTS} elements")
        group, number, vr, length = self._short(self._content, at)
        tag = group << 16 | number
        # Explicit files may hold sequences in implicit coding; items and end marks never have a VR.
        if self._implicit or group == 0xFFFE or not (vr in _SHORT_VRS or vr in _LONG_VRS or vr.isalpha()):
            return tag, Element(b"", at + 8, self._long(self._content, at)[2])
        if vr not in _LONG_VRS:
            return tag, Element(vr, at + 8, length)
        if at + 12 > len(self._content):
            raise RadiographError(f"{self._path}: truncated header")
        return tag, Element(vr, at + 12, self._length(self._content, at + 8)[0])

    def _end_of_undefined(self, at: int) -> int:
        """The offset of the end of a value of undefined length, with everything nested in it."""
        depth = 1
        while at + 8 <= len(self._content):
            tag, element = self._element(at)
            at = element.begin
            if tag in (_ITEM_END, _SEQUENCE_END):
                depth -= 1
                if depth == 0:
                    return at
            elif element.length == UNDEFINED:
                depth += 1
            else:
                at += element.length
        raise RadiographError(f"{self._path}: truncated sequence")
