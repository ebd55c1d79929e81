"""PNG and JPEG radiographs, decoded by Pillow, which gets only the parts of the file that make up the image."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from egaze.errors import RadiographError
from egaze.imaging.codestream import (
    COLOUR_MARKERS,
    CodestreamError,
    jpeg_end,
    jpeg_frame,
    without_end,
    without_metadata,
)
from egaze.imaging.limits import require_pixel_count
from egaze.imaging.present import present_integers
from egaze.imaging.radiograph import StoredRadiograph

_SIXTEEN_BIT_MODES = {"I;16", "I;16B", "I;16L", "I"}

_PNG_SIGNATURE_BYTES = 8
_MAX_PNG_CHUNKS = 250_000
#: The chunks that make up an image; the others hold text, profiles and animations.
_PNG_CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_PALETTE = 3
#: Samples per pixel, by colour type.
_PNG_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
#: First column, first row, and steps across and down, of each pass of an interlaced picture.
_ADAM_7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
#: Deflate expands one byte to at most 1,032, and a pixel takes at least one bit.
_MAX_PNG_PIXELS_PER_BYTE = 8 * 1032
#: A block of 64 pixels takes at least one bit, or less with arithmetic coding.
_MAX_JPEG_PIXELS_PER_BYTE = 4096


def read_png(path: Path, content: bytes, policy: str) -> StoredRadiograph:
    """Read a PNG; see `read_radiograph`."""
    if len(content) < 33 or content[12:16] != b"IHDR":
        raise RadiographError(f"{path}: damaged PNG: it does not begin with its header")
    width, height = struct.unpack_from(">II", content, 16)
    _require_plausible(path, "PNG", height, width, len(content) * _MAX_PNG_PIXELS_PER_BYTE)
    essential = _critical_chunks(path, content)
    values = _decoded(path, PngImageFile, essential)
    _require_all_rows(path, essential, values)
    return present_integers(values, policy)


def read_jpeg(path: Path, content: bytes, policy: str) -> StoredRadiograph:
    """Read a JPEG file; see `read_radiograph`."""
    try:
        frame = jpeg_frame(content)
        content = content[: jpeg_end(content)]
    except CodestreamError as error:
        raise RadiographError(f"{path}: {error}") from error
    _require_plausible(path, "JPEG", frame.height, frame.width, len(content) * _MAX_JPEG_PIXELS_PER_BYTE)
    return present_integers(jpeg_values(path, without_metadata(content, keep=COLOUR_MARKERS)), policy)


def jpeg_values(path: Path, codestream: bytes) -> NDArray[np.unsignedinteger]:
    """The grey values of an 8-bit JPEG codestream, (H, W) uint8.

    Raises:
        RadiographError: Pillow cannot decode it, or its data end early, which is detected only in a single scan.
    """
    try:
        return _decoded(path, JpegImageFile, without_end(codestream))
    except RadiographError:
        _decoded(path, JpegImageFile, codestream)
        raise RadiographError(f"{path}: truncated JPEG: the data of its pixels end early") from None


def _critical_chunks(path: Path, content: bytes) -> bytes:
    kept = [content[:_PNG_SIGNATURE_BYTES]]
    at = _PNG_SIGNATURE_BYTES
    for number in range(_MAX_PNG_CHUNKS):
        if at + 12 > len(content):
            raise RadiographError(f"{path}: truncated PNG: no end chunk in {len(content)} bytes")
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        if end > len(content):
            raise RadiographError(
                f"{path}: truncated PNG: a chunk of {end - at - 12} bytes, {len(content) - at - 12} are left"
            )
        kind = content[at + 4 : at + 8]
        # A second header could change the size given by the first.
        if kind in _PNG_CRITICAL and (kind != b"IHDR" or number == 0):
            kept.append(content[at:end])
        if kind == b"IEND":
            return b"".join(kept)
        at = end
    raise RadiographError(f"{path}: PNG of more than {_MAX_PNG_CHUNKS} chunks")


def _require_all_rows(path: Path, png: bytes, values: NDArray[np.unsignedinteger]) -> None:
    """Refuse a PNG whose compressed data end early: Pillow leaves missing rows black without an error."""
    width, height, bits, colour, interlaced = struct.unpack_from(">IIBBxxB", png, 16)
    if colour != _PALETTE and values[-2:].any(axis=1).all():
        return  # the last rows are present; in an interlaced picture the last but one may come last
    pixel_bits = bits * _PNG_CHANNELS.get(colour, 1)
    passes = _ADAM_7 if interlaced else ((0, 0, 1, 1),)
    shapes = [(-(-(height - top) // down), -(-(width - left) // across)) for left, top, across, down in passes]
    due = sum(rows * (1 + -(-columns * pixel_bits // 8)) for rows, columns in shapes if rows > 0 and columns > 0)
    decoder, held, at = zlib.decompressobj(), 0, _PNG_SIGNATURE_BYTES
    while at < len(png) and held < due:
        length = int.from_bytes(png[at : at + 4], "big")
        data = png[at + 8 : at + 8 + length] if png[at + 4 : at + 8] == b"IDAT" else b""
        while data and not decoder.eof and held < due:
            held += len(decoder.decompress(data, 1 << 20))
            data = decoder.unconsumed_tail
        at += 12 + length
    if held < due:
        raise RadiographError(f"{path}: truncated PNG: {held} of {due} bytes of pixels")


def _require_plausible(path: Path, kind: str, height: int, width: int, most_pixels: int) -> None:
    require_pixel_count(path, height, width)
    if height * width > most_pixels:
        raise RadiographError(f"{path}: damaged {kind}: {height}x{width} pixels cannot come from a file of its size")


def _decoded(
    path: Path, kind: type[PngImageFile] | type[JpegImageFile], essential: bytes
) -> NDArray[np.unsignedinteger]:
    try:
        # Not through Image.open, which has a limit on pixels of its own and warns before it refuses.
        with kind(BytesIO(essential)) as picture:
            return _grey(path, picture)
    except (RadiographError, MemoryError):
        raise
    except Exception as error:
        # Decoders may raise any exception.
        raise RadiographError(f"{path}: cannot read the picture ({type(error).__name__})") from error


def _grey(path: Path, picture: Image.Image) -> NDArray[np.unsignedinteger]:
    if picture.mode in _SIXTEEN_BIT_MODES:
        values = np.asarray(picture)
        if values.min() < 0 or values.max() > 65535:
            raise RadiographError(f"{path}: values from {values.min()} to {values.max()} do not fit 16 bits")
        return values.astype(np.uint16)
    if picture.mode in {"L", "LA", "1", "P", "PA", "RGB", "RGBA"}:
        if picture.mode == "LA":
            return np.asarray(picture.getchannel(0))
        if picture.mode in {"P", "PA", "RGBA"}:
            # Palettes are resolved to colours; alpha is dropped, not blended.
            picture = picture.convert("RGBA").convert("RGB")
        return np.asarray(picture.convert("L"))
    raise RadiographError(f"{path}: colour mode {picture.mode} is not grey, RGB or a palette")
