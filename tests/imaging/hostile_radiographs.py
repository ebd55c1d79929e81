"""Radiographs that lie: what each file does, and what must be said of it."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pydicom
from imaging.dicom_radiographs import IDENTITY, STORED, voi_lut, write_dicom
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

GREY = (np.arange(48 * 64).reshape(48, 64) % 251).astype(np.uint8)
PIXEL_DATA = b"\xe0\x7f\x10\x00OW\0\0"


def write_all(folder: Path) -> dict[str, str]:
    """Write every hostile radiograph; returns names to what the message must hold."""
    expected: dict[str, str] = {}
    for write in (_sizes, _values, _lengths, _coded, _structure, _pictures, _arrays, _not_radiographs):
        expected |= write(folder)
    return expected


def patched(path: Path, *changes: tuple[bytes, bytes]) -> None:
    content = path.read_bytes()
    for old, new in changes:
        assert content.count(old) >= 1, old
        content = content.replace(old, new)
    path.write_bytes(content)


def _sizes(folder):
    write_dicom(folder / "terabytes.dcm", Rows=65535, Columns=65535)
    write_dicom(folder / "rows.dcm", Rows=400)
    write_dicom(folder / "no-rows.dcm", Rows=0)
    write_dicom(folder / "frames.dcm", NumberOfFrames=10000)
    write_dicom(folder / "frames-in-words.dcm", NumberOfFrames="77")
    patched(folder / "frames-in-words.dcm", (b"77", b"1A"))
    write_dicom(folder / "more.dcm", PixelData=STORED.tobytes() * 3)
    return {
        "terabytes.dcm": "65535x65535 pixels are not between 1 and",
        "rows.dcm": "Pixel Data is truncated: 240 bytes for 400x10 pixels",
        "no-rows.dcm": "0x10 pixels",
        "frames.dcm": "10000 frames, expected one radiograph",
        "frames-in-words.dcm": "Number of Frames is no decimal number",
        "more.dcm": "Pixel Data holds 720 bytes for 12x10 pixels",
    }


def _values(folder):
    name = IDENTITY["PatientName"].encode()
    radiographs = {
        "bits.dcm": ({"BitsStored": 17}, "17 of 16 bits stored"),
        "high-bit.dcm": ({"HighBit": 20}, "up to bit 20"),
        "wide.dcm": ({"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31}, "32 of 32 bits stored"),
        "sign.dcm": ({"PixelRepresentation": 7}, "Pixel Representation is 7"),
        "samples.dcm": ({"SamplesPerPixel": 3}, "3 samples a pixel"),
        "colours.dcm": ({"PhotometricInterpretation": "RGB"}, "photometric interpretation 'RGB'"),
        "narrow.dcm": ({"WindowCenter": 5, "WindowWidth": 0}, "window width 0"),
        "lut-bits.dcm": ({"VOILUTSequence": [voi_lut([1, 2], bits=40)]}, "VOI LUT of 40 bits"),
        "lut-short.dcm": ({"VOILUTSequence": [voi_lut([1, 2])]}, "VOI LUT of 9 entries holds 2"),
        "lut-empty.dcm": ({"ModalityLUTSequence": [Dataset()]}, ""),
        "padding.dcm": ({"PixelPaddingValue": [1, 2]}, "Pixel Padding Value is 4 bytes long, expected 2"),
    }
    for file, (elements, _) in radiographs.items():
        write_dicom(folder / file, **elements)
    patched(folder / "lut-short.dcm", (b"US\x06\0\x02\0", b"US\x06\0\x09\0"))
    # Numbers that are none, among them a name.
    for file, text in {"nan.dcm": b"nan", "infinite.dcm": b"1e999", "huge.dcm": b"1e+200", "named.dcm": name}.items():
        write_dicom(folder / file, RescaleSlope="7" * 16, RescaleIntercept=0, RescaleType="US")
        patched(folder / file, (b"7" * 16, text.ljust(16)))
    write_dicom(folder / "function.dcm", WindowCenter=5, WindowWidth=5, VOILUTFunction="CUBIC_AND_MORE")
    patched(folder / "function.dcm", (b"CUBIC_AND_MORE", name.ljust(14)))
    del radiographs["lut-empty.dcm"]
    (folder / "lut-empty.dcm").unlink()
    return {file: message for file, (_, message) in radiographs.items()} | {
        "nan.dcm": "Rescale Slope is no decimal number",
        "infinite.dcm": "Rescale Slope inf is out of range",
        "huge.dcm": r"Rescale Slope 1e\+200 is out of range",
        "named.dcm": "Rescale Slope is no decimal number",
        "function.dcm": "VOI LUT Function is no code word",
    }


def _lengths(folder):
    due = struct.pack("<I", STORED.nbytes)
    for file, length in {"long.dcm": 0xFFFFFFFE, "no-length.dcm": 0xFFFFFFFF}.items():
        write_dicom(folder / file)
        patched(folder / file, (PIXEL_DATA + due, PIXEL_DATA + struct.pack("<I", length)))
    write_dicom(folder / "cut.dcm")
    (folder / "cut.dcm").write_bytes((folder / "cut.dcm").read_bytes()[:-100])
    write_dicom(folder / "long-lut.dcm", VOILUTSequence=[voi_lut(bytes(2000), vr="OW")])
    patched(folder / "long-lut.dcm", (b"\x06\x30OW\0\0\xd0\x07\0\0", b"\x06\x30OW\0\0\xd0\x07\0\x7f"))
    write_dicom(folder / "long-name.dcm", syntax=ImplicitVRLittleEndian)
    name = IDENTITY["PatientName"].encode() + b" "
    patched(folder / "long-name.dcm", (struct.pack("<I", len(name)) + name, b"\xf0\xff\xff\x7f" + name))
    return {
        "long.dcm": "Pixel Data is truncated: 240 bytes",
        "no-length.dcm": "Pixel Data has no length",
        "cut.dcm": "Pixel Data is truncated: 140 bytes for 12x10 pixels",
        "long-lut.dcm": "holds no pixels|LUT Data is truncated: 2130708432 bytes",
        "long-name.dcm": "holds no pixels",
    }


def _coded(folder):
    deep = np.zeros((64, 64), np.uint16)
    write_dicom(folder / "fragment.dcm", deep, syntax=RLELossless)
    content = (folder / "fragment.dcm").read_bytes()
    at = content.index(b"\xfe\xff\x00\xe0", content.index(b"\xfe\xff\x00\xe0") + 4) + 4
    (folder / "fragment.dcm").write_bytes(content[:at] + b"\xf0\xff\xff\xff" + content[at + 4 :])

    def recoded(file, syntax, frame, **elements):
        write_dicom(folder / file, elements.pop("stored", deep), syntax=syntax, **elements)
        dataset = pydicom.dcmread(folder / file)
        dataset.PixelData = encapsulate([frame(pydicom.encaps.get_frame(dataset.PixelData, 0, number_of_frames=1))])
        dataset["PixelData"].is_undefined_length = True
        dataset.save_as(folder / file)

    side = struct.pack(">II", 64, 64)
    recoded("siz.dcm", JPEG2000Lossless, lambda frame: frame.replace(side, struct.pack(">II", 65535, 65535)))
    # Tiles of one pixel: their sizes lie 24 bytes after the codestream's beginning.
    one = struct.pack(">II", 1, 1)
    recoded("tiles.dcm", JPEG2000Lossless, lambda frame: frame[:24] + one + frame[32:], stored=np.tile(deep, (2, 2)))
    recoded(
        "sof.dcm",
        JPEGBaseline8Bit,
        lambda frame: frame.replace(b"\0\x40\0\x40", b"\xff\xff\xff\xff"),
        stored=deep.astype(np.uint8),
        bits=8,
    )
    recoded("sof55.dcm", JPEGLSLossless, lambda frame: frame.replace(b"\0\x40\0\x40", b"\xff\xff\xff\xff"))
    # A segment of a megabyte that runs to sixty-four.
    bomb = struct.pack("<16L", 2, 64, 64 + 8, *[0] * 13) + b"\x81\0" * 4 + b"\x81\0" * 500_000
    recoded("rle-short.dcm", RLELossless, lambda frame: bomb)
    recoded("rle-segments.dcm", RLELossless, lambda frame: b"\x0f" + frame[1:])
    return {
        "fragment.dcm": "Pixel Data is truncated: a fragment of 4294967280 bytes",
        "siz.dcm": "of 65535x65535 pixels",
        "tiles.dcm": "JPEG 2000 of 16384 tiles",
        "sof.dcm": "of 65535x65535 pixels",
        "sof55.dcm": "of 65535x65535 pixels",
        "rle-short.dcm": "cannot decode RLE Lossless",
        "rle-segments.dcm": "cannot decode RLE Lossless",
    }


def _structure(folder):
    plain = write_dicom(folder / "plain.dcm").read_bytes()
    (folder / "plain.dcm").unlink()
    at = plain.index(b"\x28\0\x02\0US")  # before the image's elements

    def with_inserted(file, inserted):
        (folder / file).write_bytes(plain[:at] + inserted + plain[at:])

    item, sequence = b"\xfe\xff\x00\xe0\xff\xff\xff\xff", b"\x27\x00\x01\x10SQ\0\0\xff\xff\xff\xff"
    with_inserted("nested.dcm", (sequence + item) * 200_000)
    with_inserted("elements.dcm", b"\x27\0\x01\x10LO\0\0" * 250_001)
    raw = zlib.compressobj(9, wbits=-15)
    bomb = b"".join(raw.compress(bytes(1 << 20)) for _ in range(100)) + raw.flush()
    deflated = write_dicom(folder / "deflated.dcm", syntax=DeflatedExplicitVRLittleEndian).read_bytes()
    end = deflated.index(DeflatedExplicitVRLittleEndian.encode()) + 22
    while deflated[end : end + 2] == b"\x02\x00":
        end += 8 + struct.unpack("<H", deflated[end + 6 : end + 8])[0]
    (folder / "deflated.dcm").write_bytes(deflated[:end] + bomb)
    (folder / "not-deflated.dcm").write_bytes(deflated[:end] + b"\xff" * 100)
    (folder / "no-syntax.dcm").write_bytes(bytes(128) + b"DICM" + plain[at:])
    (folder / "header-only.dcm").write_bytes(bytes(128) + b"DICM")
    return {
        "nested.dcm": "more than 250000 elements",
        "elements.dcm": "more than 250000 elements",
        "deflated.dcm": "inflates to more than any radiograph",
        "not-deflated.dcm": "damaged deflated data|holds no pixels",
        "no-syntax.dcm": "names no transfer syntax",
        "header-only.dcm": "names no transfer syntax",
    }


def _pictures(folder):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    def png(file, width, height, *chunks):
        header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
        parts = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), *chunks, chunk(b"IEND", b"")]
        (folder / file).write_bytes(b"".join(parts))

    png("sides.png", 60000, 60000, chunk(b"IDAT", zlib.compress(bytes(1000))))
    png("sparse.png", 4000, 4000, chunk(b"IDAT", zlib.compress(bytes(1000))))
    png("second-header.png", 4, 4, chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)))
    png("chunks.png", 4, 4, *[chunk(b"tEXt", b"")] * 250_000)
    (folder / "chunk.png").write_bytes(
        (folder / "sides.png").read_bytes()[:8] + chunk(b"IHDR", bytes(13))[:-4] + b"\xff" * 20
    )
    Image.fromarray(GREY).save(folder / "cut.jpg", quality=95)
    whole = (folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[:-200])
    (folder / "sof.jpg").write_bytes(whole.replace(b"\x00\x30\x00\x40", b"\xff\xff\xff\xff"))
    Image.fromarray(GREY).save(folder / "scans.jpg", progressive=True)
    progressive = (folder / "scans.jpg").read_bytes()
    last = progressive.rindex(b"\xff\xda")
    (folder / "scans.jpg").write_bytes(progressive[:-2] + progressive[last:-2] * 1000 + b"\xff\xd9")
    Image.fromarray(GREY).convert("CMYK").save(folder / "cmyk.jpg")
    return {
        "sides.png": "60000x60000 pixels are not between 1 and",
        "sparse.png": "damaged PNG: 4000x4000 pixels cannot come from a file of its size",
        "second-header.png": "cannot read the picture",
        "chunks.png": "PNG of more than 250000 chunks",
        "chunk.png": "0x0 pixels|truncated PNG",
        "cut.jpg": "truncated JPEG|cannot read the picture",
        "sof.jpg": "65535x65535 pixels are not between 1 and",
        "scans.jpg": "JPEG of more than 100 scans",
        "cmyk.jpg": "colour mode CMYK",
    }


def _arrays(folder):
    def npy(file, header, data=b"\0" * 4):
        (folder / file).write_bytes(b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header + data)

    def described(descr, shape):
        return f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()

    npy("terabytes.npy", described("|u1", "(1048576, 1048576)"))
    npy("short.npy", described("<u2", "(2, 2)"))
    npy("pickle.npy", described("|O", "(1, 1)"))
    npy("code.npy", b"__import__('os').abort()")
    (folder / "header.npy").write_bytes(b"\x93NUMPY\x02\0\xff\xff\xff\xff" + bytes(100))
    return {
        "terabytes.npy": "1048576x1048576 pixels are not between 1 and",
        "short.npy": "truncated: 4 bytes for 2x2 pixels of 2 bytes",
        "pickle.npy": "no .npy array|a radiograph is uint8, uint16 or float32",
        "code.npy": "is no .npy array",
        "header.npy": "is no .npy array",
    }


def _not_radiographs(folder):
    bodies = {"pdf.dcm": b"%PDF-1.7 Secret^Name", "page.dcm": b"<html>Secret^Name", "zip.dcm": b"PK\x03\x04Secret^Name"}
    for file, body in bodies.items():
        (folder / file).write_bytes(body)
    (folder / "empty.dcm").write_bytes(b"")
    with (folder / "sparse.dcm").open("wb") as sparse:
        sparse.write(bytes(128) + b"DICM")
        sparse.truncate(1 << 40)
    (folder / "folder.dcm").mkdir()
    return {
        **dict.fromkeys(bodies, "neither DICOM, PNG, JPEG nor .npy"),
        "empty.dcm": "begins with nothing",
        "sparse.dcm": "is larger than any radiograph \\(1099511627776 of at most",
        "folder.dcm": "is not a file",
    }
