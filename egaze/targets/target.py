"""The interface of heatmap targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from egaze.study import Study


class BatchTarget(Protocol):
    """A rule that turns the gaze of a study into maps in [0, 1] for training."""

    @property
    def follows_views(self) -> bool:
        """Whether the maps can follow a view that moves the radiograph."""
        ...

    def for_batches(self, study: Study, size_px: int, *, threads: int = 1) -> BatchGaze:
        """The gaze of a whole study for a loader of images with the given size.

        The number of threads does not change the maps.

        Raises:
            StudyError: as `HeatmapTarget.require`.
        """
        ...


class HeatmapTarget(BatchTarget, Protocol):
    """A rule that turns the gaze on a radiograph into a map in [0, 1]."""

    def require(self, study: Study) -> None:
        """Raise StudyError if the target cannot be used with the canvas of the study."""
        ...

    def heatmap(self, study: Study, case_indices: Sequence[int], size_px: int) -> NDArray[np.float32]:
        """The map of one case, or of several cases with the same radiograph, whose fixations are then combined.

        Args:
            study: the study.
            case_indices: of the cases.
            size_px: the side of the canvas.

        Returns:
            (size, size) float32 in [0, 1]; zeros without gaze.

        Raises:
            StudyError: as `require`.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class BatchGaze:
    """The gaze of a study in the form that a loader needs: fixations to rasterize in every view, finished maps, or one
    map for all cases.

    Attributes:
        has_gaze: (N,) bool, whether each case has a map.
        fixations: (F, 9) float32 on the canvas, for the compiled kernel: x_px, y_px, weight, sigma_x_px, sigma_y_px,
            and the part shown, x_min, y_min, x_max, y_max, infinite where unknown.
        offsets: (N + 1,) int64; case i has the fixations offsets[i] to offsets[i + 1] - 1.
        finished: returns the finished map of a case, (size, size) uint8 with 255 for 1; None if maps are rasterized
            from the fixations.
        same_for_all: (size, size) uint16 with 65535 for 1, the map of every case with gaze, which is moved into every
            view; None if cases have maps of their own.
        class_heatmaps: the heatmaps of single classes; None if gaze is about all classes of a case.
    """

    has_gaze: NDArray[np.bool_]
    fixations: NDArray[np.float32]
    offsets: NDArray[np.int64]
    finished: Callable[[int], NDArray[np.uint8]] | None = None
    same_for_all: NDArray[np.uint16] | None = None
    class_heatmaps: BatchClassHeatmaps | None = None


@dataclass(frozen=True, slots=True, eq=False)
class BatchClassHeatmaps:
    """Heatmaps that each teach one class, up to M of each of N cases, in the form that a loader needs.

    Attributes:
        class_index: (N, M) int64, the class of each map; -1 where a case has fewer maps.
        fixations: (F, 9) float32, as `BatchGaze.fixations`.
        offsets: (N * M + 1,) int64; map m of case i has the fixations from offsets[i * M + m] on.
        of_region: (N, M) bool, whether a map is made of regions, not of fixations.
        gaze_is_named: (N,) bool, whether some map of a case is made of fixations.
        regions: returns map m of case i, (size, size) uint16 with 65535 for 1, which is moved into every view.
    """

    class_index: NDArray[np.int64]
    fixations: NDArray[np.float32]
    offsets: NDArray[np.int64]
    of_region: NDArray[np.bool_]
    gaze_is_named: NDArray[np.bool_]
    regions: Callable[[int, int], NDArray[np.uint16]]


def mean_heatmap(
    study: Study, target: HeatmapTarget, case_indices: NDArray[np.int64], size_px: int
) -> NDArray[np.float32]:
    """The (size, size) float32 mean of the maps of those of the cases that have gaze; zeros if none has."""
    total = np.zeros((size_px, size_px))
    with_gaze = case_indices[study.has_gaze[case_indices]]
    for case_index in with_gaze.tolist():
        total += target.heatmap(study, [case_index], size_px)
    return (total / max(len(with_gaze), 1)).astype(np.float32)


def no_gaze(study: Study) -> BatchGaze:
    """The gaze for batches without heatmaps: no case has a map, and nothing is rasterized."""
    return BatchGaze(np.zeros(len(study), dtype=bool), *not_rasterized(study))


def not_rasterized(study: Study) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """`BatchGaze.fixations` and `offsets` without fixations, for targets that are not rasterized."""
    return np.empty((0, 9), dtype=np.float32), np.zeros(len(study) + 1, dtype=np.int64)
