"""The twin from its files to the C++ runner, and its labels beside torchxrayvision's."""

import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from egaze.sources import CheXpert
from egaze.sources.chexpert import read_records


def test_the_road(chexpert_twin, tmp_path):
    pytest.importorskip("torch")
    from sources.road import take_the_road

    source = CheXpert(chexpert_twin.tables, chexpert_twin.images)
    study, metrics = take_the_road(source, tmp_path)
    assert study.labels.kind == "independent" and study.class_names == source.class_names
    assert list(metrics["classification"]["classes"]) == list(source.class_names)


def theirs_of(xrv, images, table):
    """torchxrayvision's data set of a table, and its names of the findings as CheXpert has them."""
    theirs = xrv.datasets.CheX_Dataset(imgpath=str(images), csvpath=str(table), views=["*"], unique_patients=False)
    return theirs, ["Pleural Effusion" if name == "Effusion" else str(name) for name in theirs.pathologies]


def ours_of(certainties, names):
    """(N, C) labels, NaN where they are uncertain too, as torchxrayvision has them."""
    rows = np.array([[case.get(name, np.nan) for name in names] for case in certainties], np.float32)
    return np.where((rows > 0) & (rows < 1), np.float32(np.nan), rows)


@pytest.mark.parametrize("table", ["train", "valid"])
def test_labels_are_those_of_torchxrayvision(chexpert_twin, table):
    xrv = pytest.importorskip("torchxrayvision")
    theirs, names = theirs_of(xrv, chexpert_twin.images, chexpert_twin.tables / f"{table}.csv")
    source = CheXpert(chexpert_twin.tables, chexpert_twin.images, lateral=True)
    ours = {case.case_id: case for case in source.cases() if case.split.startswith(table)}
    ids = ["-".join(path.removesuffix(".jpg").split("/")[-3:]) for path in theirs.csv["Path"]]
    there = [row for row, case_id in enumerate(ids) if case_id in ours]
    assert len(there) == len(ours) > 3
    found = ours_of([ours[ids[row]].certainties for row in there], names)
    np.testing.assert_array_equal(found, theirs.labels[there])
    assert [ours[ids[row]].patient_id for row in there] == [f"patient{theirs.csv['patientid'][row]}" for row in there]


def test_labels_of_the_published_table_are_those_of_torchxrayvision(tmp_path):
    xrv = pytest.importorskip("torchxrayvision")
    path = tmp_path / "train.csv"
    with gzip.open(Path(xrv.datasets.datapath) / "chexpert_train.csv.gz", "rt") as file:
        path.write_text("".join(line for line, _ in zip(file, range(20_001), strict=False)))
    theirs, names = theirs_of(xrv, tmp_path, path)
    records = read_records(path, Counter())
    assert len(records) == len(theirs.labels) == 20_000
    np.testing.assert_array_equal(ours_of([record.certainties for record in records], names), theirs.labels)
