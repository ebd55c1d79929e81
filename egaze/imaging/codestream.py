"""The size that JPEG, JPEG-LS and JPEG 2000 codestreams declare, checked before a decoder sees them.

A codestream of fifty bytes can make its decoder allocate terabytes. ITU-T T.81, T.87 and T.800 define the markers.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_EOI, _SOS, _DHT, _JPG, _DAC = 0xD9, 0xDA, 0xC4, 0xC8, 0xCC
_SOF_55 = 0xF7  # JPEG-LS
_METADATA = {*range(0xE0, 0xF0), 0xFE}
#: Tables, frame headers and scan headers: the markers that a length follows.
_KNOWN = {*range(0xC0, 0xD0), *range(0xDA, 0xE0), _SOF_55, 0xF8} | _METADATA

#: The application data of JFIF and Adobe, which define a picture's colours.
COLOUR_MARKERS = (0xE0, 0xEE)

#: A marker within or after coded data that is neither a stuffed byte (T.81 B.1.1.5, T.87 A.1) nor a restart.
_MARKER = re.compile(rb"\xff([\x80-\xcf\xd8-\xfe])")

#: Sixty-four stuffed bits that begin no Huffman code: the most that libjpeg may read ahead of what it needs.
_LOOK_AHEAD = b"\xff\0" * 8

#: Each scan is a pass over the whole image, however few bytes it has. Encoders write about ten.
_MAX_SCANS = 100
_MAX_SEGMENTS = 100_000

#: JPEG 2000 decoders allocate kilobytes per tile and about a hundred bytes per code-block or precinct.
_MAX_TILES = 4096
_MAX_PRECINCTS = 1 << 18
_MIN_CODE_BLOCK_BITS = 8


class CodestreamError(ValueError):
    """A codestream that is damaged or that no radiograph would have; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The image that a codestream declares: its size in pixels, samples per pixel, and bits per sample."""

    height: int
    width: int
    components: int
    bits: int


def jpeg_frame(data: bytes) -> Frame:
    """The frame header (T.81 B.2.2, T.87 C.2.2) of a JPEG or JPEG-LS codestream.

    A codestream that is cut off is refused here, because decoders invent its end.

    Raises:
        CodestreamError: damaged or truncated markers, more than one frame, or too many scans.
    """
    data = data[: jpeg_end(data)]
    if data.count(b"\xff\xda") > _MAX_SCANS:
        raise CodestreamError(f"JPEG of more than {_MAX_SCANS} scans")
    headers = [
        data[begin + 4 : end]
        for marker, begin, end in _segments(data)
        if (0xC0 <= marker <= 0xCF and marker not in (_DHT, _JPG, _DAC)) or marker == _SOF_55
    ]
    if len(headers) != 1 or len(headers[0]) < 6:
        raise CodestreamError(f"JPEG of {len(headers)} frame headers, expected one that is whole")
    bits, height, width, components = struct.unpack_from(">BHHB", headers[0])
    return Frame(height, width, components, bits)


def jpeg_end(data: bytes) -> int:
    """The offset of the end of the image; padding, a second picture or camera data may follow it."""
    at = 2
    for _, _, end in _segments(data):
        at = end
    while (found := _MARKER.search(data, at)) is not None:
        marker, at = found[1][0], found.end()
        if marker == _EOI:
            return at
        if marker in _KNOWN:  # tables and headers of further scans
            at += int.from_bytes(data[at : at + 2], "big")
    raise CodestreamError(f"truncated JPEG: no end of the image in {len(data)} bytes")


def without_metadata(data: bytes, *, keep: tuple[int, ...] = ()) -> bytes:
    """A JPEG codestream without comments and application data, except for the markers in `keep`."""
    kept = [data[:2]]
    end = 2
    for marker, begin, end in _segments(data):
        if marker in keep or marker not in _METADATA:
            kept.append(data[begin:end])
    return b"".join(kept) + data[end:]


def without_end(data: bytes) -> bytes:
    """A codestream of one sequential scan with its end mark replaced by padding; any other codestream unchanged.

    libjpeg invents missing data before an end mark and only warns. Without an end mark it asks for more data, and
    Pillow raises an error. The padding is no longer than what libjpeg may read ahead.
    """
    markers = [marker for marker, _, _ in _segments(data)]
    if not data.endswith(b"\xff\xd9") or not {0xC0, 0xC1} & {*markers} or data.count(b"\xff\xda") != 1:
        return data
    return data[:-2] + _LOOK_AHEAD


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, begin, end) of each marker segment up to and including the first scan header."""
    if not data.startswith(b"\xff\xd8"):
        raise CodestreamError("JPEG without its first marker")
    at = 2
    for _ in range(_MAX_SEGMENTS):
        if at + 4 > len(data) or data[at] != 0xFF:
            raise CodestreamError("damaged JPEG markers")
        marker = data[at + 1]
        if marker == 0xFF:  # fill bytes
            at += 1
            continue
        if marker not in _KNOWN:
            raise CodestreamError(f"damaged JPEG markers (0x{marker:02x})")
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end < at + 4 or end > len(data):
            raise CodestreamError("truncated JPEG markers")
        yield marker, at, end
        if marker == _SOS:
            return
        at = end
    raise CodestreamError(f"JPEG of more than {_MAX_SEGMENTS} marker segments")


def jpeg2000_frame(data: bytes) -> Frame:
    """The image of a JPEG 2000 codestream (T.800 A.5.1), once its tiles and coding style (A.6.1) have been checked.

    Raises:
        CodestreamError: a damaged header, or tiles, code-blocks or precincts that would exhaust a decoder's memory.
    """
    start = data.find(b"\xff\x4f\xff\x51", 0, 4096)
    if start < 0 or start + 45 > len(data):
        raise CodestreamError("JPEG 2000 without an image size")
    right, bottom, left, top, tile_width, tile_height, tile_left, tile_top, components, precision = struct.unpack_from(
        ">8IHB", data, start + 8
    )
    width, height = right - left, bottom - top
    if width < 1 or height < 1 or tile_width < 1 or tile_height < 1 or tile_left > left or tile_top > top:
        raise CodestreamError("damaged JPEG 2000 image size")
    tiles = -(-(right - tile_left) // tile_width) * -(-(bottom - tile_top) // tile_height)
    if tiles > _MAX_TILES:
        raise CodestreamError(f"JPEG 2000 of {tiles} tiles, expected at most {_MAX_TILES}")
    # The main header ends where the first tile-part begins.
    end = data.find(b"\xff\x90", start)
    at = start + 4 + int.from_bytes(data[start + 4 : start + 6], "big")
    while 0 < at + 14 <= end and data[at] == 0xFF:
        if data[at + 1] in (0x52, 0x53):
            _require_coding_style(data[at + 1 : end], width, height, components)
        at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return Frame(height, width, components, (precision & 0x7F) + 1)


def _require_coding_style(segment: bytes, width: int, height: int, components: int) -> None:
    """Refuse a COD or COC segment whose code-blocks or precincts are too small or too many."""
    if segment[0] == 0x52:
        with_precincts, style = segment[3] & 1, segment[8:]
    else:
        at = 4 if components < 257 else 5
        with_precincts, style = segment[at] & 1, segment[at + 1 :]
    levels, block_width, block_height = style[0], (style[1] & 15) + 2, (style[2] & 15) + 2
    if block_width + block_height < _MIN_CODE_BLOCK_BITS:
        raise CodestreamError(f"JPEG 2000 code-blocks of {1 << block_width}x{1 << block_height}")
    if levels > 32 or (with_precincts and len(style) < 6 + levels):
        raise CodestreamError("damaged JPEG 2000 coding style")
    precincts = 0
    for level in range(levels + 1 if with_precincts else 0):
        size = style[5 + level]
        across = (width >> (levels - level) >> (size & 15)) + 1
        precincts += across * ((height >> (levels - level) >> (size >> 4)) + 1)
    if precincts > _MAX_PRECINCTS:
        raise CodestreamError(f"JPEG 2000 of {precincts} precincts, expected at most {_MAX_PRECINCTS}")
