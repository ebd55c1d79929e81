"""Measuring the classification head."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egaze.evaluation.class_calibration import BINS, class_calibration
from egaze.evaluation.means import RESAMPLES
from egaze.evaluation.results import (
    Calibration,
    CalibrationState,
    Classification,
    ClassOperatingPoint,
    ClassResult,
    Confusion,
)
from egaze.labels import Labels
from egaze.metrics import (
    Estimate,
    at_threshold,
    average_precision_ci,
    brier_scores,
    confusion_matrix,
    enough_cases,
    expected_calibration_error,
    fit_temperature,
    log_losses,
    mean_ci,
    multiclass_ci,
    multilabel_ci,
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


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """The radiographs of a split that predictions can be judged on.

    Attributes:
        labels: of N radiographs, each with a certain label of some class.
        class_probs: (N, C) float64.
        patients: (N,).
    """

    labels: Labels
    class_probs: NDArray[np.float64]
    patients: NDArray[np.int64]

    @classmethod
    def of(cls, study: Study, predictions: Predictions) -> Scored:
        return cls.of_cases(study, predictions.case_index, predictions.class_probs)

    @classmethod
    def of_cases(cls, study: Study, cases: NDArray[np.int64], class_probs: NDArray[np.floating]) -> Scored:
        """Return the radiographs with a certain label among the cases."""
        judged = is_judged(study.labels.of(cases))
        return cls(
            study.labels.of(cases[judged]), class_probs[judged].astype(np.float64), study.patients[cases[judged]]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def none(self) -> Scored:
        """Return the same without any radiograph."""
        return self.where(np.zeros(len(self), dtype=bool))

    def where(self, chosen: NDArray[np.bool_]) -> Scored:
        """Return some of the radiographs."""
        return Scored(self.labels.of(chosen), self.class_probs[chosen], self.patients[chosen])

    def of_class(self, number: int) -> ScoredClass:
        """Return the radiographs of which one class is known."""
        answers = self.labels.answers[:, number]
        known = ~np.isnan(answers)
        is_class = (answers[known] == 1).astype(np.int64)
        return ScoredClass(is_class, self.class_probs[known, number], self.patients[known])


@dataclass(frozen=True, slots=True, eq=False)
class ScoredClass:
    """The radiographs of which one class is known: (N,) 1 or 0, (N,) probabilities of the class, and (N,) patients."""

    is_class: NDArray[np.int64]
    probs: NDArray[np.float64]
    patients: NDArray[np.int64]

    @property
    def has_both(self) -> bool:
        """Whether some have the class and some have not."""
        return 0 < int(self.is_class.sum()) < len(self.is_class)


def is_judged(labels: Labels) -> NDArray[np.bool_]:
    """(N,) whether a case has a certain label of any class."""
    judged: NDArray[np.bool_] = np.any(np.isfinite(labels.answers), axis=1)
    return judged


def measure_classification(
    class_names: tuple[str, ...], scored: Scored, chosen_on: Scored, notes: list[str]
) -> Classification | None:
    """Compute all classification results.

    Args:
        class_names: class names in order.
        scored: the radiographs to measure.
        chosen_on: the validation radiographs that thresholds and temperature are chosen on; may be empty.
        notes: receives remarks on the results.

    Returns:
        None if fewer than two exclusive classes have a radiograph, or of no independent class both radiographs with it
        and without it are known.
    """
    if why := why_not_measured(scored.labels):
        notes.append(f"classification: {why}, so nothing is measured")
        return None
    classes = {
        name: _measure_class(name, scored.of_class(number), chosen_on.of_class(number), notes)
        for number, name in enumerate(class_names)
    }
    if scored.labels.kind == "independent":
        return _of_independent(scored, chosen_on, classes, notes)
    labels, class_probs, patients = scored.labels.values, scored.class_probs, scored.patients
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
        label_kind="exclusive",
        **areas,
        classes=classes,
        confusion=confusion(class_names, scored),
        calibration=_calibration(class_names, scored, chosen_on, notes),
    )


def why_not_measured(labels: Labels) -> str:
    """Say why classification cannot be measured on radiographs with these labels; empty if it can."""
    answers = labels.answers
    if labels.kind == "exclusive":
        has_two = (answers == 1).any(axis=0).sum() >= 2
        return "" if has_two else "fewer than two classes have a radiograph in this split"
    has_both = (answers == 1).any(axis=0) & (answers == 0).any(axis=0)
    return "" if has_both.any() else "no class has both radiographs with it and without it in this split"


def _of_independent(
    scored: Scored, chosen_on: Scored, classes: dict[str, ClassResult], notes: list[str]
) -> Classification:
    """Complete the results of independent classes by averages over them and by the calibration of each."""
    answers = scored.labels.answers
    note_few(scored.labels, classes, notes)

    def area(average: str, measure: str, method: str = "percentile") -> Estimate:
        return multilabel_ci(
            answers,
            scored.class_probs,
            scored.patients,
            measure=measure,
            average=average,
            method=method,
            resamples=RESAMPLES,
        )

    with noting(notes, "all classes"):
        return Classification(
            cases=len(scored),
            label_kind="independent",
            macro_auc=area("macro", "roc_auc"),
            macro_average_precision=area("macro", "average_precision"),
            micro_auc=area("micro", "roc_auc"),
            micro_average_precision=area("micro", "average_precision"),
            macro_auc_bca=area("macro", "roc_auc", "bca"),
            accuracy=None,
            classes={
                name: replace(
                    result,
                    calibration=class_calibration(name, scored.of_class(number), chosen_on.of_class(number), notes),
                )
                for number, (name, result) in enumerate(classes.items())
            },
        )


def note_few(labels: Labels, classes: dict[str, ClassResult], notes: list[str]) -> None:
    """Note the classes that have too few radiographs to count in averages over independent classes."""
    for (name, result), is_enough in zip(classes.items(), enough_cases(labels.answers), strict=True):
        if not is_enough and result.auc is not None:
            notes.append(
                f"{name}: {result.cases} radiographs with it and {result.judged - result.cases} without it are too "
                "few, so it does not count in averages over classes"
            )


def to_judge(labels: Labels) -> NDArray[Any]:
    """Return labels as `egaze.metrics` takes them: (N,) exclusive classes, or (N, C) answers of independent ones."""
    return labels.values if labels.kind == "exclusive" else labels.answers


def confusion(class_names: tuple[str, ...], scored: Scored) -> Confusion:
    """Count radiographs by label and most probable class."""
    matrix = confusion_matrix(scored.labels.values, scored.class_probs.argmax(axis=1), len(class_names))
    return Confusion(class_names, tuple(tuple(row) for row in matrix.tolist()))


def _measure_class(name: str, scored: ScoredClass, chosen_on: ScoredClass, notes: list[str]) -> ClassResult:
    """Measure one class against all others."""
    is_class, scores = scored.is_class, scored.probs
    cases = int(is_class.sum())
    if not scored.has_both:
        notes.append(f"{name}: {cases} of {len(is_class)} radiographs, so it has no ROC curve")
        return ClassResult(cases, len(is_class), None)
    with noting(notes, name):
        auc, auc_bca, auc_delong = (
            roc_auc_ci(is_class, scores, method=method, groups=scored.patients, resamples=RESAMPLES)
            for method in ("bootstrap", "bca", "delong")
        )
        precision = average_precision_ci(is_class, scores, scored.patients, resamples=RESAMPLES)
    points = _operating_points(name, scored, chosen_on, notes)
    return ClassResult(cases, len(is_class), auc, auc_bca, auc_delong, precision, points)


def _operating_points(
    name: str, scored: ScoredClass, chosen_on: ScoredClass, notes: list[str]
) -> tuple[ClassOperatingPoint, ...] | None:
    """Choose thresholds on validation and apply them once to the measured radiographs."""
    of_class, validation_scores = chosen_on.is_class, chosen_on.probs
    if not chosen_on.has_both:
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
        point = at_threshold(scored.is_class, scored.probs, threshold)
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
            temperature = fit_temperature(chosen_on.labels.values, to_logits(chosen_on.class_probs))
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
    labels = scored.labels.values
    is_right, confidence = class_probs.argmax(axis=1) == labels, class_probs.max(axis=1)
    with noting(notes, "calibration"):
        brier = mean_ci(brier_scores(labels, class_probs), scored.patients, resamples=RESAMPLES)
        log_loss = mean_ci(log_losses(labels, class_probs), scored.patients, resamples=RESAMPLES)
    return CalibrationState(
        brier=brier,
        log_loss=log_loss,
        # Without an interval: resampling increases the error, so a bootstrap interval would not contain it.
        expected_calibration_error=Estimate(expected_calibration_error(is_right, confidence, bins=BINS)),
        reliability=tuple(reliability_curve(is_right, confidence, bins=BINS)),
        classes={
            name: tuple(reliability_curve(labels == number, class_probs[:, number], bins=BINS))
            for number, name in enumerate(class_names)
        },
    )
