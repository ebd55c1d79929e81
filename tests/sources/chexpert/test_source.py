"""What the source makes of the tables of CheXpert."""

import numpy as np
import pytest
from click.testing import CliRunner

from egaze.cli import cli
from egaze.errors import SourceError, TableError
from egaze.sources import CheXpert
from egaze.sources.case import TRAIN_OR_VALIDATION
from egaze.sources.chexpert import list_radiographs
from egaze.sources.report_labels import FINDINGS
from egaze.study import open_study, prepare_study

A, A_LATERAL = "patient00001/study1/view1_frontal.jpg", "patient00001/study1/view2_lateral.jpg"
B, C, D = (f"patient{number}/study2/view1_frontal.jpg" for number in ("00002", "64541", "64741"))


def test_what_a_label_means(folder, tmp_path):
    source = folder.add(A, Edema="1.0", Pneumonia="-1.0", Fracture="0.0").read()
    (case,) = source.cases()
    assert case.certainties == {"Edema": 1, "Pneumonia": 0.5, "Fracture": 0}
    assert (case.case_id, case.patient_id) == ("patient00001-study1-view1_frontal", "patient00001")
    assert case.image_path == folder.images / "train" / A and case.split == "train"
    for policy, taught in (("ignore", np.nan), ("one", 1), ("zero", 0), ("soft", 0.5)):
        study = prepare_study([source], tmp_path / policy, size_px=16, uncertain=policy)
        known = {name: study.labels.values[0, FINDINGS.index(name)] for name in ("Edema", "Pneumonia", "Fracture")}
        assert list(known.values()) == pytest.approx([1, taught, 0], nan_ok=True)
        assert np.isnan(study.labels.values[0, FINDINGS.index("Cardiomegaly")])


def test_some_findings_are_taken_in_the_order_asked_for(folder, tmp_path):
    folder.add(A, Edema="1.0", Pneumonia="-1.0").add(B, Fracture="1.0").add(C, Edema="0.0").write()
    source = CheXpert(folder.tables, folder.images, class_names=["pneumonia", "Edema"])
    assert source.class_names == ("Pneumonia", "Edema")
    assert [case.certainties for case in source.cases()] == [{"Pneumonia": 0.5, "Edema": 1}, {"Edema": 0}]
    assert source.hygiene["records_dropped_without_label"] == 1
    words = ["prepare", "chexpert", "--tables", str(folder.tables), "--images", str(folder.images), "--size", "16"]
    done = CliRunner().invoke(cli, [*words, "--classes", "Edema", "--out", str(tmp_path / "study")])
    assert done.exit_code == 0, done.output
    assert open_study(tmp_path / "study").class_names == ("Edema",)
    with pytest.raises(SourceError, match="'Edema' is given twice"):
        CheXpert(folder.tables, folder.images, class_names=["Edema", "edema"])


def test_no_finding_says_that_all_but_devices_are_absent(folder):
    folder.add(A, No_Finding="1.0", Support_Devices="1.0", Edema="0.0").add(B, No_Finding="1.0")
    first, second = folder.read().cases()
    absent = {name: 0.0 for name in FINDINGS if name != "Support Devices"}
    assert first.certainties == absent | {"Support Devices": 1.0} and second.certainties == absent


def test_no_finding_beside_a_finding_is_told(folder):
    source = folder.add(A, No_Finding="1.0", Edema="-1.0").read()
    (case,) = source.cases()
    assert case.certainties["Edema"] == 0.5 and case.certainties["Fracture"] == 0
    assert "records with No Finding beside a finding, which is kept: 1" in source.notes


def test_lateral_radiographs_are_left_out_unless_asked_for(folder):
    folder.add(A, Edema="1.0").add(A_LATERAL, Edema="1.0")
    source = folder.read()
    assert len(source.cases()) == 1 and source.hygiene["records_left_out_lateral"] == 1
    assert "lateral radiographs that are left out: 1; --lateral takes them too" in source.notes
    assert [case.case_id for case in folder.read(lateral=True).cases()] == [
        "patient00001-study1-view1_frontal",
        "patient00001-study1-view2_lateral",
    ]
    assert list_radiographs(folder.tables) == [f"CheXpert-v1.0-small/train/{A}"]
    assert len(list_radiographs(folder.tables, lateral=True)) == 2


@pytest.mark.parametrize("root", ["", "CheXpert-v1.0-small", "CheXpert-v1.0"])
@pytest.mark.parametrize("version", ["", "CheXpert-v1.0-small"])
def test_the_first_folder_may_be_missing_on_either_side(folder, root, version):
    folder.add(A, version=version, Edema="1.0").add(B, version=version, is_there=False, Edema="1.0").write()
    if root:
        (folder.images / root).mkdir()
        (folder.images / "train").rename(folder.images / root / "train")
    source = CheXpert(folder.tables, folder.images)
    assert [case.image_path for case in source.cases()] == [folder.images / root / "train" / A]
    assert source.hygiene["records_without_radiograph"] == 1


def test_the_version_that_the_table_names_is_taken(folder):
    folder.add(A, Edema="1.0").write()
    for version in ("CheXpert-v1.0", "CheXpert-v1.0-small"):
        path = folder.images / version / "train" / A
        path.parent.mkdir(parents=True)
        path.write_bytes((folder.images / "train" / A).read_bytes())
    (case,) = CheXpert(folder.tables, folder.images).cases()
    assert case.image_path == folder.images / "CheXpert-v1.0-small" / "train" / A


def test_each_table_is_a_split(folder):
    folder.add(A, Edema="1.0").add(C, "valid", Edema="0.0").add(D, "test", version="", Edema="0.0")
    assert [case.split for case in folder.read().cases()] == ["train", "validation", "test"]
    with pytest.raises(SourceError, match=r"test\.csv is there and is the test split, so valid\.csv cannot be"):
        folder.read(valid_as="test")
    (folder.tables / "test.csv").unlink()
    del folder.rows["test"]
    assert (
        folder.read().notes[-1]
        == "without test.csv the study has no test split; --valid-as test makes one of valid.csv"
    )
    assert [case.split for case in folder.read(valid_as="test").cases()] == [TRAIN_OR_VALIDATION, "test"]
    (folder.tables / "valid.csv").unlink()
    del folder.rows["valid"]
    assert folder.read().notes[-1] == "without valid.csv and test.csv the study has no validation and test split"
    with pytest.raises(SourceError, match=r"valid\.csv is missing, so valid\.csv cannot be the test split"):
        folder.read(valid_as="test")


def test_a_patient_in_two_tables_is_refused(folder):
    folder.add(A, Edema="1.0").add(A, "valid", Edema="0.0")
    with pytest.raises(TableError, match=r"valid\.csv: record 1: its patient is in train\.csv too"):
        folder.read()


def test_records_without_a_label_are_counted(folder):
    source = folder.add(A, Edema="1.0").add(B).read()
    assert len(source.cases()) == 1 and source.hygiene["records_dropped_without_label"] == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("1.0", "2.0"), "record 1, column 'Edema' holds 2, expected 1"),
        (("1.0", "0.5"), "record 1, column 'Edema' holds 0.5, expected 1"),
        (("1.0", "yes"), "record 1, column 'Edema' holds 'yes', expected a number"),
        (("1.0", "nan"), "record 1, column 'Edema' holds 'nan', expected a number"),
        (
            ("Frontal,AP", "Lateral,AP"),
            "record 1, column 'Frontal/Lateral' holds 'Lateral', but the file is view1_frontal",
        ),
        (("/view1_frontal.jpg", ".jpg"), "record 1, column 'Path' holds '.*', expected a path such as"),
        (("CheXpert-v1.0-small/", "../"), "record 1, column 'Path': the path .* does not stay inside"),
        (("Pneumonia", "Pneumony"), "column 'Pneumonia' is missing from the header"),
    ],
)
def test_a_bad_table_is_named(folder, change, said):
    folder.add(A, Edema="1.0").write()
    path = folder.tables / "train.csv"
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(TableError, match=said) as caught:
        CheXpert(folder.tables, folder.images)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_no_table_no_record_no_radiograph_are_refused(folder):
    with pytest.raises(SourceError, match=r"train\.csv is missing"):
        CheXpert(folder.tables, folder.images)
    folder.rows["train"] = []
    with pytest.raises(TableError, match=r"train\.csv: contains no record"):
        folder.read()
    folder.add(A, Edema="1.0", is_there=False)
    with pytest.raises(SourceError, match=f"holds no radiograph that .* the path of one is train/{A}"):
        folder.read()
    folder.images.rmdir()
    with pytest.raises(SourceError, match="no such folder of radiographs"):
        folder.read()
    with pytest.raises(TableError, match="record 2: Path .* occurs twice"):
        folder.add(A, Edema="1.0").read()


def test_the_twin_has_every_trap(chexpert_twin):
    source = CheXpert(chexpert_twin.tables, chexpert_twin.images)
    hygiene = source.hygiene
    assert source.synthetic and hygiene["records_without_radiograph"] == 2 and hygiene["records_left_out_lateral"] == 7
    assert {case.split for case in source.cases()} == {"train", "validation", "test"}
    for name in FINDINGS:
        said = [case.certainties.get(name) for case in source.cases() if case.split == "train"]
        assert {0, 0.5, 1, None} >= set(said) >= {0, 1}, name
    certainties = [value for case in source.cases() for value in case.certainties.values()]
    assert 0.5 in certainties
    assert (chexpert_twin.tables / "test.csv").read_text().splitlines()[1].startswith("test/patient")


def test_the_command_says_what_it_leaves_out(folder, tmp_path):
    folder.add(A, Edema="1.0", Fracture="-1.0").add(A_LATERAL, Edema="1.0").add(C, "valid", Edema="0.0").write()
    words = ["prepare", "chexpert", "--tables", str(folder.tables)]
    images = ["--images", str(folder.images), "--size", "16", "--workers", "1"]
    listed = CliRunner().invoke(cli, [*words, "--list-radiographs", "--lateral"])
    assert listed.stdout.splitlines() == [
        f"CheXpert-v1.0-small/{at}" for at in (f"train/{A}", f"train/{A_LATERAL}", f"valid/{C}")
    ]
    done = CliRunner().invoke(cli, [*words, *images, "--uncertain", "one", "--out", str(tmp_path / "study")])
    assert done.exit_code == 0, done.output
    for line in (
        "2 of 3 records of train.csv, valid.csv are taken",
        "lateral radiographs that are left out: 1; --lateral takes them too",
        "without test.csv the study has no test split; --valid-as test makes one of valid.csv",
        "classes: independent, any number per case; uncertain labels teach that the class is present",
    ):
        assert line in done.stdout
    both = CliRunner().invoke(
        cli, [*words, *images, "--lateral", "--valid-as", "test", "--out", str(tmp_path / "both")]
    )
    assert both.exit_code == 0, both.output
    study = open_study(tmp_path / "both")
    assert len(study) == 3 and study.splits.split_index[-1] == 2
