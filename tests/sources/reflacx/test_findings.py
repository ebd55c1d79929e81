"""Radiographs of a class have findings that speak for it."""

from egaze.sources import Reflacx
from egaze.study import prepare_study
from egaze.study.findings import finding_mask


def test_the_twin_has_a_finding_where_it_has_a_class(reflacx_twin, tmp_path):
    source = Reflacx(reflacx_twin.tables, reflacx_twin.images, phases=(3,))
    study = prepare_study([source], tmp_path / "study", size_px=64)
    has_finding = {"chf": True, "pneumonia": True, "normal": False}
    expected = [has_finding[label] for label in study.cases["label"] if label is not None]
    found = [
        finding_mask(study, index, 64, label) is not None
        for index, label in enumerate(study.cases["label"])
        if label is not None
    ]
    assert found == expected and set(found) == {True, False}
