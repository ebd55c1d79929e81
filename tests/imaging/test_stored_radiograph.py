import numpy as np
import pytest
from imaging.dicom_radiographs import STORED, write_dicom
from PIL import Image

from egaze.imaging import PRESENTATIONS, Canvas, read_radiograph, read_stored

RNG = np.random.default_rng(0)


@pytest.fixture(
    params=["unsigned", "signed", "bytes", "unused bits", "big endian", "png", "png16", "jpeg", "npy", "columns first"]
)
def radiograph_path(request, tmp_path):
    deep = RNG.integers(0, 4096, (61, 47)).astype(np.uint16)
    if request.param == "unsigned":
        return write_dicom(tmp_path / "a.dcm", deep, WindowCenter=2000, WindowWidth=3000)
    if request.param == "signed":
        return write_dicom(tmp_path / "a.dcm", deep.astype(np.int16) - 2048, PixelPaddingValue=-5)
    if request.param == "bytes":
        return write_dicom(tmp_path / "a.dcm", deep.astype(np.uint8), PhotometricInterpretation="MONOCHROME1")
    if request.param == "unused bits":
        return write_dicom(tmp_path / "a.dcm", deep | 0xA000)
    if request.param == "big endian":
        return write_dicom(tmp_path / "a.dcm", deep, syntax="1.2.840.10008.1.2.2")
    if request.param in ("png", "png16"):
        Image.fromarray(deep if request.param == "png16" else deep.astype(np.uint8)).save(tmp_path / "a.png")
        return tmp_path / "a.png"
    if request.param == "jpeg":
        Image.fromarray(deep.astype(np.uint8)).save(tmp_path / "a.jpg")
        return tmp_path / "a.jpg"
    np.save(tmp_path / "a.npy", np.asfortranarray(deep) if request.param == "columns first" else deep)
    return tmp_path / "a.npy"


@pytest.mark.parametrize("presentation", PRESENTATIONS)
def test_words_and_a_table_are_the_radiograph(radiograph_path, presentation):
    radiograph = read_stored(radiograph_path, presentation=presentation)
    assert (
        radiograph.stored.dtype in (np.uint8, np.uint16)
        and radiograph.shape == (61, 47)
        and radiograph.presentation.policy == presentation
    )
    assert (
        radiograph.table.shape == (1 << 8 * radiograph.stored.dtype.itemsize,) and radiograph.table.dtype == np.float32
    )
    assert radiograph.table.min() >= 0 and radiograph.table.max() <= 1
    whole = read_radiograph(radiograph_path, presentation=presentation)
    np.testing.assert_array_equal(radiograph.present().pixels, whole.pixels)
    np.testing.assert_array_equal(radiograph.table[radiograph.stored], whole.pixels)
    for fit in ("stretch", "letterbox"):
        canvas = Canvas.square(32, fit)
        # Floats looked up before or after the sums: a level of 65,535 at most.
        np.testing.assert_allclose(canvas.place(radiograph).astype(int), canvas.place(whole).astype(int), atol=1)


def test_a_radiograph_of_floats_has_no_table(tmp_path):
    pixels = RNG.random((61, 47), dtype=np.float32)
    np.save(tmp_path / "a.npy", pixels)
    radiograph = read_stored(tmp_path / "a.npy")
    assert radiograph.table is None
    np.testing.assert_array_equal(radiograph.stored, pixels)
    canvas = Canvas.square(32, "letterbox")
    np.testing.assert_array_equal(canvas.place(radiograph), canvas.place(pixels))
    whole = radiograph.present().pixels
    whole[:] = 0  # a radiograph's pixels are one's own
    np.testing.assert_array_equal(radiograph.stored, pixels)


def test_an_uncompressed_radiograph_is_not_copied(tmp_path):
    stored = read_stored(write_dicom(tmp_path / "a.dcm", WindowCenter=5, WindowWidth=9)).stored
    assert not stored.flags.owndata and not stored.flags.writeable


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("high", [0, 0x7000])
def test_the_full_range_with_and_without_a_histogram(tmp_path, signed, high):
    # Bits above the stored ones hide the least and greatest value from a quick look.
    words = (STORED.astype(np.int64) - (2048 if signed else 0)) & 0xFFF
    path = write_dicom(tmp_path / "a.dcm", (words | high).astype(np.uint16), PixelRepresentation=int(signed))
    np.testing.assert_allclose(read_radiograph(path).pixels, STORED / 4046.0, atol=1e-6)
