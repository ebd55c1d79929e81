"""Labels and boxes of several readers."""

import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from egaze.cli import cli
from egaze.errors import SourceError, TableError
from egaze.sources import Region, VindrCxr
from egaze.sources.case import TRAIN_OR_VALIDATION
from egaze.sources.label_table import Reading, read_readings
from egaze.sources.vindr_cxr import list_radiographs
from egaze.sources.vindr_cxr.labels import CLASSES, by_votes
from egaze.study import open_study, prepare_study
from egaze.study.findings import finding_mask, finding_regions

from .conftest import A, B, C


def test_readers_are_brought_together_as_asked(folder):
    seen = {}
    for votes in ("majority", "share", "any"):
        case, test = folder.read(votes=votes).cases()
        assert (case.case_id, case.split, test.case_id, test.split) == (A, TRAIN_OR_VALIDATION, B, "test")
        seen[votes] = [case.certainties[name] for name in ("Cardiomegaly", "ILD", "Edema", "COPD")]
        assert list(case.certainties) == list(CLASSES) and {case.label, case.reader_id, case.fixations} == {None}
        assert [name for name, value in test.certainties.items() if value] == ["Other diseases"]
    assert seen == {
        "majority": [1, 1, 0, 0],
        "share": [1, pytest.approx(2 / 3), pytest.approx(1 / 3), 0],
        "any": [1, 1, 1, 0],
    }
    with pytest.raises(SourceError, match="votes must be one of majority, share, any, got 'all'"):
        folder.read(votes="all")


def test_two_readers_who_disagree_leave_a_class_open():
    readings = [Reading("a", "R1", {"Edema": 1, "ILD": 1}), Reading("a", "R2", {"Edema": 0})]
    assert by_votes(readings, "majority") == {"a": {"Edema": 0.5, "ILD": 1}}
    assert by_votes(readings, "any") == {"a": {"Edema": 1, "ILD": 1}}


def test_what_each_reader_said_is_kept(folder):
    source = folder.read(class_names=["ild", "Edema"])
    assert [(one.case_id, one.reader_id, one.certainties) for one in source.readings] == [
        (A, "R8", {"ILD": 0, "Edema": 1}),
        (A, "R9", {"ILD": 1, "Edema": 0}),
        (A, "R17", {"ILD": 1, "Edema": 0}),
    ]


def test_cells_and_radiographs_that_are_missing_are_counted(folder):
    folder.read_by("R8", image_id=C, Edema="").read_by("R9", "Edema", image_id=C, Edema="", ILD="1").image(C)
    folder.read_by("R8", image_id="d" * 32).image("e" * 32)
    source = folder.read()
    assert "Edema" not in source.cases()[1].certainties and source.cases()[1].certainties["ILD"] == 0.5
    counted = {name: count for name, count in source.hygiene.items() if count}
    assert counted == {
        "labels_left_empty_read_as_unknown": 2,
        "readings_read": 6,
        "radiographs_without_three_readers": 2,
        "radiographs_dropped_not_in_the_folder": 1,
        "files_of_other_radiographs": 1,
    }
    assert {one.case_id for one in source.readings} == {A, C}
    assert source.notes == ["3 of 4 radiographs are there", "patients are unknown: each radiograph stands as one"]
    assert source.patient_order == [A, C, "d" * 32, B]
    listed = [*(f"train/{name}.dicom" for name in (A, C, "d" * 32)), f"test/{B}.dicom"]
    assert list_radiographs(folder.tables.parent) == listed


def test_boxes_are_regions_of_dicom_files_alone(folder):
    folder.box("Cardiomegaly").box("ILD", ("", "", "", "")).box("Edema", (30, 12, 10, 40)).box("No finding", ("",) * 4)
    folder.box("Pleural effusion", image_id=C).box("Other disease", image_id=B, part="test")
    assert folder.read().hygiene["boxes_dropped_radiograph_is_no_DICOM"] == 4
    for part, name in (("train", A), ("test", B)):
        (folder.images / part / f"{name}.png").rename(folder.images / part / f"{name}.dicom")
    source = folder.read()
    (box,), (other,) = (case.regions for case in source.cases())
    assert box == Region("Cardiomegaly", "box", 10, 12, 30, 40)
    assert other.name == "Other diseases"
    kept = {name: count for name, count in source.hygiene.items() if name.startswith("boxes")}
    assert kept == {
        "boxes_dropped_without_sides": 1,
        "boxes_dropped_turned": 1,
        "boxes_dropped_radiograph_is_no_DICOM": 0,
        "boxes_dropped_radiograph_not_in_the_folder": 1,
        "boxes_kept": 2,
    }


MISTAKES = {
    "a label of 2": (lambda f: f.read_by("R1", image_id=C, Edema="2"), "record 4, column 'Edema' holds 2, expected 1"),
    "a reader twice": (lambda f: f.read_by("R8"), f"record 1: reader 'R8' labels radiograph '{A}' more than once"),
    "in training and test": (lambda f: f.consensus(image_id=A), f"radiograph {A} is both in image_labels_train.csv"),
    "a test radiograph twice": (lambda f: f.consensus(), f"record 2: radiograph '{B}' occurs twice"),
    "an id that is a path": (lambda f: f.read_by("R1", image_id="../a"), "column 'image_id' holds '../a', expected l"),
    "a class without a column": (
        lambda f: [row.pop("ILD") for row in f.labels["train"]],
        "column 'ILD' is missing from the header",
    ),
    "a class with two": (
        lambda f: [row.update({"Other disease": 1}) for row in f.labels["train"]],
        "class 'Other diseases' has two columns in the header",
    ),
    "a box of no class": (lambda f: f.box("Kidney"), "_train.csv: record 1, column 'class_name' holds 'Kidney'"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_one_line_that_says_where(folder, name):
    change, said = MISTAKES[name]
    change(folder)
    with pytest.raises(TableError) as refused:
        folder.read()
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_what_is_not_there_is_named(folder):
    folder.write()
    (folder.tables / "annotations_test.csv").unlink()
    with pytest.raises(SourceError, match="not VinDr-CXR's annotations: annotations_test.csv is missing"):
        VindrCxr(folder.tables, folder.images)
    folder.write()
    shutil.rmtree(folder.images / "train")
    shutil.rmtree(folder.images / "test")
    with pytest.raises(SourceError, match=f"holds none of 2 radiographs; .* such as {A}.dicom"):
        VindrCxr(folder.tables, folder.images)


def test_the_study_keeps_the_test_and_divides_the_others(vindr_twin, tmp_path):
    source = VindrCxr(vindr_twin.tables, vindr_twin.images, votes="share")
    study = prepare_study([source], tmp_path / "study", size_px=64)
    given = np.array([case.split == "test" for case in source.cases()])
    assert np.array_equal(study.splits.split_index == 2, given) and (study.splits.split_index == 1).any()
    third = study.labels.certainty * 3
    np.testing.assert_allclose(third, np.round(third), atol=1e-6)
    assert study.labels.is_uncertain.any() and not study.labels.is_uncertain[given].any()
    # Boxes are the findings of their classes, also where they are boxes.
    place = next(index for index, case in enumerate(source.cases()) if case.regions)
    name = source.cases()[place].regions[0].name
    assert {region.name for region in finding_regions(study, place, name)} == {name}
    assert finding_mask(study, place, 64, name).any()


def test_the_command_writes_the_table_that_evaluate_takes(vindr_twin, tmp_path):
    places = ["--tables", str(vindr_twin.tables), "--images", str(vindr_twin.images), "--size", "16"]
    table = tmp_path / "readers.csv"
    options = ["--votes", "any", "--classes", "Cardiomegaly,nodule/mass", "--readers-table", str(table)]
    done = CliRunner().invoke(cli, ["prepare", "vindr-cxr", *places, *options, "--out", str(tmp_path / "study")])
    assert done.exit_code == 0, done.output
    study = open_study(tmp_path / "study")
    assert study.class_names == ("Cardiomegaly", "Nodule/Mass")
    source = VindrCxr(vindr_twin.tables, vindr_twin.images, votes="any", class_names=study.class_names)
    assert read_readings(table, study.case_ids, study.class_names) == source.readings
    listed = CliRunner().invoke(cli, ["prepare", "vindr-cxr", *places[:2], "--list-radiographs"])
    assert listed.stdout.splitlines() == list_radiographs(vindr_twin.tables)
