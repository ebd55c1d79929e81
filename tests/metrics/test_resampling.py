import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import bootstrap, coverage
from scipy.stats import binom

from egaze.metrics import StatisticsWarning, mean_ci, mean_cis, wilson_ci
from egaze.metrics.resampling import Groups, bootstrap_comparison, bootstrap_interval

#: Base R's and boot's numbers; reference/proc.R made them.
R = json.loads((Path(__file__).parents[1] / "reference" / "proc.json").read_text(encoding="utf-8"))


def test_mean_ci_is_close_to_the_t_interval():
    values = np.random.default_rng(1).normal(2, 1, 200)
    interval = mean_ci(values)
    half = 1.96 * values.std(ddof=1) / np.sqrt(200)
    assert interval.value == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.02)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.02)
    # The same values in groups of four are worth a quarter.
    grouped = mean_ci(np.repeat(values, 4), np.repeat(np.arange(200), 4))
    assert (grouped.high - grouped.low) == pytest.approx(interval.high - interval.low, rel=0.1)
    with pytest.raises(ValueError, match="finite"):
        mean_ci([1, np.nan])


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2)), min_size=1, max_size=20), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_draws_keep_patients_whole_and_strata_full(samples, seed):
    patients, labels = np.array(samples).T
    grouped = Groups.of(patients, labels)
    first = {patient: labels[patients == patient][0] for patient in set(patients.tolist())}
    assert sorted(grouped.sizes) == sorted(np.unique(list(first.values()), return_counts=True)[1].tolist())
    for weights in grouped.draws(50, seed):
        for patient in first:
            assert (np.ptp(weights[:, patients == patient], axis=1) == 0).all()
        once = np.array([np.flatnonzero(patients == patient)[0] for patient in first])
        for stratum in set(first.values()):
            members = [place for place, patient in zip(once, first, strict=True) if first[patient] == stratum]
            assert (weights[:, members].sum(axis=1) == len(members)).all()


def test_every_patient_is_left_out_once():
    patients = np.array([5, 5, 2, 9])
    weights = np.concatenate(list(Groups.of(patients, [0, 0, 1, 0]).left_out()))
    assert sorted(weights.tolist()) == [[0, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 0]]


def test_intervals_do_not_depend_on_how_resamples_are_cut(monkeypatch):
    values = np.random.default_rng(0).normal(size=30)
    whole = mean_ci(values, resamples=500)
    monkeypatch.setattr("egaze.metrics.resampling._CHUNK_ELEMENTS", 100)
    cut = mean_ci(values, resamples=500)
    assert cut.low == pytest.approx(whole.low, abs=0.1) and cut.high == pytest.approx(whole.high, abs=0.1)


def test_means_are_boot_s_to_their_noise():
    for method in ("percentile", "bca"):
        interval = mean_ci(R["mean"]["values"], method=method, resamples=20_000)
        assert (interval.low, interval.high) == pytest.approx(R["mean"][method], abs=0.02)


def test_bca_is_its_definition_where_strata_and_patients_differ_in_size():
    generator = np.random.default_rng(2)
    patients = np.repeat(np.arange(30), generator.integers(1, 4, 30))
    strata = (patients % 3 == 0).astype(int)
    values = generator.exponential(size=len(patients)) + strata

    def ratio(weights):
        return weights @ values**2 / (weights @ values)

    value = float(ratio(np.ones(len(values))))
    drawn = np.concatenate([ratio(weights) for weights in Groups.of(patients, strata).draws(3000, 4)])
    left_out = [
        [ratio((patients != patient).astype(float)) for patient in range(30) if (patient % 3 == 0) == stratum]
        for stratum in (0, 1)
    ]
    interval = bootstrap_interval(ratio, value, patients, strata=strata, method="bca", resamples=3000, seed=4)
    assert (interval.low, interval.high) == pytest.approx(bootstrap.bca(value, drawn, left_out))


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_means_over_patients_cover(method):
    assert coverage.is_right(coverage.mean_over_patients(500, method, 300), 500)


def test_columns_share_their_resamples():
    values = np.random.default_rng(1).normal(size=(50, 3))
    together = mean_cis(values, resamples=300)
    for column, interval in zip(values.T, together, strict=True):
        alone = mean_ci(column, resamples=300)
        assert (interval.low, interval.high) == pytest.approx((alone.low, alone.high))


@pytest.mark.parametrize("facts", R["wilson"], ids=lambda facts: f"{facts['successes']} of {facts['trials']}")
def test_wilson_s_interval_is_r_s(facts):
    interval = wilson_ci(facts["successes"], facts["trials"])
    assert (interval.low, interval.high) == pytest.approx(facts["interval"], abs=1e-9)
    assert interval.low <= interval.value <= interval.high


def test_wilson_s_interval_covers():
    """Exactly, by the binomial, over proportions from .05 to .95."""
    shares = np.linspace(0.05, 0.95, 91)
    for trials in (20, 60, 200):
        intervals = [wilson_ci(k, trials) for k in range(trials + 1)]
        low, high = (np.array([getattr(item, end) for item in intervals]) for end in ("low", "high"))
        chance = binom.pmf(np.arange(trials + 1), trials, shares[:, None])
        covered = (chance * ((low <= shares[:, None]) & (shares[:, None] <= high))).sum(axis=1)
        assert 0.93 <= covered.mean() <= 0.97


def test_wilson_without_trials_and_bad_counts():
    with pytest.warns(StatisticsWarning, match="a proportion of no cases is not defined"):
        assert np.isnan(wilson_ci(0, 0).value)
    with pytest.raises(ValueError, match="successes <= trials"):
        wilson_ci(3, 2)


def test_statistics_that_resamples_do_not_define():
    def rarely(weights):
        return np.where(weights[:, 0] > 0, weights[:, 0], np.nan)

    with pytest.warns(StatisticsWarning, match="of 1000 resamples do not define the statistic"):
        interval = bootstrap_interval(rarely, 1.0, np.arange(20), resamples=1000)
    assert interval.low == 1 and interval.high > 1
    with pytest.warns(StatisticsWarning) as warned:
        bootstrap_interval(rarely, 1.0, np.arange(20), resamples=1000, method="bca")
    assert any("corrected for bias only" in str(warning.message) for warning in warned)
    with pytest.warns(StatisticsWarning, match="no resample defines the statistic"):
        never = bootstrap_interval(lambda weights: np.full(len(weights), np.nan), 1.0, np.arange(20), resamples=100)
    assert never.value == 1 and np.isnan(never.low) and np.isnan(never.high)


def test_p_values_of_no_difference_are_even():
    generator = np.random.default_rng(3)
    p_values = []
    for number in range(400):
        values = generator.normal(size=60)
        comparison = bootstrap_comparison(
            lambda weights, values=values: weights @ values / 60,
            values.mean(),
            np.arange(60),
            resamples=400,
            seed=number,
        )
        p_values.append(comparison.p_value)
    assert 0.03 <= np.mean(np.array(p_values) < 0.05) <= 0.08
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.05)


def test_bad_options():
    with pytest.raises(ValueError, match="method must be one of percentile, bca, got 'jackknife'"):
        mean_ci([1.0, 2.0], method="jackknife")
    with pytest.raises(ValueError, match="100 resamples"):
        mean_ci(np.arange(20.0), resamples=10)
    with pytest.raises(ValueError, match="needs samples"):
        bootstrap_interval(lambda weights: weights, 0.0, [])
