"""Enhanced objects of one frame, whose functional groups say how it is shown: C++ shows and says what Python does.

DCMTK's dcm2pnm is a second opinion where it is installed. It looks for windows and VOI LUTs beside the groups alone, so
it is asked about a radiograph that has the same elements there.
"""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
from deploy.header_radiographs import RESCALED, WINDOWED, dicom, frame_groups, implicit_sequence, item_of, lookup_table
from deploy.reading import answers_of, assert_same, requires
from PIL import Image
from pydicom.uid import ImplicitVRLittleEndian

from egaze.imaging import PRESENTATIONS, read_radiograph

SHARED, OF_THE_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
BRIGHT = {"WindowCenter": 900, "WindowWidth": 1500}
FALLING_LUT = {"VOILUTSequence": [lookup_table(100, [*range(3900, 0, -1)], 12)]}
#: Numbers that turn the radiograph round where they are mistaken for a Rescale.
MEASURED = {
    "RealWorldValueMappingSequence": [
        item_of(
            RealWorldValueFirstValueMapped=0,
            RealWorldValueLastValueMapped=4095,
            RealWorldValueIntercept=4095.0,
            RealWorldValueSlope=-1.0,
            LUTLabel="kerma",
        )
    ]
}

#: Enhanced objects, and the elements that say the same outside of functional groups.
RADIOGRAPHS = {
    "window_in_shared_groups": (frame_groups(SHARED, FrameVOILUTSequence=WINDOWED), WINDOWED),
    "rescale_in_shared_groups": (frame_groups(SHARED, PixelValueTransformationSequence=RESCALED), RESCALED),
    "shared_groups": (
        frame_groups(SHARED, PixelValueTransformationSequence=RESCALED, FrameVOILUTSequence=WINDOWED),
        {**RESCALED, **WINDOWED},
    ),
    "groups_of_the_frame": (
        {
            **frame_groups(SHARED, FrameVOILUTSequence={"WindowCenter": 1, "WindowWidth": 9}),
            **frame_groups(OF_THE_FRAME, PixelValueTransformationSequence=RESCALED, FrameVOILUTSequence=WINDOWED),
        },
        {**RESCALED, **WINDOWED},
    ),
    "slope_0_in_shared_groups": (
        frame_groups(
            SHARED, PixelValueTransformationSequence={**RESCALED, "RescaleSlope": 0}, FrameVOILUTSequence=WINDOWED
        ),
        WINDOWED,
    ),
    "function_in_shared_groups": (
        frame_groups(SHARED, FrameVOILUTSequence={**BRIGHT, "VOILUTFunction": "SIGMOID"}),
        {**BRIGHT, "VOILUTFunction": "SIGMOID"},
    ),
    "voi_lut_in_shared_groups": (frame_groups(SHARED, FrameVOILUTSequence=FALLING_LUT), FALLING_LUT),
    "voi_lut_in_the_frames_group": (
        {"syntax": ImplicitVRLittleEndian, **frame_groups(OF_THE_FRAME, FrameVOILUTSequence=FALLING_LUT)},
        FALLING_LUT,
    ),
    "voi_lut_after_rescale": (
        frame_groups(SHARED, PixelValueTransformationSequence=RESCALED, FrameVOILUTSequence=FALLING_LUT),
        {**RESCALED, **FALLING_LUT},
    ),
    "voi_lut_before_a_window_in_one_group": (
        frame_groups(SHARED, FrameVOILUTSequence={**FALLING_LUT, **WINDOWED}),
        FALLING_LUT,
    ),
    "groups_of_unknown_vr": (
        {"raw": {SHARED: ("UN", implicit_sequence(SHARED, item_of(FrameVOILUTSequence=[item_of(**FALLING_LUT)])))}},
        FALLING_LUT,
    ),
    "window_of_the_frame_and_a_lut_beside": (
        {**frame_groups(OF_THE_FRAME, FrameVOILUTSequence=WINDOWED), **FALLING_LUT},
        WINDOWED,
    ),
    "groups_that_say_nothing": (
        {**frame_groups(SHARED, FrameVOILUTSequence={"WindowCenterWidthExplanation": "NONE"}), **BRIGHT},
        BRIGHT,
    ),
    "half_a_window_in_the_group": (
        {**frame_groups(SHARED, FrameVOILUTSequence={"WindowCenter": 1000}), **BRIGHT},
        BRIGHT,
    ),
    "the_same_rescale_twice": (
        {**frame_groups(SHARED, PixelValueTransformationSequence=RESCALED), **RESCALED},
        RESCALED,
    ),
    "another_rescale_beside": (
        {
            **frame_groups(SHARED, PixelValueTransformationSequence=RESCALED),
            "RescaleSlope": 1, "RescaleIntercept": 0,
        },
        RESCALED,
    ),
    "real_world_values": ({**MEASURED, **BRIGHT}, BRIGHT),
    "real_world_values_in_groups": (
        {
            SHARED: [item_of(**MEASURED, FrameVOILUTSequence=[item_of(**BRIGHT)])],
            OF_THE_FRAME: [item_of(**MEASURED)],
            "NumberOfFrames": 1,
        },
        BRIGHT,
    ),
    "shape_of_monochrome1": (
        {
            "photometric": "MONOCHROME1", "PresentationLUTShape": "INVERSE",
            **frame_groups(SHARED, PixelValueTransformationSequence=RESCALED),
        },
        {"photometric": "MONOCHROME1", **RESCALED},
    ),
    "shape_of_monochrome2": (
        {"PresentationLUTShape": "IDENTITY", **frame_groups(SHARED, FrameVOILUTSequence=FALLING_LUT)},
        FALLING_LUT,
    ),
}  # fmt: skip

#: What is said of radiographs, where anything is.
NOTED = {
    "slope_0_in_shared_groups": ["Rescale Slope 0 ignored"],
    "half_a_window_in_the_group": ["Window Center without Window Width ignored"],
    "another_rescale_beside": ["Rescale Slope and Intercept that differ from the functional group's ignored"],
}


@pytest.fixture(scope="module")
def radiographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("radiographs")
    return {name: dicom(folder / f"{name}.dcm", **fields) for name, (fields, _) in RADIOGRAPHS.items()}


@pytest.fixture(scope="module")
def answers(runner, formats, models, radiographs):
    requires(formats, "dicom")
    return answers_of(radiographs, runner, models)


@pytest.mark.parametrize("presentation", PRESENTATIONS)
@pytest.mark.parametrize("name", RADIOGRAPHS)
def test_radiographs(answers, radiographs, name, presentation):
    assert_same(answers[presentation][name], radiographs[name], presentation)


def test_header_values_that_are_not_followed_are_reported(answers):
    assert {name: answer["notes"] for name, answer in answers["voi"].items() if answer.get("notes")} == NOTED


@pytest.mark.parametrize("name", RADIOGRAPHS)
def test_groups_say_what_elements_beside_them_do(radiographs, tmp_path, name):
    beside = dicom(tmp_path / "radiograph.dcm", **RADIOGRAPHS[name][1])
    for presentation in PRESENTATIONS:
        both = (read_radiograph(path, presentation=presentation).pixels for path in (radiographs[name], beside))
        np.testing.assert_array_equal(*both)


@pytest.mark.skipif(shutil.which("dcm2pnm") is None, reason="DCMTK's tools are not installed")
@pytest.mark.parametrize("name", RADIOGRAPHS)
def test_radiographs_are_as_dcmtk_shows_them(radiographs, tmp_path, name):
    beside = RADIOGRAPHS[name][1]
    radiograph = dicom(tmp_path / "radiograph.dcm", **beside)
    voi = ["+Wl", "1"] if "VOILUTSequence" in beside else ["+Wi", "1"] if "WindowCenter" in beside else ["+Wm"]
    subprocess.run(["dcm2pnm", *voi, radiograph, tmp_path / "radiograph.pgm"], check=True, timeout=60)
    shown = np.asarray(Image.open(tmp_path / "radiograph.pgm")) / 255.0
    np.testing.assert_allclose(read_radiograph(radiographs[name]).pixels, shown, rtol=0, atol=1.5 / 255)
