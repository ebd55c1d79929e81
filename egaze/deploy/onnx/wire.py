"""Protocol buffers' encoding, as far as ONNX files of egaze use it: whole numbers, float32, and fields with a length.

A field that is read is not copied; messages are read one level at a time, so that nesting has no cost.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

Buffer = bytes | memoryview
#: What is read of a field: a whole number, or the content of a field with a length, or the 4 bytes of a float32.
Read = int | memoryview

_VARINT, _BYTES, _FOUR_BYTES = 0, 2, 5
_LONGEST_VARINT = 10


class WireError(Exception):
    """Bytes that are no message; what is said completes a sentence that begins with the file's path.

    Attributes:
        ends_early: whether the bytes end within a field.
    """

    def __init__(self, what: str, *, ends_early: bool = False) -> None:
        super().__init__(what)
        self.ends_early = ends_early


def read_fields(message: memoryview) -> Iterator[tuple[int, Read]]:
    """Yield the number and content of each field of a message.

    Raises:
        WireError: the bytes are no message, or end within a field.
    """
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _read_varint(message, at)
            yield number, value
            continue
        if kind == _BYTES:
            size, at = _read_varint(message, at)
        elif kind == _FOUR_BYTES:
            size = 4
        else:
            raise WireError("it holds a field of a kind that no exported model has")
        if size > len(message) - at:
            raise WireError("it ends within a field", ends_early=True)
        yield number, message[at : at + size]
        at += size


def _read_varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(message[at : at + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            if value >> 64:
                break
            return value, at + place + 1
    if len(message) - at < _LONGEST_VARINT:
        raise WireError("it ends within a field", ends_early=True)
    raise WireError("it holds a number of more than 64 bits")


def signed(value: int) -> int:
    """An int64 of the whole number that stands for it."""
    return value - (1 << 64) if value >> 63 else value


def float_of(content: memoryview) -> float:
    """A float32 of its four bytes."""
    (value,) = struct.unpack("<f", content)
    return float(value)


def number_field(number: int, value: int) -> bytes:
    """Write a field with an int64."""
    return _varint(number << 3 | _VARINT) + _varint(value & (1 << 64) - 1)


def float_field(number: int, value: float) -> bytes:
    """Write a field with a float32."""
    return _varint(number << 3 | _FOUR_BYTES) + struct.pack("<f", value)


def bytes_field(number: int, content: Sequence[Buffer] | Buffer | str) -> list[Buffer]:
    """Write a field with a length, as parts that follow one another; `content` may be such parts too."""
    if isinstance(content, str):
        content = content.encode()
    parts: list[Buffer] = [content] if isinstance(content, bytes | memoryview) else list(content)
    return [_varint(number << 3 | _BYTES) + _varint(sum(map(len, parts))), *parts]


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)
