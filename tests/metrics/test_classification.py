import numpy as np
import pytest
from reference import coverage
from sklearn import metrics

from egaze.metrics import StatisticsWarning, confusion_matrix, macro_auc, multiclass_ci
from egaze.metrics.multiclass_auc import macro_auc_ci


def draw(n=150, classes=3):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, classes, n)
    probs = generator.dirichlet(np.ones(classes), n) + 0.3 * np.eye(classes)[labels]
    return labels, probs / probs.sum(axis=1, keepdims=True)


def test_macro_auc_is_scikit_learn_s():
    labels, probs = draw()
    expected = metrics.roc_auc_score(labels, probs, multi_class="ovr", average="macro")
    assert macro_auc(labels, probs) == pytest.approx(expected)
    interval = macro_auc_ci(labels, probs, resamples=2000)
    assert interval.value == pytest.approx(expected) and interval.low < expected < interval.high
    # A class that no case has is left out.
    assert 0.5 < macro_auc(labels[labels < 2], probs[labels < 2]) < 1
    with pytest.warns(StatisticsWarning, match="the macro average leaves out 1 of 3 classes"):
        macro_auc_ci(labels[labels < 2], probs[labels < 2], resamples=100)


@pytest.mark.parametrize("average", ["macro", "micro"])
@pytest.mark.parametrize("measure", ["roc_auc", "average_precision"])
def test_averages_are_scikit_learn_s(measure, average):
    labels, probs = draw()
    score = {"roc_auc": metrics.roc_auc_score, "average_precision": metrics.average_precision_score}[measure]
    interval = multiclass_ci(labels, probs, measure=measure, average=average, method="bca", resamples=500)
    assert interval.value == pytest.approx(score(np.eye(3)[labels], probs, average=average))
    assert interval.low < interval.value < interval.high


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_the_macro_auc_s_interval_covers(method):
    assert coverage.is_right(coverage.macro(300, method, 300), 300)


def test_the_confusion_matrix_is_scikit_learn_s():
    labels, probs = draw()
    predicted = probs.argmax(axis=1)
    np.testing.assert_array_equal(confusion_matrix(labels, predicted, 3), metrics.confusion_matrix(labels, predicted))
    assert confusion_matrix([], [], 2).tolist() == [[0, 0], [0, 0]]
    with pytest.raises(ValueError, match="class numbers must be 0 to 1"):
        confusion_matrix([0, 2], [0, 1], 2)
    with pytest.raises(ValueError, match="must both be"):
        confusion_matrix([0], [0, 1], 2)


def test_bad_input():
    labels, probs = draw()
    with pytest.raises(ValueError, match="got 'f1' and 'macro'"):
        multiclass_ci(labels, probs, measure="f1")
    with pytest.raises(ValueError, match="must be finite"):
        multiclass_ci(labels, probs * np.nan)
    with pytest.raises(ValueError, match="class_probs"):
        multiclass_ci(labels[:-1], probs)
