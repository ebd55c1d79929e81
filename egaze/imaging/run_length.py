"""DICOM's run-length encoding (PS3.5 Annex G), decoded only as far as the radiograph needs.

pydicom's decoder expands a whole segment, up to 64 times its length, before it compares the result with what is needed.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

_HEADER_BYTES = 64


def decode_rle(frame: bytes, pixels: int, bytes_per_pixel: int) -> NDArray[np.unsignedinteger]:
    """The words of one grey frame, (pixels,) uint8 or little-endian uint16.

    Raises:
        ValueError: a damaged header, a number of segments other than the bytes per pixel, or too few bytes.
    """
    if len(frame) < _HEADER_BYTES:
        raise ValueError(f"an RLE frame of {len(frame)} bytes")
    segments, *offsets = struct.unpack("<16L", frame[:_HEADER_BYTES])
    if segments != bytes_per_pixel:
        raise ValueError(f"{segments} RLE segments, expected {bytes_per_pixel}")
    ends = [*offsets[1:segments], len(frame)]
    words = np.empty((pixels, bytes_per_pixel), dtype=np.uint8)
    for number, (begin, end) in enumerate(zip(offsets, ends, strict=False)):
        # The first segment holds the highest bytes.
        words[:, bytes_per_pixel - 1 - number] = np.frombuffer(_unpack_bits(frame[begin:end], pixels), np.uint8)
    return words.view(f"<u{bytes_per_pixel}").ravel()


def _unpack_bits(segment: bytes, count: int) -> bytearray:
    out = bytearray()
    at = 0
    while len(out) < count and at + 1 < len(segment):
        control = segment[at]
        if control < 128:
            out += segment[at + 1 : at + 2 + control]
            at += 2 + control
        elif control > 128:
            out += segment[at + 1 : at + 2] * (257 - control)
            at += 2
        else:
            at += 1
    if len(out) < count:
        raise ValueError(f"{len(out)} of {count} bytes in an RLE segment")
    return out[:count]
