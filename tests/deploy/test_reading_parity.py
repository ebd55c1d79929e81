"""Films that egaze-run reads have the very pixels that Python's read_radiograph gives.

A model that hands its input back as its heatmap, on a canvas of the film's own shape, shows what C++ has read.
"""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import warnings
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pydicom
import pytest
import torch
from deploy.c_library import CPredictor
from deploy.scripted_models import make_model, save_model
from imaging.dicom_films import film_with_overlay_bits, overlaid_values, write_dicom
from PIL import Image
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)
from torch import Tensor, nn

from egaze.errors import FilmError
from egaze.imaging import PRESENTATIONS, FitGeometry, place_on_canvas, read_film, read_radiograph, to_input

SHAPE = (23, 31)
PYDICOM_FILES = Path(pydicom.__file__).parent / "data" / "test_files"


class PassThrough(nn.Module):
    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return torch.full((image.shape[0], 3), 1.0 / 3.0), image


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    model = make_model(PassThrough())
    return {
        policy: save_model(
            folder / f"{policy}.pt", model, presentation=policy, input_height_px=SHAPE[0], input_width_px=SHAPE[1]
        )
        for policy in PRESENTATIONS
    }


def run(runner: Path, model: Path, *films: Path) -> list[dict[str, str]]:
    """What egaze-run says of each film, in order."""
    out = films[0].parent / model.stem
    done = subprocess.run([runner, model, *films, "--out", out], capture_output=True, text=True, timeout=120)
    return json.loads(done.stdout)["predictions"]


def as_predicted(pixels: np.ndarray, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """What a model whose input has that shape is given of a film: 16 bits a pixel."""
    return to_input(place_on_canvas(pixels, FitGeometry.of(pixels.shape, shape, "stretch")), shape)


def assert_same(result: dict[str, str], film: Path, presentation: str, atol: float = 0.0) -> None:
    """Equal pixels, or both sides refuse the film."""
    try:
        pixels = as_predicted(read_radiograph(film, presentation=presentation).pixels)
    except FilmError:
        assert "error" in result, "Python refuses the film, C++ reads it"
        return
    assert "error" not in result, result["error"]
    np.testing.assert_allclose(np.load(result["heatmap_npy"]), pixels, rtol=0, atol=atol)


def assert_parity(runner: Path, models: dict[str, Path], film: Path, presentation: str, atol: float = 0.0) -> None:
    (result,) = run(runner, models[presentation], film)
    assert_same(result, film, presentation, atol)


def requires(formats: dict[str, str], kind: str) -> None:
    if formats[kind] != "yes":
        pytest.skip(f"{kind}: {formats[kind]}")


@pytest.mark.parametrize("presentation", PRESENTATIONS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_arrays(runner, models, tmp_path, dtype, presentation):
    values = np.random.default_rng(0).random(SHAPE, dtype=np.float32)
    np.save(tmp_path / "film.npy", values if dtype is np.float32 else (values * 40 + 7).astype(dtype))
    assert_parity(runner, models, tmp_path / "film.npy", presentation)


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
    picture.save(tmp_path / "film.png")
    assert_parity(runner, models, tmp_path / "film.png", presentation)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg(runner, formats, models, tmp_path, mode):
    requires(formats, "jpeg")
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    smooth = np.stack([127 + 100 * np.sin(x / 9), 2 * y, x + y], axis=2).astype(np.uint8)
    Image.fromarray(smooth).convert(mode).save(tmp_path / "film.jpg", quality=90)
    # Releases of libjpeg differ by a grey value here and there.
    assert_parity(runner, models, tmp_path / "film.jpg", "voi", atol=2.5 / 255)


def dicom(
    path: Path,
    bits: int = 12,
    signed: bool = False,
    allocated: int = 16,
    photometric: str = "MONOCHROME2",
    syntax: str = ExplicitVRLittleEndian,
    padding_vr: str = "SS",
    raw: dict[str, tuple[str, bytes]] | None = None,
    **fields: object,
) -> Path:
    """Write a film of random values; `fields` are further DICOM elements by keyword, `raw` ones of any VR."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == RLELossless else syntax
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.Rows, dataset.Columns = SHAPE
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = allocated, bits, bits - 1
    dataset.PixelRepresentation = int(signed)
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
    values = np.random.default_rng(0).integers(low, high, SHAPE)
    # What lies above the stored bits must not count.
    stored = values & ((1 << bits) - 1)
    stored |= np.where(np.arange(SHAPE[1]) % 2, 0, (1 << allocated) - (1 << bits))
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    data = stored.astype(f"{order}u{allocated // 8}").tobytes()
    dataset.add_new("PixelData", "OB" if allocated == 8 else "OW", data + b"\0" * (len(data) % 2))
    for keyword, value in fields.items():
        setattr(dataset, keyword, value)
    for keyword, (vr, value) in (raw or {}).items():
        with patch.object(pydicom.config, "replace_un_with_known_vr", False):
            dataset[keyword] = DataElement(keyword, vr, value, validation_mode=IGNORE)
    if syntax == RLELossless:
        dataset.compress(RLELossless, encoding_plugin="pydicom")  # GDCM's ends the process on an odd number of bytes
    little, implicit = syntax != ExplicitVRBigEndian, syntax == ImplicitVRLittleEndian
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the odd values that are wanted here
        pydicom.dcmwrite(path, dataset, little_endian=little, implicit_vr=implicit, enforce_file_format=True)
    path.write_bytes(path.read_bytes().replace(b"\x28\0\x20\x01SS", b"\x28\0\x20\x01" + padding_vr.encode()))
    return path


def lookup_table(
    first: int, entries: list[int], bits: int, first_vr: str = "US", data_vr: str = "US", claimed: int = -1
) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", first_vr, [(len(entries) if claimed < 0 else claimed) % 65536, first, bits])
    data = np.array(entries, "<u2").tobytes() if data_vr == "OW" else entries
    item.add_new("LUTData", data_vr, data)
    return item


def packed_table(entries: list[int]) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), 0, 8])
    item.add_new("LUTData", "OW", bytes(entries))
    return item


def item_of(**elements: object) -> Dataset:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def implicit_sequence(keyword: str, *items: Dataset) -> bytes:
    """A sequence's value as it lies in an implicit file, and in an element of VR UN."""
    holder, file = item_of(**{keyword: list(items)}), DicomBytesIO()
    file.is_little_endian = file.is_implicit_VR = True
    write_dataset(file, holder)
    return file.getvalue()[8:]


def frame_groups(keyword: str, **macros: dict[str, object]) -> dict[str, list[Dataset]]:
    return {keyword: [item_of(**{macro: [item_of(**elements)] for macro, elements in macros.items()})]}


RESCALED = {"RescaleSlope": -1, "RescaleIntercept": 4095, "RescaleType": "US"}
WINDOWED = {"WindowCenter": 3000, "WindowWidth": 1000}

DICOM_FILMS = {
    "plain": {},
    "implicit": {"syntax": ImplicitVRLittleEndian},
    "big_endian": {"syntax": ExplicitVRBigEndian},
    "rle": {"syntax": RLELossless, "bits": 16},
    "bits_8": {"bits": 8, "allocated": 8},
    "bits_7_of_8": {"bits": 7, "allocated": 8},
    "bits_16": {"bits": 16},
    "monochrome1": {"photometric": "MONOCHROME1"},
    "signed": {"signed": True},
    "signed_implicit_padding": {
        "signed": True, "syntax": ImplicitVRLittleEndian, "PixelPaddingValue": -100, "PixelPaddingRangeLimit": -90,
    },
    "window": {"WindowCenter": 1000, "WindowWidth": 700.5},
    "first_of_two_windows": {"WindowCenter": [1000, 9], "WindowWidth": [700, 3]},
    "narrowest_window": {"WindowCenter": 1000, "WindowWidth": 1},
    "window_without_width": {"WindowCenter": 1000, "WindowWidth": 0},
    "linear_exact": {"WindowCenter": 1000, "WindowWidth": 0.5, "VOILUTFunction": "LINEAR_EXACT"},
    "sigmoid_monochrome1": {
        "WindowCenter": 2000, "WindowWidth": 900, "VOILUTFunction": "SIGMOID", "photometric": "MONOCHROME1",
    },
    "unknown_function": {"WindowCenter": 2000, "WindowWidth": 900, "VOILUTFunction": "CUBIC"},
    "rescale": {"RescaleSlope": 0.1, "RescaleIntercept": -1024.3, "WindowCenter": -900, "WindowWidth": 300},
    "negative_slope": {"RescaleSlope": -1, "RescaleIntercept": 4095},
    "padding": {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 1500, "photometric": "MONOCHROME1"},
    "voi_lut": {"VOILUTSequence": [lookup_table(100, list(range(0, 4000, 2)), 12)], "WindowCenter": 1,
                "WindowWidth": 5},
    "voi_lut_in_words": {"VOILUTSequence": [lookup_table(3, [5, 70, 65535, 900], 16, data_vr="OW")]},
    "voi_lut_after_rescale": {
        "RescaleSlope": 0.37, "RescaleIntercept": -300,
        "VOILUTSequence": [lookup_table(-200, list(range(0, 3000, 3)), 12, first_vr="SS")],
    },
    "voi_lut_first_below_zero": {
        "RescaleSlope": 1, "RescaleIntercept": -1024, "syntax": ImplicitVRLittleEndian,
        "VOILUTSequence": [lookup_table(-200, list(range(0, 3000, 3)), 12, first_vr="SS")],
    },
    "voi_lut_of_packed_bytes": {"VOILUTSequence": [packed_table(list(range(0, 256)))], "bits": 8},
    "bits_in_the_middle": {"HighBit": 13},
    "signed_bits_in_the_middle": {"HighBit": 13, "signed": True},
    "high_bit_too_high": {"HighBit": 16},
    "padding_in_the_wrong_vr": {"signed": True, "PixelPaddingValue": -100, "padding_vr": "US"},
    "too_many_pixels": {"PixelData": bytes(4 * SHAPE[0] * SHAPE[1])},
    "slope_out_of_range": {"RescaleSlope": "1e40", "RescaleIntercept": 0},
    "representation_of_2": {"PixelRepresentation": 2},
    "short_voi_lut": {"VOILUTSequence": [lookup_table(3, [5, 70, 65535, 900], 16)], "bits": 8},
    "modality_lut": {"ModalityLUTSequence": [lookup_table(50, list(range(65535, 5535, -20)), 16)]},
    "several_frames": {"NumberOfFrames": 2},
    "no_frames": {"NumberOfFrames": 0},
    "one_frame_and_nul": {"raw": {"NumberOfFrames": ("UN", b"1\0")}},
    "one_frame_and_blank": {"raw": {"NumberOfFrames": ("IS", "1 ")}},
    "empty_frames": {"raw": {"NumberOfFrames": ("IS", "")}},
    "one_frame_padded_with_zeros": {"raw": {"NumberOfFrames": ("IS", "0001")}},
    "slope_0_in_shared_groups": frame_groups(
        "SharedFunctionalGroupsSequence",
        PixelValueTransformationSequence={**RESCALED, "RescaleSlope": 0},
        FrameVOILUTSequence=WINDOWED,
    ),
    "infinite_slope": {"RescaleIntercept": 0, "raw": {"RescaleSlope": ("DS", "inf ")}},
    "infinite_slope_in_binary": {"RescaleIntercept": 0, "raw": {"RescaleSlope": ("FD", float("inf"))}},
    "first_of_two_slopes": {**WINDOWED, "RescaleIntercept": 1500, "raw": {"RescaleSlope": ("DS", "0.5\\9")}},
    "slope_0_before_another": {**WINDOWED, "RescaleIntercept": 500, "raw": {"RescaleSlope": ("DS", "0\\1")}},
    "slope_0": {"RescaleSlope": 0, "RescaleIntercept": 7, "WindowCenter": 1000, "WindowWidth": 700},
    "slope_0_without_window": {"RescaleSlope": "-0.0", "RescaleIntercept": 0},
    "slope_no_number": {"RescaleIntercept": 0, "raw": {"RescaleSlope": ("UN", b"nan ")}},
    "window_of_unknown_vr": {"raw": {"WindowCenter": ("UN", b"1000"), "WindowWidth": ("UN", b"700\\3 ")}},
    "window_in_other_bytes": {"raw": {"WindowCenter": ("OB", b"1000"), "WindowWidth": ("OW", b"700 ")}},
    "window_in_binary": {"raw": {"WindowCenter": ("FD", 1000.5), "WindowWidth": ("US", 700)}},
    "window_in_integers": {"raw": {"WindowCenter": ("IS", 1000), "WindowWidth": ("FL", 700.25)}},
    "words_of_unknown_vr": {
        "raw": {"Rows": ("UN", bytes([SHAPE[0], 0])), "BitsStored": ("OB", b"\x0b\0"), "HighBit": ("OW", b"\x0a\0"),
                "PixelPaddingValue": ("UN", b"\x10\0"), "PhotometricInterpretation": ("UN", b"MONOCHROME1 ")},
    },
    "function_of_unknown_vr": {**WINDOWED, "raw": {"VOILUTFunction": ("UN", b"SIGMOID ")}},
    "voi_lut_of_unknown_vr": {
        "raw": {"VOILUTSequence": ("UN", implicit_sequence("VOILUTSequence", lookup_table(9, [*range(4096)], 12)))},
    },
    "voi_lut_claims_unused_bits": {"VOILUTSequence": [lookup_table(0, [*range(4096)], 16)]},
    "voi_lut_needs_more_bits": {"VOILUTSequence": [lookup_table(0, [*range(0, 65536, 16)], 12)]},
    "voi_lut_of_zeros": {"VOILUTSequence": [lookup_table(0, [0] * 4096, 12)]},
    "voi_lut_of_one_entry": {"VOILUTSequence": [lookup_table(9, [4095], 12)]},
    "modality_lut_of_one_value": {"ModalityLUTSequence": [lookup_table(0, [7] * 4096, 16)]},
    "voi_lut_with_more_than_it_says": {
        "VOILUTSequence": [lookup_table(0, [1, 2, 3, 4000], 12, claimed=3)],
    },
    "voi_lut_of_65536": {
        "bits": 16, "VOILUTSequence": [lookup_table(0, [*range(65535, -1, -1)], 16, data_vr="OW")],
    },
    "first_input_unsigned_for_signed": {
        "signed": True, "VOILUTSequence": [lookup_table(65536 - 2048, [*range(4096)], 12)],
    },
    "first_input_signed_for_unsigned": {
        "bits": 16, "VOILUTSequence": [lookup_table(40000 - 65536, [*range(4096)], 12, first_vr="SS")],
    },
    "first_modality_input_unsigned_for_signed": {
        "signed": True, "ModalityLUTSequence": [lookup_table(65536 - 2048, [*range(4096)], 16)],
    },
    "shared_groups": frame_groups(
        "SharedFunctionalGroupsSequence", PixelValueTransformationSequence=RESCALED, FrameVOILUTSequence=WINDOWED
    ),
    "groups_of_the_frame": {
        **frame_groups("SharedFunctionalGroupsSequence", FrameVOILUTSequence={"WindowCenter": 1, "WindowWidth": 9}),
        **frame_groups(
            "PerFrameFunctionalGroupsSequence", PixelValueTransformationSequence=RESCALED, FrameVOILUTSequence=WINDOWED
        ),
    },
    "colours": {"photometric": "RGB"},
}  # fmt: skip


@pytest.fixture(scope="module")
def dicom_results(runner, formats, models, tmp_path_factory):
    """Each of DICOM_FILMS, and by presentation what egaze-run says of it, from one run each."""
    requires(formats, "dicom")
    folder = tmp_path_factory.mktemp("dicom")
    films = {name: dicom(folder / f"{name}.dcm", **fields) for name, fields in DICOM_FILMS.items()}
    return films, {
        policy: dict(zip(films, run(runner, models[policy], *films.values()), strict=True)) for policy in PRESENTATIONS
    }


def test_run_length_bytes_that_do_nothing(runner, formats, models, tmp_path):
    requires(formats, "dicom")
    values = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)
    coded = b"".join(b"\x80\x00" + bytes([each]) + b"\x80" for each in values.ravel().tolist())
    coded += b"\0" * (len(coded) % 2)
    frame = struct.pack("<16L", 1, 64, *[0] * 14) + coded
    film = write_dicom(tmp_path / "film.dcm", values, bits=8, syntax=RLELossless)
    data = pydicom.dcmread(film)
    data.PixelData = encapsulate([frame])
    data.save_as(film)
    np.testing.assert_array_equal(read_film(film).stored, values)
    assert_parity(runner, models, film, "voi")


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
        with pytest.raises(FilmError, match="truncated JPEG"):
            read_radiograph(plain)
        (result,) = run(runner, models["voi"], plain)
        assert str(plain) in result["error"]
        film = write_dicom(tmp_path / f"{name}.dcm", smooth, bits=8, syntax=JPEGBaseline8Bit)
        data = pydicom.dcmread(film)
        data.PixelData = encapsulate([whole + tail])
        data.save_as(film)
        np.testing.assert_allclose(read_film(film).stored, expected * 255, atol=1e-3)
        assert_parity(runner, models, film, "raw-max", atol=2.5 / 127)


@pytest.mark.parametrize("trailing", [1, 70_000])
@pytest.mark.parametrize("syntax", [JPEGLossless, JPEGLosslessSV1, JPEGLSLossless], ids=lambda syntax: syntax.keyword)
def test_data_behind_a_lossless_image(runner, formats, models, tmp_path, syntax, trailing):
    requires(formats, "dicom")
    shape = (SHAPE[0] + 1, SHAPE[1] + 1)
    film, plain = tmp_path / "film.dcm", write_dicom(tmp_path / "plain.dcm", overlaid_values(shape))
    data = pydicom.dcmread(write_dicom(film, overlaid_values(shape), syntax=syntax))
    data.PixelData = encapsulate([get_frame(data.PixelData, 0, number_of_frames=1) + b"\0" * trailing])
    data.save_as(film)
    np.testing.assert_array_equal(read_film(film).stored, overlaid_values(shape))
    both = run(runner, models["voi"], film, plain)
    np.testing.assert_array_equal(*(np.load(result["heatmap_npy"]) for result in both))


def test_data_behind_a_png(runner, formats, models, tmp_path):
    requires(formats, "png")
    values = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)
    film = tmp_path / "film.png"
    Image.fromarray(values).save(film)
    film.write_bytes(film.read_bytes() + b"a scanner's notes" * 300)
    np.testing.assert_array_equal(read_film(film).stored, values)
    assert_parity(runner, models, film, "voi")


@pytest.mark.parametrize("presentation", PRESENTATIONS)
@pytest.mark.parametrize("name", DICOM_FILMS)
def test_dicom(dicom_results, name, presentation):
    films, results = dicom_results
    assert_same(results[presentation][name], films[name], presentation)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("voi_lut_of_zeros", "VOI LUT has only entries of 0"),
        ("voi_lut_of_one_entry", "VOI LUT has only entries of 4095"),
        ("modality_lut_of_one_value", "Modality LUT has only entries of 7"),
    ],
)
def test_luts_that_make_all_pixels_the_same(dicom_results, name, said):
    films, results = dicom_results
    said += ", which would make all pixels the same"
    assert said in results["voi"][name]["error"]
    with pytest.raises(FilmError, match=said):
        read_radiograph(films[name])


@pytest.mark.parametrize(
    "name",
    ["no_frames", "one_frame_and_blank", "empty_frames", "one_frame_padded_with_zeros", "one_frame_and_nul",
     "slope_0", "slope_0_in_shared_groups", "slope_0_before_another", "first_of_two_slopes",
     "voi_lut_claims_unused_bits", "window_of_unknown_vr"],
)  # fmt: skip
def test_what_is_met_in_the_field_is_read(dicom_results, name):
    _, results = dicom_results
    assert np.load(results["voi"][name]["heatmap_npy"]).max() > 0.99


def test_jpeg_ls_of_bytes_in_words(runner, formats, models, tmp_path):
    requires(formats, "dicom")
    values = np.random.default_rng(0).integers(0, 256, (SHAPE[0] + 1, SHAPE[1] + 1)).astype(np.uint8)
    film = write_dicom(tmp_path / "film.dcm", values, bits=8, syntax=JPEGLSLossless)
    data = pydicom.dcmread(film)
    data.BitsAllocated = 16
    data.save_as(film)
    np.testing.assert_array_equal(read_film(film).stored, values)
    (result,) = run(runner, models["voi"], film)
    expected = read_film(film).place(FitGeometry.of(values.shape, SHAPE, "stretch"))
    np.testing.assert_allclose(np.load(result["heatmap_npy"]), expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, RLELossless, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless],
    ids=lambda syntax: syntax.keyword,
)  # fmt: skip
def test_overlay_bits_do_not_count(runner, formats, models, tmp_path, syntax):
    requires(formats, "dicom")
    film = film_with_overlay_bits(tmp_path / "film.dcm", (SHAPE[0] - 1, SHAPE[1] - 1), syntax)
    plain = write_dicom(tmp_path / "plain.dcm", overlaid_values((SHAPE[0] - 1, SHAPE[1] - 1)))
    both = run(runner, models["voi"], film, plain)
    np.testing.assert_array_equal(*(np.load(result["heatmap_npy"]) for result in both))


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
    film = write_dicom(
        tmp_path / "film.dcm",
        (smooth >> 4).astype(np.uint8) if eight else smooth,
        bits=8 if eight else 12,
        syntax=syntax,
    )
    # Releases of libjpeg differ by a grey value here and there.
    assert_parity(runner, models, film, "voi", atol=2.5 / 180 if eight else 0.0)


def test_extended_jpeg_of_12_bits(runner, formats, models, tmp_path):
    requires(formats, "dicom")
    # Python's decoder is GDCM here, C++'s DCMTK: on the model's small canvas they differ by less than a grey value.
    film = Path(shutil.copy(PYDICOM_FILES / "JPGExtended.dcm", tmp_path))
    (result,) = run(runner, models["raw-max"], film)
    stored = read_film(film, presentation="raw-max")
    expected = stored.place(FitGeometry.of(stored.shape, SHAPE, "stretch"))
    np.testing.assert_allclose(np.load(result["heatmap_npy"]), expected, atol=1 / 264)


def test_the_limit_holds_on_both_sides(runner, formats, models, tmp_path, monkeypatch):
    requires(formats, "dicom")
    film = dicom(tmp_path / "film.dcm")
    monkeypatch.setenv("EGAZE_MAX_FILM_PIXELS", str(SHAPE[0] * SHAPE[1] - 1))
    done = subprocess.run([runner, models["voi"], film], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "raise EGAZE_MAX_FILM_PIXELS" in done.stderr
    with pytest.raises(FilmError, match="raise EGAZE_MAX_FILM_PIXELS"):
        read_radiograph(film)


def test_truncated_dicom(runner, formats, models, tmp_path):
    requires(formats, "dicom")
    film = dicom(tmp_path / "film.dcm")
    data = film.read_bytes()
    for length in (len(data) - 1, len(data) - 100, 400, 132):
        film.write_bytes(data[:length])
        done = subprocess.run([runner, models["voi"], film], capture_output=True, text=True, timeout=120)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1


#: Files that pydicom ships in a coding that DCMTK has no decoder for.
JPEG_2000 = {
    "693_J2KI.dcm",
    "J2K_pixelrep_mismatch.dcm",
    "JPEG2000-embedded-sequence-delimiter.dcm",
    "JPEG2000.dcm",
    "MR_small_jp2klossless.dcm",
}


@pytest.fixture(scope="module")
def pass_through(formats, c_library, tmp_path_factory):
    """C's predictor that hands back a film of a shape, made once a shape."""
    requires(formats, "dicom")
    folder, model, predictors = tmp_path_factory.mktemp("shapes"), make_model(PassThrough()), {}

    def of(shape: tuple[int, int], presentation: str) -> CPredictor:
        if (shape, presentation) not in predictors:
            path = folder / "model.pt"
            save_model(path, model, presentation=presentation, input_height_px=shape[0], input_width_px=shape[1])
            predictors[shape, presentation] = CPredictor(c_library, path)
        return predictors[shape, presentation]

    yield of
    for predictor in predictors.values():
        predictor.close()


@pytest.mark.parametrize(
    "path", sorted(path for path in PYDICOM_FILES.rglob("*") if path.is_file()), ids=lambda p: p.name
)
def test_every_file_that_pydicom_ships(c_library, pass_through, path):
    for presentation in PRESENTATIONS:
        try:
            pixels = as_predicted(read_radiograph(path, presentation=presentation).pixels)
        except FilmError:
            pixels = None
        predictor = pass_through(SHAPE if pixels is None else pixels.shape, presentation)
        probs, heatmap = predictor.answers()
        film = str(path).encode()
        status = predictor.lib.egaze_predict_file(predictor.handle, film, probs.ctypes.data, heatmap.ctypes.data)
        if pixels is None or path.name in JPEG_2000:
            assert c_library.lib.egaze_status_name(status) == b"unreadable_image"
            assert path.name in c_library.error() and "\n" not in c_library.error()
            said = "JPEG 2000" in c_library.error() and "is not supported" in c_library.error()
            assert said == (path.name in JPEG_2000)
        else:
            assert status == 0, c_library.error()
            np.testing.assert_array_equal(heatmap[0], pixels)


#: Of each film: the least and greatest stored value, what shows it, and what of its header is not followed.
CASES = {
    "01-agfa-voi-lut-12in16/film.dcm": (
        0,
        4095,
        "VOI LUT",
        ["VOI LUT of 16 bits has entries up to 4095, taken as white"],
    ),
    "02-number-of-frames-0/0.dcm": (0, 4095, None, []),
    "02-number-of-frames-0/1-space.dcm": (0, 4095, None, []),
    "02-number-of-frames-0/empty.dcm": (0, 4095, None, []),
    "02-number-of-frames-0/zero-padded.dcm": (0, 4095, None, []),
    "03-rescale-slope-0/no-window.dcm": (0, 4095, None, ["Rescale Slope 0 ignored"]),
    "03-rescale-slope-0/window.dcm": (0, 4095, "window 2048/4096 LINEAR", ["Rescale Slope 0 ignored"]),
    "05-un-vr/window.dcm": (0, 4095, "window 1000/1000 LINEAR", []),
    "09-jpeg-ls/eight-in-16.dcm": (0, 255, None, []),
    "09-jpeg-ls/plain-12.dcm": (0, 4095, None, []),
    "09-jpeg-ls/signed-12.dcm": (-2048, 2047, None, []),
    "09-jpeg-ls/zero-before-end.dcm": (0, 4095, None, []),
    "11-overlay-compressed/j2k.dcm": (0, 4095, None, []),
    "11-overlay-compressed/jpegll.dcm": (0, 4095, None, []),
    "11-overlay-compressed/jpegls.dcm": (0, 4095, None, []),
    "11-overlay-compressed/native.dcm": (0, 4095, None, []),
    "11-overlay-compressed/rle.dcm": (0, 4095, None, []),
    "12-padded/padded-4096-zeros.dcm": (0, 203, None, []),
    "19-trailer/grey.jpg": (0, 225, None, []),
    "19-trailer/samsung-like-trailer.jpg": (0, 225, None, []),
    "19-trailer/tail-4000-zeros.jpg": (0, 225, None, []),
}


@pytest.mark.realdata
@pytest.mark.parametrize("name", CASES)
def test_cases(c_library, pass_through, real_data, name):
    path = real_data.parent / "cases" / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    least, greatest, voi, notes = CASES[name]
    film = read_film(path)
    assert (film.presentation.voi, list(film.presentation.notes)) == (voi, notes)
    pixels = film.radiograph().pixels
    assert pixels.min() == 0 and pixels.max() == (1 if path.suffix == ".dcm" else np.float32(greatest / 255))
    stored = film.stored.astype(int)
    if film.presentation.bits_stored == 12:
        stored &= 4095
        stored -= (stored > 2047) * 4096 * (least < 0)
    assert (stored.min(), stored.max()) == (least, greatest)
    predictor = pass_through(pixels.shape, "voi")
    probs, heatmap = predictor.answers()
    status = predictor.lib.egaze_predict_file(
        predictor.handle, str(path).encode(), probs.ctypes.data, heatmap.ctypes.data
    )
    if name.endswith("j2k.dcm"):
        assert status != 0 and "JPEG 2000" in c_library.error()
        return
    assert status == 0, c_library.error()
    # Releases of libjpeg differ by a grey value here and there.
    lossy = path.suffix == ".jpg" or "padded-4096" in name
    np.testing.assert_allclose(heatmap[0], as_predicted(pixels, pixels.shape), rtol=0, atol=2.5 / 203 if lossy else 0)


SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless]


def random_film(path: Path, seed: int) -> Path:
    """A film whose header is drawn at random: mostly what is met, now and then what is not allowed."""
    rng = np.random.default_rng(seed)

    def one_of(*choices: object) -> object:
        return choices[rng.integers(len(choices))]

    def maybe(probability: float) -> bool:
        return bool(rng.random() < probability)

    def random_table(needed: int) -> Dataset:
        bits = int(one_of(8, 10, 12, 14, 16, 16, 17))
        used = int(one_of(bits, bits, needed, bits + 1))
        count = int(one_of(1, 2, 100, 255, 256, 1000, 4096))
        entries = np.sort(rng.integers(0, 1 << min(used, 16), count)).tolist()
        if maybe(0.1):
            entries = [int(entries[0])] * count
        first_vr = str(one_of("US", "SS"))
        first = int(one_of(0, 10, 1024, -1024, -10, 40000))
        first = first % 65536 if first_vr == "US" else (first + 32768) % 65536 - 32768
        if bits == 8 and maybe(0.4):
            return packed_table([value & 255 for value in entries])
        claimed = count + 1 if maybe(0.05) else -1
        return lookup_table(first, entries, bits, first_vr, str(one_of("US", "OW")), claimed)

    allocated = int(one_of(8, 16, 16, 16))
    bits = int(rng.integers(1, allocated + 1)) if maybe(0.3) else int(one_of(allocated, min(12, allocated)))
    signed = maybe(0.3)
    fields: dict[str, object] = {
        "bits": bits, "allocated": allocated, "signed": signed,
        "photometric": one_of("MONOCHROME1", "MONOCHROME2"), "syntax": one_of(*SYNTAXES),
    }  # fmt: skip
    if maybe(0.2):
        fields["HighBit"] = int(rng.integers(bits - 1, allocated + 1))
    if maybe(0.2) and fields["syntax"] != RLELossless:  # which pydicom would not write
        fields["NumberOfFrames"] = one_of(0, 1, 1, 2)
    raw: dict[str, tuple[str, bytes]] = {}
    rescale = {
        "RescaleSlope": one_of(1, 1, -1, 0, 0.37, "1e-3", "1e40"), "RescaleIntercept": one_of(0, -1024, 4095, 0.5),
    }  # fmt: skip
    window = {
        "WindowCenter": one_of(0, 100, 2048, -500.5, [40, 9]), "WindowWidth": one_of(4096, 700.25, 300, 1, 0, [80, 3]),
    }  # fmt: skip
    if maybe(0.4):
        window["VOILUTFunction"] = one_of("LINEAR", "LINEAR_EXACT", "SIGMOID", "sigmoid", "CUBIC")
    if maybe(0.2):
        groups = one_of("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
        macros = {"PixelValueTransformationSequence": rescale, "FrameVOILUTSequence": window}
        fields |= frame_groups(str(groups), **macros)
    if maybe(0.5):
        fields |= rescale
    if maybe(0.4):
        fields |= window
    elif maybe(0.3):
        vr = str(one_of("UN", "OB"))
        raw |= {
            "WindowCenter": (vr, b"1000"),
            "WindowWidth": (vr, bytes(str(one_of("700\\3 ", "+900", "x1")), "ascii")),
        }
    if maybe(0.2):
        fields["ModalityLUTSequence"] = [random_table(bits)]
    if maybe(0.3):
        fields["VOILUTSequence"] = [random_table(bits)]
    if maybe(0.25):
        low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
        fields["PixelPaddingValue"] = int(rng.integers(low, high))
        if maybe(0.5):
            fields["PixelPaddingRangeLimit"] = int(rng.integers(low, high))
        fields["padding_vr"] = one_of("US", "SS")
    return dicom(path, raw=raw, **fields)


def test_random_headers(c_library, pass_through, tmp_path):
    film, read = tmp_path / "film.dcm", 0
    for seed in range(300):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's, of values that are not allowed
            random_film(film, seed)
        presentation = PRESENTATIONS[seed % 4 % 3]  # voi twice as often
        try:
            pixels, refused = as_predicted(read_radiograph(film, presentation=presentation).pixels), None
        except FilmError as error:
            pixels, refused = None, error
        predictor = pass_through(SHAPE, presentation)
        probs, heatmap = predictor.answers()
        name = str(film).encode()
        status = predictor.lib.egaze_predict_file(predictor.handle, name, probs.ctypes.data, heatmap.ctypes.data)
        said = (
            f"seed {seed}, {presentation}: Python {refused or 'reads'}, C++ {c_library.error() if status else 'reads'}"
        )
        assert (status == 0) == (pixels is not None), said
        if pixels is not None:
            np.testing.assert_array_equal(heatmap[0], pixels, err_msg=said)
            read += 1
    assert 150 <= read < 300
