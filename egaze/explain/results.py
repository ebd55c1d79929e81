"""What explaining cases finds: the fields of `ExplanationResult` are the keys of explain.json."""

from __future__ import annotations

from dataclasses import dataclass

from egaze.metrics import Estimate
from egaze.targets import FixationHeatmap


@dataclass(frozen=True, slots=True)
class CaseMean:
    """A number's mean over the cases that have it.

    Attributes:
        cases: that have it.
        value: the mean.
        low, high: its interval over patients; NaN where it has none.
    """

    cases: int
    value: float
    low: float
    high: float

    @property
    def estimate(self) -> Estimate:
        """The mean with its interval; one case has none to speak of."""
        return Estimate(self.value, self.low, self.high) if self.cases > 1 else Estimate(self.value)


@dataclass(frozen=True, slots=True)
class ExplanationResult:
    """Explanations of several cases together, and how they were made.

    Attributes:
        egaze_version: that wrote them.
        recipe, encoder, seed: the model's.
        split: the split that the cases are on.
        study_sha256: digest of the study.
        synthetic: whether a program made the radiographs and the gaze.
        cases: explained.
        elsewhere: of the cases asked for, in another split and left out.
        without_gaze: of them, without a fixation on the radiograph.
        without_finding: of them, without a known finding.
        class_name: whose evidence is shown: a class, "predicted" or "label".
        method, stride: of the class's map.
        size_px: side of the canvas.
        gaze_target: how the reader's heatmap is made.
        finding_from: "masks", or the study's "regions".
        tolerance_px: of the pointing game.
        steps: of deletion and insertion; 0 where they were left out.
        deleted_to: grey in the place of deleted pixels.
        blur_sigma_px: of the blurred radiograph that pixels are inserted into.
        intervals: how they were made, in words.
        warnings: what must be said beside the results, a line each.
        figures: by the name of their column in index.csv.
        curves: the mean class probability by "share" of pixels, MAP_deletion and MAP_insertion; None without steps.
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
    figures: dict[str, CaseMean]
    curves: dict[str, tuple[float, ...]] | None
