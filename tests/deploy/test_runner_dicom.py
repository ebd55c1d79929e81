"""The Secondary Captures that egaze-run writes are Python's."""

import shutil
import subprocess

import numpy as np
import pydicom
import pytest
from deploy.running import radiographs as predicted
from deploy.running import run
from dicom_objects.conftest import CANVAS_PX, SHAPE, save, spot, write_radiograph
from pydicom.uid import ImplicitVRLittleEndian

from egaze.deploy import Predictor
from egaze.dicom_objects import ObjectOptions, dicom_objects, read_source_image
from egaze.dicom_objects.write import encoded

#: When an object was made is no part of its content.
TIMES = ("InstanceCreationDate", "InstanceCreationTime", "ContentDate", "ContentTime")


@pytest.fixture(autouse=True)
def with_dcmtk(formats):
    if formats["dicom"] != "yes":
        pytest.skip(f"dicom: {formats['dicom']}")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save(tmp_path_factory.mktemp("model") / "model.pt")


def without_times(content):
    for keyword in TIMES:
        del content[keyword]
    return content


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"syntax": ImplicitVRLittleEndian, "SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller^Jürgen"},
        {"PixelSpacing": None, "ImagerPixelSpacing": [0.1, 0.1], "ImageLaterality": None, "InstanceNumber": None},
        dict.fromkeys(["StudyDate", "StudyTime", "StudyID", "PatientOrientation", "BurnedInAnnotation"]),
        {"PixelSpacing": [0, 0], "ImagerPixelSpacing": ["0.1", "0.1"], "PixelSpacingCalibrationType": "GEOMETRY"},
        {"stored": np.zeros((1, 1), np.uint16)},
        {"stored": np.tile(np.arange(0, 4000, 5, dtype=np.uint16), (900, 1))},
        {"stored": np.tile(np.arange(0, 4000, 100, dtype=np.uint16)[:, None], (1, 41))},
    ],
    ids=["plain", "monochrome1", "implicit", "imager", "bare", "zero", "pixel", "large", "odd"],
)
def test_it_is_the_same_object(runner, model, tmp_path, changes):
    path = write_radiograph(tmp_path / "radiograph.dcm", **changes)
    (told,) = predicted(run(runner, model, path, "--dicom-out", tmp_path / "out"))
    assert told["dicom_files"] == [str(tmp_path / "out" / "radiograph_sc.dcm")]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["radiograph_sc.dcm"]
    found = pydicom.dcmread(told["dicom_files"][0])
    predictor = Predictor(model)
    source = read_source_image(path)
    made = dicom_objects(predictor.predict(path), source, predictor.spec, ObjectOptions(("sc",)))["sc"]
    (tmp_path / "python.dcm").write_bytes(encoded(made))
    expected = pydicom.dcmread(tmp_path / "python.dcm")
    # Equal pixels give equal UIDs, so this compares those, too.
    np.testing.assert_array_equal(found.pixel_array, expected.pixel_array)
    assert without_times(found) == without_times(expected)
    assert found.file_meta.TransferSyntaxUID == expected.file_meta.TransferSyntaxUID


@pytest.mark.parametrize("presentation", ["raw-max", "equalize"])
def test_radiographs_look_as_in_a_viewer(runner, tmp_path, presentation):
    model = save(tmp_path / "model.pt", presentation=presentation)
    stored = (4095 - spot()).astype(np.uint16)
    path = write_radiograph(tmp_path / "radiograph.dcm", stored, PhotometricInterpretation="MONOCHROME1")
    (told,) = predicted(run(runner, model, path, "--dicom-out", tmp_path))
    found = pydicom.dcmread(told["dicom_files"][0]).pixel_array[: SHAPE[0], : SHAPE[1]]
    predictor = Predictor(model)
    made = dicom_objects(predictor.predict(path), read_source_image(path), predictor.spec, ObjectOptions(("sc",)))[
        "sc"
    ].pixel_array[: SHAPE[0], : SHAPE[1]]
    np.testing.assert_allclose(found.astype(int), made.astype(int), atol=8)
    assert (found != made).mean() < 0.01


def test_it_is_valid(runner, model, tmp_path):
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed")
    run(runner, model, write_radiograph(tmp_path / "radiograph.dcm"), "--dicom-out", tmp_path)
    done = subprocess.run(["dciodvfy", tmp_path / "radiograph_sc.dcm"], capture_output=True, text=True)
    assert [line for line in done.stderr.splitlines() if line.startswith("Error")] == []


def test_predicting_again_changes_nothing(runner, model, tmp_path):
    path = write_radiograph(tmp_path / "radiograph.dcm")
    run(runner, model, path, "--dicom-out", tmp_path)
    written = tmp_path / "radiograph_sc.dcm"
    before, whole = written.stat().st_mtime_ns, written.read_bytes()
    run(runner, model, path, "--dicom-out", tmp_path)
    assert written.stat().st_mtime_ns == before
    written.write_bytes(whole[:-10])
    run(runner, model, path, "--dicom-out", tmp_path)
    assert written.stat().st_size == len(whole)
    assert {path.name for path in tmp_path.iterdir()} == {"radiograph.dcm", "radiograph_sc.dcm"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"StudyInstanceUID": None}, "StudyInstanceUID is missing, so no DICOM object can be made of it"),
        ({"SeriesInstanceUID": ""}, "SeriesInstanceUID is missing, so no DICOM object can be made of it"),
        ({"SOPInstanceUID": "secret"}, "SOPInstanceUID is no UID, so no DICOM object can be made of it"),
        (
            {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.11"},
            "SOPClassUID is that of no image, so no DICOM object can be made of it",
        ),
        ({"StudyID": "x" * 2000}, "StudyID is 2000 bytes long, expected at most 1024"),
    ],
)
@pytest.mark.filterwarnings("ignore:(Invalid value|Value exceeds|The value length)")
def test_sources_that_lack_what_an_object_needs(runner, model, tmp_path, changes, message):
    bad = write_radiograph(tmp_path / "bad.dcm", **changes)
    good = write_radiograph(tmp_path / "good.dcm")
    done = run(runner, model, bad, good, "--dicom-out", tmp_path / "out", code=1)
    assert done.stderr == f"egaze-run: {bad}: {message}\n"
    first, second = predicted(done)
    assert "class_probs" in first and "dicom_files" not in first and "dicom_files" in second


def test_only_dicom_becomes_dicom(runner, model, formats, tmp_path):
    np.save(tmp_path / "radiograph.npy", np.zeros((CANVAS_PX, CANVAS_PX), np.uint8))
    done = run(runner, model, tmp_path / "radiograph.npy", "--dicom-out", tmp_path / "out", code=1)
    why = "is not DICOM, so no DICOM object can be made of it"
    assert done.stderr == f"egaze-run: {tmp_path / 'radiograph.npy'}: {why}\n"
    assert not (tmp_path / "out").exists()


def test_a_model_without_heatmaps(runner, tmp_path):
    model = save(tmp_path / "model.pt", heatmap_head=False)
    done = run(runner, model, write_radiograph(tmp_path / "radiograph.dcm"), "--dicom-out", tmp_path / "out", code=1)
    assert done.stderr == (
        f"egaze-run: {model} makes no heatmaps, so a Secondary Capture (sc) cannot be made of its predictions\n"
    )


def test_a_folder_that_cannot_be_written(runner, model, tmp_path):
    (tmp_path / "file").touch()
    path = write_radiograph(tmp_path / "radiograph.dcm")
    done = run(runner, model, path, "--dicom-out", tmp_path / "file", code=1)
    assert done.stderr == f"egaze-run: {tmp_path / 'file'}: cannot write: it is not a folder\n"
