"""The centre bias: the mean map of gaze, which does not depend on the radiograph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egaze.study import Study
from egaze.targets.target import HeatmapTarget


def centre_bias(study: Study, target: HeatmapTarget, size_px: int) -> NDArray[np.float64]:
    """Return the (size, size) mean of the training split's heatmaps, each normalised to a density.

    The map is the same for every radiograph. It is uniform if no training case has gaze.
    """
    return mean_density(study, study.splits.indices("train"), target, size_px)


def mean_density(
    study: Study, case_indices: NDArray[np.int64], target: HeatmapTarget, size_px: int
) -> NDArray[np.float64]:
    """Return the (size, size) mean of the heatmaps of the cases with gaze, each normalised to a density.

    The map's sum is 1. It is uniform if none of the cases has gaze.
    """
    total = np.zeros((size_px, size_px))
    for case_index in case_indices[study.has_gaze[case_indices]]:
        heatmap = target.heatmap(study, [int(case_index)], size_px).astype(np.float64)
        if heatmap.sum() > 0:
            total += heatmap / heatmap.sum()
    return total / total.sum() if total.sum() > 0 else np.full(total.shape, 1.0 / total.size)
