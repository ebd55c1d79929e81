import numpy as np
import pytest
from scipy.stats import norm, ttest_1samp
from sklearn.metrics import roc_auc_score

from egaze.metrics import StatisticsWarning, delong_test
from egaze.metrics.over_seeds import aucs_over_seeds, mean_over_seeds
from egaze.metrics.paired import paired_aucs, paired_mean


def draw(n=150, seeds=3, seed=0, signal=0.4, decimals=None):
    """Labels of three classes and the probabilities of models of one kind."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, n)
    probs = generator.dirichlet([1, 1, 1], (seeds, n)) + signal * np.eye(3)[labels]
    probs /= probs.sum(axis=2, keepdims=True)
    return labels, probs if decimals is None else np.round(probs, decimals)


def test_differences_are_of_the_seeds_mean_areas():
    labels, probs_a = draw(signal=0.5)
    probs_b = draw(signal=0.4)[1]

    def areas(probs):
        return np.array([[roc_auc_score(labels == c, one[:, c]) for c in range(3)] for one in probs]).mean(axis=0)

    expected = areas(probs_a) - areas(probs_b)
    found = paired_aucs(labels, probs_a, probs_b, resamples=500)
    assert [one.difference for one in found.classes] == pytest.approx(expected)
    assert found.macro.difference == pytest.approx(expected.mean())
    one_set = aucs_over_seeds(labels, probs_a, resamples=500)
    assert [one.value for one in one_set.classes] == pytest.approx(areas(probs_a))
    assert one_set.macro.low < one_set.macro.value < one_set.macro.high


def test_one_seed_agrees_with_delong():
    labels, (probs_a,) = draw(600, seeds=1, seed=2)
    noisy = probs_a + 0.15 * np.random.default_rng(9).normal(size=probs_a.shape)
    found = paired_aucs(labels, probs_a[None], noisy[None])
    for number, comparison in enumerate(found.classes):
        exact = delong_test((labels == number).astype(int), probs_a[:, number], noisy[:, number])
        assert comparison.difference == pytest.approx(exact.difference)
        assert (comparison.low, comparison.high) == pytest.approx((exact.low, exact.high), abs=0.002)
        assert comparison.p_value == pytest.approx(exact.p_value, abs=0.02)


@pytest.mark.filterwarnings("ignore:all resamples give the same value")
def test_the_same_models_do_not_differ():
    labels, probs = draw()
    same = paired_aucs(labels, probs, probs, resamples=200).macro
    assert (same.difference, same.low, same.high, same.p_value) == (0, 0, 0, 1)
    assert paired_mean(probs[:, :, 0], probs[:, :, 0], resamples=200).p_value == 1


def test_where_seeds_alone_differ_it_is_student_s_test():
    generator = np.random.default_rng(3)
    per_seed = generator.normal(0.04, 0.03, 5)
    values = np.repeat(per_seed[:, None], 40, axis=1)
    found = paired_mean(values, np.zeros_like(values), resamples=40_000)
    exact = ttest_1samp(per_seed, 0)
    low, high = exact.confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.003)
    assert found.p_value == pytest.approx(exact.pvalue, abs=0.01)


def test_cases_of_one_patient_count_together():
    values = np.random.default_rng(1).normal(size=(1, 100))
    zeros = np.zeros((1, 400))
    apart = paired_mean(np.repeat(values, 4, axis=1), zeros, resamples=4000)
    together = paired_mean(np.repeat(values, 4, axis=1), zeros, np.repeat(np.arange(100), 4), resamples=4000)
    assert 1.8 < (together.high - together.low) / (apart.high - apart.low) < 2.2


def covers(truth, found):
    return found.low <= truth <= found.high


def test_intervals_of_areas_cover():
    """95 % intervals hold what endless seeds and cases would give, where seeds differ, cases are hard for both models,
    and each seed answers each case in its own way.
    """
    inside, labels, spread = [], np.repeat([0, 1], 60), np.sqrt(0.1**2 + 2 * 0.5**2 + 2 * 0.5**2)
    truth = norm.cdf(1.0 / spread) - norm.cdf(0.7 / spread)
    for number in range(200):
        generator = np.random.default_rng(number)
        scores = [
            generator.normal(mean, 0.1, (4, 1)) * labels
            + 0.5 * generator.normal(size=120)
            + 0.5 * generator.normal(size=(4, 120))
            for mean in (1.0, 0.7)
        ]
        probs_a, probs_b = (norm.cdf(np.stack([-one, one], axis=2)) for one in scores)
        inside.append(covers(truth, paired_aucs(labels, probs_a, probs_b, resamples=300).macro))
    assert 0.91 < np.mean(inside) < 0.985


@pytest.mark.parametrize("parts", [(0.4, 0.5, 0.5), (0.0, 1.0, 0.3), (0.0, 0.4, 2.0)], ids=str)
def test_intervals_of_means_cover(parts):
    inside, below = [], []
    for number in range(300):
        generator = np.random.default_rng(number)
        of_seeds, of_cases, of_both = (
            scale * generator.normal(size=shape) for scale, shape in zip(parts, [(5, 1), (1, 60), (5, 60)], strict=True)
        )
        values = of_seeds + of_cases + of_both
        found = paired_mean(values, np.zeros_like(values), resamples=300)
        assert mean_over_seeds(values, resamples=300).low == found.low
        inside.append(covers(0, found))
        below.append(found.p_value < 0.05)
    assert 0.92 < np.mean(inside) < 0.98
    # A draw on 0's far side more or less apart, the p-value is below .05 where the interval leaves 0 out.
    assert np.mean(below) == pytest.approx(1 - np.mean(inside), abs=0.02)


@pytest.mark.filterwarnings("ignore:all resamples give the same value")
def test_a_class_without_cases_is_not_defined():
    labels, probs = draw()
    labels = np.where(labels == 2, 0, labels)
    found = paired_aucs(labels, probs, probs[:, :, ::-1], resamples=100)
    assert np.isnan(found.classes[2].difference) and np.isnan(found.classes[2].p_value)
    assert found.macro.difference == pytest.approx(np.mean([one.difference for one in found.classes[:2]]))
    assert np.isnan(aucs_over_seeds(labels, probs, resamples=100).classes[2].value)


@pytest.mark.filterwarnings("ignore:fewer than 10 patients")
def test_patients_with_cases_of_two_classes():
    """A resample that lacks a class has no area, and is left out."""
    _, probs = draw(9, seeds=2, seed=4)
    groups = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2])
    with pytest.warns(StatisticsWarning, match="resamples do not define the statistic and are left out"):
        found = paired_aucs([0, 1, 2, 0, 0, 2, 0, 0, 2], probs, probs[::-1] ** 2, groups, resamples=500)
    assert all(np.isfinite([one.low, one.high, one.p_value]).all() for one in (*found.classes, found.macro))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y, a, b: (y, a[0], b[0]), r"must share a shape \(S, N, C\)"),
        (lambda y, a, b: (y, a, b[:2]), r"must share a shape \(S, N, C\)"),
        (lambda y, a, b: (y[:-1], a, b), r"labels must be \(N,\) integers"),
        (lambda y, a, b: (y / 2, a, b), "integers, got float64"),
        (lambda y, a, b: (y - 1, a, b), "labels must be 0 to 2, got -1 to 1"),
        (lambda y, a, b: (y, a * np.nan, b), "must be finite"),
    ],
)
def test_bad_probabilities(change, message):
    labels, probs = draw()
    with pytest.raises(ValueError, match=message):
        paired_aucs(*change(labels, probs, probs))


def test_bad_options_and_values():
    labels, probs = draw()
    with pytest.raises(ValueError, match=r"level must be in \(0, 1\), got 95"):
        paired_aucs(labels, probs, probs, level=95, resamples=100)
    with pytest.raises(ValueError, match="at least 100 resamples, got 20"):
        paired_aucs(labels, probs, probs, resamples=20)
    with pytest.raises(ValueError, match="must share a shape"):
        paired_mean([[1.0]], [[1.0, 2.0]])
    with pytest.raises(ValueError, match="finite numbers of at least one seed"):
        mean_over_seeds(np.zeros((0, 2)))


@pytest.mark.filterwarnings("ignore:all resamples give the same value")
def test_an_areas_interval_stays_in_the_unit():
    """Of two seeds that differ much Student's t goes far beyond."""
    labels = np.arange(30) % 3
    sure = np.eye(3)[labels] + 0.1
    found = aucs_over_seeds(labels, np.stack([sure, sure[::-1]]), resamples=200)
    areas = [found.macro, *found.classes]
    assert all(0 <= area.low <= area.value <= area.high <= 1 for area in areas)
    assert any(area.low == 0 and area.high == 1 for area in areas)
