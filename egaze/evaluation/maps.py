"""What predicted maps stand beside: the centre bias, and the other readers of the same radiograph."""

from __future__ import annotations

import hashlib
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from egaze.study import Study
from egaze.targets import HeatmapTarget


def centre_bias(study: Study, target: HeatmapTarget, size_px: int) -> NDArray[np.float64]:
    """The mean of the training split's heatmaps as densities: (size, size), the map that knows no radiograph.

    Uniform when no training case has gaze.
    """
    total = np.zeros((size_px, size_px))
    train = study.splits.indices("train")
    for case_index in train[study.has_gaze[train]]:
        heatmap = target.heatmap(study, [int(case_index)], size_px).astype(np.float64)
        if heatmap.sum() > 0:
            total += heatmap / heatmap.sum()
    return total / total.sum() if total.sum() > 0 else np.full(total.shape, 1.0 / total.size)


def other_readers(study: Study, case_indices: NDArray[np.int64]) -> dict[int, list[int]]:
    """For each case with gaze whose radiograph others of the cases show as well, with gaze: those cases.

    Cases are of one radiograph when they are of one patient and their radiographs agree in shape and in every pixel of
    the canvas. Durations in seconds and relative ones have no common scale, so such readers are not each other's
    others.
    """
    of_patient = defaultdict(list)
    for case_index in case_indices[study.has_gaze[case_indices]].tolist():
        of_patient[int(study.patients[case_index])].append(case_index)
    of_radiograph = defaultdict(list)
    for patient, cases in of_patient.items():
        for case_index in cases if len(cases) > 1 else ():
            shape = tuple(study.cases[side][case_index] for side in ("height_px", "width_px"))
            pixels = hashlib.sha256(study.images[case_index].tobytes()).digest()
            of_radiograph[patient, shape, pixels, bool(study.is_relative[case_index])].append(case_index)
    return {
        case_index: [other for other in cases if other != case_index]
        for cases in of_radiograph.values()
        for case_index in cases
        if len(cases) > 1
    }
