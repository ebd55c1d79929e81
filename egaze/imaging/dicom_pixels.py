"""From DICOM Pixel Data, native or decoded by pydicom's plugins, to words and the values they stand for (PS3.5 8)."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSTransferSyntaxes,
    RLELossless,
)

from egaze.errors import RadiographError
from egaze.imaging.codestream import CodestreamError, jpeg2000_frame, jpeg_end, jpeg_frame, without_metadata
from egaze.imaging.dicom_elements import PIXEL_DATA, UNDEFINED, Header, fragments
from egaze.imaging.limits import require_pixel_count
from egaze.imaging.png_jpeg import jpeg_values
from egaze.imaging.run_length import decode_rle

ROWS, COLUMNS, FRAMES, SAMPLES = 0x00280010, 0x00280011, 0x00280008, 0x00280002
ALLOCATED, STORED, HIGH_BIT, SIGNED, PHOTOMETRIC = 0x00280100, 0x00280101, 0x00280102, 0x00280103, 0x00280004

_NATIVE = {ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian}
#: pydicom's names of the decoders, the preferred one first, and the package to install if there is none.
_DECODERS: dict[str, tuple[tuple[str, ...], str]] = {
    JPEGBaseline8Bit: (("pillow", "gdcm"), "pillow"),
    JPEGExtended12Bit: (("pillow", "gdcm"), "pillow"),
    JPEGLossless: (("gdcm", "pylibjpeg"), "python-gdcm"),
    JPEGLosslessSV1: (("gdcm", "pylibjpeg"), "python-gdcm"),
    **dict.fromkeys(JPEGLSTransferSyntaxes, (("pyjpegls", "gdcm"), "python-gdcm")),
    **dict.fromkeys(JPEG2000TransferSyntaxes, (("pylibjpeg", "pillow"), "pylibjpeg-openjpeg")),
}


@dataclass(frozen=True, slots=True)
class Words:
    """The position of a stored value in a word of 8 or 16 bits (C.7.6.3.1)."""

    allocated: int
    stored: int
    high_bit: int
    signed: bool

    def values(self) -> NDArray[np.float64]:
        """(2^allocated,) the stored value of every word. Other bits, which may hold overlays, are ignored."""
        values = np.arange(1 << self.allocated)
        values = (values >> (self.high_bit + 1 - self.stored)) & ((1 << self.stored) - 1)
        if self.signed:
            values -= (values >> (self.stored - 1)) << self.stored
        return values.astype(np.float64)

    def ends(self, words: NDArray[np.unsignedinteger]) -> tuple[int, int] | None:
        """The words of the smallest and largest value in the radiograph, or None if only a histogram can tell."""
        if self.high_bit + 1 != self.stored:
            return None
        if self.signed:
            words = words.view(np.dtype(f"i{words.dtype.itemsize}"))
        low, high = int(words.min()), int(words.max())
        least = -(1 << (self.stored - 1)) if self.signed else 0
        if low < least or high >= least + (1 << self.stored):
            return None
        mask = (1 << self.allocated) - 1
        return low & mask, high & mask


@dataclass(frozen=True, slots=True)
class Image:
    """The radiograph's words, (H, W) uint8 or uint16, their layout, and notes on what was ignored of Pixel Data."""

    words: NDArray[np.unsignedinteger]
    layout: Words
    notes: tuple[str, ...] = ()


def read_image(syntax: str, header: Header) -> Image:
    """Read the one grey frame of a radiograph.

    Raises:
        RadiographError: more than one frame or sample per pixel, a size over the limits, damaged or truncated data, or
            a transfer syntax for which no decoder is installed.
    """
    layout = _layout(header)
    height, width = header.word(ROWS), header.word(COLUMNS)
    require_pixel_count(header.path, height, width)
    if syntax in _NATIVE:
        return _native(header, height, width, layout)
    name = UID(syntax).name if syntax in _DECODERS or syntax == RLELossless else None
    if name is None:
        raise RadiographError(f"{header.path}: transfer syntax {syntax} is none that can be read")
    if header[PIXEL_DATA].length != UNDEFINED:
        raise header.fail(PIXEL_DATA, f"of {name} is not in fragments")
    frame = _frame(header)
    try:
        if syntax == RLELossless:
            words = decode_rle(frame, height * width, layout.allocated // 8)
            return Image(words.reshape(height, width), layout)
        return _decoded(header, syntax, frame, (height, width), layout)
    except (RadiographError, MemoryError):
        raise
    except CodestreamError as error:
        raise RadiographError(f"{header.path}: {error}") from error
    except Exception as error:
        # Decoders may raise any exception.
        raise RadiographError(f"{header.path}: cannot decode {name} ({type(error).__name__})") from error


def _layout(header: Header) -> Words:
    frames = header.decimal(FRAMES)
    if frames not in (None, 0.0, 1.0):  # some radiographs of one frame say 0; the length of the pixels is checked
        raise RadiographError(f"{header.path}: {frames:.15g} frames, expected one radiograph")
    if (samples := header.word(SAMPLES)) != 1:
        raise RadiographError(f"{header.path}: {samples} samples a pixel, expected one")
    if (photometric := header.code(PHOTOMETRIC)) not in {"MONOCHROME1", "MONOCHROME2"}:
        raise RadiographError(
            f"{header.path}: photometric interpretation {photometric!r}, expected MONOCHROME1 or MONOCHROME2"
        )
    allocated, stored, high_bit = header.word(ALLOCATED), header.word(STORED), header.word(HIGH_BIT)
    if allocated not in (8, 16) or not 1 <= stored <= high_bit + 1 <= allocated:
        raise RadiographError(
            f"{header.path}: {stored} of {allocated} bits stored up to bit {high_bit}, expected words of 8 or 16 bits"
        )
    if (signed := header.word(SIGNED)) > 1:
        raise header.fail(SIGNED, f"is {signed}, expected 0 or 1")
    return Words(allocated, stored, high_bit, bool(signed))


def _native(header: Header, height: int, width: int, layout: Words) -> Image:
    element = header[PIXEL_DATA]
    due = height * width * layout.allocated // 8
    if element.length == UNDEFINED:
        raise header.fail(PIXEL_DATA, "has no length")
    left = len(header.content) - element.begin
    if element.length > left or element.length < due:
        raise header.fail(
            PIXEL_DATA, f"is truncated: {min(left, element.length)} bytes for {height}x{width} pixels ({due} bytes)"
        )
    if element.length >= 2 * due + due % 2:
        raise header.fail(PIXEL_DATA, f"holds {element.length} bytes for {height}x{width} pixels ({due} bytes)")
    notes: tuple[str, ...] = ()
    if element.length > due + due % 2:
        notes = (f"{element.length - due} bytes of Pixel Data behind the last pixel ignored",)
    words = _native_words(header, height * width, layout)
    return Image(words.reshape(height, width), layout, notes)


def _native_words(header: Header, pixels: int, layout: Words) -> NDArray[np.unsignedinteger]:
    element = header[PIXEL_DATA]
    if header.little or layout.allocated == 16:
        dtype = f"{'<' if header.little else '>'}u{layout.allocated // 8}"
        words = np.frombuffer(header.content, dtype, pixels, element.begin)
        # A view of the file if it has the machine's byte order.
        return words.astype(dtype.replace(">", "<"), copy=False)
    if element.vr != b"OW":
        return np.frombuffer(header.content, np.uint8, pixels, element.begin)
    pairs = np.frombuffer(header.content, np.uint16, element.length // 2, element.begin).byteswap()
    if pairs.nbytes < pixels:
        raise header.fail(PIXEL_DATA, f"is truncated: {pairs.nbytes} bytes for {pixels} pixels")
    values: NDArray[np.uint8] = pairs.view(np.uint8)[:pixels]
    return values


def _frame(header: Header) -> bytes:
    offsets, *pieces = fragments(header) or [b""]
    if len(offsets) > 4:
        raise header.fail(PIXEL_DATA, f"has an offset table of {len(offsets) // 4} frames, expected one")
    if not pieces:
        raise header.fail(PIXEL_DATA, "has no fragment")
    return b"".join(pieces)


def _decoded(header: Header, syntax: str, frame: bytes, shape: tuple[int, int], layout: Words) -> Image:
    name = UID(syntax).name
    if layout.high_bit + 1 != layout.stored:
        raise RadiographError(
            f"{header.path}: {layout.stored} bits stored up to bit {layout.high_bit}, which {name} excludes"
        )
    coded = (jpeg2000_frame if syntax in JPEG2000TransferSyntaxes else jpeg_frame)(frame)
    if (coded.height, coded.width) != shape or coded.components != 1 or coded.bits > layout.allocated:
        raise RadiographError(
            f"{header.path}: {name} of {coded.height}x{coded.width} pixels, {coded.components} samples of {coded.bits} "
            f"bits, expected {shape[0]}x{shape[1]}, one of at most {layout.allocated}"
        )
    lossy_bytes = syntax in (JPEGBaseline8Bit, JPEGExtended12Bit) and coded.bits == 8
    if syntax in (JPEGBaseline8Bit, JPEGExtended12Bit) and coded.bits not in (8, 12):
        raise RadiographError(f"{header.path}: {name} of {coded.bits} bits, expected 8 or 12")
    if lossy_bytes and layout.stored > 8:
        # The file does not say whether the values were scaled down to bytes.
        raise RadiographError(f"{header.path}: {name} of 8 bits, expected the {layout.stored} that are stored")
    if syntax not in JPEG2000TransferSyntaxes:
        frame = without_metadata(frame[: jpeg_end(frame)])
    twelve_bits = syntax == JPEGExtended12Bit and coded.bits == 12
    plugins, package = (("gdcm",), "python-gdcm") if twelve_bits else _DECODERS[syntax]
    decoder = get_decoder(UID(syntax))
    installed = [plugin for plugin in plugins if plugin in decoder.available_plugins]
    if not installed:
        raise RadiographError(f"{header.path}: {name} needs a decoder that is not installed: `pip install {package}`")
    if twelve_bits:
        return Image(_extended_12_bit(frame, shape), layout)
    if lossy_bytes and installed[0] == "pillow":
        _require_whole(header.path, frame)
    failed: list[str] = []
    # `Any`, because pydicom annotates all keyword arguments with one type.
    options: Any = {
        "rows": shape[0],
        "columns": shape[1],
        "number_of_frames": 1,
        "samples_per_pixel": 1,
        "photometric_interpretation": "MONOCHROME2",
        "bits_allocated": 8 if lossy_bytes else layout.allocated,
        "bits_stored": layout.stored,
        "pixel_representation": int(layout.signed),
    }
    for plugin in installed:
        try:
            coded_frame = BytesIO(encapsulate([frame], has_bot=False))
            words, _ = decoder.as_array(coded_frame, index=0, decoding_plugin=plugin, **options)
        except MemoryError:
            raise
        except Exception as error:
            # Decoders may raise any exception, and their messages may quote the file.
            failed.append(f"{plugin}: {type(error).__name__}")
            continue
        # Bits above the stored ones may hold an overlay here too; `Words.values` ignores them.
        words = words.view(np.dtype(f"u{words.dtype.itemsize}"))
        return Image(words.astype(f"u{layout.allocated // 8}", copy=False), layout)
    raise RadiographError(f"{header.path}: cannot decode {name} ({', '.join(failed)})")


def _require_whole(path: Path, frame: bytes) -> None:
    """Refuse JPEG data that end early, which no decoder reports. Other faults are left for the decoder to report."""
    try:
        jpeg_values(path, frame)
    except RadiographError as error:
        if "truncated" in str(error).removeprefix(str(path)):
            raise


def _extended_12_bit(frame: bytes, shape: tuple[int, int]) -> NDArray[np.uint16]:
    """Decode 12-bit JPEG by GDCM directly, because pydicom refuses to use GDCM for it.

    A pixel format of 12 bits makes GDCM choose its 12-bit library at once.
    """
    import gdcm

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(frame)
    sequence = gdcm.SequenceOfFragments.New()
    sequence.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(PIXEL_DATA >> 16, PIXEL_DATA & 0xFFFF))
    element.SetValue(sequence.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((shape[1], shape[0], 1))
    image.SetDataElement(element)
    grey = gdcm.PhotometricInterpretation.GetPIType("MONOCHROME2")
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(grey))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(JPEGExtended12Bit))))
    image.SetPixelFormat(gdcm.PixelFormat(1, 12, 12, 11, 0))
    # GDCM returns bytes as text.
    words = np.frombuffer(image.GetBuffer().encode("utf-8", "surrogateescape"), dtype="<u2")
    return words.reshape(shape)
