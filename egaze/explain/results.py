"""The result of explaining cases: the fields of `ExplanationResult` are the keys of explain.json."""

from __future__ import annotations

from dataclasses import dataclass

from egaze.metrics import Estimate
from egaze.targets import FixationHeatmap


@dataclass(frozen=True, slots=True)
class CaseMean:
    """The mean of a metric over the cases that have it.

    Attributes:
        cases: number of cases that have it.
        value: the mean.
        low, high: its 95 % interval over patients; NaN if there is none.
    """

    cases: int
    value: float
    low: float
    high: float

    @property
    def estimate(self) -> Estimate:
        """The mean with its interval; without one if there is a single case."""
        return Estimate(self.value, self.low, self.high) if self.cases > 1 else Estimate(self.value)


@dataclass(frozen=True, slots=True)
class ExplanationResult:
    """The explanations of several cases together, and the settings that they were made with.

    Attributes:
        egaze_version: version of egaze.
        recipe, encoder, seed: of the run.
        split: the split that the cases are in.
        study_sha256: digest of the study.
        synthetic: whether the radiographs and gaze are synthetic.
        cases: number of explained cases.
        elsewhere: number of requested cases that were left out because they are in another split.
        without_gaze: how many of the cases have no fixation on the radiograph.
        without_finding: how many of the cases have no known finding.
        class_name: the class whose evidence is shown; or "predicted", or "label".
        method, stride: how the class map was computed.
        size_px: side of the canvas.
        gaze_target: how the reader's heatmap was made.
        finding_from: "masks", or "regions" of the study.
        tolerance_px: tolerance of the pointing game.
        steps: steps of deletion and insertion; 0 if they were left out.
        deleted_to: grey value that replaces deleted pixels.
        blur_sigma_px: standard deviation of the blur of the image that pixels are inserted into.
        intervals: how intervals were computed, in words.
        warnings: remarks on the results, one per item.
        means: means over cases, by the name of the metric's column in index.csv.
        curves: mean class probability by the "share" of pixels, as MAP_deletion and MAP_insertion; None without steps.
    """

    egaze_version: str
    recipe: str
    encoder: str
    seed: int
    split: str
    study_sha256: str
    synthetic: bool
    cases: int
    elsewhere: int
    without_gaze: int
    without_finding: int
    class_name: str
    method: str
    stride: int
    size_px: int
    gaze_target: FixationHeatmap
    finding_from: str
    tolerance_px: float
    steps: int
    deleted_to: float
    blur_sigma_px: float
    intervals: str
    warnings: tuple[str, ...]
    means: dict[str, CaseMean]
    curves: dict[str, tuple[float, ...]] | None
