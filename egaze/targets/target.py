"""What every heatmap target can do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from egaze.study import Study


class HeatmapTarget(Protocol):
    """What gaze becomes: a map in [0, 1] of the readers' gaze on one radiograph."""

    @property
    def follows_views(self) -> bool:
        """Whether the maps can follow a view that moves the radiograph."""
        ...

    def require(self, study: Study) -> None:
        """Raise StudyError where the study's canvas is not one that the maps are made for."""
        ...

    def heatmap(self, study: Study, case_indices: Sequence[int], size_px: int) -> NDArray[np.float32]:
        """(size, size) float32 in [0, 1], on the study's canvas at that size: the map of one case, or of several that
        show the same radiograph, whose readers' fixations are then taken together; zeros without gaze.

        Raises:
            StudyError: as `require`.
        """
        ...

    def for_batches(self, study: Study, size_px: int, *, threads: int = 1) -> BatchGaze:
        """All of a study's gaze as a loader of images of that size takes it. The maps do not depend on threads.

        Raises:
            StudyError: as `require`.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class BatchGaze:
    """A study's gaze as a loader makes batches of it: rasterized with every view, or taken from finished maps.

    Attributes:
        has_gaze: (N,) bool, the cases that have a map.
        fixations: (F, 9) float32 on the study's canvas, for the compiled kernel: x_px, y_px, weight, sigma_x_px,
            sigma_y_px, and the sides of what was shown, x_min, y_min, x_max, y_max, infinite where that is unknown.
        offsets: (N + 1,) int64; case i has the fixations offsets[i] to offsets[i + 1].
        finished: gives a case's map, (size, size) uint8 of which 255 is 1, of a target that the kernel does not
            rasterize; None for one that it does.
    """

    has_gaze: NDArray[np.bool_]
    fixations: NDArray[np.float32]
    offsets: NDArray[np.int64]
    finished: Callable[[int], NDArray[np.uint8]] | None = None


def no_gaze(study: Study) -> BatchGaze:
    """For batches of images alone: no case has a map, and nothing is rasterized."""
    return BatchGaze(np.zeros(len(study), dtype=bool), *not_rasterized(study))


def not_rasterized(study: Study) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """`BatchGaze.fixations` and `offsets` that leave the kernel nothing to do."""
    return np.empty((0, 9), dtype=np.float32), np.zeros(len(study) + 1, dtype=np.int64)
