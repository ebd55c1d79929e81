"""The classification head's figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egaze.evaluation.figures import RESAMPLES, figure, plain
from egaze.metrics import (
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
from egaze.metrics.calibration import ReliabilityBin, to_logits
from egaze.metrics.notes import noting
from egaze.study import Study
from egaze.training.engine import Predictions

#: The specificity that thresholds are chosen to keep.
SPECIFICITY = 0.9
BINS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """The labelled films of one side: labels (N,), class_probs (N, C) float64, patients (N,)."""

    labels: NDArray[np.int64]
    class_probs: NDArray[np.float64]
    patients: NDArray[np.int64]

    @classmethod
    def of(cls, study: Study, predictions: Predictions) -> Scored:
        labels = study.labels[predictions.case_index]
        known = labels >= 0
        class_probs = predictions.class_probs[known].astype(np.float64)
        return cls(labels[known], class_probs, study.patients[predictions.case_index][known])

    def __len__(self) -> int:
        return len(self.labels)

    def none(self) -> Scored:
        """No film, of as many classes."""
        return Scored(self.labels[:0], self.class_probs[:0], self.patients[:0])


def classification_figures(
    class_names: tuple[str, ...], scored: Scored, chosen_on: Scored, notes: list[str]
) -> dict[str, Any] | None:
    """Everything about the classes; None where fewer than two have a film. See `egaze.evaluation.stored` for the keys.

    Args:
        class_names: in the order of the classes.
        scored: the films that are measured.
        chosen_on: the validation films, which choose thresholds and temperature; may be empty.
        notes: gets what the figures' reader must be told.
    """
    labels, class_probs, patients = scored.labels, scored.class_probs, scored.patients
    if len(np.unique(labels)) < 2:
        notes.append("classification: fewer than two classes have a film here, so there is nothing to tell apart")
        return None
    classes = {name: _class_figures(name, number, scored, chosen_on, notes) for number, name in enumerate(class_names)}
    predicted = class_probs.argmax(axis=1)
    with noting(notes, "all classes"):
        areas = {
            f"{average}_{name}": figure(
                multiclass_ci(labels, class_probs, patients, measure=measure, average=average, resamples=RESAMPLES)
            )
            for average in ("macro", "micro")
            for name, measure in (("auc", "roc_auc"), ("average_precision", "average_precision"))
        }
        bca = multiclass_ci(labels, class_probs, patients, method="bca", resamples=RESAMPLES)
        accuracy = mean_ci(predicted == labels, patients, resamples=RESAMPLES)
    return {
        "cases": len(scored),
        **areas,
        "macro_auc_bca": figure(bca),
        "accuracy": figure(accuracy),
        "classes": classes,
        "confusion": {
            "classes": list(class_names),
            "matrix": confusion_matrix(labels, predicted, len(class_names)).tolist(),
        },
        "calibration": _calibration(class_names, scored, chosen_on, notes),
    }


def _class_figures(name: str, number: int, scored: Scored, chosen_on: Scored, notes: list[str]) -> dict[str, Any]:
    """One class against the others."""
    is_class, scores = (scored.labels == number).astype(np.int64), scored.class_probs[:, number]
    figures: dict[str, Any] = {"cases": int(is_class.sum())}
    if not 0 < is_class.sum() < len(is_class):
        notes.append(f"{name}: {figures['cases']} of {len(is_class)} films, so it has no ROC curve")
        return figures | dict.fromkeys(("auc", "auc_bca", "auc_delong", "average_precision", "operating_points"))
    with noting(notes, name):
        for key, method in (("auc", "bootstrap"), ("auc_bca", "bca"), ("auc_delong", "delong")):
            interval = roc_auc_ci(is_class, scores, method=method, groups=scored.patients, resamples=RESAMPLES)
            figures[key] = figure(interval)
        precision = average_precision_ci(is_class, scores, scored.patients, resamples=RESAMPLES)
        figures["average_precision"] = figure(precision)
    figures["operating_points"] = _operating_points(name, number, is_class, scores, chosen_on, notes)
    return figures


def _operating_points(
    name: str,
    number: int,
    is_class: NDArray[np.int64],
    scores: NDArray[np.float64],
    chosen_on: Scored,
    notes: list[str],
) -> list[dict[str, Any]] | None:
    """Thresholds that validation chose, applied here once."""
    of_class, validation_scores = (chosen_on.labels == number).astype(np.int64), chosen_on.class_probs[:, number]
    if not 0 < of_class.sum() < len(of_class):
        notes.append(f"{name}: {of_class.sum()} of {len(of_class)} validation films, so no threshold can be chosen")
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
        intervals = {key: figure(getattr(point, key)) for key in ("sensitivity", "specificity")}
        points.append({"name": rule_name, "rule": rule, "chosen_on": "validation", **asdict(point), **intervals})
    return points


def _calibration(class_names: tuple[str, ...], scored: Scored, chosen_on: Scored, notes: list[str]) -> dict[str, Any]:
    class_probs = scale_by_temperature(scored.class_probs, 1.0)  # of sum 1
    if not np.allclose(class_probs, scored.class_probs, atol=1e-4):
        notes.append("calibration: classes are answered one by one, so their probabilities were divided by their sum")
    temperature = None
    if len(chosen_on):
        with noting(notes, "temperature"):
            temperature = fit_temperature(chosen_on.labels, to_logits(chosen_on.class_probs))
    else:
        notes.append("temperature: no labelled validation film to fit it on")
    after = None if temperature is None else scale_by_temperature(scored.class_probs, temperature)
    return {
        "temperature": temperature,
        "fitted_on": "validation",
        "bins": BINS,
        "before": calibration_figures(class_names, scored, class_probs, notes),
        "after": None if after is None else calibration_figures(class_names, scored, after, notes),
    }


def calibration_figures(
    class_names: tuple[str, ...], scored: Scored, class_probs: NDArray[np.float64], notes: list[str]
) -> dict[str, Any]:
    """How far probabilities of sum 1 are borne out."""
    is_right, confidence = class_probs.argmax(axis=1) == scored.labels, class_probs.max(axis=1)
    with noting(notes, "calibration"):
        brier = mean_ci(brier_scores(scored.labels, class_probs), scored.patients, resamples=RESAMPLES)
        log_loss = mean_ci(log_losses(scored.labels, class_probs), scored.patients, resamples=RESAMPLES)
    return {
        "brier": figure(brier),
        "log_loss": figure(log_loss),
        # Resampling moves it up, so that a bootstrap interval would not hold it.
        "expected_calibration_error": plain(expected_calibration_error(is_right, confidence, bins=BINS)),
        "reliability": _bins(reliability_curve(is_right, confidence, bins=BINS)),
        "classes": {
            name: _bins(reliability_curve(scored.labels == number, class_probs[:, number], bins=BINS))
            for number, name in enumerate(class_names)
        },
    }


def _bins(curve: list[ReliabilityBin]) -> list[dict[str, Any]]:
    return [asdict(item) for item in curve]
