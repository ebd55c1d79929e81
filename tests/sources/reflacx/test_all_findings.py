"""All findings with their certainties, of one reader or of several."""

import csv

import numpy as np
import pytest
from click.testing import CliRunner

from egaze.cli import cli
from egaze.errors import SourceError
from egaze.sources import Reflacx
from egaze.sources.label_table import read_readings
from egaze.sources.reflacx.labels import FINDINGS, JOINED, certainties_of, finding_names, mean_certainties
from egaze.study import open_study

EDEMA, NODULE, PLEURA = "Pulmonary edema", "Lung nodule or mass", "Pleural abnormality"


@pytest.mark.parametrize(("threshold", "expected"), [(None, [0, 0.1, 0.25, 0.5, 0.75, 1]), (3, [0, 0, 0, 1, 1, 1])])
def test_certainties_stand_for_probabilities_or_answers(threshold, expected):
    assert [certainties_of({EDEMA: value}, [EDEMA], threshold)[EDEMA] for value in range(6)] == expected


def test_a_phase_knows_what_it_asked_for(folder):
    folder.add("P1", 1, "a", findings={"Mass": "2", "Nodule": "4", "Fracture": "5"})
    folder.add("P3", 3, "b", findings={NODULE: "5", PLEURA: "1", EDEMA: ""})
    source = folder.read(labels="findings")
    assert source.class_names == finding_names([1, 3]) and len(source.class_names) == 23
    assert source.options["labels"] == "independent" and source.options["certainty"] is None
    first, third = (case.certainties for case in source.cases())
    assert set(first) == {*FINDINGS[1], *JOINED} and set(third) == set(FINDINGS[3])
    assert (first["Mass"], first["Nodule"], first[NODULE], first["Fracture"], first[PLEURA]) == (0.25, 0.75, 0.75, 1, 0)
    # An empty cell is a finding that was not selected.
    assert (third[NODULE], third[PLEURA], third[EDEMA]) == (1, 0.1, 0)
    assert all(case.label is None for case in source.cases())
    assert folder.read(labels="findings", phases=[1]).class_names == FINDINGS[1]


def test_a_column_that_a_table_lacks_is_unknown(folder):
    folder.add("P3", 3, "b")
    del folder.rows[3][0][EDEMA]
    source = folder.read(labels="findings")
    assert EDEMA not in source.cases()[0].certainties
    assert source.hygiene[f"readings_without_column_{EDEMA}"] == 1


def test_readers_of_one_radiograph_are_kept_beside_their_mean(folder):
    for reader, value in enumerate(("5", "5", "0", "3")):
        folder.add(f"P1R{reader}", 1, "a", findings={EDEMA: value, "Fracture": "5"})
    source = folder.read(labels="findings", readers="merged", class_names=[EDEMA, "fracture"])
    (case,) = source.cases()
    assert case.certainties == {EDEMA: pytest.approx(2.5 / 4), "Fracture": 1}
    assert [reading.certainties[EDEMA] for reading in source.readings] == [1, 1, 0, 0.5]
    assert {reading.case_id for reading in source.readings} == {"a"}
    assert [reading.reader_id for reading in source.readings] == [f"P1R{reader}" for reader in range(4)]
    at_three = folder.read(labels="findings", readers="merged", certainty=3, class_names=[EDEMA])
    assert at_three.cases()[0].certainties == {EDEMA: 0.75} and at_three.options["certainty"] == 3
    assert mean_certainties([{"a": 1.0}, {"a": 0.0, "b": 1.0}]) == {"a": 0.5, "b": 1}


def test_a_reading_without_gaze_has_its_findings(folder):
    folder.add("P1", 1, "a", fixations=None, eye_tracking_data_discarded="True", findings={"Fibrosis": "5"})
    assert folder.read().hygiene["readings_dropped_without_gaze_or_label"] == 1
    (case,) = folder.read(labels="findings").cases()
    assert case.fixations is None and case.certainties["Fibrosis"] == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"labels": "all"}, "labels must be one of classes, findings, got 'all'"),
        ({"class_names": ["normal"]}, "are normal, chf, pneumonia, and none can be left out"),
        (
            {"labels": "findings", "class_names": ["Edema"]},
            "class 'Edema' is none of the data set's classes; did you m",
        ),
        ({"labels": "findings", "certainty": 6}, "certainty must lie in 1..5, got 6"),
    ],
)
def test_wrong_options_are_refused(folder, options, said):
    folder.add("P3")
    with pytest.raises(SourceError, match=said):
        folder.read(**options)


def test_the_twin_s_findings_are_those_of_its_tables(reflacx_twin):
    source = Reflacx(reflacx_twin.tables, reflacx_twin.images, labels="findings")
    tables = sorted((reflacx_twin.tables / "main_data").glob("metadata_phase_*.csv"))
    rows = [row for table in tables for row in csv.DictReader(table.read_text(encoding="utf-8").splitlines())]
    assert len(source.cases()) == len(rows)  # each reading has labels, so that none is left out
    for case, row in zip(source.cases(), rows, strict=True):
        stated = {name: int(row[name]) for name in case.certainties if name in row}
        scale = dict(enumerate((0, 0.1, 0.25, 0.5, 0.75, 1)))
        assert {name: case.certainties[name] for name in stated} == {name: scale[v] for name, v in stated.items()}
    # The three classes of the same readings are what they were.
    as_classes = {case.case_id: case for case in Reflacx(reflacx_twin.tables, reflacx_twin.images).cases()}
    for case in source.cases():
        if case.case_id in as_classes:
            before = as_classes[case.case_id]
            assert before.certainties is None and before.regions == case.regions and before.split == case.split
            if case.fixations is not None:
                np.testing.assert_array_equal(before.fixations.x_px, case.fixations.x_px)


def test_the_command_keeps_certainties_and_readers(reflacx_twin, tmp_path):
    places = ["--gaze", str(reflacx_twin.tables), "--images", str(reflacx_twin.images), "--size", "16"]
    table = tmp_path / "readers.csv"
    words = ["prepare", "reflacx", *places, "--labels", "findings", "--readers-table", str(table)]
    apart = CliRunner().invoke(cli, [*words, "--out", str(tmp_path / "other")])
    assert apart.exit_code == 2 and "--readers merged" in apart.stderr and not table.exists()
    merged = [*words, "--readers", "merged", "--uncertain", "soft", "--out", str(tmp_path / "study")]
    done = CliRunner().invoke(cli, merged)
    assert done.exit_code == 0, done.output
    study = open_study(tmp_path / "study")
    source = Reflacx(reflacx_twin.tables, reflacx_twin.images, labels="findings", readers="merged")
    assert study.class_names == source.class_names and study.labels.uncertain == "soft"
    written = read_readings(table, study.case_ids, study.class_names)
    assert [(one.case_id, one.reader_id) for one in written] == [
        (one.case_id, one.reader_id) for one in source.readings
    ]
    assert written[0].certainties == source.readings[0].certainties and study.has_gaze.all()


def test_the_road(reflacx_twin, tmp_path):
    pytest.importorskip("torch")
    from sources.road import take_the_road

    some = ["Pulmonary edema", "Enlarged cardiac silhouette"]
    options = {"labels": "findings", "certainty": 3, "class_names": some}
    source = Reflacx(reflacx_twin.tables, reflacx_twin.images, **options)
    study, metrics = take_the_road(source, tmp_path)
    assert study.labels.kind == "independent" and list(metrics["classification"]["classes"]) == some
