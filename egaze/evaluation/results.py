"""The result of an evaluation: the types of `Evaluation.metrics`, whose fields are the keys of metrics.json.

An `Estimate` is a value with a 95 % interval. The whole estimate is None (null in the file) if the metric is undefined,
and its bounds are NaN (null) if it has no interval; `EvaluationResult.warnings` says why.
"""

from __future__ import annotations

from dataclasses import dataclass

from egaze.evaluation.gaze_results import MapAgreement, Scanpaths
from egaze.labels import LabelKind
from egaze.metrics import Estimate
from egaze.metrics.calibration import ReliabilityBin
from egaze.metrics.literature import Published

#: Estimates by the names of the metrics of agreement with gaze; see `MapAgreement.definitions`.
Estimates = dict[str, Estimate | None]


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """The results of a run, or of a set of runs, on one split of its study.

    Attributes:
        split: "train", "validation" or "test".
        chosen_on: the split that chose the epoch.
        optimistic: whether this is the split that chose the epoch, so that results are better than on new radiographs.
        synthetic: whether the radiographs and gaze are synthetic.
        cases, patients: how many were predicted.
        folds: number of folds of a cross-validated set, else None.
        seeds: seeds of the training; a single run has one.
        intervals: how intervals were computed, in words.
        warnings: remarks on the results, one per item.
        trained: which heads the recipe trained; others are not measured.
        classification: None if the classifier was not trained, or fewer than two classes have a radiograph.
        heatmap: None if there is no trained heatmap head, or no gaze.
        readers: how well readers agree on the classes, and the model with them; None without their labels.
        scanpath: how readers read the radiographs; None if there is no gaze.
        published: results from papers on EGD-CXR's published splits; empty for any other study or split.
        runs: each run of a set by itself; empty for a single run.
    """

    split: str
    chosen_on: str
    optimistic: bool
    synthetic: bool
    cases: int
    patients: int
    folds: int | None
    seeds: tuple[int, ...]
    intervals: str
    warnings: tuple[str, ...]
    trained: TrainedHeads
    classification: Classification | None
    heatmap: MapAgreement | None
    scanpath: Scanpaths | None
    readers: ReaderAgreement | None
    published: tuple[Published, ...]
    runs: tuple[MemberResult, ...]


@dataclass(frozen=True, slots=True)
class TrainedHeads:
    """Which heads were trained by a stage of the recipe."""

    classification: bool
    heatmap: bool


@dataclass(frozen=True, slots=True)
class Classification:
    """The classifier's results. For a set of runs, only the AUCs and the accuracy are given; the others are None.

    Attributes:
        cases: number of labelled radiographs.
        label_kind: whether the classes are exclusive or independent. Of independent classes, accuracy, confusion and
            calibration are None: each class is measured by itself.
        macro_auc, macro_average_precision: mean over the classes for which it is defined; of independent classes, over
            those of `egaze.metrics.enough_cases`, and NaN if there is none.
        micro_auc, micro_average_precision: over all pairs of a radiograph and such a class.
        macro_auc_bca: the macro AUC with a BCa interval; all other intervals are percentile intervals.
        accuracy: fraction of radiographs whose most probable class is their label.
        classes: results of each class.
        confusion: radiographs by label and most probable class.
        calibration: how well probabilities match frequencies.
    """

    cases: int
    label_kind: LabelKind
    macro_auc: Estimate
    accuracy: Estimate | None
    classes: dict[str, ClassResult]
    micro_auc: Estimate | None = None
    macro_average_precision: Estimate | None = None
    micro_average_precision: Estimate | None = None
    macro_auc_bca: Estimate | None = None
    confusion: Confusion | None = None
    calibration: Calibration | None = None

    @property
    def one_auc_class(self) -> str | None:
        """The second class if there are two whose AUCs are equal, as softmax makes them; else None."""
        if self.label_kind == "independent":
            return None
        areas = [item.auc for item in self.classes.values()]
        if len(areas) != 2 or areas[0] is None or areas[1] is None:
            return None
        return list(self.classes)[1] if abs(areas[0].value - areas[1].value) <= 1e-9 else None

    @property
    def one_auc_title(self) -> str | None:
        """A title for the AUC that two classes share, such as "normal against chf"; else None."""
        return None if self.one_auc_class is None else " against ".join(self.classes)


@dataclass(frozen=True, slots=True)
class ClassResult:
    """One class against all others.

    Attributes:
        cases: number of radiographs of the class.
        judged: number of radiographs of which the class is known, which all metrics are of.
        auc, auc_bca, auc_delong: AUC with percentile, BCa and DeLong intervals; DeLong's takes radiographs to be
            independent. None if all radiographs are of the class, or none is.
        average_precision: with a percentile interval.
        operating_points: None if no threshold could be chosen.
        calibration: of an independent class, how well its probability matches its frequency.
    """

    cases: int
    judged: int
    auc: Estimate | None
    auc_bca: Estimate | None = None
    auc_delong: Estimate | None = None
    average_precision: Estimate | None = None
    operating_points: tuple[ClassOperatingPoint, ...] | None = None
    calibration: ClassCalibration | None = None

    @property
    def prevalence(self) -> float | None:
        """The share of the radiographs that have the class, among those of which that is known."""
        return self.cases / self.judged if self.judged else None


@dataclass(frozen=True, slots=True)
class ClassOperatingPoint:
    """Sensitivity and specificity at thresholds that were chosen on other radiographs. Intervals are Wilson's.

    Attributes:
        name: such as "Youden" or "specificity 0.9".
        rule: how thresholds were chosen, in words.
        chosen_on: the split that they were chosen on.
        thresholds: one for each run that predicts radiographs. A radiograph is positive if its probability is at least
            the threshold of the run that predicts it.
        sensitivity, specificity: NaN if no radiograph is of the class, or all are.
        true_positives, false_negatives, true_negatives, false_positives: numbers of radiographs.
    """

    name: str
    rule: str
    chosen_on: str
    thresholds: tuple[float, ...]
    sensitivity: Estimate
    specificity: Estimate
    true_positives: int
    false_negatives: int
    true_negatives: int
    false_positives: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """Radiographs by label and prediction: `matrix` has one row per label and one column per predicted class, in the
    order of `classes`."""

    classes: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Calibration of the class probabilities before and after temperature scaling.

    Attributes:
        temperatures: one for each run that predicts radiographs; None if it could not be fitted.
        fitted_on: the split that they were fitted on.
        bins: number of bins of the reliability curves and the expected calibration error.
        before: without temperature scaling.
        after: with it; None if a temperature is None.
    """

    temperatures: tuple[float | None, ...]
    fitted_on: str
    bins: int
    before: CalibrationState
    after: CalibrationState | None


@dataclass(frozen=True, slots=True)
class CalibrationState:
    """Calibration metrics at one temperature.

    Attributes:
        brier: mean Brier score; lower is better.
        log_loss: mean log loss in nats; lower is better.
        expected_calibration_error: without an interval, because resampling increases it.
        reliability: reliability curve of the most probable class; empty bins are left out.
        classes: the same for each class.
    """

    brier: Estimate
    log_loss: Estimate
    expected_calibration_error: Estimate
    reliability: tuple[ReliabilityBin, ...]
    classes: dict[str, tuple[ReliabilityBin, ...]]


@dataclass(frozen=True, slots=True)
class ClassCalibration:
    """Calibration of the probability of one independent class, before and after temperature scaling.

    Attributes:
        temperature: by which the class's logit is divided; None if it could not be fitted.
        fitted_on: the split that it was fitted on.
        bins: number of bins of the reliability curves and the expected calibration error.
        before: without temperature scaling.
        after: with it; None if the temperature is.
    """

    temperature: float | None
    fitted_on: str
    bins: int
    before: ClassCalibrationState
    after: ClassCalibrationState | None


@dataclass(frozen=True, slots=True)
class ClassCalibrationState:
    """Calibration metrics of one class at one temperature.

    Attributes:
        brier: mean squared difference of the probability and 1 or 0; lower is better.
        log_loss: mean log loss in nats; lower is better.
        expected_calibration_error: without an interval, because resampling increases it.
        reliability: the observed frequency by predicted probability; empty bins are left out.
    """

    brier: Estimate
    log_loss: Estimate
    expected_calibration_error: Estimate
    reliability: tuple[ReliabilityBin, ...]


@dataclass(frozen=True, slots=True)
class ReaderAgreement:
    """Agreement of several readers who labelled the same radiographs: of how many readers, and of each class."""

    readers: int
    classes: dict[str, ReaderKappa]


@dataclass(frozen=True, slots=True)
class ReaderKappa:
    """Kappa of one class, on the radiographs that at least two readers labelled with certainty.

    Attributes:
        cases: number of these radiographs.
        readings: number of their labels.
        readers: kappa between readers; see `egaze.metrics.readers_kappa_ci`. None if it is undefined.
        model: kappa of the model with readers on the same radiographs; None if it is undefined, or without a threshold.
        model_calls: by which threshold the model calls the class present; None without one.
    """

    cases: int
    readings: int
    readers: Estimate | None
    model: Estimate | None
    model_calls: str | None


@dataclass(frozen=True, slots=True)
class MemberResult:
    """One run of a set on its own radiographs, without intervals, to show how much folds and seeds differ.

    Attributes:
        run: name of the run.
        fold: None in a set without folds.
        seed: seed of its training.
        cases: number of radiographs.
        macro_auc: None if undefined.
        cc: mean correlation of its heatmaps with gaze; None if it has no heatmaps.
    """

    run: str
    fold: int | None
    seed: int
    cases: int
    macro_auc: float | None
    cc: float | None
