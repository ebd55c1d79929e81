"""Every coding of pixels that a DICOM radiograph may have gives the values that went in."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from imaging.dicom_radiographs import STORED, overlaid_values, radiograph_with_overlay_bits, write_dicom
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels import get_decoder
from pydicom.uid import JPEG2000 as JPEG2000Lossy
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from egaze.errors import RadiographError
from egaze.imaging import dicom_pixels, read_radiograph, read_stored

NATIVE = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
LOSSLESS = [*NATIVE, RLELossless, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless]
SMOOTH = np.add.outer(np.arange(48), np.arange(64)) * 36  # 0 to 3960


def stored_values(path, largest):
    return read_radiograph(path, presentation="raw-max").pixels * largest


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: syntax.keyword)
@pytest.mark.parametrize(("dtype", "bits"), [(np.uint8, 8), (np.uint16, 12), (np.uint16, 16)])
def test_lossless_codings_keep_every_value(tmp_path, syntax, dtype, bits):
    # The encoders take no odd number of bytes; the decoders of what is written here in one do.
    shape = (33, 37) if syntax in (*NATIVE, RLELossless) else (34, 36)
    values = np.random.default_rng(0).integers(0, 1 << bits, shape).astype(dtype)
    path = write_dicom(tmp_path / "a.dcm", values, syntax=syntax, bits=bits)
    np.testing.assert_allclose(stored_values(path, values.max()), values, atol=0.01)


@pytest.mark.parametrize("syntax", [*NATIVE, RLELossless, JPEGLSLossless, JPEG2000Lossless], ids=lambda s: s.keyword)
@pytest.mark.parametrize("bits", [12, 16])
def test_signed_values(tmp_path, syntax, bits):
    values = np.random.default_rng(1).integers(-1 << (bits - 1), 1 << (bits - 1), (34, 36)).astype(np.int16)
    path = write_dicom(
        tmp_path / "a.dcm",
        values,
        syntax=syntax,
        bits=bits,
        WindowCenter=0,
        WindowWidth=70000,
        VOILUTFunction="LINEAR_EXACT",
    )
    np.testing.assert_allclose(read_radiograph(path).pixels, values / 70000 + 0.5, atol=1e-6)


@pytest.mark.parametrize(
    ("syntax", "values", "bits", "error"),
    [
        (JPEGBaseline8Bit, SMOOTH // 16, 8, 4),
        (JPEGExtended12Bit, SMOOTH // 16, 8, 4),
        (JPEGLSNearLossless, SMOOTH, 12, 3),
        (JPEG2000Lossy, SMOOTH, 12, 40),
    ],
    ids=["baseline", "extended", "JPEG-LS", "JPEG 2000"],
)
def test_lossy_codings_stay_close(tmp_path, syntax, values, bits, error):
    values = values.astype(np.uint8 if bits == 8 else np.uint16)
    path = write_dicom(tmp_path / "a.dcm", values, syntax=syntax, bits=bits, WindowCenter=2048, WindowWidth=4096)
    pixels = read_radiograph(path, presentation="raw-max").pixels
    np.testing.assert_allclose(pixels, values / values.max(), atol=2 * error / values.max())


@pytest.mark.parametrize("syntax", [*NATIVE, RLELossless], ids=lambda syntax: syntax.keyword)
@pytest.mark.parametrize("signed", [False, True])
def test_stored_bits_anywhere_in_the_word(tmp_path, syntax, signed):
    values = STORED.astype(np.int64) - (2048 if signed else 0)
    # Twelve bits, three of others below and one above, as overlays were kept once.
    words = (((values & 0xFFF) << 3) | 0b101 | 1 << 15).astype(np.uint16)
    path = write_dicom(
        tmp_path / "a.dcm", words, syntax=syntax, bits=12, HighBit=14, PixelRepresentation=int(signed),
        WindowCenter=0, WindowWidth=10000, VOILUTFunction="LINEAR_EXACT",
    )  # fmt: skip
    np.testing.assert_allclose(read_radiograph(path).pixels, values / 10000 + 0.5, atol=1e-6)


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: syntax.keyword)
def test_overlay_bits_do_not_count(tmp_path, syntax):
    radiograph = read_stored(radiograph_with_overlay_bits(tmp_path / "a.dcm", (34, 36), syntax))
    values = overlaid_values((34, 36))
    np.testing.assert_allclose(
        radiograph.table[radiograph.stored], (values - values.min()) / float(np.ptp(values)), atol=1e-6
    )


def test_the_next_decoder_is_tried_where_one_fails(tmp_path, monkeypatch):
    path = write_dicom(tmp_path / "a.dcm", syntax=JPEGLSLossless)
    decoder = type(get_decoder(JPEGLSLossless))
    whole, tried = decoder.as_array, []

    def fail_first(self, *args, decoding_plugin, **options):
        tried.append(decoding_plugin)
        if len(tried) == 1:
            raise RuntimeError("not this one")
        return whole(self, *args, decoding_plugin=decoding_plugin, **options)

    monkeypatch.setattr(decoder, "as_array", fail_first)
    np.testing.assert_array_equal(read_stored(path).stored, STORED)
    assert tried == ["pyjpegls", "gdcm"]
    monkeypatch.setattr(decoder, "as_array", lambda *args, **options: 1 / 0)
    with pytest.raises(RadiographError, match=r"JPEG-LS.* \(pyjpegls: ZeroDivisionError, gdcm: ZeroDivisionError\)"):
        read_stored(path)


@pytest.mark.parametrize("tail", [b"\0" * 1, b"\0" * 5000, b"a camera's notes" * 300], ids=["byte", "zeros", "notes"])
@pytest.mark.parametrize("syntax", [JPEGLossless, JPEGLSLossless, JPEG2000Lossless], ids=lambda syntax: syntax.keyword)
def test_data_behind_the_image(tmp_path, syntax, tail):
    values = overlaid_values((34, 36))
    path = write_dicom(tmp_path / "a.dcm", values, syntax=syntax)
    dataset = pydicom.dcmread(path)
    dataset.PixelData = encapsulate([get_frame(dataset.PixelData, 0, number_of_frames=1) + tail])
    dataset.save_as(path)
    np.testing.assert_array_equal(read_stored(path).stored, values)


@pytest.mark.parametrize("decoder", ["pyjpegls", "gdcm"])
@pytest.mark.parametrize(
    ("syntax", "signed"),
    [(JPEGLSLossless, False), (JPEGLSLossless, True), (JPEGLSNearLossless, False)],  # of these has pydicom an encoder
    ids=["lossless", "lossless-signed", "near-lossless"],
)
def test_jpeg_ls_by_either_decoder(tmp_path, monkeypatch, decoder, syntax, signed):
    monkeypatch.setitem(dicom_pixels._DECODERS, syntax, ((decoder,), ""))
    values = SMOOTH.astype(np.int16) - 2048 if signed else SMOOTH.astype(np.uint16)
    options = {"WindowCenter": 0, "WindowWidth": 9000, "VOILUTFunction": "LINEAR_EXACT"}
    radiograph = read_radiograph(write_dicom(tmp_path / "a.dcm", values, syntax=syntax, **options))
    np.testing.assert_allclose(radiograph.pixels, values / 9000 + 0.5, atol=3.01 / 9000)


def test_extended_jpeg_of_12_bits():
    path = Path(pydicom.__file__).parent / "data" / "test_files" / "JPGExtended.dcm"
    radiograph = read_stored(path, presentation="raw-max")
    assert radiograph.shape == (1024, 256) and radiograph.presentation.bits_stored == 12
    # What pydicom's own tests expect of the decoders that it trusts with this file.
    assert radiograph.stored[420, 140] == 244 and radiograph.stored[230, 120] == 95


def test_big_endian_bytes_lie_in_swapped_pairs(tmp_path):
    values = np.arange(15, dtype=np.uint8).reshape(3, 5)
    swapped = np.frombuffer(values.tobytes() + b"\0", np.uint16).byteswap().tobytes()
    path = write_dicom(tmp_path / "a.dcm", values, syntax=ExplicitVRBigEndian, PixelData=swapped)
    assert b"OB" in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(b"\x7f\xe0\x00\x10OB", b"\x7f\xe0\x00\x10OW"))
    np.testing.assert_allclose(stored_values(path, 14), values, atol=1e-4)


def test_a_data_set_coded_otherwise_than_the_file_says(tmp_path):
    implicit = write_dicom(tmp_path / "a.dcm", syntax=ImplicitVRLittleEndian).read_bytes()
    explicit = write_dicom(tmp_path / "b.dcm").read_bytes()
    head, body = explicit.split(b"\x08\x00\x16\x00UI", 1)
    (tmp_path / "c.dcm").write_bytes(implicit.split(b"\x08\x00\x16\x00", 1)[0] + b"\x08\x00\x16\x00UI" + body)
    (tmp_path / "d.dcm").write_bytes(head + b"\x08\x00\x16\x00" + implicit.split(b"\x08\x00\x16\x00", 1)[1])
    for name in ("c.dcm", "d.dcm"):
        np.testing.assert_allclose(stored_values(tmp_path / name, 4046), STORED, atol=0.01)


def test_a_coding_without_a_decoder_is_named(tmp_path, monkeypatch):
    path = write_dicom(tmp_path / "a.dcm", syntax=JPEGLossless)
    monkeypatch.setattr("pydicom.pixels.decoders.base.Decoder.available_plugins", ())
    with pytest.raises(
        RadiographError,
        match=r"a\.dcm: JPEG Lossless, Non-Hierarchical \(Process 14\) needs a decoder .*`pip install python-gdcm`",
    ):
        read_radiograph(path)
    plain = write_dicom(tmp_path / "b.dcm").read_bytes()
    (tmp_path / "b.dcm").write_bytes(plain.replace(ExplicitVRLittleEndian.encode() + b"\0", b"1.2.840.10008.1.2.9\0"))
    with pytest.raises(RadiographError, match=r"transfer syntax 1\.2\.840\.10008\.1\.2\.9 is none that can be read"):
        read_radiograph(tmp_path / "b.dcm")
