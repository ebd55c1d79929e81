"""The result of comparing two runs: the types of `RunComparison.result`, whose fields are the keys of compare.json."""

from __future__ import annotations

import math
from dataclasses import dataclass

from egaze.evaluation.gaze_results import MetricDefinition
from egaze.labels import LabelKind
from egaze.targets import FixationHeatmap


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """Two runs, or two sets of runs, A and B, compared on the same radiographs.

    Attributes:
        split: "train", "validation" or "test".
        synthetic: whether the radiographs and gaze are synthetic.
        a, b: the runs that are compared.
        cases, patients: how many both were evaluated on.
        intervals: how intervals were computed, in words.
        warnings: remarks on the results, one per item.
        classification: None if one of the classifiers was not trained, or fewer than two classes have a radiograph.
        heatmap: None if heatmaps cannot be compared.
        heatmap_remark: why heatmaps cannot be compared, else None.
        predictions: how often the two predict the same class; None if one of the classifiers was not trained, or if
            classes are independent.
    """

    split: str
    synthetic: bool
    a: ComparedRun
    b: ComparedRun
    cases: int
    patients: int
    intervals: str
    warnings: tuple[str, ...]
    classification: ClassesCompared | None
    heatmap: MapsCompared | None
    heatmap_remark: str | None
    predictions: PredictionsCompared | None


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A run or set of runs that is compared.

    Attributes:
        run: its path as given.
        recipe: the recipe's name.
        folds: number of folds of a cross-validated set, else None.
        seeds: seeds of the training.
        optimistic: whether its epoch was chosen on the split.
    """

    run: str
    recipe: str
    folds: int | None
    seeds: tuple[int, ...]
    optimistic: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """A metric of A and of B.

    Attributes:
        a, b: its values.
        difference: a - b.
        low, high: 95 % interval of the difference; NaN if there is none.
        p_value: two-sided, for the hypothesis of no difference; NaN if undefined.
    """

    a: float
    b: float
    difference: float
    low: float
    high: float
    p_value: float

    @property
    def has_interval(self) -> bool:
        """Whether both bounds are defined."""
        return math.isfinite(self.low) and math.isfinite(self.high)


@dataclass(frozen=True, slots=True)
class ClassesCompared:
    """The AUCs of both.

    Attributes:
        cases: number of labelled radiographs.
        classes_by: how single classes were compared, in words.
        label_kind: whether the classes are exclusive or independent.
        macro_auc: mean over the classes that have an AUC; of independent classes, over those of
            `egaze.metrics.enough_cases`.
        classes: AUC of each class against all others; None if undefined.
        holm_p_values: the p-values of the classes adjusted for their number by Holm's procedure; NaN if undefined.
    """

    cases: int
    label_kind: LabelKind
    classes_by: str
    macro_auc: Compared
    classes: dict[str, Compared | None]
    holm_p_values: dict[str, float]

    @property
    def one_auc(self) -> Compared | None:
        """The AUC of both classes if there are two whose AUCs are equal, as softmax makes them; else None."""
        if len(self.classes) != 2 or self.label_kind == "independent":
            return None
        one, other = self.classes.values()
        if one is None or other is None or abs(one.a - other.a) >= 1e-9 or abs(one.b - other.b) >= 1e-9:
            return None
        return other


@dataclass(frozen=True, slots=True)
class MapsCompared:
    """Agreement of the heatmaps of both with gaze.

    Attributes:
        cases: number of radiographs on which the heatmaps of both were compared with gaze.
        size_px: side of the heatmaps.
        target: how the readers' heatmaps were made.
        definitions: the metrics that both were measured by, in the order in which they are shown.
        metrics: by name; None if the metric is undefined for every radiograph.
    """

    cases: int
    size_px: int
    target: FixationHeatmap
    definitions: dict[str, MetricDefinition]
    metrics: dict[str, Compared | None]


@dataclass(frozen=True, slots=True)
class PredictionsCompared:
    """For how many radiographs the two predict the same class, and which of them is right otherwise."""

    agree: int
    disagree: int
    only_a_right: int
    only_b_right: int
    neither_right: int
    without_label: int
