import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from egaze.metrics import StatisticsWarning, enough_cases, multilabel_ci
from egaze.metrics.over_seeds import aucs_over_seeds
from egaze.metrics.paired import holm, paired_aucs

ORACLES = {"roc_auc": roc_auc_score, "average_precision": average_precision_score}


def draw(cases=80, classes=4, unknown=0.0, seed=0):
    generator = np.random.default_rng(seed)
    answers = (generator.random((cases, classes)) < 0.4).astype(float)
    probs = np.round(0.4 * answers + 0.6 * generator.random((cases, classes)), 2)  # with ties
    answers[generator.random((cases, classes)) < unknown] = np.nan
    return answers, probs


@pytest.mark.parametrize("measure", ORACLES)
@pytest.mark.parametrize("average", ["macro", "micro"])
def test_averages_equal_scikit_learn(measure, average):
    answers, probs = draw()
    found = multilabel_ci(answers, probs, measure=measure, average=average, resamples=100)
    assert found.value == pytest.approx(ORACLES[measure](answers, probs, average=average))
    assert found.low < found.value < found.high


@pytest.mark.parametrize("measure", ORACLES)
def test_what_is_not_known_is_left_out(measure):
    answers, probs = draw(unknown=0.3)
    known = ~np.isnan(answers)
    each = [ORACLES[measure](answers[k, c], probs[k, c]) for c, k in enumerate(known.T)]
    assert multilabel_ci(answers, probs, measure=measure, resamples=100).value == pytest.approx(np.mean(each))
    micro = multilabel_ci(answers, probs, measure=measure, average="micro", resamples=100)
    assert micro.value == pytest.approx(ORACLES[measure](answers[known], probs[known]))


def test_classes_with_few_cases_stay_out_of_averages():
    answers, probs = draw()
    answers[:, 1] = np.arange(80) < 9
    answers[:, 2] = np.arange(80) >= 9
    np.testing.assert_array_equal(enough_cases(answers), [True, False, False, True])
    with pytest.warns(StatisticsWarning, match="averages leave out 2 of 4 classes"):
        found = multilabel_ci(answers, probs, resamples=100)
    assert found.value == pytest.approx(roc_auc_score(answers[:, [0, 3]], probs[:, [0, 3]], average="macro"))
    with pytest.warns(StatisticsWarning, match="no class has 10 cases with it and 10 without it"):
        assert np.isnan(multilabel_ci(answers[:, 1:3], probs[:, 1:3]).value)


def test_the_interval_is_of_resampled_patients():
    """By a plain loop over resamples, with patients of two cases each."""
    answers, probs = draw(60, unknown=0.2)
    patients = np.arange(60) // 2
    generator, drawn = np.random.default_rng(1), []
    for _ in range(2000):
        chosen = generator.integers(0, 30, 30)
        rows = np.concatenate([np.flatnonzero(patients == patient) for patient in chosen])
        known = ~np.isnan(answers[rows])
        drawn.append(np.mean([roc_auc_score(answers[rows][k, c], probs[rows][k, c]) for c, k in enumerate(known.T)]))
    found = multilabel_ci(answers, probs, patients, resamples=2000)
    np.testing.assert_allclose([found.low, found.high], np.quantile(drawn, [0.025, 0.975]), atol=0.01)


def test_over_seeds_and_paired_leave_out_what_is_not_known():
    answers, probs = draw(unknown=0.3)
    answers[:, 3] = np.where(np.arange(80) < 3, 1.0, 0.0)
    other = np.random.default_rng(9).random(probs.shape)
    with pytest.warns(StatisticsWarning):
        found = aucs_over_seeds(answers, np.stack([probs, other]), resamples=100)
        differences = paired_aucs(answers, probs[None], other[None], resamples=100)
    known = ~np.isnan(answers)
    a, b = (np.array([roc_auc_score(answers[k, c], p[k, c]) for c, k in enumerate(known.T)]) for p in (probs, other))
    np.testing.assert_allclose([area.value for area in found.classes], (a + b) / 2)
    assert found.macro.value == pytest.approx(((a + b) / 2)[:3].mean())
    np.testing.assert_allclose([found.difference for found in differences.classes], a - b)
    assert differences.macro.difference == pytest.approx((a - b)[:3].mean())


def test_the_mean_of_no_class_is_undefined():
    answers, probs = draw(cases=12)
    answers[:, :] = (np.arange(12) < 5)[:, None]
    with pytest.warns(StatisticsWarning):
        found = aucs_over_seeds(answers, probs[None], resamples=100)
    assert np.isnan(found.macro.value) and all(area.is_defined for area in found.classes)


@pytest.mark.parametrize(
    ("answers", "probs"),
    [([[0, 2]], [[0.1, 0.2]]), ([[0, 1]], [[0.1]]), ([[0, 1]], [[0.1, np.nan]]), ([0, 1], [0.1, 0.2])],
)
def test_what_makes_no_sense_is_refused(answers, probs):
    with pytest.raises(ValueError):
        multilabel_ci(answers, probs)


def test_holm_is_the_closure_of_bonferroni_tests():
    """A hypothesis is rejected if every intersection of hypotheses with it is, each by Bonferroni's test."""
    generator = np.random.default_rng(0)
    for count in (1, 2, 5):
        values = generator.random(count) ** 3
        subsets = [np.flatnonzero([number >> place & 1 for place in range(count)]) for number in range(1, 2**count)]
        expected = [
            max(min(1.0, len(subset) * values[subset].min()) for subset in subsets if place in subset)
            for place in range(count)
        ]
        np.testing.assert_allclose(holm(values), expected)
    np.testing.assert_allclose(holm([0.03, np.nan, 0.01]), [0.03, np.nan, 0.02])
    assert holm([]) == []
