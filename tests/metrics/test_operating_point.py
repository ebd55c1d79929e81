import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from egaze.metrics import StatisticsWarning, at_threshold, specificity_threshold, youden_threshold

#: pROC's numbers; reference/proc.R made them.
PROC = json.loads((Path(__file__).parents[1] / "reference" / "proc.json").read_text(encoding="utf-8"))["samples"]


@pytest.mark.parametrize("name", PROC)
def test_thresholds_are_proc_s(name):
    labels, scores, expected = PROC[name]["labels"], PROC[name]["a"], PROC[name]["youden"]
    point = at_threshold(labels, scores, youden_threshold(labels, scores))
    youden = point.sensitivity.value + point.specificity.value
    assert youden == pytest.approx(expected["sensitivity"] + expected["specificity"])
    # Of equals pROC's last and ours are the most specific.
    assert point.specificity.value >= expected["specificity"] - 1e-12
    # With nobody called positive R's threshold is infinite and ours above every score.
    if (threshold := float(expected["threshold"])) == np.inf:
        assert point.true_positives == point.false_positives == 0
    elif point.specificity.value == pytest.approx(expected["specificity"]):
        assert point.threshold == pytest.approx(threshold)
    specific = at_threshold(labels, scores, specificity_threshold(labels, scores, 0.9))
    assert specific.sensitivity.value == pytest.approx(PROC[name]["sensitivity_at_specificity_0.9"])
    assert specific.specificity.value >= 0.9


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1, allow_subnormal=True)), min_size=2, max_size=30))
@settings(max_examples=100, deadline=None)
def test_thresholds_are_the_best_there_are(samples):
    labels, scores = np.array([item[0] for item in samples]).astype(int), np.array([item[1] for item in samples])
    labels[:2] = [0, 1]
    false_alarms, hits, _ = roc_curve(labels, scores, drop_intermediate=False)
    point = at_threshold(labels, scores, youden_threshold(labels, scores))
    assert point.sensitivity.value + point.specificity.value - 1 == pytest.approx((hits - false_alarms).max())
    for least in (0.0, 0.5, 1.0):
        point = at_threshold(labels, scores, specificity_threshold(labels, scores, least))
        assert point.specificity.value >= least
        assert point.sensitivity.value == pytest.approx(hits[1 - false_alarms >= least - 1e-12].max())


def test_a_point_on_other_cases():
    threshold = youden_threshold([0, 0, 1, 1], [0.1, 0.3, 0.5, 0.9])
    assert threshold == pytest.approx(0.4)
    point = at_threshold([0, 0, 0, 1, 1], [0.2, 0.4, 0.9, 0.41, 0.3], threshold)
    assert (point.true_positives, point.false_negatives, point.true_negatives, point.false_positives) == (1, 1, 1, 2)
    assert point.sensitivity.value == 0.5 and point.specificity.value == pytest.approx(1 / 3)
    assert point.specificity.low < 1 / 3 < point.specificity.high


def test_neighbouring_floats_are_told_apart():
    low = 0.5
    high = np.nextafter(low, 1)
    assert at_threshold([0, 1], [low, high], youden_threshold([0, 1], [low, high])).sensitivity.value == 1
    assert at_threshold([0, 1], [low, high], youden_threshold([0, 1], [low, high])).specificity.value == 1


def test_cases_of_one_class():
    with pytest.warns(StatisticsWarning, match="a proportion of no cases"):
        point = at_threshold([1, 1], [0.2, 0.8], 0.5)
    assert point.sensitivity.value == 0.5 and np.isnan(point.specificity.value)
    with pytest.raises(ValueError, match="threshold must be a number, got nan"):
        at_threshold([0, 1], [0.2, 0.8], float("nan"))
    with pytest.raises(ValueError, match="both classes"):
        youden_threshold([1, 1], [0.2, 0.8])
    with pytest.raises(ValueError, match=r"specificity must be in \[0, 1\], got 90"):
        specificity_threshold([0, 1], [0.2, 0.8], 90)
