"""Headers of DICOM radiographs, as they are met and as they may not be: C++ shows and says what Python does."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from deploy.header_radiographs import WINDOWED, dicom, random_radiograph
from deploy.reading import SHAPE, answers_of, as_predicted, assert_same, requires, run
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, RLELossless

from egaze.errors import RadiographError
from egaze.imaging import PRESENTATIONS, read_radiograph

RADIOGRAPHS = {
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
    "bits_in_the_middle": {"HighBit": 13},
    "signed_bits_in_the_middle": {"HighBit": 13, "signed": True},
    "high_bit_too_high": {"HighBit": 16},
    "padding_in_the_wrong_vr": {"signed": True, "PixelPaddingValue": -100, "padding_vr": "US"},
    "too_many_pixels": {"PixelData": bytes(4 * SHAPE[0] * SHAPE[1])},
    "slope_out_of_range": {"RescaleSlope": "1e40", "RescaleIntercept": 0},
    "representation_of_2": {"PixelRepresentation": 2},
    "several_frames": {"NumberOfFrames": 2},
    "no_frames": {"NumberOfFrames": 0},
    "one_frame_and_nul": {"raw": {"NumberOfFrames": ("UN", b"1\0")}},
    "one_frame_and_blank": {"raw": {"NumberOfFrames": ("IS", "1 ")}},
    "empty_frames": {"raw": {"NumberOfFrames": ("IS", "")}},
    "one_frame_padded_with_zeros": {"raw": {"NumberOfFrames": ("IS", "0001")}},
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
    "colours": {"photometric": "RGB"},
    "photometric_in_small_letters": {"raw": {"PhotometricInterpretation": ("CS", "monochrome1 ")}},
    "photometric_that_is_no_code": {"raw": {"PhotometricInterpretation": ("CS", "Secret^Name ")}},
    "rows_of_two_words": {"raw": {"Rows": ("UN", bytes([SHAPE[0], 0, SHAPE[0], 0]))}},
    "padding_of_two_words": {"raw": {"PixelPaddingValue": ("UN", b"\x10\0\x10\0")}},
    "slope_of_two_signs": {"RescaleIntercept": 0, "raw": {"RescaleSlope": ("UN", b"+-1 ")}},
    "slope_of_almost_0": {"RescaleIntercept": 0, "raw": {"RescaleSlope": ("UN", b"1e-400")}},
    "slope_alone": {"RescaleSlope": -1},
    "intercept_alone": {"RescaleIntercept": -1024, **WINDOWED},
    "centre_alone": {"WindowCenter": 1000},
    "width_alone": {"WindowWidth": 1000},
    "shape_as_monochrome1": {"photometric": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
    "shape_as_monochrome2": {"PresentationLUTShape": "IDENTITY"},
    "shape_against_monochrome1": {"photometric": "MONOCHROME1", "PresentationLUTShape": "IDENTITY"},
    "shape_against_monochrome2": {"raw": {"PresentationLUTShape": ("UN", b"inverse\\IDENTITY ")}},
    "shape_of_density": {"PresentationLUTShape": "LIN OD"},
    "shape_of_no_kind": {"raw": {"PresentationLUTShape": ("CS", "Secret^Name ")}},
    "window_above_all": {"WindowCenter": 9000, "WindowWidth": 100},
    "window_below_all": {"WindowCenter": -9000, "WindowWidth": 100},
    "window_below_all_but_padding": {
        "WindowCenter": 100, "WindowWidth": 20, "PixelPaddingValue": 0, "PixelPaddingRangeLimit": 200,
    },
    "window_far_from_all": {"WindowCenter": 90000, "WindowWidth": 100, "VOILUTFunction": "SIGMOID"},
    "all_padding": {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 4095},
    "one_value": {"WindowCenter": 9000, "WindowWidth": 100, "PixelData": bytes(2 * SHAPE[0] * SHAPE[1])},
    "more_bytes_than_pixels": {"PixelData": bytes(range(256)) * 6},
    "odd_bytes_and_one_more": {"bits": 8, "allocated": 8, "PixelData": bytes(range(250)) * 3},
}  # fmt: skip

#: What is said of radiographs, where anything is.
NOTED = {
    "slope_0": ["Rescale Slope 0 ignored"],
    "slope_0_without_window": ["Rescale Slope 0 ignored"],
    "slope_0_before_another": ["Rescale Slope 0 ignored"],
    "slope_alone": ["Rescale Slope without Rescale Intercept ignored"],
    "intercept_alone": ["Rescale Intercept without Rescale Slope ignored"],
    "centre_alone": ["Window Center without Window Width ignored"],
    "width_alone": ["Window Width without Window Center ignored"],
    "shape_against_monochrome1": ["Presentation LUT Shape IDENTITY ignored beside MONOCHROME1"],
    "shape_against_monochrome2": ["Presentation LUT Shape INVERSE ignored beside MONOCHROME2"],
    "shape_of_density": ["Presentation LUT Shape LIN OD ignored beside MONOCHROME2"],
    "shape_of_no_kind": ["Presentation LUT Shape of an unknown kind ignored beside MONOCHROME2"],
    "window_above_all": ["stored values 1 to 4088 are all shown as 0.000"],
    "window_below_all": ["stored values 1 to 4088 are all shown as 1.000"],
    "window_below_all_but_padding": ["stored values 204 to 4088 are all shown as 1.000"],
    "window_far_from_all": ["stored values 1 to 4088 are all shown as 0.000"],
    "all_padding": ["all pixels are padding"],
    "more_bytes_than_pixels": ["110 bytes of Pixel Data behind the last pixel ignored"],
    "odd_bytes_and_one_more": ["37 bytes of Pixel Data behind the last pixel ignored"],
}


@pytest.fixture(scope="module")
def radiographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("radiographs")
    return {name: dicom(folder / f"{name}.dcm", **fields) for name, fields in RADIOGRAPHS.items()}


@pytest.fixture(scope="module")
def answers(runner, formats, models, radiographs):
    requires(formats, "dicom")
    return answers_of(radiographs, runner, models)


@pytest.mark.parametrize("presentation", PRESENTATIONS)
@pytest.mark.parametrize("name", RADIOGRAPHS)
def test_radiographs(answers, radiographs, name, presentation):
    assert_same(answers[presentation][name], radiographs[name], presentation)


@pytest.mark.parametrize(
    "name",
    ["no_frames", "one_frame_and_blank", "empty_frames", "one_frame_padded_with_zeros", "one_frame_and_nul",
     "slope_0", "slope_0_before_another", "first_of_two_slopes", "window_of_unknown_vr"],
)  # fmt: skip
def test_irregular_headers_of_real_devices_are_read(answers, name):
    assert np.load(answers["voi"][name]["heatmap_npy"]).max() > 0.99


def test_header_values_that_are_not_followed_are_reported(answers):
    assert {name: answer["notes"] for name, answer in answers["voi"].items() if answer.get("notes")} == NOTED


@pytest.mark.parametrize("presentation", ["equalize", "raw-max"])
def test_other_presentations_report_what_concerns_them(answers, presentation):
    said = {name: answer["notes"] for name, answer in answers[presentation].items() if answer.get("notes")}
    beyond = ("Rescale", "Presentation", "all pixels") if presentation == "raw-max" else ()
    expected = {name: notes for name, notes in NOTED.items() if not name.startswith(("window", "centre", "width"))}
    assert said == {name: notes for name, notes in expected.items() if not notes[0].startswith(beyond)}


def test_texts_of_the_file_are_not_quoted(answers):
    assert "is no code word" in answers["voi"]["photometric_that_is_no_code"]["error"]
    assert "Secret" not in json.dumps(answers)


def element(radiograph: Path, tag: bytes) -> tuple[int, int]:
    """Where an element of an explicit file begins and ends."""
    begin = radiograph.read_bytes().index(tag)
    return begin, begin + 8 + int.from_bytes(radiograph.read_bytes()[begin + 6 : begin + 8], "little")


def test_elements_in_the_wrong_place(runner, formats, models, tmp_path):
    """Of an element that is there twice the first counts; one behind the pixels does."""
    requires(formats, "dicom")
    plain = dicom(tmp_path / "plain.dcm", WindowCenter=1000, WindowWidth=700)
    (centre, centre_end), (width, width_end) = (element(plain, tag) for tag in (b"(\0P\x10DS", b"(\0Q\x10DS"))
    whole = plain.read_bytes()
    another = whole[centre : centre + 8] + b"3000".ljust(centre_end - centre - 8)
    moved = {
        "twice": whole[:centre_end] + another + whole[centre_end:],
        "behind": whole[:centre] + whole[width_end:] + whole[centre:width_end],
        "turned": whole[:centre] + whole[width:width_end] + whole[centre:width] + whole[width_end:],
    }
    radiographs = [tmp_path / f"{name}.dcm" for name in moved]
    for radiograph, content in zip(radiographs, moved.values(), strict=True):
        radiograph.write_bytes(content)
        np.testing.assert_array_equal(read_radiograph(radiograph).pixels, read_radiograph(plain).pixels)
    for radiograph, result in zip(radiographs, run(runner, models["voi"], *radiographs), strict=True):
        assert "error" not in result
        assert_same(result, radiograph, "voi")


def test_random_headers(c_library, pass_through, tmp_path):
    radiograph, read, noted = tmp_path / "radiograph.dcm", 0, set()
    for seed in range(300):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's, of values that are not allowed
            random_radiograph(radiograph, seed)
        presentation = PRESENTATIONS[seed % 4 % 3]  # voi twice as often
        try:
            expected, refused = read_radiograph(radiograph, presentation=presentation), None
        except RadiographError as error:
            expected, refused = None, error
        predictor = pass_through(SHAPE, presentation)
        probs, heatmap = predictor.answers()
        name = str(radiograph).encode()
        status = predictor.lib.egaze_predict_file(predictor.handle, name, probs.ctypes.data, heatmap.ctypes.data)
        said = (
            f"seed {seed}, {presentation}: Python {refused or 'reads'}, C++ {c_library.error() if status else 'reads'}"
        )
        assert (status == 0) == (expected is not None), said
        if expected is not None:
            np.testing.assert_array_equal(heatmap[0], as_predicted(expected.pixels), err_msg=said)
            assert predictor.radiograph_notes() == list(expected.presentation.notes), said
            noted.update(re.sub(r"-?\d+", "N", note) for note in expected.presentation.notes)
            read += 1
    assert 150 <= read < 300
    assert noted >= {
        "Rescale Slope N ignored",
        "Rescale Slope ignored beside a Modality LUT",
        "VOI LUT of N bits has entries up to N, taken as white",
        "VOI LUT's first input N read as N",
        "stored values N to N are all shown as N.N",
    }
