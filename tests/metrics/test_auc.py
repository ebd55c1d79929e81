import inspect
import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import bootstrap, coverage
from scipy.stats import bootstrap as bootstrap_by_scipy
from sklearn.metrics import average_precision_score, roc_auc_score

from egaze.metrics import (
    StatisticsWarning,
    average_precision_ci,
    bootstrap_auc,
    bootstrap_test,
    delong_test,
    roc_auc_ci,
)
from egaze.metrics.weighted_areas import weighted_auc, weighted_average_precision

#: pROC's numbers; reference/proc.R made them.
PROC = json.loads((Path(__file__).parents[1] / "reference" / "proc.json").read_text(encoding="utf-8"))["samples"]


def draw(n=200, shift=1.0, seed=0, ties=False):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, n)
    scores = generator.normal(size=n) + shift * labels
    return labels, np.round(scores) if ties else scores


@pytest.mark.filterwarnings("ignore::egaze.metrics.StatisticsWarning")
@given(st.integers(0, 10_000), st.integers(4, 60), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_area_is_scikit_learn_s(seed, n, ties):
    labels, scores = draw(n, seed=seed, ties=ties)
    labels[:2] = [0, 1]
    expected = roc_auc_score(labels, scores)
    assert roc_auc_ci(labels, scores).value == pytest.approx(expected)
    assert roc_auc_ci(labels, scores, method="bootstrap", resamples=100).value == pytest.approx(expected)


def slow_delong_variance(labels, scores):
    """The variance by its definition: placements of every positive among the negatives and the reverse."""
    positive, negative = scores[labels == 1], scores[labels == 0]
    psi = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    return psi.mean(axis=1).var(ddof=1) / len(positive) + psi.mean(axis=0).var(ddof=1) / len(negative)


@pytest.mark.parametrize("ties", [False, True])
def test_delong_s_interval_is_its_definition(ties):
    labels, scores = draw(ties=ties)
    interval = roc_auc_ci(labels, scores)
    half = 1.959963985 * np.sqrt(slow_delong_variance(labels, scores))
    assert interval.high - interval.value == pytest.approx(half)
    assert interval.value - interval.low == pytest.approx(half)


def test_both_methods_agree_on_independent_cases():
    labels, scores = draw(400)
    normal, resampled = roc_auc_ci(labels, scores), bootstrap_auc(labels, scores)
    assert resampled.low == pytest.approx(normal.low, abs=0.01)
    assert resampled.high == pytest.approx(normal.high, abs=0.01)


def test_cases_are_ranked_once_so_ten_thousand_resamples_are_quick():
    labels, scores = draw(1000)
    for method in ("percentile", "bca"):
        begun = time.thread_time()
        bootstrap_auc(labels, scores, method=method, resamples=10_000)
        assert time.thread_time() - begun < 2.0


def test_average_precision_is_scikit_learn_s():
    for ties in (False, True):
        labels, scores = draw(150, ties=ties)
        interval = average_precision_ci(labels, scores, resamples=500)
        assert interval.value == pytest.approx(average_precision_score(labels, scores))
        assert interval.low < interval.value < interval.high


def test_resamples_are_scored_as_scikit_learn_scores_them():
    """Every resample, with ties and patients of several cases, by the metric itself on the cases drawn."""
    labels, scores = draw(40, ties=True)
    patients = np.arange(40) // 3
    generator = np.random.default_rng(0)
    for area, score in ((weighted_auc, roc_auc_score), (weighted_average_precision, average_precision_score)):
        for _ in range(10):
            drawn = bootstrap.draw(patients, labels, generator)
            weights = np.bincount(drawn, minlength=40)[None].astype(float)
            assert area(labels == 1, scores)(weights)[0] == pytest.approx(score(labels[drawn], scores[drawn]))


def test_delong_covers():
    assert coverage.is_right(coverage.delong(1500), 1500)
    assert all(coverage.is_right(share, 1000) for share in coverage.paired(1000, delong_test))


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_the_bootstrap_covers(method):
    assert coverage.is_right(coverage.bootstrap(500, method, 300), 500)
    assert coverage.is_right(coverage.bootstrap_of_patients(250, method, 300), 250)
    # Cases of a patient are not independent, and taking them as such shows.
    assert not coverage.is_right(coverage.bootstrap_of_patients(80, method, 300, as_patients=False), 80)


def test_the_paired_bootstrap_covers():
    assert all(coverage.is_right(share, 500) for share in coverage.paired(500, bootstrap_test, 300))


def test_the_paired_bootstrap_agrees_with_delong_s_test():
    labels, scores = draw(300, seed=4)
    other = scores + np.random.default_rng(1).normal(size=300)
    normal, resampled = delong_test(labels, scores, other), bootstrap_test(labels, scores, other, resamples=4000)
    assert resampled.difference == pytest.approx(normal.difference)
    assert resampled.low == pytest.approx(normal.low, abs=0.01)
    assert resampled.high == pytest.approx(normal.high, abs=0.01)


def test_cases_of_one_patient_count_together():
    labels, scores = draw(100)
    labels, scores = np.repeat(labels, 4), np.repeat(scores, 4)
    patients = np.repeat(np.arange(100), 4)
    apart = bootstrap_auc(labels, scores)
    together = bootstrap_auc(labels, scores, patients)
    assert 1.7 < (together.high - together.low) / (apart.high - apart.low) < 2.3


def test_a_paired_comparison_sees_what_two_intervals_hide():
    labels, scores = draw(300, seed=4)
    better = scores + 0.3 * labels
    comparison = delong_test(labels, better, scores)
    first, second = roc_auc_ci(labels, better), roc_auc_ci(labels, scores)
    assert comparison.difference == pytest.approx(first.value - second.value)
    assert first.low < second.high and comparison.low > 0 and comparison.p_value < 1e-4
    assert delong_test(labels, scores, scores).p_value == 1.0
    swapped = delong_test(labels, scores, better)
    assert swapped.difference == -comparison.difference and swapped.p_value == pytest.approx(comparison.p_value)


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1], [0.1], "must both be"),
        ([0, 2], [0.1, 0.2], "labels must be 0 or 1"),
        ([0, 1], [0.1, np.nan], "scores must be finite"),
    ],
)
def test_bad_input(labels, scores, message):
    for function in (roc_auc_ci, bootstrap_auc):
        with pytest.raises(ValueError, match=message):
            function(labels, scores)


def test_unknown_method_and_level():
    labels, scores = draw(40)
    with pytest.raises(ValueError, match="got 'jackknife'"):
        roc_auc_ci(labels, scores, method="jackknife")
    with pytest.raises(ValueError, match=r"level must be in \(0, 1\), got 95"):
        roc_auc_ci(labels, scores, level=95)
    with pytest.raises(ValueError, match=r"level must be in \(0, 1\), got 95"):
        delong_test(labels, scores, scores, level=95)


@pytest.mark.filterwarnings("ignore::egaze.metrics.StatisticsWarning")
@pytest.mark.parametrize("name", PROC)
def test_delong_is_proc_s(name):
    facts = PROC[name]
    labels, a, b = facts["labels"], facts["a"], facts["b"]
    interval = roc_auc_ci(labels, a)
    assert (interval.low, interval.value, interval.high) == pytest.approx(facts["delong"], abs=1e-9)
    assert roc_auc_ci(labels, a, level=0.9).low == pytest.approx(facts["delong_90"][0], abs=1e-9)
    comparison = delong_test(labels, a, b)
    assert comparison.difference == pytest.approx(facts["auc_a"] - facts["auc_b"], abs=1e-9)
    assert comparison.p_value == pytest.approx(facts["test_p"], abs=1e-9)
    assert (comparison.low, comparison.high) == pytest.approx(facts["test_interval"], abs=1e-9)


@pytest.mark.filterwarnings("ignore::egaze.metrics.StatisticsWarning")
@pytest.mark.parametrize("name", [name for name, facts in PROC.items() if "bootstrap" in facts])
def test_bootstraps_are_proc_s_and_boot_s_to_their_noise(name):
    facts = PROC[name]
    labels, a, b = facts["labels"], facts["a"], facts["b"]
    percentile, bca = (bootstrap_auc(labels, a, method=kind, resamples=20_000) for kind in ("percentile", "bca"))
    assert (percentile.low, percentile.high) == pytest.approx((facts["bootstrap"][0], facts["bootstrap"][2]), abs=0.01)
    # Of four positives' resamples 1 in 28 has the very area of the sample; boot takes it as above, not as half below.
    assert (bca.low, bca.high) == pytest.approx(facts["bca"], abs=0.04 if name == "few" else 0.012)
    assert bootstrap_test(labels, a, b).p_value == pytest.approx(facts["bootstrap_test_p"], abs=0.08)


@pytest.mark.filterwarnings("ignore::egaze.metrics.StatisticsWarning")
@pytest.mark.parametrize("name", ["few", "worse_than_chance"])
def test_bca_is_scipy_s_to_its_noise(name):
    labels, scores = np.array(PROC[name]["labels"]), np.array(PROC[name]["a"])

    def area(positive, negative, axis):
        first, second = positive[..., :, None], negative[..., None, :]
        return ((first > second) + 0.5 * (first == second)).mean(axis=(-2, -1))

    classes = scores[labels == 1], scores[labels == 0]
    # SciPy before 1.15 has another name for it.
    keyword = "rng" if "rng" in inspect.signature(bootstrap_by_scipy).parameters else "random_state"
    generator = {keyword: np.random.default_rng(1)}
    expected = bootstrap_by_scipy(classes, area, n_resamples=20_000, batch=500, method="BCa", **generator)
    found = bootstrap_auc(labels, scores, method="bca", resamples=20_000)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval), abs=0.012)


def test_small_samples_give_a_warning():
    with pytest.warns(StatisticsWarning, match="fewer than 10 cases of a class"):
        few = roc_auc_ci([0, 0, 1, 1], [1.0, 3.0, 2.0, 4.0])
    assert few.low < few.value == 0.75
    with pytest.warns(StatisticsWarning, match="one case of a class: DeLong's variance needs two"):
        one = roc_auc_ci([0, 0, 1], [1.0, 3.0, 2.0])
    assert one.value == 0.5 and np.isnan(one.low) and np.isnan(one.high)
    with pytest.warns(StatisticsWarning, match="one case"):
        assert np.isnan(delong_test([0, 0, 1], [1.0, 3.0, 2.0], [1.0, 2.0, 3.0]).p_value)
    with pytest.warns(StatisticsWarning, match="fewer than 10 patients in a stratum"):
        bootstrap_auc([0, 0, 1, 1], [1.0, 3.0, 2.0, 4.0], resamples=100)


def test_a_perfect_separation_gives_a_warning():
    labels = np.repeat([0, 1], 20)
    with pytest.warns(StatisticsWarning, match="all cases of a class are ranked alike"):
        assert roc_auc_ci(labels, labels).low == 1.0
    for method in ("percentile", "bca"):
        with pytest.warns(StatisticsWarning, match="all resamples give the same value"):
            interval = bootstrap_auc(labels, labels, method=method, resamples=200)
        assert interval.low == interval.high == 1.0


def test_scores_that_are_all_equal_tell_nothing_apart():
    labels = np.repeat([0, 1], 20)
    with pytest.warns(StatisticsWarning, match="ranked alike"):
        interval = roc_auc_ci(labels, np.ones(40))
    assert (interval.low, interval.value, interval.high) == (0.5, 0.5, 0.5)
    with pytest.warns(StatisticsWarning, match="ranked alike"):
        comparison = delong_test(labels, np.ones(40), np.ones(40))
    assert comparison.difference == 0 and comparison.p_value == 1
    with pytest.warns(StatisticsWarning, match="all resamples give the same value"):
        assert bootstrap_test(labels, np.ones(40), np.ones(40), resamples=200).p_value == 1


@pytest.mark.realdata
def test_real_scores(real_data):
    """A published DenseNet-121 separates the CHF proxy from normal at about .92 on these cases."""
    import polars as pl

    labels = pl.read_csv(real_data / "nih_cxr" / "labels.csv").select("image", "class3_proxy")
    scores = pl.read_csv(real_data / "nih_cxr" / "chexnet_repro_predictions.csv")
    table = labels.join(scores, on="image").filter(pl.col("class3_proxy").is_in(["normal", "chf_proxy"]))
    is_chf = (table["class3_proxy"] == "chf_proxy").cast(pl.Int64).to_numpy()
    names = ("prob_Cardiomegaly", "prob_Edema", "prob_Effusion")
    best = max(roc_auc_ci(is_chf, table[name].to_numpy()).value for name in names)
    assert 0.85 < best < 0.97
