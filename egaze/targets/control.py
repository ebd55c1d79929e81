"""Controls of what gaze teaches: the target made of other gaze, of less gaze, or of none that a radiograph has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from egaze.settings import require, settle_types
from egaze.study import Study
from egaze.targets.centre_bias import mean_density
from egaze.targets.deal import choose_fixations, deal_gaze, require_others
from egaze.targets.target import BatchGaze, HeatmapTarget, not_rasterized

OTHERS = {
    "any-class": "gaze on other radiographs",
    "same-class": "gaze on other radiographs of the same class",
    "other-class": "gaze on radiographs of other classes",
}
MAPS = {"uniform": "a uniform map", "centre-bias": "the centre-bias map of the training split"}
GAZE = ("own", *OTHERS, *MAPS)


@dataclass(frozen=True, slots=True)
class GazeControl:
    """Which gaze the targets of the training split are made of. Evaluation always uses the radiograph's own.

    A gain that is due to gaze vanishes under these controls; one that is due to any map, or to any regulariser, stays.

    Attributes:
        gaze: "own" is the radiograph's own gaze. "any-class", "same-class" and "other-class" are the gaze on another
            radiograph of the training split, of another patient, dealt at random by the run's seed and kept for all
            epochs. Dealt among all classes, gaze tells nothing of the class, and needs no labels.
            "uniform" is 1 everywhere. "centre-bias" is the mean of the training split's heatmaps, scaled to a largest
            value of 1, and moves with the radiograph.
        fixations_frac: the fraction of each radiograph's fixations that is used, chosen at random by the run's seed and
            kept for all epochs, at least one; in (0, 1].

    Raises:
        RecipeError: a value of the wrong type or out of range, or less than all fixations of a map that has none.
    """

    gaze: str = "own"
    fixations_frac: float = 1.0

    def __post_init__(self) -> None:
        settle_types(self)
        require(self.gaze in GAZE, "gaze", f"one of {', '.join(GAZE)}", self.gaze)
        require(0 < self.fixations_frac <= 1, "fixations_frac", "in (0, 1]", self.fixations_frac)
        has_fixations = self.gaze not in MAPS or self.fixations_frac == 1
        require(has_fixations, "fixations_frac", f"1 with gaze {self.gaze}", self.fixations_frac)

    @property
    def is_on(self) -> bool:
        """Whether targets are made of anything but all of a radiograph's own gaze."""
        return self != GazeControl()

    @property
    def deals(self) -> bool:
        """Whether the run's seed decides what each case learns from."""
        return self.gaze in OTHERS or self.fixations_frac < 1

    @property
    def words(self) -> str:
        """What the targets are made of, in words."""
        gaze = {"own": "gaze", **OTHERS, **MAPS}[self.gaze]
        return gaze if self.fixations_frac == 1 else f"{gaze}, {100 * self.fixations_frac:g} % of the fixations"

    def require(self, study: Study) -> None:
        """Raise StudyError if a training case can have no gaze of another patient, where the control wants it."""
        if self.gaze in OTHERS:
            require_others(study, self.gaze)

    def of(self, target: HeatmapTarget, study: Study, seed: int) -> ControlledTarget:
        """The target whose maps are made of what the control wants.

        Raises:
            StudyError: as `require`.
        """
        return ControlledTarget(
            target,
            self.gaze,
            study.splits.indices("train"),
            deal_gaze(study, self.gaze, seed) if self.gaze in OTHERS else np.arange(len(study), dtype=np.int64),
            choose_fixations(study, self.fixations_frac, seed)
            if self.fixations_frac < 1
            else np.ones(len(study.x_unit), dtype=bool),
        )


@dataclass(frozen=True, slots=True, eq=False)
class ControlledTarget:
    """A target for the training split of one study under a control.

    Attributes:
        target: makes the maps.
        gaze: see `GazeControl`.
        case_indices: of the training split.
        gaze_of: (N,) int64, the case whose gaze each case learns from.
        is_used: (F,) bool, whether each fixation is used.
    """

    target: HeatmapTarget
    gaze: str
    case_indices: NDArray[np.int64]
    gaze_of: NDArray[np.int64]
    is_used: NDArray[np.bool_]

    @property
    def follows_views(self) -> bool:
        """Whether the target does."""
        return self.target.follows_views

    def for_batches(self, study: Study, size_px: int, *, threads: int = 1) -> BatchGaze:
        """See `BatchTarget`."""
        if self.gaze == "uniform":
            ones = np.full((size_px, size_px), 255, dtype=np.uint8)
            return BatchGaze(study.has_gaze, *not_rasterized(study), finished=lambda _: ones)
        if self.gaze == "centre-bias":
            centre = mean_density(study, self.case_indices, self.target, size_px)
            stored = np.rint(centre / centre.max() * 65535).astype(np.uint16)
            return BatchGaze(study.has_gaze, *not_rasterized(study), same_for_all=stored)
        gaze = self.target.for_batches(_with_fixations(study, self.is_used), size_px, threads=threads)
        return _of_others(gaze, self.gaze_of)

    def table(self, study: Study) -> Iterator[tuple[int, int, int, int]]:
        """For each training case with gaze: its index, the index of the case whose gaze it learns from, how many
        fixations that has, and how many of them are used."""
        used = np.diff(_offsets(study, self.is_used))
        for case_index in self.case_indices[study.has_gaze[self.case_indices]].tolist():
            of = int(self.gaze_of[case_index])
            yield case_index, of, int(study.offsets[of + 1] - study.offsets[of]), int(used[of])


def _with_fixations(study: Study, is_used: NDArray[np.bool_]) -> Study:
    """The study with some of its fixations."""
    if is_used.all():
        return study
    return replace(
        study,
        x_unit=study.x_unit[is_used],
        y_unit=study.y_unit[is_used],
        duration_s=study.duration_s[is_used],
        gaze=study.gaze.filter(is_used),
        offsets=_offsets(study, is_used),
    )


def _offsets(study: Study, is_used: NDArray[np.bool_]) -> NDArray[np.int64]:
    before = np.concatenate([[0], np.cumsum(is_used, dtype=np.int64)])
    return before[study.offsets]


def _of_others(gaze: BatchGaze, gaze_of: NDArray[np.int64]) -> BatchGaze:
    """The same gaze with the maps of other cases: the fixations in another order, so that loading is as fast."""
    if (gaze_of == np.arange(len(gaze_of))).all():
        return gaze
    counts = np.diff(gaze.offsets)[gaze_of]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    rows = np.repeat(gaze.offsets[gaze_of] - offsets[:-1], counts) + np.arange(offsets[-1])
    finished = gaze.finished
    return BatchGaze(
        gaze.has_gaze[gaze_of],
        gaze.fixations[rows],
        offsets,
        None if finished is None else lambda case_index: finished(int(gaze_of[case_index])),
        gaze.same_for_all,
    )
