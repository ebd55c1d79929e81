"""The maps that predictions are compared with: the reader's heatmap, the centre bias, and what other readers say."""

from __future__ import annotations

import hashlib
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from egaze.gaze import Fixations, rasterize_fixations
from egaze.loading import HeatmapTarget
from egaze.study import Study


def true_heatmap(study: Study, target: HeatmapTarget, case_index: int, size_px: int) -> NDArray[np.float32]:
    """The reader's heatmap of one case, (size, size) float32, largest value 1."""
    return _heatmap(study.fixations(case_index, size_px), target, size_px)


def centre_bias(study: Study, target: HeatmapTarget, size_px: int) -> NDArray[np.float64]:
    """The mean of the training side's heatmaps as densities: (size, size), the map that knows no film.

    Uniform when no training case has gaze.
    """
    total = np.zeros((size_px, size_px))
    train = study.split.indices("train")
    for case_index in train[study.has_gaze[train]]:
        heatmap = true_heatmap(study, target, int(case_index), size_px).astype(np.float64)
        if heatmap.sum() > 0:
            total += heatmap / heatmap.sum()
    return total / total.sum() if total.sum() > 0 else np.full(total.shape, 1.0 / total.size)


def other_readers(study: Study, case_indices: NDArray[np.int64]) -> dict[int, list[int]]:
    """For each case with gaze whose film others of the cases show as well, with gaze: those cases.

    Cases are of one film when they are of one patient and their films agree in shape and in every pixel of the canvas.
    Durations in seconds and relative ones have no common scale, so such readers are not each other's others.
    """
    of_patient = defaultdict(list)
    for case_index in case_indices[study.has_gaze[case_indices]].tolist():
        of_patient[int(study.patients[case_index])].append(case_index)
    of_film = defaultdict(list)
    for patient, cases in of_patient.items():
        for case_index in cases if len(cases) > 1 else ():
            shape = tuple(study.cases[side][case_index] for side in ("height_px", "width_px"))
            pixels = hashlib.sha256(np.ascontiguousarray(study.images[case_index]).data).digest()
            of_film[patient, shape, pixels, bool(study.is_relative[case_index])].append(case_index)
    return {
        case_index: [other for other in cases if other != case_index]
        for cases in of_film.values()
        for case_index in cases
        if len(cases) > 1
    }


def readers_heatmap(study: Study, target: HeatmapTarget, case_indices: list[int], size_px: int) -> NDArray[np.float32]:
    """The heatmap of several cases' fixations together, (size, size) float32, largest value 1."""
    readers = [study.fixations(case_index, size_px) for case_index in case_indices]
    x_px, y_px, duration_s = (
        np.concatenate([getattr(part, name) for part in readers]) for name in ("x_px", "y_px", "duration_s")
    )
    # What is larger than the canvas leaves all of it.
    all_of_it = np.array([[-size_px, -size_px, 2 * size_px, 2 * size_px]], np.float32)
    shown_px = np.concatenate(
        [all_of_it.repeat(len(part), axis=0) if part.shown_px is None else part.shown_px for part in readers]
    )
    return _heatmap(Fixations(x_px, y_px, duration_s, shown_px=shown_px), target, size_px)


def _heatmap(fixations: Fixations, target: HeatmapTarget, size_px: int) -> NDArray[np.float32]:
    return rasterize_fixations(
        fixations,
        (size_px, size_px),
        sigma_px=target.sigma_frac * size_px,
        weight=target.weight,  # type: ignore[arg-type]
        **target.kernel_options(),  # type: ignore[arg-type]
    )
