"""Labels of reports on radiographs, alone and beside gaze."""

import gzip

import pytest
from click.testing import CliRunner

from egaze.cli import cli
from egaze.errors import SourceError, TableError
from egaze.sources import EgdCxr, MimicCxr, Reflacx, SiimGaze
from egaze.sources.mimic_cxr import list_radiographs
from egaze.sources.report_labels import DEVICES, FINDINGS, report_certainties
from egaze.study import open_study


def test_labels_are_those_of_the_study(folder):
    folder.add("a").add("b", view="AP").add("c", view="LATERAL").add("d", 10000002, 50000002, split="test")
    folder.label(Edema="1.0", Fracture=-1, Pneumonia=0).label(50000002, 10000002, No_Finding=1)
    source = folder.read()
    one = {"Edema": 1, "Fracture": 0.5, "Pneumonia": 0}
    healthy = dict.fromkeys((name for name in FINDINGS if name != DEVICES), 0)
    assert {case.case_id: case.certainties for case in source.cases()} == {"a": one, "b": one, "d": healthy}
    assert [(case.patient_id, case.split) for case in source.cases()] == [
        ("10000001", "train"), ("10000001", "train"), ("10000002", "test"),
    ]  # fmt: skip
    assert source.class_names == FINDINGS and "No Finding" not in FINDINGS and len(FINDINGS) == 13
    assert source.hygiene["radiographs_dropped_view_LATERAL"] == 1
    assert source.notes == ["3 of 3 frontal radiographs are taken; 0 are not in the folder"]
    assert [case.case_id for case in folder.read(lateral=True).cases()] == ["a", "b", "c", "d"]
    assert list_radiographs(folder.tables)[1] == "files/p10/p10000001/s50000001/b.dcm"
    assert len(list_radiographs(folder.tables)) == 3 and len(list_radiographs(folder.tables, lateral=True)) == 4


def test_a_finding_beside_no_finding_is_kept_and_counted(folder):
    (case,) = (source := folder.add("a").label(No_Finding=1, Edema=1).read()).cases()
    assert case.certainties["Edema"] == 1 and case.certainties["Fracture"] == 0
    assert source.hygiene["reports_with_No_Finding_beside_a_finding"] == 1
    assert report_certainties({"No Finding": 1, "Support Devices": 1, "Edema": None}) == {
        "Support Devices": 1,
        "Edema": 0,
    }


def test_what_is_left_out_is_counted(folder):
    folder.add("a").add("b", view="", study=50000002).add("c", study=50000003).add("d", study=50000004)
    folder.add("e", study=50000005, is_there=False)
    for study in (1, 2, 5):
        folder.label(50000000 + study, Edema=1)
    source = folder.label(50000004).label(50000009, Edema=1).read()
    assert [case.case_id for case in source.cases()] == ["a"]
    counted = {name: count for name, count in source.hygiene.items() if count}
    assert counted == {
        "reports_read": 5,
        "radiographs_read": 5,
        "radiographs_of_studies_without_a_report": 1,
        "radiographs_dropped_view_not stated": 1,
        "radiographs_dropped_without_a_label": 2,
        "radiographs_dropped_not_in_the_folder": 1,
        "radiographs_used": 1,
    }
    assert source.notes == ["1 of 4 frontal radiographs are taken; 1 are not in the folder"]


def test_some_of_the_findings_in_another_order(folder):
    folder.add("a").label(Edema=1, Fracture=0).add("b", study=50000002).label(50000002, Pneumonia=1)
    source = folder.read(class_names=["fracture", "Edema"])
    assert source.class_names == ("Fracture", "Edema")
    assert [case.certainties for case in source.cases()] == [{"Fracture": 0, "Edema": 1}]
    for names, said in (
        (["Edma"], r"class 'Edma' is none .*; did you mean 'Edema'\?"),
        (["Edema", "edema"], "'Edema' is given twice"),
        ([], "class names must not be empty"),
        (["No Finding"], "is none of the data set's classes"),
    ):
        with pytest.raises(SourceError, match=said):
            folder.read(class_names=names)


def test_the_labels_of_two_programs_need_a_choice(folder):
    folder.add("a").label(Edema=1).label(labeller="negbio", Edema=-1)
    with pytest.raises(SourceError, match=r"mimic-cxr-2.0.0-chexpert.csv and mimic-cxr-2.0.0-negbio.csv; choose one"):
        folder.read()
    for labeller, certainty in (("chexpert", 1), ("negbio", 0.5)):
        source = folder.read(labels=labeller)
        assert source.cases()[0].certainties == {"Edema": certainty} and source.options["labeller"] == labeller
    with pytest.raises(SourceError, match="labels must be one of chexpert, negbio, got 'mine'"):
        folder.read(labels="mine")


def test_packed_tables_are_read_and_two_of_a_name_are_refused(folder):
    folder.add("a").label(Edema=1).write()
    plain = folder.tables / "mimic-cxr-2.0.0-split.csv"
    packed = plain.with_name(plain.name + ".gz")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    with pytest.raises(SourceError, match=r"has both .*split.csv and .*split.csv.gz, which may differ; keep one"):
        MimicCxr(folder.tables, folder.images)
    plain.unlink()
    assert len(MimicCxr(folder.tables, folder.images).cases()) == 1
    packed.unlink()
    with pytest.raises(SourceError, match=r"mimic-cxr-2.0.0-split.csv is missing, packed with gzip \(.gz\) or not"):
        MimicCxr(folder.tables, folder.images)
    (folder.tables / "mimic-cxr-2.0.0-chexpert.csv").unlink()
    with pytest.raises(SourceError, match=r"has neither mimic-cxr-2.0.0-chexpert.csv nor .*negbio.csv"):
        MimicCxr(folder.tables, folder.images)


MISTAKES = {
    "a label of 2": (lambda f: f.label(50000002, Edema=2), "record 2, column 'Edema' holds 2, expected 1"),
    "a text": (lambda f: f.label(50000002, Edema="yes"), "record 2, column 'Edema' holds 'yes', expected a number"),
    "labels twice": (lambda f: f.label(), "record 2: its study has labels already in an earlier record"),
    "labels of another patient": (
        lambda f: f.add("b", study=50000002).label(50000002, 10000009),
        "chexpert.csv: record 2: its study is another patient's in the metadata",
    ),
    "a radiograph twice": (lambda f: f.add("a"), "record 2: dicom_id 'a' occurs twice"),
    "an id that is a path": (lambda f: f.add("../b", is_there=False), "record 2: column 'dicom_id' does not hold"),
    "a short number": (lambda f: f.add("b", 1, 50000002), "record 2: column 'subject_id' does not hold eight digits"),
    "a study of two": (lambda f: f.add("b", 10000002), "record 2: its study belongs to another patient in an earlier"),
    "no split": (lambda f: f.add("b").splits.pop(), "record 2: its radiograph has no split in mimic-cxr-2.0.0-split"),
    "an unknown split": (lambda f: f.add("b", split="dev"), "split.csv: record 2, column 'split' holds 'dev', expect"),
    "a patient in two splits": (
        lambda f: f.add("b", study=50000002, split="test"),
        "metadata.csv: record 2: mimic-cxr-2.0.0-split.csv puts its patient into two splits",
    ),
    "tables that differ": (
        lambda f: f.splits[0].update(study_id=50000009),
        "metadata.csv: record 1: its study_id differs from that in mimic-cxr-2.0.0-split.csv",
    ),
    "no size": (lambda f: f.metadata[0].update(Rows=0), "metadata.csv: record 1: Rows and Columns must be above 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_one_line_that_says_where(folder, name):
    change, said = MISTAKES[name]
    change(folder.add("a").label(Edema=1))
    with pytest.raises(TableError) as refused:
        folder.read()
    assert said in str(refused.value) and "\n" not in str(refused.value)
    assert "1000000" not in str(refused.value).replace(str(folder.tables), "")


def test_no_radiograph_at_all_is_an_error(folder):
    folder.add("a", is_there=False).label(Edema=1)
    with pytest.raises(SourceError, match="none of 1 frontal radiographs is there and has a label"):
        folder.read()


def test_gaze_and_labels_of_one_hospital(mimic_twin):
    egd = EgdCxr(mimic_twin.out / "gaze", mimic_twin.images)
    alone = MimicCxr(mimic_twin.tables, mimic_twin.images, labels="chexpert")
    source = MimicCxr(mimic_twin.tables, mimic_twin.images, labels="chexpert", gaze=[egd])
    cases = {case.case_id: case for case in source.cases()}
    watched = {case.case_id: case for case in egd.cases()}
    assert source.synthetic and source.options["gaze"] == ["egd-cxr"] and source.class_names == FINDINGS
    with_gaze = {name for name, case in cases.items() if case.fixations is not None}
    assert with_gaze == watched.keys() & cases.keys() and 0 < len(with_gaze) < len(cases)
    for case in alone.cases():
        assert cases[case.case_id].certainties == case.certainties and case.split == cases[case.case_id].split
    for name in with_gaze:
        assert cases[name].fixations is watched[name].fixations and cases[name].regions == watched[name].regions
        assert cases[name].phrases == watched[name].phrases and cases[name].label is None
    # One of those with gaze has no labels, which it does not need, and one has no view that is known.
    assert any(not case.certainties for case in cases.values()) and source.hygiene["readings_dropped_view"] > 0
    assert source.hygiene["egd-cxr_fixations_kept"] == egd.hygiene["fixations_kept"]
    splits = {}
    for case in source.cases():
        assert splits.setdefault(case.patient_id, case.split) == case.split


def test_readings_of_reflacx_keep_their_ids_and_share_their_radiographs_labels(reflacx_twin, folder):
    reflacx = Reflacx(reflacx_twin.tables, reflacx_twin.images)
    for radiograph in {case.image_path: case for case in reflacx.cases()}.values():
        study, patient = radiograph.image_path.parent.name[1:], radiograph.patient_id
        split = "test" if int(patient) % 2 else "train"
        folder.add(radiograph.image_path.stem, patient, study, split=split, is_there=False)
        folder.label(study, patient, Edema=1)
    folder.images = reflacx_twin.images
    source = folder.read(gaze=[reflacx])
    assert {case.case_id for case in source.cases()} == {case.case_id for case in reflacx.cases()}
    assert all(case.certainties == {"Edema": 1} and case.label is None for case in source.cases())
    assert {(case.split == "test") == bool(int(case.patient_id) % 2) for case in source.cases()} == {True}
    merged = folder.read(gaze=[Reflacx(reflacx_twin.tables, reflacx_twin.images, readers="merged")])
    assert "readers" not in source.options and merged.options["readers"] == "merged"


def test_gaze_on_other_radiographs_is_refused_or_counted(folder, mimic_twin, tmp_path):
    egd = EgdCxr(mimic_twin.out / "gaze", mimic_twin.images)
    source = folder.add("a").label(Edema=1).read(gaze=[egd])
    assert source.hygiene["readings_dropped_radiograph_not_in_metadata"] == len(egd.cases())
    dicom_id = egd.cases()[0].case_id
    folder.add(dicom_id, study=50000007)
    with pytest.raises(SourceError, match=f"egd-cxr: radiograph {dicom_id} is another patient's in MIMIC-CXR's meta"):
        folder.read(gaze=[egd])
    other = object.__new__(SiimGaze)
    with pytest.raises(SourceError, match="the gaze of siim-gaze is not on MIMIC-CXR's radiographs"):
        folder.read(gaze=[other])


def test_the_command_makes_one_study(mimic_twin, tmp_path):
    places = ["--tables", str(mimic_twin.tables), "--images", str(mimic_twin.images), "--size", "16"]
    words = ["prepare", "mimic-cxr", *places, "--egd-cxr", str(mimic_twin.out / "gaze"), "--uncertain", "soft"]
    done = CliRunner().invoke(cli, [*words, "--labels", "negbio", "--lateral", "--out", str(tmp_path / "study")])
    assert done.exit_code == 0, done.output
    study = open_study(tmp_path / "study")
    egd = EgdCxr(mimic_twin.out / "gaze", mimic_twin.images)
    source = MimicCxr(mimic_twin.tables, mimic_twin.images, labels="negbio", lateral=True, gaze=[egd])
    assert study.case_ids == [case.case_id for case in source.cases()] and study.labels.uncertain == "soft"
    assert 0 < study.has_gaze.sum() < len(study) and study.labels.kind == "independent"
    assert source.notes[0] in done.stdout
    listed = CliRunner().invoke(cli, ["prepare", "mimic-cxr", *places[:2], "--list-radiographs"])
    assert listed.stdout.splitlines() == list_radiographs(mimic_twin.tables)
    both = CliRunner().invoke(cli, [*words, "--out", str(tmp_path / "other")])
    assert isinstance(both.exception, SourceError)
