import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from egaze import read_radiograph
from egaze.errors import RadiographError
from egaze.imaging import read_stored

GREY = (np.arange(48).reshape(6, 8) * 5).astype(np.uint8)


def save(path, array, mode=None):
    Image.fromarray(array, mode).save(path)
    return path


def test_grey_8_and_16_bits(tmp_path):
    radiograph = read_radiograph(save(tmp_path / "a.png", GREY))
    np.testing.assert_allclose(radiograph.pixels, GREY / 255.0, atol=1e-7)
    assert radiograph.presentation.bits_stored == 8
    deep = GREY.astype(np.uint16) * 257
    radiograph = read_radiograph(save(tmp_path / "b.png", deep))
    np.testing.assert_allclose(radiograph.pixels, deep / 65535.0, atol=1e-7)
    assert radiograph.presentation.bits_stored == 16


@pytest.mark.parametrize("channels", [3, 4])
def test_colour_becomes_luma_and_alpha_is_ignored(tmp_path, channels):
    colour = np.random.default_rng(0).integers(0, 256, (6, 8, channels)).astype(np.uint8)
    radiograph = read_radiograph(save(tmp_path / "a.png", colour))
    r, g, b = (colour[..., i].astype(np.int64) for i in range(3))
    np.testing.assert_allclose(
        radiograph.pixels, ((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16) / 255.0, atol=1e-7
    )


def test_grey_with_alpha_palette_and_one_bit(tmp_path):
    with_alpha = np.stack([GREY, np.full_like(GREY, 7)], axis=2)
    np.testing.assert_allclose(read_radiograph(save(tmp_path / "la.png", with_alpha)).pixels, GREY / 255.0, atol=1e-7)
    palette = Image.fromarray(GREY).convert("P", palette=Image.Palette.ADAPTIVE)
    palette.save(tmp_path / "p.png")
    expected = np.asarray(palette.convert("RGB").convert("L")) / 255.0
    np.testing.assert_allclose(read_radiograph(tmp_path / "p.png").pixels, expected, atol=1e-7)
    Image.fromarray(GREY > 100).save(tmp_path / "one.png")
    assert set(np.unique(read_radiograph(tmp_path / "one.png").pixels)) == {0.0, 1.0}


def test_sixteen_bits_with_colour_or_alpha_are_read_at_eight(tmp_path):
    deep = GREY.astype(np.uint16) * 257
    for mode, channels, kind in (("LA", [deep, deep // 2], 4), ("RGB", [deep, deep, deep], 2)):
        lines = np.stack(channels, axis=2).astype(">u2").reshape(len(GREY), -1)
        raw = b"".join(b"\0" + line.tobytes() for line in lines)
        write_png(tmp_path / f"{mode}.png", 8, 6, 16, kind, raw)
        radiograph = read_radiograph(tmp_path / f"{mode}.png")
        assert radiograph.presentation.bits_stored == 8
        np.testing.assert_allclose(radiograph.pixels, GREY / 255.0, atol=1e-7)


def test_interlaced_png(tmp_path):
    # Adam7's seven passes: first row and column, and steps.
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    lines = [line for top, left, down, right in passes for line in GREY[top::down, left::right]]
    raw = b"".join(b"\0" + line.tobytes() for line in lines if line.size)
    write_png(tmp_path / "a.png", 8, 6, 8, 0, raw, interlaced=1)
    np.testing.assert_allclose(read_radiograph(tmp_path / "a.png").pixels, GREY / 255.0, atol=1e-7)


def write_png(path, width, height, bits, kind, raw, interlaced=0):
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, interlaced)
    # Text that a reader might keep, and an animation's header that Pillow would warn of.
    other = chunk(b"tEXt", b"Author\0Secret") + chunk(b"acTL", bytes(8))
    body = chunk(b"IHDR", header) + other + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def test_progressive_jpeg_and_its_metadata(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6  # turn by 90 degrees, which is ignored: gaze is in the stored pixels
    smooth = Image.fromarray(np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8))
    smooth.save(tmp_path / "plain.jpg", quality=95)
    smooth.save(
        tmp_path / "a.jpg", quality=95, progressive=True, exif=turned, comment=b"Secret", icc_profile=bytes(200)
    )
    pixels = read_radiograph(tmp_path / "a.jpg").pixels
    assert pixels.shape == (48, 64)
    np.testing.assert_array_equal(pixels, read_radiograph(tmp_path / "plain.jpg").pixels)


def test_jpeg_colours_need_their_adobe_mark(tmp_path):
    colour = np.zeros((16, 16, 3), np.uint8)
    colour[..., 0] = 200
    Image.fromarray(colour).save(tmp_path / "a.jpg", quality=100, keep_rgb=True)
    np.testing.assert_allclose(read_radiograph(tmp_path / "a.jpg").pixels, 200 * 0.299 / 255, atol=0.01)


def test_jpeg_is_recognised_by_content_not_by_name(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "radiograph.dcm", format="JPEG", quality=100)
    assert np.abs(read_radiograph(tmp_path / "radiograph.dcm").pixels - GREY / 255.0).max() < 0.05


def test_presentations(tmp_path):
    path = save(tmp_path / "a.png", (GREY // 2 + 20).astype(np.uint8))
    stored = GREY // 2 + 20.0
    np.testing.assert_allclose(read_radiograph(path, presentation="raw-max").pixels, stored / stored.max(), atol=1e-7)
    equalized = read_radiograph(path, presentation="equalize").pixels
    assert equalized.min() == 0.0 and equalized.max() == 1.0
    # Equalising keeps order and spreads values: half of the pixels lie below one half.
    assert abs((equalized < 0.5).mean() - 0.5) < 0.05
    with pytest.raises(ValueError, match="got 'window'"):
        read_radiograph(path, presentation="window")


def test_arrays(tmp_path):
    for array, expected in [(GREY, GREY / 255.0), (GREY.astype(np.uint16), GREY / 65535.0)]:
        np.save(tmp_path / "a.npy", array)
        np.testing.assert_allclose(read_radiograph(tmp_path / "a.npy").pixels, expected, atol=1e-7)
    np.save(tmp_path / "f.npy", (GREY / 255.0).astype(np.float32))
    np.testing.assert_allclose(read_radiograph(tmp_path / "f.npy").pixels, GREY / 255.0, atol=1e-7)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((2, 2), 1.5, np.float32), r"must lie in \[0, 1\]"),
        (np.full((2, 2), np.nan, np.float32), r"must lie in \[0, 1\]"),
        (np.zeros((2, 2), np.float64), "got <f8"),
        (np.zeros((2, 2, 3), np.uint8), r"no \.npy array of shape \(H, W\)"),
        (np.zeros((0, 2), np.uint8), "0x2 pixels"),
        (np.array([{}]), r"no \.npy array of shape \(H, W\)"),
    ],
)
@pytest.mark.filterwarnings("ignore:All-NaN")
def test_bad_arrays(tmp_path, array, message):
    np.save(tmp_path / "bad.npy", array, allow_pickle=True)
    with pytest.raises(RadiographError, match=message):
        read_radiograph(tmp_path / "bad.npy")


def test_files_that_are_no_radiographs(tmp_path):
    with pytest.raises(RadiographError, match=r"none\.png: cannot open the radiograph: No such file"):
        read_radiograph(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(RadiographError, match=r"text\.png: neither DICOM, PNG, JPEG nor \.npy"):
        read_radiograph(tmp_path / "text.png")
    whole = save(tmp_path / "cut.png", np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8))
    whole.write_bytes(whole.read_bytes()[:200])
    with pytest.raises(RadiographError, match=r"cut\.png: truncated PNG: a chunk of"):
        read_radiograph(whole)


@pytest.mark.parametrize(
    "options",
    [{}, {"optimize": True}, {"restart_marker_blocks": 2}, {"quality": 5}, {"quality": 100}, {"progressive": True}],
    ids=str,
)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpegs_are_read_whole_or_not_at_all(tmp_path, mode, options):
    path = tmp_path / "radiograph.jpg"
    for shape in ((1, 1), (8, 8), (37, 51), (300, 200)):
        values = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
        Image.fromarray(values).convert(mode).save(path, **options)
        with Image.open(path) as picture:
            np.testing.assert_array_equal(read_stored(path).stored, np.asarray(picture.convert("L")))
    whole = path.read_bytes()
    if "progressive" not in options:
        path.write_bytes(whole[: -len(whole) // 3] + b"\xff\xd9")
        with pytest.raises(RadiographError, match="truncated JPEG: the data of its pixels end early"):
            read_stored(path)
