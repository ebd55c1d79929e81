import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from egaze.evaluation import bootstrap_auc, delong_test, macro_auc, roc_auc_ci
from egaze.evaluation.classification import macro_auc_ci


def draw(n=200, shift=1.0, seed=0, ties=False):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, n)
    scores = generator.normal(size=n) + shift * labels
    return labels, np.round(scores) if ties else scores


@pytest.mark.filterwarnings("ignore::egaze.evaluation.StatisticsWarning")
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


def test_both_methods_agree_on_independent_films():
    labels, scores = draw(400)
    normal, resampled = roc_auc_ci(labels, scores), bootstrap_auc(labels, scores)
    assert resampled.low == pytest.approx(normal.low, abs=0.01)
    assert resampled.high == pytest.approx(normal.high, abs=0.01)


def test_intervals_cover():
    """95 % intervals hold the true area in about 95 of 100 draws."""
    from scipy.stats import norm

    truth = norm.cdf(1.0 / np.sqrt(2))
    inside = [
        interval.low <= truth <= interval.high for interval in (roc_auc_ci(*draw(120, seed=s)) for s in range(600))
    ]
    assert 0.92 < np.mean(inside) < 0.975


def test_films_of_one_patient_count_together():
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


def test_macro_auc_is_scikit_learn_s():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 150)
    probs = generator.dirichlet([1, 1, 1], 150) + 0.3 * np.eye(3)[labels]
    probs /= probs.sum(axis=1, keepdims=True)
    expected = roc_auc_score(labels, probs, multi_class="ovr", average="macro")
    assert macro_auc(labels, probs) == pytest.approx(expected)
    interval = macro_auc_ci(labels, probs, resamples=2000)
    assert interval.value == pytest.approx(expected) and interval.low < expected < interval.high
    # A class that nobody has is left out; a single class leaves nothing.
    assert macro_auc(labels[labels < 2], probs[labels < 2]) is not None
    assert macro_auc(np.zeros(5, int), probs[:5]) is None
    with pytest.raises(ValueError, match="two classes"):
        macro_auc_ci(np.zeros(5, int), probs[:5])


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1], [0.1], "must both be"),
        ([0, 2], [0.1, 0.2], "labels must be 0 or 1"),
        ([1, 1], [0.1, 0.2], "both classes"),
        ([], [], "both classes"),
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


@pytest.mark.realdata
def test_real_scores(real_data):
    """A published DenseNet-121 separates the CHF proxy from normal at about .92 on these films."""
    import polars as pl

    labels = pl.read_csv(real_data / "nih_cxr" / "labels.csv").select("image", "class3_proxy")
    scores = pl.read_csv(real_data / "nih_cxr" / "chexnet_repro_predictions.csv")
    table = labels.join(scores, on="image").filter(pl.col("class3_proxy").is_in(["normal", "chf_proxy"]))
    is_chf = (table["class3_proxy"] == "chf_proxy").cast(pl.Int64).to_numpy()
    names = ("prob_Cardiomegaly", "prob_Edema", "prob_Effusion")
    best = max(roc_auc_ci(is_chf, table[name].to_numpy()).value for name in names)
    assert 0.85 < best < 0.97
