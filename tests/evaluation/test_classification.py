import math

import numpy as np
import pytest
from scipy.special import softmax

from egaze.evaluation.classification import Scored, measure_classification
from egaze.labels import ExclusiveLabels
from egaze.metrics import (
    brier_scores,
    expected_calibration_error,
    fit_temperature,
    scale_by_temperature,
    specificity_threshold,
    youden_threshold,
)
from egaze.metrics.calibration import to_logits
from egaze.serialize import to_json

NAMES = ("normal", "chf", "pneumonia")


def scored_of(labels, class_probs, patients):
    return Scored(ExclusiveLabels(NAMES, labels), class_probs, patients)


def draw(n, seed, sharpness=3.0):
    """Radiographs whose probabilities are too sure of themselves."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(n, 3)) * 1.5
    labels = np.array([generator.choice(3, p=row) for row in softmax(logits, axis=1)])
    return scored_of(labels, softmax(sharpness * logits, axis=1), np.arange(n) // 2)


def numbers(item):
    if isinstance(item, dict):
        item = item.values()
    elif not isinstance(item, (list, tuple)):
        return [item] if isinstance(item, float) else []
    return [number for part in item for number in numbers(part)]


def test_thresholds_and_temperature_are_chosen_on_validation():
    scored, validation = draw(300, 0), draw(200, 1)
    notes = []
    figures = measure_classification(NAMES, scored, validation, notes)
    assert notes == [] and all(map(math.isfinite, numbers(to_json(figures))))
    for number, name in enumerate(NAMES):
        of_class, scores = (validation.labels.values == number).astype(int), validation.class_probs[:, number]
        youden, specific = figures.classes[name].operating_points
        assert youden.thresholds == (youden_threshold(of_class, scores),)
        assert specific.thresholds == (specificity_threshold(of_class, scores, 0.9),)
        called, is_class = scored.class_probs[:, number] >= youden.thresholds[0], scored.labels.values == number
        assert youden.sensitivity.value == pytest.approx(called[is_class].mean())
        assert youden.specificity.value == pytest.approx((~called[~is_class]).mean())
        assert youden.sensitivity.low < youden.sensitivity.value < youden.sensitivity.high
    calibration = figures.calibration
    temperature = fit_temperature(validation.labels.values, to_logits(validation.class_probs))
    assert calibration.temperatures == (temperature,) and temperature == pytest.approx(3, rel=0.3)
    scaled = scale_by_temperature(scored.class_probs, temperature)
    assert calibration.after.brier.value == pytest.approx(brier_scores(scored.labels.values, scaled).mean())
    is_right = scaled.argmax(axis=1) == scored.labels.values
    expected = expected_calibration_error(is_right, scaled.max(axis=1))
    assert calibration.after.expected_calibration_error.value == pytest.approx(expected)
    for key in ("brier", "log_loss", "expected_calibration_error"):
        assert getattr(calibration.after, key).value < getattr(calibration.before, key).value


def test_a_class_without_radiographs_has_no_metrics_but_a_reason():
    scored = draw(120, 0)
    two = scored.labels.values < 2
    scored = scored.where(two)
    notes = []
    figures = measure_classification(NAMES, scored, draw(60, 1), notes)
    assert figures.classes["pneumonia"].auc is None and figures.macro_auc.value > 0.5
    assert f"pneumonia: 0 of {len(scored)} radiographs, so it has no ROC curve" in notes
    assert any(note.startswith("all classes: the macro average leaves out 1 of 3 classes") for note in notes)


def test_one_class_or_no_validation_radiograph():
    scored = draw(80, 0)
    notes = []
    figures = measure_classification(NAMES, scored, scored.none(), notes)
    assert figures.calibration.temperatures == (None,) and figures.calibration.after is None
    assert figures.classes["chf"].operating_points is None
    assert "temperature: there is no labelled validation radiograph to fit it on" in notes
    assert "chf: 0 of 0 validation radiographs, so no threshold can be chosen" in notes
    normal = scored.labels.values == 0
    of_one = scored.where(normal)
    assert measure_classification(NAMES, of_one, scored, notes) is None
    assert notes[-1].startswith("classification: fewer than two classes have a radiograph in this split")


def test_probabilities_of_sigmoids_are_normalised_before_calibration():
    scored = draw(120, 0)
    # Probabilities that are all 0 become equal shares.
    apart = np.concatenate([[[0.0, 0.0, 0.0]], 0.4 * scored.class_probs[1:]])
    notes = []
    found = measure_classification(NAMES, scored_of(scored.labels.values, apart, scored.patients), draw(60, 1), notes)
    shares = np.concatenate([[[1 / 3, 1 / 3, 1 / 3]], scored.class_probs[1:]])
    before = found.calibration.before
    assert before.brier.value == pytest.approx(brier_scores(scored.labels.values, shares).mean())
    assert any(note.startswith("calibration: each class has a sigmoid of its own") for note in notes)
    assert all(map(math.isfinite, numbers(to_json(found))))
