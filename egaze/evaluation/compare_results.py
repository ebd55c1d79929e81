"""What a comparison of two runs finds: the types of `RunComparison.result`, whose fields are compare.json's keys."""

from __future__ import annotations

import math
from dataclasses import dataclass

from egaze.evaluation.results import MetricDefinition
from egaze.targets import FixationHeatmap


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """Two runs, or two sets of runs, A and B, on the same radiographs. What one of them has not trained is not
    compared.

    Attributes:
        split: "train", "validation" or "test".
        synthetic: whether a program made the radiographs and the gaze.
        a, b: which runs.
        cases, patients: how many both were evaluated on.
        intervals: how the intervals were made, in words.
        warnings: what must be said beside the results, a line each.
        classification: None where a classifier was not trained, or fewer than two classes have a radiograph.
        heatmap: None where maps cannot be compared.
        heatmap_remark: why not; else None.
        answers: how often they agree; None where a classifier was not trained.
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
    answers: AnswersCompared | None


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A run, or a set of runs.

    Attributes:
        run: its path as it was given.
        recipe: its name.
        folds: of a cross-validated set, else None.
        seeds: of the training.
        optimistic: whether the split chose its epoch.
    """

    run: str
    recipe: str
    folds: int | None
    seeds: tuple[int, ...]
    optimistic: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure of A and of B.

    Attributes:
        a, b: the figures.
        difference: a - b.
        low, high: its interval; NaN where it has none.
        p_value: of no difference, two-sided; NaN where it is not defined.
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
    """AUCs.

    Attributes:
        cases: labelled radiographs.
        classes_by: how classes were compared, in words.
        macro_auc: means over the classes that have one.
        classes: one by one; None where a class has none.
    """

    cases: int
    classes_by: str
    macro_auc: Compared
    classes: dict[str, Compared | None]

    @property
    def one_auc(self) -> Compared | None:
        """Of two classes that are told apart by one number each of A and of B, as softmax makes them; else None."""
        if len(self.classes) != 2:
            return None
        one, other = self.classes.values()
        if one is None or other is None or abs(one.a - other.a) >= 1e-9 or abs(one.b - other.b) >= 1e-9:
            return None
        return other


@dataclass(frozen=True, slots=True)
class MapsCompared:
    """Maps' agreement with gaze.

    Attributes:
        cases: radiographs on which maps of both were compared with gaze.
        size_px: side of the maps.
        target: how the heatmaps are made that they were compared with.
        definitions: the metrics that both have, in the order to be shown.
        metrics: by name; None where no radiograph has the metric of both.
    """

    cases: int
    size_px: int
    target: FixationHeatmap
    definitions: dict[str, MetricDefinition]
    metrics: dict[str, Compared | None]


@dataclass(frozen=True, slots=True)
class AnswersCompared:
    """How many radiographs the two answer alike, and otherwise which of them is right."""

    agree: int
    disagree: int
    only_a_right: int
    only_b_right: int
    neither_right: int
    without_label: int
