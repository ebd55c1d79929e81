import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from egaze.metrics import StatisticsWarning, model_kappa_ci, readers_kappa_ci

NAN = np.nan


def draw(cases=60, readers=4, seed=0):
    """Readings of one to four readers per case."""
    generator = np.random.default_rng(seed)
    truth = generator.random(cases) < 0.4
    readings = (truth[:, None] ^ (generator.random((cases, readers)) < 0.15)).astype(float)
    readings[np.arange(readers) >= generator.integers(1, readers + 1, (cases, 1))] = NAN
    return readings, (truth ^ (generator.random(cases) < 0.2)).astype(float)


def test_two_readers_are_compared_in_both_orders():
    readings, _ = draw(readers=2)
    both = readings[~np.isnan(readings).any(axis=1)]
    expected = cohen_kappa_score(np.r_[both[:, 0], both[:, 1]], np.r_[both[:, 1], both[:, 0]])
    assert readers_kappa_ci(readings, resamples=100).value == pytest.approx(expected)


def test_each_case_counts_equally_however_many_read_it():
    readings, called = draw()
    first, second, weights, model, reader, model_weights = [], [], [], [], [], []
    for row, call in zip(readings, called, strict=True):
        said = row[~np.isnan(row)]
        pairs = [(a, b) for i, a in enumerate(said) for j, b in enumerate(said) if i != j]
        for a, b in pairs:
            first.append(a), second.append(b), weights.append(1 / len(pairs))
        if pairs:
            for a in said:
                model.append(call), reader.append(a), model_weights.append(1 / len(said))
    found = readers_kappa_ci(readings, resamples=200)
    assert found.value == pytest.approx(cohen_kappa_score(first, second, sample_weight=weights))
    assert found.low < found.value < found.high
    expected = cohen_kappa_score(model, reader, sample_weight=model_weights)
    assert model_kappa_ci(called, readings, resamples=200).value == pytest.approx(expected)


def test_fleiss_s_example():
    """Fleiss 1971 by hand: three readers of every case, P = 0.8, Pe = 0.5 * 0.5 * 2."""
    readings = np.array([[1, 1, 1]] * 4 + [[0, 0, 0]] * 3 + [[1, 0, 0]] * 3)
    share = readings.mean()
    expected = share**2 + (1 - share) ** 2
    observed = (7 + 3 / 3) / 10
    assert readers_kappa_ci(readings, resamples=100).value == pytest.approx((observed - expected) / (1 - expected))


def test_undefined_and_impossible():
    with pytest.warns(StatisticsWarning, match="needs cases with two readings"):
        assert np.isnan(readers_kappa_ci([[1, NAN], [NAN, 0]]).value)
    with pytest.warns(StatisticsWarning, match="all say the same of every case"):
        assert np.isnan(readers_kappa_ci([[1, 1], [1, 1]]).value)
    with pytest.raises(ValueError, match="readings must be"):
        readers_kappa_ci([[1, 0.5]])
    with pytest.raises(ValueError, match="called must be"):
        model_kappa_ci([1, 0], [[1, 1]])
