"""What the report concludes where intervals end at a border, and from few radiographs or patients."""

import math

import pytest

from egaze.evaluation.gaze_results import MapAgreement, MetricDefinition
from egaze.evaluation.results import Classification, ClassResult, EvaluationResult, TrainedHeads
from egaze.metrics import Estimate
from egaze.report.words import FEWEST, readings, summary
from egaze.training import load_recipe

JOINT = load_recipe("joint")


def metrics(aucs, macro, *, radiographs=100, patients=90, gain=None, kind="exclusive"):
    heatmap = gain and MapAgreement(
        cases=radiographs,
        size_px=224,
        sigma_px=11.2,
        target=JOINT.heatmap,
        target_kind="",
        trained_towards="gaze",
        definitions={"cc": MetricDefinition("CC", "", True, "heatmap", "", 3)},
        predicted={"cc": Estimate(0.5, 0.4, 0.6)},
        centre_bias={"cc": Estimate(0.4, 0.3, 0.5)},
        over_centre_bias={"cc": gain},
        ceiling=None,
    )
    return EvaluationResult(
        split="test",
        chosen_on="validation",
        optimistic=False,
        synthetic=False,
        cases=radiographs,
        patients=patients,
        folds=None,
        seeds=(0,),
        intervals="",
        warnings=(),
        trained=TrainedHeads(True, True),
        classification=Classification(
            radiographs, kind, macro, macro, {name: ClassResult(10, radiographs, auc) for name, auc in aucs.items()}
        ),
        heatmap=heatmap,
        scanpath=None,
        readers=None,
        published=(),
        runs=(),
    )


THREE = {"a": Estimate(0.9, 0.86, 0.94), "b": Estimate(0.8, 0.7, 0.85), "c": Estimate(0.7, 0.6, 0.8)}


def classes_said(*args, **options):
    return summary(JOINT, metrics(*args, **options))[0]


def test_the_best_class_is_named_only_if_intervals_do_not_overlap():
    macro = Estimate(0.8, 0.7, 0.9)
    assert "recognises a best (AUC 0.900) and c worst (0.700)" in classes_said(THREE, macro)
    touching = THREE | {"c": Estimate(0.7, 0.6, 0.86)}
    said = classes_said(touching, macro)
    assert "recognises" not in said and "intervals of the classes' AUCs overlap" in said


def test_two_classes_share_one_auc():
    two = {"none": Estimate(0.667, 0.6, 0.7), "chf": Estimate(0.667, 0.6, 0.7)}
    said = classes_said(two, Estimate(0.667, 0.6, 0.7))
    assert said.count("0.667") == 1 and "none against chf" in said and "best" not in said


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.501, 0.9, "lies above 0.5"),
        (0.5, 0.9, "chance is not ruled out"),
        (0.3, 0.5, "chance is not ruled out"),
        (0.3, 0.499, "worse than chance"),
        (math.nan, math.nan, "no conclusion is drawn"),
    ],
)
def test_chance_is_ruled_out_by_the_interval_alone(low, high, words):
    said = classes_said(THREE, Estimate(0.6, low, high))
    assert words in said
    assert sum(other in said for other in ("lies above", "not ruled out", "worse than", "no conclusion is drawn")) == 1


@pytest.mark.parametrize(
    ("radiographs", "patients", "few"), [(FEWEST, FEWEST, False), (FEWEST - 1, FEWEST, True), (100, FEWEST - 1, True)]
)
def test_few_radiographs_or_patients_give_no_verdict(radiographs, patients, few):
    gain = Estimate(0.1, 0.05, 0.2)
    classes, gaze = summary(
        JOINT, metrics(THREE, Estimate(0.8, 0.7, 0.9), radiographs=radiographs, patients=patients, gain=gain)
    )
    assert ("too few for a verdict" in classes) == few and ("too few for a verdict" in gaze) == few
    assert ("recognises" in classes) == (not few) and ("better than" in gaze) == (not few)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.001, 0.2, "better than"),
        (0.0, 0.2, "not distinguishable from"),
        (-0.2, 0.0, "not distinguishable from"),
        (-0.2, -0.001, "worse than"),
        (math.nan, math.nan, "not distinguishable from"),
    ],
)
def test_the_interval_decides_how_heatmaps_compare_with_the_centre_bias(low, high, words):
    gaze = summary(JOINT, metrics(THREE, Estimate(0.8, 0.7, 0.9), gain=Estimate(0.1, low, high)))[1]
    assert words in gaze
    assert ("excludes 0 for none" in gaze) == (words == "not distinguishable from")


def test_heads_that_no_stage_trained_are_not_summarised():
    found = metrics(THREE, Estimate(0.8, 0.7, 0.9), gain=Estimate(0.1, 0.05, 0.2))
    classes, _ = summary(load_recipe("joint", ["stages.classification_weight=0"]), found)
    assert classes == "No stage of the recipe trained the classifier, so its predictions are not measured."
    _, gaze = summary(load_recipe("joint", ["stages.heatmap_weight=0"]), found)
    assert gaze == "No stage of the recipe trained the heatmap head, so its heatmaps are not measured."


def test_independent_classes_are_said_to_have_an_auc_each():
    aucs = {"a": Estimate(0.9, 0.85, 0.95), "b": Estimate(0.7, 0.6, 0.8), "c": None}
    said = summary(JOINT, metrics(aucs, Estimate(0.8, 0.75, 0.85), kind="independent"), "independent")[0]
    assert "2 of 3 classes have an AUC; the mean over those with enough radiographs is 0.800" in said
    said = summary(JOINT, metrics(aucs, Estimate(float("nan")), kind="independent"), "independent")[0]
    assert "none has enough radiographs with it and without it for a mean over classes" in said


def test_radiographs_that_were_read_several_times_are_said_to_be_counted_as_often():
    assert readings(30, 30) == ""
    assert "30 readings of 12 radiographs" in readings(30, 12)
