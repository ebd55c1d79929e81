"""One reader's gaze on one radiograph, prepared to be measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.evaluation.scanpaths import region_masks
from egaze.gaze import Fixations
from egaze.metrics import areas_of_fixations, areas_of_grid, saccades_between
from egaze.study import Study

#: The columns that name a reading in every table.
WHO: dict[str, pl.DataType | type[pl.DataType]] = {"case_id": pl.String, "reader_id": pl.String}


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One case's gaze.

    Attributes:
        case_index: of the study.
        recorded: all F fixations in pixels of the canvas.
        shown: (F,) whether they lie on the part shown.
        step_deg, step_frac: (S,) float64, the amplitudes of the steps between fixations that follow each other and
            both lie on the part shown, in degrees, or None if the scale is not known, and as fractions of the
            radiograph's diagonal.
        before_step: (S,) float64, the durations of the fixations from which the steps lead.
        cells: (F,) the grid's cell of each fixation, -1 off the radiograph and off the part shown.
    """

    case_index: int
    recorded: Fixations
    shown: NDArray[np.bool_]
    step_deg: NDArray[np.float64] | None
    step_frac: NDArray[np.float64]
    before_step: NDArray[np.float64]
    cells: NDArray[np.int64]

    @property
    def fixations(self) -> Fixations:
        """Those on the part shown."""
        return self.recorded.taken(self.shown)

    def areas(self, areas: NDArray[np.int64]) -> NDArray[np.int64]:
        """(F,) the area of each fixation on a map of the canvas, -1 off the part shown."""
        return np.where(self.shown, areas_of_fixations(areas, self.recorded.x_px, self.recorded.y_px), -1)


def reading_of(study: Study, case_index: int, rows: int, columns: int) -> Reading:
    """Prepare one case, whose radiograph has a grid of so many rows and columns."""
    size_px = study.image_size_px
    recorded = study.fixations(case_index, size_px)
    shown = recorded.on_shown
    part = slice(study.offsets[case_index], study.offsets[case_index + 1])
    x_px, y_px = (study.gaze[name][part].to_numpy() for name in ("x_px", "y_px"))
    geometry = study.geometry(case_index, size_px)
    follows = shown[:-1] & shown[1:]
    steps = saccades_between(x_px, y_px)
    step_deg = None
    if recorded.pixels_per_degree is not None:
        scale = recorded.pixels_per_degree / geometry.scale
        step_deg = saccades_between(x_px, y_px, scale).amplitude[follows]
    height_px, width_px = (float(study.cases[side][case_index]) for side in ("height_px", "width_px"))
    diagonal_px = float(np.hypot(height_px, width_px))
    grid = np.full((size_px, size_px), -1, dtype=np.int64)
    within = geometry.cut_out(grid)
    within[:] = areas_of_grid(within.shape, rows, columns)
    cells = areas_of_fixations(grid, recorded.x_px, recorded.y_px)
    return Reading(
        case_index,
        recorded,
        shown,
        step_deg=step_deg,
        step_frac=steps.amplitude[follows] / diagonal_px,
        before_step=recorded.duration_s[:-1][follows].astype(np.float64),
        cells=np.where(shown, cells, -1),
    )


def names_of(study: Study, item: Reading) -> dict[str, object]:
    """The values of `WHO`."""
    case_index = item.case_index
    return {"case_id": study.case_ids[case_index], "reader_id": study.cases["reader_id"][case_index]}


def masks_of(study: Study, item: Reading) -> dict[str, NDArray[np.bool_]]:
    """(H, W) bool by name: all regions of that name together, on the canvas."""
    return region_masks(study, item.case_index, radiograph_of(study, item))


def radiograph_of(study: Study, item: Reading) -> NDArray[np.bool_]:
    """Where on the canvas the radiograph is."""
    radiograph = np.zeros((study.image_size_px,) * 2, dtype=bool)
    study.geometry(item.case_index, study.image_size_px).cut_out(radiograph)[:] = True
    return radiograph
