"""DICOM objects of predictions: what they hold, where their pixels lie, and what other programs say of them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_objects.conftest import INSTANCE, SERIES, SHAPE, STUDY, save, spot, write_radiograph
from imaging.dicom_radiographs import IDENTITY
from PIL import Image
from pydicom.uid import JPEGBaseline8Bit

from egaze.cli import main
from egaze.cli.dicom_options import _KINDS
from egaze.deploy import Predictor
from egaze.dicom_objects import KINDS, ObjectOptions, dicom_objects, read_source_image
from egaze.dicom_objects.uids import uid_of
from egaze.dicom_objects.write import encoded
from egaze.errors import EgazeError, RadiographError

IMAGES = ("sc", "seg", "pm")


@pytest.fixture(scope="module")
def predictor(model_path):
    return Predictor(model_path)


def require_highdicom():
    pytest.importorskip("highdicom", reason="the extra egaze[dicom] is not installed")


def made(predictor, path, *kinds, threshold_frac=0.5, **options):
    if set(kinds) - {"sc"}:
        require_highdicom()
    source = read_source_image(path)
    options = ObjectOptions(kinds or tuple(KINDS), threshold_frac)
    return dicom_objects(predictor.predict(path), source, predictor.spec, options)


def save_object(path, found):
    path.write_bytes(encoded(found))


def program(name):
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def egaze(monkeypatch, capfd, *words):
    """Run the program; returns (exit code, stdout, stderr)."""
    monkeypatch.setattr(sys, "argv", ["egaze", *map(str, words)])
    try:
        main()
        code = 0
    except SystemExit as ending:
        code = ending.code
    return code, *capfd.readouterr()


def test_the_command_line_offers_the_kinds():
    assert tuple(KINDS) == _KINDS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("look", ["whole", "bare", "monochrome1"])
def test_objects_are_valid(predictor, tmp_path, kind, look):
    bare = dict.fromkeys(["StudyDate", "StudyTime", "StudyID", "ImageLaterality", "BurnedInAnnotation"])
    changes = {"whole": {}, "bare": bare, "monochrome1": {"PhotometricInterpretation": "MONOCHROME1"}}[look]
    (found,) = made(predictor, write_radiograph(tmp_path / "radiograph.dcm", **changes), kind).values()
    save_object(tmp_path / "object.dcm", found)
    done = subprocess.run([program("dciodvfy"), tmp_path / "object.dcm"], capture_output=True, text=True)
    assert [line for line in done.stderr.splitlines() if line.startswith("Error")] == []
    assert done.returncode == 0


@pytest.mark.parametrize("kind", KINDS)
def test_dcmtk_opens_objects(predictor, tmp_path, kind):
    (found,) = made(predictor, write_radiograph(tmp_path / "radiograph.dcm"), kind).values()
    save_object(tmp_path / "object.dcm", found)
    dump = subprocess.run([program("dcmdump"), tmp_path / "object.dcm"], capture_output=True, text=True)
    assert dump.returncode == 0 and dump.stderr == "" and INSTANCE in dump.stdout
    if kind in ("sc", "pm"):  # dcm2pnm knows no images of 1 bit, and reports are none
        picture = tmp_path / "picture.pnm"
        shown = subprocess.run([program("dcm2pnm"), tmp_path / "object.dcm", picture], capture_output=True, text=True)
        assert shown.returncode == 0, shown.stderr
        pixels = np.asarray(Image.open(picture))
        assert pixels.shape[:2] == (found.Rows, found.Columns) and pixels.min() < pixels.max()
        if kind == "sc":
            np.testing.assert_array_equal(pixels, found.pixel_array)


@pytest.mark.parametrize("kind", KINDS)
def test_objects_belong_to_the_study_and_say_what_they_are(predictor, tmp_path, kind):
    path = write_radiograph(tmp_path / "radiograph.dcm", IssuerOfPatientID="issuer", SpecificCharacterSet="ISO_IR 100")
    dataset = pydicom.dcmread(path)
    dataset.PatientName = "Müller^Jürgen"
    dataset.save_as(path)
    (found,) = made(predictor, path, kind).values()
    save_object(tmp_path / "object.dcm", found)
    read = pydicom.dcmread(tmp_path / "object.dcm")
    assert read.StudyInstanceUID == STUDY and read.SeriesInstanceUID != SERIES and read.SOPInstanceUID != INSTANCE
    assert (read.PatientName, read.PatientID, read.IssuerOfPatientID) == ("Müller^Jürgen", "secret-id", "issuer")
    assert (read.StudyDate, read.StudyTime, read.AccessionNumber) == ("20200102", "030405", "SECRETACC")
    assert read.SpecificCharacterSet == "ISO_IR 100" and read.InstanceNumber == 7
    assert "not for diagnosis" in read.SeriesDescription
    assert (read.Manufacturer, read.DeviceSerialNumber) == ("egaze", predictor.spec.model_sha256)
    text = str(read)
    assert INSTANCE in text and (tmp_path / "object.dcm").read_bytes().count(b"not for diagnosis") >= 2
    # What does not identify the patient or the study to an archive stays behind.
    for keyword in ("PatientAddress", "InstitutionName", "StudyDescription"):
        assert keyword not in read and IDENTITY[keyword] not in text


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_pixels_lie_where_the_radiographs_do(predictor, tmp_path, photometric):
    stored = spot() if photometric == "MONOCHROME2" else (4095 - spot()).astype(np.uint16)
    path = write_radiograph(tmp_path / "radiograph.dcm", stored, PhotometricInterpretation=photometric)
    found = made(predictor, path, *IMAGES)
    grey = spot() / 4095.0
    heat = found["pm"].pixel_array / 65535.0
    assert found["pm"].pixel_array.shape == found["seg"].pixel_array.shape == SHAPE
    np.testing.assert_allclose(heat, predictor.predict(path).radiograph_heatmap(), atol=8e-6)
    inside = np.zeros(SHAPE, bool)
    inside[40:50, 10:30] = True
    # The canvas has 40 px for 100, so an edge is 2 to 3 px wide.
    sure = np.zeros(SHAPE, bool)
    sure[43:47, 13:27] = True
    assert heat[sure].min() > 0.7 and heat[:35].max() < 0.1 and heat[:, 35:].max() < 0.1
    segmented = found["seg"].pixel_array.astype(bool)
    assert segmented[sure].all() and not segmented[:35].any() and not segmented[:, 35:].any()
    height, width = SHAPE
    assert found["sc"].Rows > height and found["sc"].Columns > width
    overlay = found["sc"].pixel_array[:height, :width]
    assert overlay[sure].mean() > 100 and overlay[:35].mean() < 25
    # Without heat the radiograph is as it was.
    np.testing.assert_allclose(overlay[:30, 40:, 0], grey[:30, 40:] * 255, atol=20)
    for kind in IMAGES:
        assert list(found[kind].PatientOrientation) == ["L", "F"]
    assert list(map(float, found["sc"].PixelSpacing)) == [0.2, 0.3]
    for kind in ("seg", "pm"):
        measures = found[kind].SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        assert list(map(float, measures.PixelSpacing)) == [0.2, 0.3]
    plane = found["pm"].SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
    assert list(map(float, plane.ImageOrientationPatient)) == [1, 0, 0, 0, 0, -1]


def test_the_picture_has_a_bar_and_the_mark(predictor, tmp_path):
    found = made(predictor, write_radiograph(tmp_path / "radiograph.dcm"), "sc")["sc"].pixel_array
    height, width = SHAPE
    bar = found[4 : height - 4, width + 4 : width + 12].astype(int).sum(axis=(1, 2))
    assert (np.diff(bar) <= 0).all() and bar[0] > 5 * bar[-1]
    letters = found[height:] == 255
    assert letters.any() and not letters.all() and set(np.unique(found[height:])) == {0, 255}


def test_a_map_says_what_its_values_mean(predictor, tmp_path):
    found = made(predictor, write_radiograph(tmp_path / "radiograph.dcm"), "pm")["pm"]
    (mapping,) = found.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence
    assert mapping.RealWorldValueSlope == pytest.approx(1 / 65535) and mapping.RealWorldValueIntercept == 0
    assert found.ContentQualification == "RESEARCH"


@pytest.mark.parametrize("threshold_frac", [0.1, 0.9, 1.0])
def test_the_threshold_is_a_share_of_the_peak(predictor, tmp_path, threshold_frac):
    stored = np.tile(np.linspace(0, 4095, SHAPE[1]).astype(np.uint16), (SHAPE[0], 1))
    path = write_radiograph(tmp_path / "radiograph.dcm", stored)
    found = made(predictor, path, "seg", threshold_frac=threshold_frac)["seg"]
    heat = predictor.predict(path).radiograph_heatmap()
    np.testing.assert_array_equal(found.pixel_array, heat >= np.float32(threshold_frac) * heat.max())
    assert f"at least {threshold_frac:g} of its peak" in found.SegmentSequence[0].SegmentDescription


def test_nothing_is_segmented_without_heat(predictor, tmp_path):
    path = write_radiograph(tmp_path / "radiograph.dcm", np.zeros(SHAPE, np.uint16))
    found = made(predictor, path, *IMAGES)
    assert found["seg"].pixel_array.max() == 0 and found["pm"].pixel_array.max() == 0
    assert found["sc"].pixel_array[: SHAPE[0], : SHAPE[1]].max() == 0


def test_a_report_codes_its_probabilities(predictor, tmp_path):
    path = write_radiograph(tmp_path / "radiograph.dcm")
    found = made(predictor, path, "sr")["sr"]
    assert found.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    (measured,) = (
        item for item in found.ContentSequence if item.ConceptNameCodeSequence[0].CodeMeaning == "Imaging Measurements"
    )
    told = {}
    for group in measured.ContentSequence:
        by_name = {item.ConceptNameCodeSequence[0].CodeValue: item for item in group.ContentSequence}
        finding = by_name["121071"].ConceptCodeSequence[0]
        value = by_name["122157"].MeasuredValueSequence[0]
        assert finding.CodingSchemeDesignator == "99EGAZE"
        assert value.MeasurementUnitsCodeSequence[0].CodeValue == "1"
        told[finding.CodeMeaning] = float(value.NumericValue)
    prediction = predictor.predict(path)
    assert list(told) == list(prediction.class_names)
    np.testing.assert_allclose(list(told.values()), prediction.class_probs, atol=1e-7)


@pytest.mark.parametrize("names", [["Erguß", "ohne Befund", "é" * 64], ["胸水", "normal", "x" * 17]])
def test_classes_have_names_of_any_letters(tmp_path, names):
    path = write_radiograph(tmp_path / "radiograph.dcm")
    predictor = Predictor(save(tmp_path / "model.pt", class_names=names))
    found = made(predictor, path, "sr")["sr"]
    save_object(tmp_path / "object.dcm", found)
    text = str(pydicom.dcmread(tmp_path / "object.dcm"))
    assert all(name in text for name in names)
    # A patient's name in letters of another character set cannot stand beside them.
    write_radiograph(path, SpecificCharacterSet="ISO_IR 144", PatientName="Люксембург")
    with pytest.raises(RadiographError, match="its character set has no letters"):
        made(predictor, path, "sr")


@pytest.mark.parametrize("name", ["x" * 65, "a\\b"])
def test_names_that_no_code_may_have_are_refused(tmp_path, name):
    predictor = Predictor(save(tmp_path / "model.pt", class_names=["normal", name, "chf"]))
    with pytest.raises(EgazeError, match="cannot be named in a structured report"):
        made(predictor, write_radiograph(tmp_path / "radiograph.dcm"), "sr")


def test_the_same_prediction_gives_the_same_objects(predictor, tmp_path):
    path = write_radiograph(tmp_path / "radiograph.dcm")
    first, again = made(predictor, path), made(predictor, path)
    times = {"ContentTime", "InstanceCreationTime", "ContentDate", "InstanceCreationDate"}
    for kind in KINDS:
        for found in (first[kind], again[kind]):
            for keyword in times:
                found.pop(keyword)
        assert encoded(first[kind]) == encoded(again[kind])
    assert len({found.SOPInstanceUID for found in first.values()}) == len(KINDS)


def test_uids_are_those_of_cpp():
    """tests/cpp/test_runner.cpp has the same value."""
    assert uid_of([b"one", b"two"]) == "2.25.327312849917556451259958699160288759681"


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_differs_has_another_uid(predictor, tmp_path, kind):
    def uids(name, predictor=predictor, threshold_frac=0.5, **elements):
        path = write_radiograph(tmp_path / f"{name}.dcm", **elements)
        (found,) = made(predictor, path, kind, threshold_frac=threshold_frac).values()
        return found.SOPInstanceUID, found.SeriesInstanceUID

    first = uids("radiograph")
    assert uids("elsewhere") == first
    other = Predictor(save(tmp_path / "other.pt", recipe="other"))
    brighter = spot()
    brighter[:10, 80:] = 4095
    changed = {
        "model": uids("model", predictor=other),
        "instance": uids("instance", SOPInstanceUID="1.2.3.9"),
        "patient": uids("patient", PatientID="corrected"),
        "number": uids("number", InstanceNumber=8),
        "pixels": uids("pixels", stored=brighter),
    }
    if kind == "seg":
        changed["threshold"] = uids("threshold", threshold_frac=0.25)
    if kind != "sr":
        changed["spacing"] = uids("spacing", PixelSpacing=[0.2, 0.2])
    assert len({instance for instance, _ in changed.values()} | {first[0]}) == len(changed) + 1
    # Images of one series give one series.
    assert {what for what, (_, series) in changed.items() if series != first[1]} == {"model", "patient"}


def test_imager_pixel_spacing_is_not_taken_for_the_patients(predictor, tmp_path):
    path = write_radiograph(tmp_path / "radiograph.dcm", PixelSpacing=None, ImagerPixelSpacing=[0.1, 0.1])
    found = made(predictor, path, *IMAGES)
    assert "PixelSpacing" not in found["sc"] and list(found["sc"].ImagerPixelSpacing) == [0.1, 0.1]
    assert "PixelMeasuresSequence" not in found["seg"].SharedFunctionalGroupsSequence[0]


@pytest.mark.parametrize("kind", ["seg", "pm"])
def test_what_a_compression_has_lost_is_told(predictor, tmp_path, kind):
    stored = (np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE) % 251).astype(np.uint8)
    path = write_radiograph(tmp_path / "radiograph.dcm", stored, syntax=JPEGBaseline8Bit)
    (found,) = made(predictor, path, kind).values()
    assert (found.LossyImageCompression, found.LossyImageCompressionMethod) == ("01", "ISO_10918_1")
    assert 1 < float(found.LossyImageCompressionRatio) < 20
    assert made(predictor, write_radiograph(path), kind)[kind].LossyImageCompression == "00"


@pytest.mark.parametrize("kind", ["sc", "seg"])
def test_lengths_of_nothing_are_unknown(predictor, tmp_path, kind):
    calibration = {"PixelSpacingCalibrationType": "FIDUCIAL", "PixelSpacingCalibrationDescription": "a coin"}
    elements = {"PixelSpacing": [0, 0], "ImagerPixelSpacing": [0.1, 0], "PixelAspectRatio": [0, 0], **calibration}
    path = write_radiograph(tmp_path / "radiograph.dcm", **elements)
    (found,) = made(predictor, path, kind).values()
    save_object(tmp_path / "object.dcm", found)
    text = str(pydicom.dcmread(tmp_path / "object.dcm"))
    assert "Spacing" not in text and "Aspect" not in text


@pytest.mark.parametrize(
    ("changes", "kinds", "message"),
    [
        ({"StudyInstanceUID": None}, ("sc",), "Study Instance UID is missing"),
        ({"SeriesInstanceUID": ""}, ("seg",), "Series Instance UID is missing"),
        ({"SOPInstanceUID": "secret"}, ("sr",), "SOP Instance UID is no UID"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.11"}, ("sc",), "SOP Class UID is that of no image"),
        ({"PixelSpacing": None}, ("pm",), "has no Pixel Spacing or Imager Pixel Spacing above 0"),
        ({"PixelSpacing": [0, 0.1]}, ("pm",), "has no Pixel Spacing or Imager Pixel Spacing above 0"),
        ({"PatientOrientation": None}, ("pm",), "Patient Orientation does not name"),
        ({"PatientOrientation": ["L", "R"]}, ("pm",), "Patient Orientation does not name"),
        ({"StudyID": "x" * 2000}, ("sc",), "Study ID is 2000 bytes long"),
    ],
)
@pytest.mark.filterwarnings("ignore:(Invalid value|Value exceeds|The value length)")
def test_sources_that_lack_what_an_object_needs(predictor, tmp_path, changes, kinds, message):
    path = write_radiograph(tmp_path / "radiograph.dcm", **changes)
    if changes.get("SOPInstanceUID") == "secret":
        assert b"secret" in path.read_bytes()
    with pytest.raises(RadiographError) as error:
        made(predictor, path, *kinds)
    assert str(error.value).startswith(f"{path}: {message}") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [((("sc", "sc"),), "each once"), (((),), "each once"), ((("sc",), 0.0), "above 0"), ((("sc",), 1.5), "at most 1")],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        ObjectOptions(*options)


def test_the_command_writes_objects(model_path, tmp_path, monkeypatch, capfd):
    require_highdicom()
    good = write_radiograph(tmp_path / "good.dcm")
    Image.fromarray(np.zeros(SHAPE, np.uint8)).save(tmp_path / "plain.png")
    nameless = write_radiograph(tmp_path / "nameless.dcm", StudyInstanceUID=None)
    words = ("predict", model_path, good, tmp_path / "plain.png", nameless, "--json", "--dicom-out", tmp_path / "out")
    code, said, errors = egaze(monkeypatch, capfd, *words, "--dicom", "sc", "--dicom", "sr", "--dicom", "sc")
    assert code == 1
    first, second, third = json.loads(said)["predictions"]
    assert [Path(path).name for path in first["dicom_files"]] == ["good_sc.dcm", "good_sr.dcm"]
    assert "class_probs" in second and "dicom_files" not in second | third
    assert errors.splitlines() == [
        f"egaze: error: {tmp_path / 'plain.png'}: is not DICOM, so no DICOM object can be made of it",
        f"egaze: error: {nameless}: Study Instance UID is missing, so no DICOM object can be made of it",
        "egaze: error: 2 of 3 radiographs could not be predicted and written as DICOM",
    ]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert len(before) == 2
    code, _, _ = egaze(monkeypatch, capfd, "predict", model_path, good, "--dicom-out", tmp_path / "out")
    assert code == 0 and {path: path.stat().st_mtime_ns for path in before} == before


def test_a_damaged_object_is_written_anew(model_path, tmp_path, monkeypatch, capfd):
    words = ("predict", model_path, write_radiograph(tmp_path / "radiograph.dcm"), "--dicom-out", tmp_path)
    assert egaze(monkeypatch, capfd, *words)[0] == 0
    written = tmp_path / "radiograph_sc.dcm"
    whole = written.read_bytes()
    written.write_bytes(whole[:-100])
    assert egaze(monkeypatch, capfd, *words)[0] == 0
    assert written.stat().st_size == len(whole)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--dicom", "sc"), 2, "need --dicom-out"),
        (("--dicom-out", "out", "--table", "table.parquet"), 2, "--table and --dicom-out: choose one"),
        (("--dicom-out", "out", "--dicom", "jpeg"), 2, "jpeg"),
        (("--dicom-out", "out", "--dicom-threshold", "0"), 2, "0"),
        (("--dicom-out", "model.pt"), 1, "model.pt: cannot write: it is a file"),
    ],
)
def test_wrong_usage(model_path, tmp_path, monkeypatch, capfd, words, code, message):
    monkeypatch.chdir(tmp_path)
    shutil.copy(model_path, "model.pt")
    found = egaze(monkeypatch, capfd, "predict", "model.pt", write_radiograph(tmp_path / "radiograph.dcm"), *words)
    assert found[0] == code and message in found[2]


def test_a_model_without_heatmaps_makes_reports_only(tmp_path, monkeypatch, capfd):
    model = save(tmp_path / "model.pt", heatmap_head=False)
    radiograph = write_radiograph(tmp_path / "radiograph.dcm")
    words = ("predict", model, radiograph, "--dicom-out", tmp_path / "out", "--dicom")
    code, _, errors = egaze(monkeypatch, capfd, *words, "seg")
    assert code == 1 and errors == (
        f"egaze: error: {model} makes no heatmaps, so a segmentation (seg) cannot be made of its predictions\n"
    )
    require_highdicom()
    assert egaze(monkeypatch, capfd, *words, "sr")[0] == 0


def test_without_highdicom_the_extra_is_named(model_path, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("egaze.dicom_objects.objects.find_spec", lambda name: None)
    radiograph = write_radiograph(tmp_path / "radiograph.dcm")
    words = ("predict", model_path, radiograph, "--dicom-out", tmp_path / "out", "--dicom")
    assert egaze(monkeypatch, capfd, *words, "sc")[0] == 0
    code, _, errors = egaze(monkeypatch, capfd, *words, "pm")
    assert code == 1 and "pip install 'egaze[dicom]'" in errors and errors.count("\n") == 1
