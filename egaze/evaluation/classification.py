"""Measuring the classification head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egaze.evaluation.means import RESAMPLES
from egaze.evaluation.results import (
    Calibration,
    CalibrationState,
    Classification,
    ClassOperatingPoint,
    ClassResult,
    Confusion,
)
from egaze.metrics import (
    Estimate,
    at_threshold,
    average_precision_ci,
    brier_scores,
    confusion_matrix,
    expected_calibration_error,
    fit_temperature,
    log_losses,
    mean_ci,
    multiclass_ci,
    reliability_curve,
    roc_auc_ci,
    scale_by_temperature,
    specificity_threshold,
    youden_threshold,
)
from egaze.metrics.calibration import to_logits
from egaze.metrics.estimate import noting
from egaze.study import Study
from egaze.training.engine import Predictions

#: The specificity that the second operating point must reach.
SPECIFICITY = 0.9
BINS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """The labelled radiographs of a split: labels (N,), class_probs (N, C) float64 and patients (N,)."""

    labels: NDArray[np.int64]
    class_probs: NDArray[np.float64]
    patients: NDArray[np.int64]

    @classmethod
    def of(cls, study: Study, predictions: Predictions) -> Scored:
        labels = study.labels.values[predictions.case_index]
        known = labels >= 0
        class_probs = predictions.class_probs[known].astype(np.float64)
        return cls(labels[known], class_probs, study.patients[predictions.case_index][known])

    def __len__(self) -> int:
        return len(self.labels)

    def none(self) -> Scored:
        """Return the same without any radiograph."""
        return Scored(self.labels[:0], self.class_probs[:0], self.patients[:0])


def measure_classification(
    class_names: tuple[str, ...], scored: Scored, chosen_on: Scored, notes: list[str]
) -> Classification | None:
    """Compute all classification results; None if fewer than two classes have a radiograph.

    Args:
        class_names: class names in order.
        scored: the radiographs to measure.
        chosen_on: the validation radiographs that thresholds and temperature are chosen on; may be empty.
        notes: receives remarks on the results.
    """
    labels, class_probs, patients = scored.labels, scored.class_probs, scored.patients
    if len(np.unique(labels)) < 2:
        notes.append("classification: fewer than two classes have a radiograph in this split, so nothing is measured")
        return None
    classes = {name: _measure_class(name, number, scored, chosen_on, notes) for number, name in enumerate(class_names)}
    predicted = class_probs.argmax(axis=1)

    def area(average: str, measure: str, method: str = "percentile") -> Estimate:
        return multiclass_ci(
            labels, class_probs, patients, measure=measure, average=average, method=method, resamples=RESAMPLES
        )

    with noting(notes, "all classes"):
        areas = {
            "macro_auc": area("macro", "roc_auc"),
            "macro_average_precision": area("macro", "average_precision"),
            "micro_auc": area("micro", "roc_auc"),
            "micro_average_precision": area("micro", "average_precision"),
            "macro_auc_bca": area("macro", "roc_auc", "bca"),
            "accuracy": mean_ci(predicted == labels, patients, resamples=RESAMPLES),
        }
    return Classification(
        cases=len(scored),
        **areas,
        classes=classes,
        confusion=confusion(class_names, scored),
        calibration=_calibration(class_names, scored, chosen_on, notes),
    )


def confusion(class_names: tuple[str, ...], scored: Scored) -> Confusion:
    """Count radiographs by label and most probable class."""
    matrix = confusion_matrix(scored.labels, scored.class_probs.argmax(axis=1), len(class_names))
    return Confusion(class_names, tuple(tuple(row) for row in matrix.tolist()))


def _measure_class(name: str, number: int, scored: Scored, chosen_on: Scored, notes: list[str]) -> ClassResult:
    """Measure one class against all others."""
    is_class, scores = (scored.labels == number).astype(np.int64), scored.class_probs[:, number]
    cases = int(is_class.sum())
    if not 0 < cases < len(is_class):
        notes.append(f"{name}: {cases} of {len(is_class)} radiographs, so it has no ROC curve")
        return ClassResult(cases, None)
    with noting(notes, name):
        auc, auc_bca, auc_delong = (
            roc_auc_ci(is_class, scores, method=method, groups=scored.patients, resamples=RESAMPLES)
            for method in ("bootstrap", "bca", "delong")
        )
        precision = average_precision_ci(is_class, scores, scored.patients, resamples=RESAMPLES)
    points = _operating_points(name, number, is_class, scores, chosen_on, notes)
    return ClassResult(cases, auc, auc_bca, auc_delong, precision, points)


def _operating_points(
    name: str,
    number: int,
    is_class: NDArray[np.int64],
    scores: NDArray[np.float64],
    chosen_on: Scored,
    notes: list[str],
) -> tuple[ClassOperatingPoint, ...] | None:
    """Choose thresholds on validation and apply them once to the measured radiographs."""
    of_class, validation_scores = (chosen_on.labels == number).astype(np.int64), chosen_on.class_probs[:, number]
    if not 0 < of_class.sum() < len(of_class):
        notes.append(
            f"{name}: {of_class.sum()} of {len(of_class)} validation radiographs, so no threshold can be chosen"
        )
        return None
    rules = (
        ("Youden", "largest sensitivity + specificity - 1", youden_threshold(of_class, validation_scores)),
        (
            f"specificity {SPECIFICITY:g}",
            f"largest sensitivity at a specificity of at least {SPECIFICITY:g}",
            specificity_threshold(of_class, validation_scores, SPECIFICITY),
        ),
    )
    points = []
    for rule_name, rule, threshold in rules:
        point = at_threshold(is_class, scores, threshold)
        points.append(
            ClassOperatingPoint(
                name=rule_name,
                rule=rule,
                chosen_on="validation",
                thresholds=(threshold,),
                sensitivity=point.sensitivity,
                specificity=point.specificity,
                true_positives=point.true_positives,
                false_negatives=point.false_negatives,
                true_negatives=point.true_negatives,
                false_positives=point.false_positives,
            )
        )
    return tuple(points)


def _calibration(class_names: tuple[str, ...], scored: Scored, chosen_on: Scored, notes: list[str]) -> Calibration:
    class_probs = scale_by_temperature(scored.class_probs, 1.0)  # normalised to a sum of 1
    if not np.allclose(class_probs, scored.class_probs, atol=1e-4):
        notes.append("calibration: each class has a sigmoid of its own, so probabilities were divided by their sum")
    temperature = None
    if len(chosen_on):
        with noting(notes, "temperature"):
            temperature = fit_temperature(chosen_on.labels, to_logits(chosen_on.class_probs))
    else:
        notes.append("temperature: there is no labelled validation radiograph to fit it on")
    after = None if temperature is None else scale_by_temperature(scored.class_probs, temperature)
    return Calibration(
        temperatures=(temperature,),
        fitted_on="validation",
        bins=BINS,
        before=calibration_state(class_names, scored, class_probs, notes),
        after=None if after is None else calibration_state(class_names, scored, after, notes),
    )


def calibration_state(
    class_names: tuple[str, ...], scored: Scored, class_probs: NDArray[np.float64], notes: list[str]
) -> CalibrationState:
    """Measure the calibration of probabilities that sum to 1."""
    is_right, confidence = class_probs.argmax(axis=1) == scored.labels, class_probs.max(axis=1)
    with noting(notes, "calibration"):
        brier = mean_ci(brier_scores(scored.labels, class_probs), scored.patients, resamples=RESAMPLES)
        log_loss = mean_ci(log_losses(scored.labels, class_probs), scored.patients, resamples=RESAMPLES)
    return CalibrationState(
        brier=brier,
        log_loss=log_loss,
        # Without an interval: resampling increases the error, so a bootstrap interval would not contain it.
        expected_calibration_error=Estimate(expected_calibration_error(is_right, confidence, bins=BINS)),
        reliability=tuple(reliability_curve(is_right, confidence, bins=BINS)),
        classes={
            name: tuple(reliability_curve(scored.labels == number, class_probs[:, number], bins=BINS))
            for number, name in enumerate(class_names)
        },
    )
