"""The twin from its files to the C++ runner, and its labels beside torchxrayvision's."""

import numpy as np
import pytest

from egaze.sources import EgdCxr, MimicCxr
from egaze.sources.report_labels import DEVICES


def test_the_road(mimic_twin, tmp_path):
    pytest.importorskip("torch")
    from sources.road import take_the_road

    gaze = [EgdCxr(mimic_twin.out / "gaze", mimic_twin.images)]
    some = ["Pleural Effusion", "Cardiomegaly", "Edema"]
    source = MimicCxr(mimic_twin.tables, mimic_twin.images, labels="chexpert", class_names=some, gaze=gaze)
    study, metrics = take_the_road(source, tmp_path, "joint")
    assert 0 < study.has_gaze[study.splits.indices("train")].sum() < len(study.splits.indices("train"))
    assert study.labels.kind == "independent" and study.class_names == source.class_names
    assert list(metrics["classification"]["classes"]) == list(source.class_names)
    indices = {"train": 0, "validation": 1, "test": 2}
    assert study.splits.split_index.tolist() == [indices[case.split] for case in source.cases()]


@pytest.mark.parametrize("labeller", ["chexpert", "negbio"])
def test_labels_equal_torchxrayvision_s(mimic_twin, labeller):
    xrv = pytest.importorskip("torchxrayvision")
    theirs = xrv.datasets.MIMIC_Dataset(
        str(mimic_twin.images / "files"),
        str(mimic_twin.tables / f"mimic-cxr-2.0.0-{labeller}.csv.gz"),
        str(mimic_twin.tables / "mimic-cxr-2.0.0-metadata.csv.gz"),
        views=["PA", "AP"],
        unique_patients=False,
    )
    healthy = dict(zip(theirs.csv["dicom_id"], theirs.csv["No Finding"] == 1, strict=True))
    names = ["Pleural Effusion" if name == "Effusion" else name for name in theirs.pathologies]
    expected = {
        dicom_id: dict(zip(names, row, strict=True))
        for dicom_id, row in zip(theirs.csv["dicom_id"], theirs.labels.tolist(), strict=True)
    }
    source = MimicCxr(mimic_twin.tables, mimic_twin.images, labels=labeller)
    assert set(names) == set(source.class_names) and len(source.cases()) > 15
    devices = 0
    for case in source.cases():
        # An uncertain label is one that they leave out.
        own = {name: case.certainties.get(name, np.nan) for name in names}
        own = {name: np.nan if value == 0.5 else value for name, value in own.items()}
        if healthy[case.case_id]:
            # They take "No Finding" to deny support devices too, of which the labeller does not say so.
            devices += own.pop(DEVICES) != expected[case.case_id].pop(DEVICES)
        np.testing.assert_array_equal(list(own.values()), [expected[case.case_id][name] for name in own])
    assert devices > 0
