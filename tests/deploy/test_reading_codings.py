"""Codings of pixels in DICOM radiographs, whole and damaged: C++ reads the values that Python reads."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from deploy.header_radiographs import dicom
from deploy.reading import PYDICOM_FILES, SHAPE, as_predicted, assert_parity, requires, run
from imaging.dicom_radiographs import overlaid_values, radiograph_with_overlay_bits, write_dicom
from PIL import Image
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from egaze.errors import RadiographError
from egaze.imaging import Canvas, read_radiograph, read_stored


@pytest.mark.parametrize(
    "syntax",
    [DeflatedExplicitVRLittleEndian, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEGBaseline8Bit],
    ids=lambda syntax: syntax.keyword,
)
def test_dicom_codings(runner, formats, models, tmp_path, syntax):
    requires(formats, "dicom")
    y, x = np.mgrid[0 : SHAPE[0] // 2 * 2, 0 : SHAPE[1]]
    smooth = (1500 + 1400 * np.sin(x / 9) * np.cos(y / 7)).astype(np.uint16)
    eight = syntax == JPEGBaseline8Bit
    smooth = np.pad(smooth, ((0, 1), (0, 0)), mode="edge")
    radiograph = write_dicom(
        tmp_path / "radiograph.dcm",
        (smooth >> 4).astype(np.uint8) if eight else smooth,
        bits=8 if eight else 12,
        syntax=syntax,
    )
    # Releases of libjpeg differ by a grey value here and there.
    assert_parity(runner, models, radiograph, "voi", atol=2.5 / 180 if eight else 0.0)


def test_extended_jpeg_of_12_bits(runner, formats, models, tmp_path):
    requires(formats, "dicom")
    # Python's decoder is GDCM here, C++'s DCMTK: on the model's small canvas they differ by less than a grey value.
    radiograph = Path(shutil.copy(PYDICOM_FILES / "JPGExtended.dcm", tmp_path))
    (result,) = run(runner, models["raw-max"], radiograph)
    expected = Canvas(*SHAPE).place(read_stored(radiograph, presentation="raw-max")) / 65535
    np.testing.assert_allclose(np.load(result["heatmap_npy"]), expected, atol=1 / 264)


def test_jpeg_ls_of_bytes_in_words(runner, formats, models, tmp_path):
    requires(formats, "dicom")
    values = np.random.default_rng(0).integers(0, 256, (SHAPE[0] + 1, SHAPE[1] + 1)).astype(np.uint8)
    radiograph = write_dicom(tmp_path / "radiograph.dcm", values, bits=8, syntax=JPEGLSLossless)
    data = pydicom.dcmread(radiograph)
    data.BitsAllocated = 16
    data.save_as(radiograph)
    np.testing.assert_array_equal(read_stored(radiograph).stored, values)
    (result,) = run(runner, models["voi"], radiograph)
    expected = Canvas(*SHAPE).place(read_stored(radiograph)) / 65535
    np.testing.assert_allclose(np.load(result["heatmap_npy"]), expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, RLELossless, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless],
    ids=lambda syntax: syntax.keyword,
)  # fmt: skip
def test_overlay_bits_do_not_count(runner, formats, models, tmp_path, syntax):
    requires(formats, "dicom")
    radiograph = radiograph_with_overlay_bits(tmp_path / "radiograph.dcm", (SHAPE[0] - 1, SHAPE[1] - 1), syntax)
    plain = write_dicom(tmp_path / "plain.dcm", overlaid_values((SHAPE[0] - 1, SHAPE[1] - 1)))
    both = run(runner, models["voi"], radiograph, plain)
    np.testing.assert_array_equal(*(np.load(result["heatmap_npy"]) for result in both))


def test_run_length_bytes_that_do_nothing(runner, formats, models, tmp_path):
    requires(formats, "dicom")
    values = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)
    coded = b"".join(b"\x80\x00" + bytes([each]) + b"\x80" for each in values.ravel().tolist())
    coded += b"\0" * (len(coded) % 2)
    frame = struct.pack("<16L", 1, 64, *[0] * 14) + coded
    radiograph = write_dicom(tmp_path / "radiograph.dcm", values, bits=8, syntax=RLELossless)
    data = pydicom.dcmread(radiograph)
    data.PixelData = encapsulate([frame])
    data.save_as(radiograph)
    np.testing.assert_array_equal(read_stored(radiograph).stored, values)
    assert_parity(runner, models, radiograph, "voi")


@pytest.mark.parametrize("trailing", [1, 1025, 70_000])
def test_data_behind_the_image(runner, formats, models, tmp_path, trailing):
    requires(formats, "jpeg")
    requires(formats, "dicom")
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    smooth = (127 + 100 * np.sin(x / 9) + y).astype(np.uint8)
    for name, tail in {"zeros": b"\0" * trailing, "ends": b"\xff\xd8\xff\xd9" * trailing}.items():
        plain = tmp_path / f"{name}.jpg"
        Image.fromarray(smooth).save(plain, quality=90)
        expected = read_radiograph(plain).pixels
        whole = plain.read_bytes()
        plain.write_bytes(whole + tail)
        np.testing.assert_array_equal(read_radiograph(plain).pixels, expected)
        assert_parity(runner, models, plain, "voi", atol=2.5 / 255)
        plain.write_bytes(whole[:-12] + tail.replace(b"\xff\xd9", b"\0\0"))
        with pytest.raises(RadiographError, match="truncated JPEG"):
            read_radiograph(plain)
        (result,) = run(runner, models["voi"], plain)
        assert str(plain) in result["error"]
        radiograph = write_dicom(tmp_path / f"{name}.dcm", smooth, bits=8, syntax=JPEGBaseline8Bit)
        data = pydicom.dcmread(radiograph)
        data.PixelData = encapsulate([whole + tail])
        data.save_as(radiograph)
        np.testing.assert_allclose(read_stored(radiograph).stored, expected * 255, atol=1e-3)
        assert_parity(runner, models, radiograph, "raw-max", atol=2.5 / 127)


@pytest.mark.parametrize("trailing", [1, 70_000])
@pytest.mark.parametrize("syntax", [JPEGLossless, JPEGLosslessSV1, JPEGLSLossless], ids=lambda syntax: syntax.keyword)
def test_data_behind_a_lossless_image(runner, formats, models, tmp_path, syntax, trailing):
    requires(formats, "dicom")
    shape = (SHAPE[0] + 1, SHAPE[1] + 1)
    radiograph, plain = tmp_path / "radiograph.dcm", write_dicom(tmp_path / "plain.dcm", overlaid_values(shape))
    data = pydicom.dcmread(write_dicom(radiograph, overlaid_values(shape), syntax=syntax))
    data.PixelData = encapsulate([get_frame(data.PixelData, 0, number_of_frames=1) + b"\0" * trailing])
    data.save_as(radiograph)
    np.testing.assert_array_equal(read_stored(radiograph).stored, overlaid_values(shape))
    both = run(runner, models["voi"], radiograph, plain)
    np.testing.assert_array_equal(*(np.load(result["heatmap_npy"]) for result in both))


def test_the_limit_holds_on_both_sides(runner, formats, models, tmp_path, monkeypatch):
    requires(formats, "dicom")
    radiograph = dicom(tmp_path / "radiograph.dcm")
    monkeypatch.setenv("EGAZE_MAX_RADIOGRAPH_PIXELS", str(SHAPE[0] * SHAPE[1] - 1))
    done = subprocess.run([runner, models["voi"], radiograph], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "raise EGAZE_MAX_RADIOGRAPH_PIXELS" in done.stderr
    with pytest.raises(RadiographError, match="raise EGAZE_MAX_RADIOGRAPH_PIXELS"):
        read_radiograph(radiograph)


def test_truncated_dicom(runner, formats, models, tmp_path):
    requires(formats, "dicom")
    radiograph = dicom(tmp_path / "radiograph.dcm")
    data = radiograph.read_bytes()
    for length in (len(data) - 1, len(data) - 100, 400, 132):
        radiograph.write_bytes(data[:length])
        done = subprocess.run([runner, models["voi"], radiograph], capture_output=True, text=True, timeout=120)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "syntax", [JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEGBaseline8Bit], ids=lambda syntax: syntax.keyword
)
def test_a_codestream_of_another_size_is_refused(runner, formats, models, tmp_path, syntax):
    requires(formats, "dicom")
    values = overlaid_values((34, 36)) >> (4 if syntax == JPEGBaseline8Bit else 0)
    values = values.astype(np.uint8 if syntax == JPEGBaseline8Bit else np.uint16)
    data = pydicom.dcmread(write_dicom(tmp_path / "radiograph.dcm", values, syntax=syntax))
    radiographs = []
    for rows, columns in ((36, 34), (34, 37), (33, 36), (68, 36), (17, 72)):
        data.Rows, data.Columns = rows, columns
        radiographs.append(tmp_path / f"{rows}x{columns}.dcm")
        data.save_as(radiographs[-1])
    for radiograph, result in zip(radiographs, run(runner, models["voi"], *radiographs), strict=True):
        said = f"of 34x36 pixels, 1 samples of {data.BitsAllocated} bits, expected {radiograph.stem}"
        assert said.replace("16 bits", "") in result["error"].replace("16 bits", "").replace("12 bits", "")
        with pytest.raises(RadiographError, match="of 34x36 pixels"):
            read_radiograph(radiograph)


def test_bytes_for_longer_stored_values(runner, formats, models, tmp_path):
    requires(formats, "dicom")
    smooth = (np.add.outer(np.arange(34), np.arange(36)) * 3).astype(np.uint8)
    data = pydicom.dcmread(write_dicom(tmp_path / "radiograph.dcm", smooth, bits=8, syntax=JPEGBaseline8Bit))
    expected = read_radiograph(tmp_path / "radiograph.dcm").pixels
    data.BitsAllocated = 16
    data.save_as(tmp_path / "words.dcm")
    np.testing.assert_array_equal(read_radiograph(tmp_path / "words.dcm").pixels, expected)
    # Whether twelve bits were scaled down to eight nobody says.
    data.BitsStored, data.HighBit = 12, 11
    data.save_as(tmp_path / "scaled.dcm")
    words, scaled = run(runner, models["voi"], tmp_path / "words.dcm", tmp_path / "scaled.dcm")
    np.testing.assert_allclose(np.load(words["heatmap_npy"]), as_predicted(expected), atol=2.5 / 255)
    assert "of 8 bits, expected the 12 that are stored" in scaled["error"]
    with pytest.raises(RadiographError, match="of 8 bits, expected the 12 that are stored"):
        read_radiograph(tmp_path / "scaled.dcm")


def test_a_transfer_syntax_that_is_not_known_is_not_guessed(runner, formats, models, tmp_path):
    requires(formats, "dicom")
    radiographs = {
        ("1.2.840.113619.5.2", ImplicitVRLittleEndian): "transfer syntax 1.2.840.113619.5.2 is none that can be read",
        ("1.2.840.10008.1.2.9", ExplicitVRLittleEndian): "transfer syntax 1.2.840.10008.1.2.9 is none that can be read",
        ("1.2.840.n", ExplicitVRLittleEndian): "names no transfer syntax",
    }
    paths = [tmp_path / f"{number}.dcm" for number in range(len(radiographs))]
    for path, (uid, syntax) in zip(paths, radiographs, strict=True):
        whole = dicom(path, syntax=syntax).read_bytes()
        named = syntax.encode() + b"\0" * (len(syntax) % 2)
        path.write_bytes(whole.replace(named, uid.encode().ljust(len(named), b"\0")[: len(named)]))
    for path, said, result in zip(paths, radiographs.values(), run(runner, models["voi"], *paths), strict=True):
        assert said.split(" 1.")[0] in result["error"]
        with pytest.raises(RadiographError, match=said.split(" 1.")[0]):
            read_radiograph(path)


def test_big_endian_bytes_in_swapped_pairs(runner, formats, models, tmp_path):
    requires(formats, "dicom")
    values = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)
    swapped = np.frombuffer(values.tobytes() + b"\0", np.uint16).byteswap().tobytes()
    radiograph = write_dicom(tmp_path / "radiograph.dcm", values, syntax=ExplicitVRBigEndian, PixelData=swapped)
    radiograph.write_bytes(radiograph.read_bytes().replace(b"\x7f\xe0\x00\x10OB", b"\x7f\xe0\x00\x10OW"))
    np.testing.assert_array_equal(read_stored(radiograph).stored, values)
    assert_parity(runner, models, radiograph, "voi")


@pytest.mark.parametrize(
    "syntax", [JPEGBaseline8Bit, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless], ids=lambda syntax: syntax.keyword
)
def test_a_codestream_whose_data_end_early(runner, formats, models, tmp_path, syntax):
    """Of lossless ones GDCM makes up the rest, and tells nobody; C++ refuses all."""
    requires(formats, "dicom")
    values = overlaid_values((34, 36))
    values = (values >> 4).astype(np.uint8) if syntax == JPEGBaseline8Bit else values
    data = pydicom.dcmread(write_dicom(tmp_path / "radiograph.dcm", values, syntax=syntax))
    whole = get_frame(data.PixelData, 0, number_of_frames=1)
    end = whole.rindex(b"\xff\xd9")
    data.PixelData = encapsulate([whole[: end - 300] + whole[end:]])
    data.save_as(tmp_path / "cut.dcm")
    radiographs = [tmp_path / "cut.dcm", tmp_path / "radiograph.dcm"]
    if syntax == JPEGBaseline8Bit and formats["jpeg"] == "yes":
        radiographs.append(tmp_path / "cut.jpg")
        radiographs[-1].write_bytes(whole[: end - 300] + whole[end:])
    cut, good, *plain = run(runner, models["voi"], *radiographs)
    assert "error" not in good
    for result in (cut, *plain):
        assert "cannot decode JPEG-LS" in result["error"] or "premature end of data segment" in result["error"]
    for radiograph in radiographs[:1] + radiographs[2:] if syntax in (JPEGBaseline8Bit, JPEGLSLossless) else []:
        with pytest.raises(
            RadiographError, match=r"truncated JPEG: the data of its pixels end early|cannot decode JPEG-LS"
        ):
            read_stored(radiograph)
