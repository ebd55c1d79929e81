"""The heatmap of a reader's fixations, shared by recipes, metrics and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from egaze.gaze import Fixations, rasterize_fixations
from egaze.gaze.heatmap import Boundary, Kernel, Normalize
from egaze.settings import require, settle_types
from egaze.study import Study
from egaze.targets.target import BatchGaze

WEIGHTS = ("duration", "count")


class KernelOptions(TypedDict):
    """See `egaze.rasterize_fixations`."""

    boundary: Boundary
    kernel: Kernel
    truncate: float


#: The options with which all heatmaps of fixations are rasterized.
KERNEL: KernelOptions = {"boundary": "clip", "kernel": "sampled", "truncate": 4.0}


@dataclass(frozen=True, slots=True)
class FixationHeatmap:
    """The target with Gaussians at the reader's fixations and a largest value of 1.

    Attributes:
        sigma_frac: the standard deviation of the Gaussian as a fraction of the canvas's side (0.05 is 11 px of 224),
            which has the same meaning at every input size; in (0, 1].
        weight: of a fixation, "duration" or "count".

    Raises:
        RecipeError: a value of the wrong type or out of range.
    """

    sigma_frac: float = 0.05
    weight: str = "duration"

    def __post_init__(self) -> None:
        settle_types(self)
        require(0 < self.sigma_frac <= 1, "sigma_frac", "in (0, 1]", self.sigma_frac)
        require(self.weight in WEIGHTS, "weight", " or ".join(WEIGHTS), self.weight)

    @property
    def follows_views(self) -> bool:
        """True, because the kernel maps every fixation into the view."""
        return True

    def require(self, study: Study) -> None:
        """Accept every canvas."""

    def sigma_px(self, size_px: int) -> float:
        """The standard deviation in pixels of a canvas with the given side."""
        return self.sigma_frac * size_px

    def rasterize(self, fixations: Fixations, size_px: int, *, normalize: Normalize = "max") -> NDArray[np.float32]:
        """(size, size) float32, the heatmap of fixations in pixels of the canvas; see `rasterize_fixations`."""
        return rasterize_fixations(
            fixations,
            (size_px, size_px),
            sigma_px=self.sigma_px(size_px),
            weight="duration" if self.weight == "duration" else "count",
            normalize=normalize,
            **KERNEL,
        )

    def heatmap(self, study: Study, case_indices: Sequence[int], size_px: int) -> NDArray[np.float32]:
        """See `HeatmapTarget`."""
        readings = [study.fixations(case_index, size_px) for case_index in case_indices]
        return self.rasterize(readings[0] if len(readings) == 1 else _together(readings, size_px), size_px)

    def for_batches(self, study: Study, size_px: int, *, threads: int = 1) -> BatchGaze:
        """See `HeatmapTarget`."""
        stored_px = study.image_size_px
        fixations = np.empty((len(study.x_unit), 9), dtype=np.float32)
        fixations[:, 0], fixations[:, 1] = study.canvas.to_px(study.x_unit, study.y_unit)
        fixations[:, 2] = study.duration_s if self.weight == "duration" else 1.0
        fixations[:, 3:5] = self.sigma_px(stored_px)
        fixations[:, 5:] = study.shown_px(stored_px)
        return BatchGaze(study.has_gaze, fixations, study.offsets)


def _together(readings: Sequence[Fixations], size_px: int) -> Fixations:
    """The fixations of several readings of one radiograph, each with the part shown to its reader."""
    x_px, y_px, duration_s = (
        np.concatenate([getattr(reading, name) for reading in readings]) for name in ("x_px", "y_px", "duration_s")
    )
    # A part larger than the canvas cuts off nothing.
    everything = np.array([[-size_px, -size_px, 2 * size_px, 2 * size_px]], np.float32)
    shown_px = np.concatenate(
        [
            everything.repeat(len(reading), axis=0) if reading.shown_px is None else reading.shown_px
            for reading in readings
        ]
    )
    return Fixations(x_px, y_px, duration_s, shown_px=shown_px)
