"""What decides which epoch is best: the metrics of a stage's monitor, and their weighted sum."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping

import numpy as np
from lightning_fabric import Fabric
from numpy.typing import NDArray

from egaze.errors import StudyError
from egaze.metrics import StatisticsWarning, cc, kld, macro_auc, nss
from egaze.study import Study
from egaze.targets import FixationHeatmap
from egaze.training.engine import Predictions
from egaze.training.epoch_log import EpochLog
from egaze.training.ranks import gathered
from egaze.training.recipe import Recipe
from egaze.training.stage import HEATMAP_MONITORS, Stage

#: Of these, less is better.
_COSTS = ("loss", "heatmap_kl")


def monitored(stage: Stage, auc: float | None, losses: Mapping[str, float], agreement: Mapping[str, float]) -> float:
    """The value by which the stage's epochs are compared; more is better.

    Args:
        stage: with its monitor.
        auc: the macro AUC; None if it is undefined, or if no stage has trained the classifier yet. The monitor
            "macro_auc" is then the loss.
        losses: with "loss".
        agreement: `HeatmapAgreement.means`, if the monitor needs them.
    """
    if stage.monitor == "macro_auc" and auc is None:
        return -losses["loss"]
    values = {"macro_auc": math.nan if auc is None else auc, "loss": losses["loss"], **agreement}
    return sum(
        weight * (-values[name] if name in _COSTS else values[name]) for name, weight in stage.monitor_weights.items()
    )


def monitored_entry(recipe: Recipe, index: int, entry: EpochLog) -> float:
    """The value by which an epoch of the recipe's stage of that index is compared, from its log entry."""
    auc = entry.macro_auc if recipe.has_trained_classifier(index) else None
    return monitored(recipe.stages[index], auc, entry.losses, entry.agreement)


def defined_macro_auc(study: Study, predictions: Predictions) -> float | None:
    """Macro AUC over the classes that have both positive and negative cases; None if there is no such class."""
    answers = study.labels.answers[predictions.case_index]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StatisticsWarning)  # the log has null, which says it
        auc = macro_auc(answers, predictions.class_probs)
    return None if math.isnan(auc) else auc


class HeatmapAgreement:
    """Collects how well predicted heatmaps agree with gaze, as `egaze evaluate` measures it.

    Args:
        study: the study of the cases.
        target: the reader's heatmap.
        size_px: side of the heatmaps.
    """

    def __init__(self, study: Study, target: FixationHeatmap, size_px: int) -> None:
        self._study, self._target, self._size_px = study, target, size_px
        self._canvas = study.canvas.resized(size_px)
        self._values: dict[str, list[float]] = {name: [] for name in HEATMAP_MONITORS}

    def add(self, case_indices: NDArray[np.int64], heatmaps: NDArray[np.float32]) -> None:
        """Measure (N, H, W) heatmaps; cases without a fixation on the canvas are left out."""
        for case_index, heatmap in zip(case_indices.tolist(), heatmaps.astype(np.float64), strict=True):
            fixations = self._study.fixations(case_index, self._size_px)
            seen = fixations.on_shown
            x_px, y_px = fixations.x_px[seen], fixations.y_px[seen]
            if not self._canvas.contains(x_px, y_px).any():
                continue
            truth = self._target.heatmap(self._study, [case_index], self._size_px)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", StatisticsWarning)
                self._values["heatmap_cc"].append(cc(heatmap, truth))
                self._values["heatmap_nss"].append(nss(heatmap, x_px, y_px))
                self._values["heatmap_kl"].append(kld(heatmap, truth))

    def gather(self, fabric: Fabric) -> None:
        """Take in what the other ranks have measured."""
        of_ranks = gathered(fabric, self._values)
        self._values = {name: [value for own in of_ranks for value in own[name]] for name in self._values}

    def means(self) -> dict[str, float]:
        """The mean over the cases of each of `HEATMAP_MONITORS`.

        Raises:
            StudyError: no case has a fixation on the canvas.
        """
        if not self._values["heatmap_cc"]:
            raise StudyError(f"{self._study.path}: no fixation lies on a radiograph that is to choose the epoch")
        return {name: float(np.mean(values)) for name, values in self._values.items()}
