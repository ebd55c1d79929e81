import pytest

from egaze.sources import EgdCxr, Reflacx
from egaze.sources.reflacx.labels import FINDINGS, label_of, majority

EDEMA, CONSOLIDATION, GROUNDGLASS = "Pulmonary edema", "Consolidation", "Groundglass opacity"
HEART, EFFUSION, PLEURA = "Enlarged cardiac silhouette", "Pleural effusion", "Pleural abnormality"


@pytest.mark.parametrize(
    ("findings", "label"),
    [
        ({}, "normal"),
        ({EDEMA: 3}, "chf"),
        ({EDEMA: 5, GROUNDGLASS: 5, HEART: 5}, "chf"),
        ({EDEMA: 3, CONSOLIDATION: 3}, None),
        ({EDEMA: 2, CONSOLIDATION: 3}, "pneumonia"),
        ({CONSOLIDATION: 4}, "pneumonia"),
        ({GROUNDGLASS: 4}, "pneumonia"),
        ({CONSOLIDATION: 4, HEART: 4, PLEURA: 4}, "pneumonia"),
        ({HEART: 3, EFFUSION: 3}, "chf"),
        ({HEART: 3, PLEURA: 3}, "chf"),
        ({HEART: 3, PLEURA: 2}, None),
        ({HEART: 5}, None),
        ({"Atelectasis": 3}, None),
        ({"Atelectasis": 2, EDEMA: 2, CONSOLIDATION: 1}, "normal"),
    ],
)
def test_the_class_follows_from_the_findings(findings, label):
    assert label_of(findings, "", 3) == label


@pytest.mark.parametrize(("threshold", "label"), [(1, "chf"), (4, "chf"), (5, "normal")])
def test_the_threshold_decides_what_is_present(threshold, label):
    assert label_of({EDEMA: 4}, "", threshold) == label


@pytest.mark.parametrize(("other", "label"), [("", "normal"), ("0", "normal"), ("|", "normal"), ("granuloma", None)])
def test_text_under_other_excludes_normal(other, label):
    assert label_of({}, other, 3) == label
    assert label_of({EDEMA: 3}, other, 3) == "chf"


@pytest.mark.parametrize(
    ("labels", "label"),
    [
        (["chf"], "chf"),
        ([None], None),
        (["chf", "chf", "normal"], "chf"),
        (["chf", "chf", None, None], None),
        (["chf", "normal"], None),
        (["chf", "chf", "chf", None, "normal"], "chf"),
        (["chf", "chf", None, None, "normal"], None),
    ],
)
def test_a_radiograph_s_class_needs_more_than_half_of_its_readings(labels, label):
    assert majority(labels) == label
    assert majority(labels[::-1]) == label


def test_the_classes_are_egd_cxr_s_and_the_phases_differ():
    assert Reflacx.class_names == EgdCxr.class_names
    assert [len(FINDINGS[phase]) for phase in (1, 2, 3)] == [15, 14, 14]
    assert FINDINGS[2] == FINDINGS[3] != FINDINGS[1]
    assert {EDEMA, CONSOLIDATION, GROUNDGLASS, HEART} <= set(FINDINGS[1]) & set(FINDINGS[3])
    assert EFFUSION in FINDINGS[1] and PLEURA in FINDINGS[3]
