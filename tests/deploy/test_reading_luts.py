"""Modality and VOI LUTs of DICOM radiographs: C++ shows and says what Python does."""

from __future__ import annotations

import numpy as np
import pytest
from deploy.header_radiographs import WINDOWED, dicom, implicit_sequence, lookup_table, packed_table
from deploy.reading import answers_of, assert_same, requires
from pydicom.uid import ImplicitVRLittleEndian

from egaze.errors import RadiographError
from egaze.imaging import PRESENTATIONS, read_radiograph

RADIOGRAPHS = {
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
    "short_voi_lut": {"VOILUTSequence": [lookup_table(3, [5, 70, 65535, 900], 16)], "bits": 8},
    "modality_lut": {"ModalityLUTSequence": [lookup_table(50, list(range(65535, 5535, -20)), 16)]},
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
    "rescale_beside_a_modality_lut": {
        "RescaleSlope": -1, "RescaleIntercept": 4095, "ModalityLUTSequence": [lookup_table(0, [*range(4096)], 16)],
    },
    "modality_lut_past_all": {"ModalityLUTSequence": [lookup_table(9000, [*range(4096)], 16)]},
    "voi_lut_before_all": {
        "RescaleSlope": 1, "RescaleIntercept": 5000, "VOILUTSequence": [lookup_table(0, [*range(4096)], 12)],
    },
    "voi_lut_of_an_empty_item": {
        "raw": {"VOILUTSequence": ("UN", b"\xfe\xff\x00\xe0\xff\xff\xff\xff\xfe\xff\x0d\xe0\0\0\0\0")}, **WINDOWED,
    },
}  # fmt: skip

#: What is said of radiographs, where anything is.
NOTED = {
    "voi_lut_claims_unused_bits": ["VOI LUT of 16 bits has entries up to 4095, taken as white"],
    "voi_lut_needs_more_bits": ["VOI LUT of 12 bits has entries up to 65520, taken as white"],
    "first_input_unsigned_for_signed": ["VOI LUT's first input 63488 read as -2048"],
    "first_input_signed_for_unsigned": ["VOI LUT's first input -25536 read as 40000"],
    "first_modality_input_unsigned_for_signed": ["Modality LUT's first input 63488 read as -2048"],
    "rescale_beside_a_modality_lut": ["Rescale Slope ignored beside a Modality LUT"],
    "modality_lut_past_all": ["stored values 1 to 4088 are all shown as 0.000"],
    "voi_lut_before_all": ["stored values 1 to 4088 are all shown as 1.000"],
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
    ("name", "said"),
    [
        ("voi_lut_of_zeros", "VOI LUT has only entries of 0"),
        ("voi_lut_of_one_entry", "VOI LUT has only entries of 4095"),
        ("modality_lut_of_one_value", "Modality LUT has only entries of 7"),
    ],
)
def test_luts_that_make_all_pixels_the_same(answers, radiographs, name, said):
    said += ", which would make all pixels the same"
    assert said in answers["voi"][name]["error"]
    with pytest.raises(RadiographError, match=said):
        read_radiograph(radiographs[name])


def test_header_values_that_are_not_followed_are_reported(answers):
    assert {name: answer["notes"] for name, answer in answers["voi"].items() if answer.get("notes")} == NOTED


def test_a_lut_that_claims_unused_bits_reaches_white(answers):
    assert np.load(answers["voi"]["voi_lut_claims_unused_bits"]["heatmap_npy"]).max() > 0.99
