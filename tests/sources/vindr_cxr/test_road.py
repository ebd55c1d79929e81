"""The twin from its files to the C++ runner, its readers' agreement, and its labels beside torchxrayvision's."""

import pytest

from egaze.sources import VindrCxr
from egaze.sources.class_choice import chosen_classes
from egaze.sources.label_table import write_readings
from egaze.sources.vindr_cxr.labels import CLASSES


def test_the_road(vindr_twin, tmp_path):
    pytest.importorskip("torch")
    from sources.road import take_the_road

    from egaze.evaluation import evaluate
    from egaze.training import open_run

    some = ["Cardiomegaly", "Pleural effusion", "No finding"]
    source = VindrCxr(vindr_twin.tables, vindr_twin.images, class_names=some)
    study, metrics = take_the_road(source, tmp_path)
    assert study.class_names == tuple(some) == tuple(metrics["classification"]["classes"])
    write_readings(tmp_path / "readers.csv", source.readings, source.class_names)
    run = open_run(tmp_path / "run")
    agreement = evaluate(run, split="train", readers=tmp_path / "readers.csv", threads=1).metrics.readers
    assert agreement.classes["Cardiomegaly"].cases == len(study.splits.indices("train"))
    assert 0 < agreement.classes["Cardiomegaly"].readers.value < 1


def test_labels_equal_torchxrayvision_s(vindr_twin):
    xrv = pytest.importorskip("torchxrayvision")
    source = VindrCxr(vindr_twin.tables, vindr_twin.images, votes="any")
    cases = {case.case_id: case for case in source.cases()}
    compared = 0
    for part in ("train", "test"):
        path = vindr_twin.tables / f"annotations_{part}.csv"
        theirs = xrv.datasets.VinBrain_Dataset(str(vindr_twin.images / part), str(path))
        names = ["Pleural effusion" if name == "Effusion" else name for name in theirs.pathologies]
        names = chosen_classes(CLASSES, names)
        for image_id, row in zip(theirs.csv["image_id"], theirs.labels.tolist(), strict=True):
            if image_id in cases:
                assert [cases[image_id].certainties[name] for name in names] == row
                compared += 1
    assert compared == len(cases) > 15
