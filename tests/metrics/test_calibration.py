import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from egaze.metrics import (
    StatisticsWarning,
    brier_scores,
    expected_calibration_error,
    fit_temperature,
    log_losses,
    reliability_curve,
    scale_by_temperature,
)
from egaze.metrics.calibration import to_logits


def draw(n=400, classes=3, sharpness=1.0, seed=0):
    """Labels drawn from a softmax, and that softmax's logits made sharper than they should be."""
    generator = np.random.default_rng(seed)
    logits = 1.5 * generator.normal(size=(n, classes))
    labels = np.array([generator.choice(classes, p=row) for row in softmax(logits, axis=1)])
    return labels, sharpness * logits


def test_scores_are_scikit_learn_s():
    labels, logits = draw()
    probs = softmax(logits, axis=1)
    assert log_losses(labels, probs).mean() == pytest.approx(log_loss(labels, probs))
    of_two = probs[:, :2] / probs[:, :2].sum(axis=1, keepdims=True)
    binary = labels[labels < 2], of_two[labels < 2]
    assert brier_scores(*binary).mean() == pytest.approx(2 * brier_score_loss(binary[0], binary[1][:, 1]))
    assert brier_scores(labels, probs).mean() == pytest.approx(((probs - np.eye(3)[labels]) ** 2).sum(axis=1).mean())
    assert brier_scores([0, 1], [[1.0, 0.0], [1.0, 0.0]]).tolist() == [0, 2]
    assert np.isfinite(log_losses([1], [[1.0, 0.0]])).all()


def test_the_reliability_curve_is_scikit_learn_s():
    labels, logits = draw()
    outcomes, probs = labels == 1, softmax(logits, axis=1)[:, 1]
    observed, predicted = calibration_curve(outcomes, probs, n_bins=10)
    curve = reliability_curve(outcomes, probs, bins=10)
    np.testing.assert_allclose([item.observed.value for item in curve], observed)
    np.testing.assert_allclose([item.mean_prob for item in curve], predicted)
    assert sum(item.cases for item in curve) == len(labels)
    for item in curve:
        assert item.low <= item.mean_prob <= item.high
        assert item.observed.low <= item.observed.value <= item.observed.high


def test_edges_belong_to_the_bin_below():
    curve = reliability_curve([1, 0, 1, 1], [0.0, 0.5, 0.500001, 1.0], bins=2)
    assert [(item.low, item.high, item.cases) for item in curve] == [(0.0, 0.5, 2), (0.5, 1.0, 2)]


def test_the_calibration_error_is_its_definition():
    # Two bins: .2 said and .5 seen of two cases, .9 said and .5 seen of two.
    assert expected_calibration_error([0, 1, 0, 1], [0.2, 0.2, 0.9, 0.9], bins=10) == pytest.approx(0.35)
    assert expected_calibration_error([0, 1], [0.0, 1.0]) == 0


def test_the_temperature_is_found_and_mends_calibration():
    for sharpness in (0.4, 1.0, 3.0):
        labels, logits = draw(4000, sharpness=sharpness)
        temperature = fit_temperature(labels, logits)
        assert temperature == pytest.approx(sharpness, rel=0.1)
        best = minimize_scalar(
            lambda t, logits=logits, labels=labels: log_losses(labels, softmax(logits / t, axis=1)).mean(),
            bounds=(0.05, 20),
            method="bounded",
            options={"xatol": 1e-8},
        )
        assert temperature == pytest.approx(best.x, rel=1e-4)
    probs = softmax(logits, axis=1)
    scaled = scale_by_temperature(probs, temperature)
    np.testing.assert_allclose(scaled, softmax(logits / temperature, axis=1))
    assert (scaled.argmax(axis=1) == probs.argmax(axis=1)).all()
    is_right = probs.argmax(axis=1) == labels
    before, after = (expected_calibration_error(is_right, item.max(axis=1)) for item in (probs, scaled))
    assert after < 0.03 < 0.1 < before
    assert fit_temperature(labels, to_logits(probs)) == pytest.approx(temperature)


def test_probabilities_of_zero_have_logits():
    scaled = scale_by_temperature([[1.0, 0.0], [0.5, 0.5]], 2.0)
    assert np.isfinite(to_logits([[1.0, 0.0]])).all() and scaled[0, 0] == pytest.approx(1)
    np.testing.assert_allclose(scaled.sum(axis=1), 1)


def test_temperatures_at_the_bounds_give_a_warning():
    with pytest.warns(StatisticsWarning, match="at the bound 0.05"):
        assert fit_temperature([0, 1], [[2.0, 0.0], [0.0, 2.0]]) == 0.05
    with pytest.warns(StatisticsWarning, match="at the bound 20.0"):
        assert fit_temperature([1, 0], [[2.0, 0.0], [0.0, 2.0]]) == 20.0
    with pytest.warns(StatisticsWarning, match="any temperature fits"):
        assert fit_temperature([1, 0], [[1.0, 1.0], [3.0, 3.0]]) == 1.0


def test_bad_input():
    with pytest.raises(ValueError, match="each row summing to 1"):
        brier_scores([0], [[0.5, 0.2]])
    with pytest.raises(ValueError, match="class numbers must be 0 to 1"):
        log_losses([2], [[0.5, 0.5]])
    with pytest.raises(ValueError, match="expected labels"):
        log_losses([0, 1], [[0.5, 0.5]])
    with pytest.raises(ValueError, match="lie in"):
        reliability_curve([0, 1], [0.5, 1.5])
    with pytest.raises(ValueError, match="0 bins"):
        reliability_curve([0, 1], [0.5, 0.5], bins=0)
    with pytest.raises(ValueError, match="logits must be finite"):
        fit_temperature([0], [[np.inf, 0.0]])
