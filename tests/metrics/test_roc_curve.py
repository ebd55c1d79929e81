import numpy as np
import pytest
from sklearn.metrics import auc, roc_curve

from egaze.metrics import roc_curve_band


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, 120)
    # Rounded, so that cases tie.
    return labels, np.round(rng.normal(labels, 1.0), 1), rng.integers(0, 90, 120)


def test_the_curve_is_scikit_learn_s(sample):
    labels, scores, patients = sample
    curve = roc_curve_band(labels, scores, patients, resamples=100)
    fall_out, sensitivity, _ = roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(curve.fall_out, fall_out)
    np.testing.assert_allclose(curve.sensitivity, sensitivity)


def test_the_band_holds_the_curve_and_narrows_with_more_cases(sample):
    labels, scores, patients = sample
    small = roc_curve_band(labels, scores, patients)
    at_grid = np.interp(
        small.band_fall_out[1:-1], small.fall_out + 1e-12 * np.arange(len(small.fall_out)), small.sensitivity
    )
    inside = (small.band_low[1:-1] <= at_grid + 1e-9) & (at_grid <= small.band_high[1:-1] + 1e-9)
    assert inside.mean() > 0.95
    large = roc_curve_band(np.tile(labels, 9), np.tile(scores, 9), np.arange(9 * len(labels)))
    width_small, width_large = (np.mean(c.band_high - c.band_low) for c in (small, large))
    assert 0.2 < width_large / width_small < 0.5
    assert auc(small.band_fall_out, small.band_low) < auc(small.fall_out, small.sensitivity)


def test_the_band_covers_the_sensitivity_it_says():
    """Of a binormal sample's 95 % bands at fall-out 0.2, close to 95 in 100 hold the true sensitivity."""
    from scipy.stats import norm

    rng = np.random.default_rng(7)
    truth = norm.sf(norm.isf(0.2) - 1.2)
    labels = np.repeat([0, 1], [60, 60])
    held = 0
    for number in range(120):
        curve = roc_curve_band(labels, rng.normal(1.2 * labels, 1.0), points=6, resamples=200, seed=number)
        held += bool(curve.band_low[1] <= truth <= curve.band_high[1])
    assert 0.88 < held / 120 <= 1.0


def test_bad_options():
    with pytest.raises(ValueError, match="points must be at least 2, got 1"):
        roc_curve_band([0, 1], [0.1, 0.2], points=1)
