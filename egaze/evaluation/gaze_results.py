"""The results on gaze: agreement of heatmaps, and scanpaths. They are parts of `EvaluationResult`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from egaze.metrics import Estimate
from egaze.targets import FixationHeatmap

#: Estimates by the names of the metrics of agreement with gaze; see `MapAgreement.definitions`.
Estimates = dict[str, Estimate | None]


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """The definition of a metric of agreement with gaze; see also `egaze.metrics.gaze_metrics.GazeMetric`.

    Attributes:
        title: its name in tables.
        unit: empty for a dimensionless metric.
        more_is_better: whether higher values are better.
        against: whether the map is compared with the reader's heatmap or with the fixations themselves.
        remark: what else its value depends on.
        digits: number of decimals shown.
    """

    title: str
    unit: str
    more_is_better: bool
    against: Literal["heatmap", "fixations"]
    remark: str
    digits: int


@dataclass(frozen=True, slots=True)
class MapAgreement:
    """How well predicted heatmaps agree with gaze: means over radiographs.

    Attributes:
        cases: number of radiographs with gaze on them.
        size_px: side of the heatmaps.
        sigma_px: standard deviation of the readers' heatmaps that they are compared with.
        target: how these heatmaps are made.
        target_kind: what predicted heatmaps are compared with, in words.
        trained_towards: the recipe's `heatmap_target`, "gaze" or "egd", or what its control put in its place, in words.
        definitions: the metrics in the order in which they are shown.
        predicted: metrics of the predicted heatmaps.
        centre_bias: metrics of the centre-bias map, the mean of the training heatmaps.
        over_centre_bias: paired differences between the two.
        ceiling: what other readers' gaze reaches; None for a set, or if no radiograph has several readers.
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
        """Say what a metric compares heatmaps with."""
        if self.definitions[name].against == "heatmap":
            return f"heatmap, sigma {self.sigma_px:.1f} px of {self.size_px}, weight {self.target.weight}"
        return f"fixations on {self.size_px} x {self.size_px} px"


@dataclass(frozen=True, slots=True)
class ReaderCeiling:
    """Agreement on the radiographs that several readers have read.

    Attributes:
        cases: number of readings of such radiographs.
        readers: metrics of the heatmap of the other readers' gaze.
        predicted: metrics of the predicted heatmaps on the same radiographs.
        under_ceiling: paired differences between the two.
    """

    cases: int
    readers: Estimates
    predicted: Estimates
    under_ceiling: Estimates


@dataclass(frozen=True, slots=True)
class Scanpaths:
    """How radiographs were read: means over readings.

    Attributes:
        cases: number of readings.
        cases_relative: how many of them have relative durations; dwell times are means over the others.
        size_px: side of the canvas.
        radius_px: radius of the disc that a fixation covers.
        coverage: the definition of coverage in words.
        fixations_not_shown: number of fixations left out because they lie outside the part of the radiograph that was
            on the screen.
        fixations: fixations per reading.
        dwell_s: dwell time per reading; None if all durations are relative.
        coverage_frac: fraction of the radiograph that is covered.
        regions: results in regions, by the regions' names.
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
        cases: number of readings of radiographs that have such a region.
        cases_fixated: how many of them have a fixation in it.
        cases_relative: how many of them have relative durations.
        cases_timed: how many of them have a first fixation in it with a known onset.
        fixations: fixations in the region.
        dwell_s: dwell time in the region.
        dwell_frac: fraction of the reading's dwell time that is spent in the region.
        coverage_frac: fraction of the region that is covered.
        area_frac: fraction of the radiograph that the region takes up.
        first_fixation_s: onset of the first fixation in the region, since the reading began.
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
