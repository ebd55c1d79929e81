import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from egaze.imaging.codestream import (
    COLOUR_MARKERS,
    CodestreamError,
    Frame,
    jpeg2000_frame,
    jpeg_frame,
    without_metadata,
)

GREY = Image.fromarray(np.add.outer(np.arange(40), np.arange(70)).astype(np.uint8))


def coded(picture=GREY, **options):
    file = BytesIO()
    picture.save(file, **options)
    return file.getvalue()


JPEG = coded(format="JPEG", comment=b"Secret", exif=b"Exif\0\0" + bytes(40))
FRAME_HEADER = JPEG[JPEG.index(b"\xff\xc0") :][: 2 + 11]


def test_the_declared_frame_of_jpeg():
    assert jpeg_frame(JPEG) == Frame(40, 70, 1, 8)
    assert jpeg_frame(coded(GREY.convert("RGB"), format="JPEG", progressive=True)) == Frame(40, 70, 3, 8)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\xd8\xff\xd9", "damaged JPEG markers"),
        (JPEG[:-2], "truncated JPEG: no end of the image"),
        (b"\xff\xd9" + JPEG[2:], "without its first marker"),
        (JPEG.replace(FRAME_HEADER, b""), "JPEG of 0 frame headers"),
        (JPEG.replace(FRAME_HEADER, FRAME_HEADER * 2), "JPEG of 2 frame headers"),
        (JPEG.replace(FRAME_HEADER, b"\xff\x30\0\x02"), r"damaged JPEG markers \(0x30\)"),
        (JPEG.replace(FRAME_HEADER, b"\xff\xc0\xff\xff" + FRAME_HEADER[4:]), "truncated JPEG markers"),
        (JPEG.replace(FRAME_HEADER, b"\xff\xdb\0\x02" * 100_001), "more than 100000 marker segments"),
        (JPEG[:-2] + b"\xff\xda\0\x02" * 100 + b"\xff\xd9", "more than 100 scans"),
    ],
)
def test_jpeg_that_is_refused(data, message):
    with pytest.raises(CodestreamError, match=message):
        jpeg_frame(data)


def test_metadata_goes_and_the_image_stays():
    bare = without_metadata(JPEG)
    assert b"Secret" in JPEG and b"Secret" not in bare and b"Exif" not in bare and b"JFIF" not in bare
    assert b"JFIF" in without_metadata(JPEG, keep=COLOUR_MARKERS)
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(bare))), np.asarray(Image.open(BytesIO(JPEG))))


def jpeg2000(size=(40, 70), tile=None, levels=2, block=4, precincts=b""):
    height, width = size
    tile_height, tile_width = tile or size
    siz = struct.pack(">H8IHBBB", 0, width, height, 0, 0, tile_width, tile_height, 0, 0, 1, 11, 1, 1)
    cod = struct.pack(">BBHBBBBBB", bool(precincts), 0, 1, 0, levels, block, block, 0, 1) + precincts
    segments = b"".join(
        marker + struct.pack(">H", len(body) + 2) + body for marker, body in ((b"\xff\x51", siz), (b"\xff\x52", cod))
    )
    return b"\xff\x4f" + segments + b"\xff\x90" + bytes(20)


def test_the_declared_frame_of_jpeg2000():
    assert jpeg2000_frame(coded(format="JPEG2000", no_jp2=True)) == Frame(40, 70, 1, 8)
    assert jpeg2000_frame(coded(format="JPEG2000")) == Frame(40, 70, 1, 8)  # in its boxes
    assert jpeg2000_frame(jpeg2000()) == Frame(40, 70, 1, 12)
    assert jpeg2000_frame(jpeg2000(precincts=b"\x77\x77\x77")) == Frame(40, 70, 1, 12)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\x4f\xff\x51" + bytes(10), "without an image size"),
        (jpeg2000(size=(0, 70)), "damaged JPEG 2000 image size"),
        (jpeg2000(tile=(0, 70)), "damaged JPEG 2000 image size"),
        (jpeg2000(size=(40_000, 40_000), tile=(8, 8)), "JPEG 2000 of 25000000 tiles"),
        (jpeg2000(block=0), "code-blocks of 4x4"),
        (jpeg2000(size=(4000, 4000), precincts=b"\x00\x00\x00"), r"JPEG 2000 of \d+ precincts"),
        (jpeg2000(precincts=b"\x77"), "damaged JPEG 2000 coding style"),
        (jpeg2000(levels=200), "damaged JPEG 2000 coding style"),
    ],
)
def test_jpeg2000_that_is_refused(data, message):
    with pytest.raises(CodestreamError, match=message):
        jpeg2000_frame(data)
