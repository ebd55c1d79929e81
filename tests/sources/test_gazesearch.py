"""GazeSearch's layout, made as its authors' code reads it, beside MIMIC-CXR's tree."""

import json

import numpy as np
import pytest
from PIL import Image

from egaze.errors import SourceError, StudyError, TableError
from egaze.sources import GazeSearch
from egaze.sources.gazesearch import list_radiographs
from egaze.study import prepare_study

A, B = "aaaa-1", "bbbb-2"


def scanpath(dicom_id=A, task="pleural effusion", **fields):
    return {
        "name": f"{dicom_id}.jpg",
        "subject": 3,
        "task": task,
        "condition": "present",
        "split": "train",
        "X": [112, 0, 230],
        "Y": [56, 223, 100],
        "T": [2, 1, 1],
        "length": 3,
        "bbox": [0, 0, 0, 0],
        **fields,
    }


@pytest.fixture
def folder(tmp_path):
    for dicom_id, patient, size in ((A, "p10000001", (100, 50)), (B, "p10000002", (64, 64))):
        place = tmp_path / "mimic" / "files" / "p10" / patient / "s50000001"
        place.mkdir(parents=True)
        Image.fromarray(np.full(size[::-1], 90, np.uint8)).save(place / f"{dicom_id}.jpg")
    return tmp_path


def read(folder, *scanpaths):
    (folder / "scanpaths.json").write_text(json.dumps(scanpaths))
    return GazeSearch(folder / "scanpaths.json", folder / "mimic")


def test_a_scanpath_is_a_case_with_the_finding_it_was_for(folder):
    source = read(folder, scanpath(), scanpath(task="edema"), scanpath(B), scanpath(B), scanpath("cccc-3"))
    cases = source.cases()
    assert [(case.case_id, case.label, case.patient_id) for case in cases] == [
        (f"{A}-pleural-effusion-3", "pleural effusion", "10000001"),
        (f"{A}-edema-3", "edema", "10000001"),
        (f"{B}-pleural-effusion-3", "pleural effusion", "10000002"),
        (f"{B}-pleural-effusion-3-2", "pleural effusion", "10000002"),
    ]
    assert source.class_names == ("edema", "pleural effusion") and source.population == "mimic-cxr"
    assert source.notes == ["4 of 5 scanpaths found their radiograph"]
    counts = source.hygiene
    assert counts["scanpaths_read"] == 5 and counts["scanpaths_without_radiograph"] == 1
    assert counts["cases_of_radiographs_with_several_findings"] == 2
    assert counts["fixations_kept"] == 12 and counts["kept_fixations_outside_radiograph"] == 4
    assert {case.split for case in cases} == {"train"} and {case.reader_id for case in cases} == {"3"}


def test_positions_are_brought_from_the_square_to_the_radiograph(folder):
    (case,) = read(folder, scanpath()).cases()
    gaze = case.fixations
    assert gaze.x_px.tolist() == pytest.approx(
        [112.5 * 100 / 224 - 0.5, 0.5 * 100 / 224 - 0.5, 230.5 * 100 / 224 - 0.5]
    )
    assert gaze.y_px[1] == pytest.approx(223.5 * 50 / 224 - 0.5)
    assert gaze.is_relative and gaze.duration_s.tolist() == [2, 1, 1]


def test_it_becomes_a_study(folder):
    study = prepare_study([read(folder, scanpath(), scanpath(B))], folder / "study", size_px=16)
    assert len(study) == 2 and study.is_relative.all()


def test_what_is_left_out_is_counted(folder):
    source = read(
        folder, scanpath(T=[0, 0, 1]), scanpath(condition="absent"), scanpath(T=[0, 0, 0]), scanpath(B, more=1)
    )
    assert len(source.cases()) == 2
    counts = source.hygiene
    assert counts["fixations_dropped_no_duration"] == 5
    assert counts["scanpaths_dropped_finding_absent"] == counts["scanpaths_dropped_without_fixation"] == 1
    assert counts["scanpaths_with_other_fields"] == 1


def test_a_split_that_tears_patients_apart_is_not_taken(folder):
    source = read(folder, scanpath(), scanpath(task="edema", split="test"), scanpath(B, split="valid"))
    assert {case.split for case in source.cases()} == {None}
    assert source.hygiene["patients_on_two_sides_of_the_given_split"] == 1 and source.hygiene["splits_dropped"] == 3
    kept = read(folder, scanpath(), scanpath(B, split="valid"))
    assert [case.split for case in kept.cases()] == ["train", "validation"] and not kept.hygiene["splits_dropped"]


def test_a_radiograph_outside_a_patient_s_folder_is_refused(folder):
    flat = folder / "mimic" / "cccc-3.jpg"
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(flat)
    with pytest.raises(SourceError, match=r"cccc-3\.jpg: lies in no folder of a patient"):
        read(folder, scanpath("cccc-3"))


def test_no_patient_is_named(folder):
    again = folder / "mimic" / "files" / "p10" / "p10000002" / "s50000001" / f"{A}.jpg"
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(again)
    with pytest.raises(SourceError, match="two files of radiograph") as error:
        read(folder, scanpath())
    assert "10000002" not in str(error.value)
    again.unlink()
    (folder / "mimic" / "files" / "p10" / "p10000001" / "s50000001" / f"{A}.jpg").write_bytes(b"none")
    with pytest.raises(SourceError, match="its size cannot be read") as error:
        read(folder, scanpath())
    assert "10000001" not in str(error.value)


def test_no_radiograph_at_all_is_told(folder):
    with pytest.raises(SourceError, match=r"radiograph of none of 1 scanpaths.*cccc-3\.jpg"):
        read(folder, scanpath("cccc-3"))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "../up.jpg"}, "field 'name' holds '../up.jpg'"),
        ({"task": " "}, "field 'task' holds text"),
        ({"split": "dev"}, "field 'split' holds 'dev'"),
        ({"condition": "freeview"}, "field 'condition' holds 'freeview'"),
        ({"subject": None}, "field 'subject' holds nothing"),
        ({"X": [1, 2]}, "must be of one length"),
        ({"length": 4}, "must be of one length"),
        ({"X": [1, 2, 1024]}, "field 'X', value 3 is 1024, expected pixels of 224 x 224"),
        ({"T": [1, 2, -1]}, "field 'T', value 3 is -1"),
        ({"Y": [1, 2, "3"]}, "field 'Y', value 3 is text"),
    ],
)
def test_a_record_that_cannot_be_is_named(folder, fields, said):
    with pytest.raises(TableError) as error:
        read(folder, scanpath(), scanpath(**fields))
    assert "scanpaths.json: record 2" in str(error.value) and said in str(error.value)


def test_a_field_that_is_missing_is_named(folder):
    record = scanpath()
    del record["T"]
    with pytest.raises(TableError, match="record 1: field 'T' is missing"):
        read(folder, record)


def test_radiographs_are_listed_once(folder):
    read(folder, scanpath(), scanpath(task="edema"))
    assert list_radiographs(folder / "scanpaths.json") == [f"{A}.dcm"]


def test_without_radiographs_gaze_lies_on_the_square(folder):
    given = [scanpath(), scanpath(task="edema", split="test"), scanpath(B, split="test")]
    (folder / "scanpaths.json").write_text(json.dumps(given))
    source = GazeSearch(folder / "scanpaths.json", None)
    assert source.population is None and source.options["patients"].startswith("unknown")
    assert source.notes == ["3 scanpaths, without radiographs"]
    case = source.cases()[0]
    assert (case.patient_id, case.radiograph_size_px, case.shape_is_known) == (A, (224, 224), False)
    assert case.split is None  # a radiograph is on two sides of it
    np.testing.assert_allclose(case.fixations.x_px, [112, 0, 230], atol=1e-4)
    study = prepare_study([source], folder / "gaze", size_px=32)
    whole = prepare_study([read(folder, *given)], folder / "study", size_px=32)
    np.testing.assert_allclose(study.x_unit, whole.x_unit, atol=1e-6)
    np.testing.assert_allclose(study.y_unit, whole.y_unit, atol=1e-6)
    assert not study.shape_is_known.any()
    with pytest.raises(StudyError, match="knows fractions of the radiograph and not its shape.*--fit stretch"):
        prepare_study([source], folder / "boxed", size_px=32, fit="letterbox")
    pytest.importorskip("torch")
    from egaze.evaluation import measure_gaze

    (note,) = [note for note in measure_gaze(study, resamples=100).notes if "shapes of the radiographs" in note]
    assert "of 3 cases are not known" in note
