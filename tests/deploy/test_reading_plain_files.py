"""Radiographs that are no DICOM: C++ reads the values that Python reads."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from deploy.reading import SHAPE, assert_parity, assert_same, requires, run
from PIL import Image

from egaze.errors import RadiographError
from egaze.imaging import PRESENTATIONS, read_stored


@pytest.mark.parametrize("presentation", PRESENTATIONS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_arrays(runner, models, tmp_path, dtype, presentation):
    values = np.random.default_rng(0).random(SHAPE, dtype=np.float32)
    np.save(tmp_path / "radiograph.npy", values if dtype is np.float32 else (values * 40 + 7).astype(dtype))
    assert_parity(runner, models, tmp_path / "radiograph.npy", presentation)


@pytest.mark.parametrize("presentation", PRESENTATIONS)
@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "RGB", "RGBA", "I;16"])
def test_png(runner, formats, models, tmp_path, mode, presentation):
    requires(formats, "png")
    rng = np.random.default_rng(0)
    if mode == "I;16":
        picture = Image.fromarray(rng.integers(0, 4096, SHAPE, dtype=np.uint16))
    else:
        picture = Image.fromarray(rng.integers(0, 256, (*SHAPE, 4), dtype=np.uint8), "RGBA")
        picture = picture.convert("L").convert("1") if mode == "1" else picture.convert(mode)
    picture.save(tmp_path / "radiograph.png")
    assert_parity(runner, models, tmp_path / "radiograph.png", presentation)


def test_data_behind_a_png(runner, formats, models, tmp_path):
    requires(formats, "png")
    values = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)
    radiograph = tmp_path / "radiograph.png"
    Image.fromarray(values).save(radiograph)
    radiograph.write_bytes(radiograph.read_bytes() + b"a scanner's notes" * 300)
    np.testing.assert_array_equal(read_stored(radiograph).stored, values)
    assert_parity(runner, models, radiograph, "voi")


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg(runner, formats, models, tmp_path, mode):
    requires(formats, "jpeg")
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    smooth = np.stack([127 + 100 * np.sin(x / 9), 2 * y, x + y], axis=2).astype(np.uint8)
    Image.fromarray(smooth).convert(mode).save(tmp_path / "radiograph.jpg", quality=90)
    # Releases of libjpeg differ by a grey value here and there.
    assert_parity(runner, models, tmp_path / "radiograph.jpg", "voi", atol=2.5 / 255)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(bits: int, colour: int, interlaced: bool, cut_bytes: int = 0) -> bytes:
    """A PNG of SHAPE and random pixels, whose data end early by so many bytes of pixels."""
    rng = np.random.default_rng(bits + colour)
    height, width = SHAPE
    pixel_bits = bits * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    steps = [(0, 0, 1, 1)]
    if interlaced:
        steps = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b"".join(
        b"\0" + rng.integers(1, 256, -(-len(range(left, width, across)) * pixel_bits // 8)).astype(np.uint8).tobytes()
        for left, top, across, down in steps
        for _ in range(top, height, down)
    )
    palette = chunk(b"PLTE", rng.integers(0, 256, 3 << bits).astype(np.uint8).tobytes()) if colour == 3 else b""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced))
    data = chunk(b"IDAT", zlib.compress(rows[: len(rows) - cut_bytes]))
    return b"\x89PNG\r\n\x1a\n" + header + palette + data + chunk(b"IEND", b"")


KINDS_OF_PNG = [*[(bits, 0) for bits in (1, 2, 4, 8, 16)], *[(bits, 3) for bits in (1, 2, 4, 8)],
                *[(bits, colour) for bits in (8, 16) for colour in (2, 4, 6)]]  # fmt: skip


@pytest.mark.parametrize("interlaced", [False, True])
def test_every_kind_of_png(runner, formats, models, tmp_path, interlaced):
    requires(formats, "png")
    whole, cut = [], []
    for bits, colour in KINDS_OF_PNG:
        whole.append(tmp_path / f"{bits}-{colour}.png")
        whole[-1].write_bytes(png(bits, colour, interlaced))
        for cut_bytes in (1, 40):
            cut.append(tmp_path / f"{bits}-{colour}-cut-{cut_bytes}.png")
            cut[-1].write_bytes(png(bits, colour, interlaced, cut_bytes))
    results = run(runner, models["voi"], *whole, *cut)
    for radiograph, result in zip(whole, results, strict=False):
        assert "error" not in result
        assert_same(result, radiograph, "voi")
    for radiograph, result in zip(cut, results[len(whole) :], strict=True):
        assert "damaged PNG" in result["error"]
        with pytest.raises(RadiographError, match="truncated PNG: .* bytes of pixels|cannot read the picture"):
            read_stored(radiograph)


def test_a_png_that_ends_in_black_rows_is_whole(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)
    values[-5:] = 0
    Image.fromarray(values).save(tmp_path / "radiograph.png")
    np.testing.assert_array_equal(read_stored(tmp_path / "radiograph.png").stored, values)


def test_invalid_jpeg_markers(runner, formats, models, tmp_path):
    requires(formats, "jpeg")
    Image.fromarray(np.full(SHAPE, 9, np.uint8)).save(tmp_path / "radiograph.jpg")
    whole = (tmp_path / "radiograph.jpg").read_bytes()
    at = whole.index(b"\xff\xdb")
    (tmp_path / "radiograph.jpg").write_bytes(whole[:at] + b"?" + whole[at:])
    (result,) = run(runner, models["voi"], tmp_path / "radiograph.jpg")
    assert "damaged JPEG markers" in result["error"]
    with pytest.raises(RadiographError, match="damaged JPEG markers"):
        read_stored(tmp_path / "radiograph.jpg")
