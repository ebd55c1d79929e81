"""What an evaluation finds: the types of `Evaluation.metrics`, whose fields are the keys of metrics.json.

An `Estimate` is a number with a 95 % interval. It is None (null) where the number is not defined, and its bounds are
NaN (null) where it has no interval; `EvaluationResult.warnings` says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from egaze.metrics import Estimate
from egaze.metrics.calibration import ReliabilityBin
from egaze.metrics.literature import Published
from egaze.targets import FixationHeatmap

#: A key for each metric of agreement with gaze; see `MapAgreement.definitions`.
Estimates = dict[str, Estimate | None]


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """A run, or a set of runs, judged on one split of its study.

    Attributes:
        split: "train", "validation" or "test".
        chosen_on: the split that chose the epoch.
        optimistic: whether that is the split judged, so that its figures are better than on new radiographs.
        synthetic: whether a program made the radiographs and the gaze.
        cases, patients: how many were predicted.
        folds: of a cross-validated set, else None.
        seeds: of the training; one of a single run.
        intervals: how the intervals were made, in words.
        warnings: what must be said beside the results, a line each.
        trained: which heads the recipe trained; the others are not judged.
        classification: None where the classifier was not trained, or fewer than two classes have a radiograph.
        heatmap: None without a heatmap head that was trained, or without gaze.
        scanpath: how readers read the radiographs; None without gaze.
        published: what papers report on EGD-CXR's published splits; empty for any other study or split.
        runs: of a set, each run alone; empty for a single run.
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
    published: tuple[Published, ...]
    runs: tuple[MemberResult, ...]


@dataclass(frozen=True, slots=True)
class TrainedHeads:
    """Which heads a stage of the recipe trained."""

    classification: bool
    heatmap: bool


@dataclass(frozen=True, slots=True)
class Classification:
    """The classifier's figures. A set of runs has its areas and accuracy, and of the rest None.

    Attributes:
        cases: labelled radiographs.
        macro_auc, macro_average_precision: means over the classes that have one.
        micro_auc, micro_average_precision: of all pairs of a radiograph and a class.
        macro_auc_bca: the same area with a BCa interval; all others are percentiles.
        accuracy: how often the most probable class is right.
        classes: one by one.
        confusion: radiographs by label and most probable class.
        calibration: whether confidence is borne out.
    """

    cases: int
    macro_auc: Estimate
    accuracy: Estimate
    classes: dict[str, ClassResult]
    micro_auc: Estimate | None = None
    macro_average_precision: Estimate | None = None
    micro_average_precision: Estimate | None = None
    macro_auc_bca: Estimate | None = None
    confusion: Confusion | None = None
    calibration: Calibration | None = None

    @property
    def one_auc_class(self) -> str | None:
        """Of two classes whose AUCs are one number, as softmax makes them, the second; else None."""
        areas = [item.auc for item in self.classes.values()]
        if len(areas) != 2 or areas[0] is None or areas[1] is None:
            return None
        return list(self.classes)[1] if abs(areas[0].value - areas[1].value) <= 1e-9 else None

    @property
    def one_auc_title(self) -> str | None:
        """What that one area is of, "normal against chf"; else None."""
        return None if self.one_auc_class is None else " against ".join(self.classes)


@dataclass(frozen=True, slots=True)
class ClassResult:
    """One class against the others.

    Attributes:
        cases: radiographs of the class.
        auc, auc_bca, auc_delong: with intervals by percentiles, BCa, and DeLong (radiographs independent); None where
            all radiographs are of the class, or none is.
        average_precision: with percentiles.
        operating_points: None where no threshold could be chosen.
    """

    cases: int
    auc: Estimate | None
    auc_bca: Estimate | None = None
    auc_delong: Estimate | None = None
    average_precision: Estimate | None = None
    operating_points: tuple[ClassOperatingPoint, ...] | None = None


@dataclass(frozen=True, slots=True)
class ClassOperatingPoint:
    """Thresholds that were chosen on other radiographs, applied once to these. Intervals are Wilson's.

    Attributes:
        name: such as "Youden" or "specificity 0.9".
        rule: by which thresholds were chosen, in words.
        chosen_on: the split that chose them.
        thresholds: one for each run that answers radiographs; a radiograph is called at a probability of at least its
            run's.
        sensitivity, specificity: NaN without radiographs of the class, or of the others.
        true_positives, false_negatives, true_negatives, false_positives: radiographs.
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
    """Radiographs by label and most probable class: `matrix` has a row a label and a column an answer, as `classes`
    go."""

    classes: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far probabilities are borne out, before and after temperature scaling.

    Attributes:
        temperatures: one for each run that answers radiographs; None where it could not be fitted.
        fitted_on: the split that they were fitted on.
        bins: of the reliability curves and the expected calibration error.
        before, after: `after` is None where a temperature is.
    """

    temperatures: tuple[float | None, ...]
    fitted_on: str
    bins: int
    before: CalibrationState
    after: CalibrationState | None


@dataclass(frozen=True, slots=True)
class CalibrationState:
    """Probabilities as they are at one temperature.

    Attributes:
        brier, log_loss: means over radiographs, less is better; log loss in nats.
        expected_calibration_error: without an interval, since resampling moves it up.
        reliability: of the most probable class, the bins that have radiographs.
        classes: the same of each class.
    """

    brier: Estimate
    log_loss: Estimate
    expected_calibration_error: Estimate
    reliability: tuple[ReliabilityBin, ...]
    classes: dict[str, tuple[ReliabilityBin, ...]]


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """What a metric of agreement with gaze measures; `egaze.metrics.gaze_metrics.GazeMetric` says more.

    Attributes:
        title: what tables call it.
        unit: empty for a pure number.
        more_is_better: else less is.
        against: whether it compares a map with the reader's heatmap or with the fixations themselves.
        remark: what else decides its value.
        digits: that are shown behind the decimal point.
    """

    title: str
    unit: str
    more_is_better: bool
    against: Literal["heatmap", "fixations"]
    remark: str
    digits: int


@dataclass(frozen=True, slots=True)
class MapAgreement:
    """How well predicted maps agree with gaze: means over radiographs.

    Attributes:
        cases: radiographs with gaze on them.
        size_px: side of the maps.
        sigma_px: of the heatmaps that they are compared with.
        target: how those are made.
        target_kind: what maps are compared with, in words.
        trained_towards: the recipe's `heatmap_target`, "gaze" or "egd".
        definitions: the metrics, in the order to be shown.
        predicted: of the predicted maps.
        centre_bias: of the centre-bias map, the mean of the training heatmaps, which knows no radiograph.
        over_centre_bias: the paired differences.
        ceiling: what other readers' gaze reaches; None where no radiograph has several readers, and for a set.
    """

    cases: int
    size_px: int
    sigma_px: float
    target: FixationHeatmap
    target_kind: str
    trained_towards: str
    definitions: dict[str, MetricDefinition]
    predicted: Estimates
    centre_bias: Estimates
    over_centre_bias: Estimates
    ceiling: ReaderCeiling | None

    def against(self, name: str) -> str:
        """What a metric compares maps with, in words."""
        if self.definitions[name].against == "heatmap":
            return f"heatmap, sigma {self.sigma_px:.1f} px of {self.size_px}, weight {self.target.weight}"
        return f"fixations on {self.size_px} x {self.size_px} px"


@dataclass(frozen=True, slots=True)
class ReaderCeiling:
    """The radiographs that several readers read.

    Attributes:
        cases: readings of such radiographs.
        readers: of the map of the other readers' gaze.
        predicted: of the predicted maps on the same radiographs.
        under_ceiling: the paired differences.
    """

    cases: int
    readers: Estimates
    predicted: Estimates
    under_ceiling: Estimates


@dataclass(frozen=True, slots=True)
class Scanpaths:
    """How radiographs were read: means over readings.

    Attributes:
        cases: readings.
        cases_relative: of them, those whose durations are in no unit of time; dwell times are of the others.
        size_px: side of the canvas.
        radius_px: of what a fixation covers.
        coverage: its definition in words.
        fixations_not_shown: left out because they lie outside the part of the radiograph that was on the screen.
        fixations: a reading.
        dwell_s: None where all durations are relative.
        coverage_frac: share of the radiograph.
        regions: by their names.
    """

    cases: int
    cases_relative: int
    size_px: int
    radius_px: float
    coverage: str
    fixations_not_shown: int
    fixations: Estimate | None
    dwell_s: Estimate | None
    coverage_frac: Estimate | None
    regions: dict[str, RegionReading]


@dataclass(frozen=True, slots=True)
class RegionReading:
    """How the regions of one name were read.

    Attributes:
        cases: readings of radiographs that have such a region.
        cases_fixated: of them, with a fixation in it.
        cases_relative: of them, with relative durations.
        cases_timed: of them, with a first fixation in it whose time is known.
        fixations, dwell_s: in the region.
        dwell_frac: share of the reading's dwell time.
        coverage_frac: share of the region.
        area_frac: the region's share of the radiograph.
        first_fixation_s: since the reading began.
    """

    cases: int
    cases_fixated: int
    cases_relative: int
    cases_timed: int
    fixations: Estimate | None
    dwell_s: Estimate | None
    dwell_frac: Estimate | None
    coverage_frac: Estimate | None
    area_frac: Estimate | None
    first_fixation_s: Estimate | None


@dataclass(frozen=True, slots=True)
class MemberResult:
    """One run of a set on its own radiographs, without intervals: how much folds and seeds differ.

    Attributes:
        run: its name.
        fold: None in a set without folds.
        seed: of its training.
        cases: radiographs.
        macro_auc: None where it is not defined.
        cc: mean correlation of its maps with gaze; None without maps.
    """

    run: str
    fold: int | None
    seed: int
    cases: int
    macro_auc: float | None
    cc: float | None
