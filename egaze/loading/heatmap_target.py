"""What the heatmap head is trained towards and measured against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egaze.settings import require, settle_types
from egaze.study import Study

WEIGHTS = ("duration", "count")


@dataclass(frozen=True, slots=True)
class HeatmapTarget:
    """A heatmap of the reader's fixations, largest value 1.

    Attributes:
        sigma_frac: the Gaussian's standard deviation as a fraction of the canvas's side (0.05 is 11 px of 224),
            so that it means the same at every input size.
        weight: "duration" or "count".

    Raises:
        RecipeError: a value of the wrong type or out of range.
    """

    sigma_frac: float = 0.05
    weight: str = "duration"

    def __post_init__(self) -> None:
        settle_types(self)
        require(0 < self.sigma_frac <= 1, "sigma_frac", "in (0, 1]", self.sigma_frac)
        require(self.weight in WEIGHTS, "weight", " or ".join(WEIGHTS), self.weight)

    def kernel_options(self) -> dict[str, object]:
        """The compiled kernel's options."""
        return {"boundary": "clip", "kernel": "sampled", "normalize": "max", "truncate": 4.0}

    def spots(self, study: Study) -> NDArray[np.float32]:
        """(F, 9) float32: all the study's fixations as x_px, y_px, weight, sigma_x_px, sigma_y_px on its canvas, and
        the sides of what was shown: x_min, y_min, x_max, y_max, infinite where that is unknown.
        """
        spots = np.empty((len(study.x_unit), 9), dtype=np.float32)
        spots[:, 0], spots[:, 1] = study.canvas.to_px(study.x_unit, study.y_unit)
        spots[:, 2] = study.duration_s if self.weight == "duration" else 1.0
        spots[:, 3:5] = self.sigma_frac * study.image_size_px
        spots[:, 5:] = study.shown_px(study.image_size_px)
        return spots
