"""What readers' scanpaths did on the films and in their regions.

A fixation that lies outside the part of the film that was on the screen looked at no part of the film: it is left out
of everything here, as it is of the saliency measures, and counted. One that lies off the film itself covers nothing and
is in no region, and counts as a fixation and as dwell time of the reading.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.evaluation.figures import Figure, mean_figures
from egaze.metrics import region_gaze
from egaze.metrics.localisation import region_mask
from egaze.metrics.notes import noting
from egaze.metrics.scanpath import coverage_frac, nearest_fixation_px
from egaze.study import Study
from egaze.targets import FixationHeatmap

_FILM = ("fixations", "dwell_s", "coverage_frac")
_REGION = ("fixations", "dwell_s", "dwell_frac", "coverage_frac", "area_frac")


def reading_tables(
    study: Study, target: FixationHeatmap, case_indices: NDArray[np.int64], size_px: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A row a case with gaze: fixations, their dwell time, the share of the film within a sigma of one, and how many
    were left out because they lie outside the part shown; and a row a case and name of a region: `RegionGaze` in the
    regions of that name together, and their share of the film.

    Where durations are relative, dwell times are null, and their shares are not."""
    films, regions = [], []
    radius_px = target.sigma_px(size_px)
    for case_index in case_indices[study.has_gaze[case_indices]].tolist():
        recorded = study.fixations(case_index, size_px)
        fixations = recorded.taken(recorded.on_shown)
        film = np.zeros((size_px, size_px), dtype=bool)
        study.geometry(case_index, size_px).cut_out(film)[:] = True
        nearest_px = nearest_fixation_px(film.shape, fixations.x_px, fixations.y_px)
        films.append(
            {
                "case_index": case_index,
                "fixations": len(fixations),
                "dwell_s": None if fixations.is_relative else float(fixations.duration_s.sum(dtype=np.float64)),
                "coverage_frac": coverage_frac(nearest_px, film, radius_px),
                "fixations_not_shown": len(recorded) - len(fixations),
            }
        )
        for name, mask in _region_masks(study, case_index, film).items():
            measured = region_gaze(
                mask,
                fixations.x_px,
                fixations.y_px,
                fixations.duration_s,
                fixations.onset_s,
                radius_px=radius_px,
                nearest_px=nearest_px,
            )
            area_frac = float(mask.sum() / film.sum())
            row = {"case_index": case_index, "name": name, **asdict(measured), "area_frac": area_frac}
            regions.append(row | ({"dwell_s": None} if fixations.is_relative else {}))
    whole = {"case_index": pl.Int64, "fixations": pl.Int64}
    fractions = dict.fromkeys(("dwell_s", "dwell_frac", "first_fixation_s", "coverage_frac", "area_frac"), pl.Float64)
    return (
        pl.DataFrame(
            films,
            schema={**whole, "dwell_s": pl.Float64, "coverage_frac": pl.Float64, "fixations_not_shown": pl.Int64},
        ),
        pl.DataFrame(regions, schema={**whole, "name": pl.String, **fractions}).with_columns(
            pl.col("first_fixation_s").fill_nan(None)
        ),
    )


def reading_figures(
    study: Study, target: FixationHeatmap, films: pl.DataFrame, regions: pl.DataFrame, size_px: int, notes: list[str]
) -> dict[str, Any] | None:
    """Means over readings with intervals over patients; None where no film has gaze.

    See `egaze.evaluation.stored` for the keys."""
    if films.is_empty():
        return None
    radius_px = target.sigma_px(size_px)
    patients = study.patients
    not_shown = int(films["fixations_not_shown"].sum())
    if not_shown:
        notes.append(
            f"scanpaths: {not_shown} of {not_shown + int(films['fixations'].sum())} fixations lie outside the part of "
            "the film that was on the screen and are left out"
        )
    with noting(notes, "scanpaths"):
        figures = _means(films, _FILM, patients)
    found = {}
    for (name,), rows in regions.group_by("name", maintain_order=True):
        with noting(notes, "gaze in regions"):
            measured = _means(rows, _REGION, patients)
            first = _mean_of_known(rows, "first_fixation_s", patients)
        found[str(name)] = {
            "cases": len(rows),
            "cases_fixated": int((rows["fixations"] > 0).sum()),
            "cases_relative": rows["dwell_s"].null_count(),
            **measured,
            "cases_timed": rows["first_fixation_s"].count(),
            "first_fixation_s": first,
        }
    return {
        "cases": len(films),
        "cases_relative": films["dwell_s"].null_count(),
        "size_px": size_px,
        "radius_px": radius_px,
        "coverage": f"share of pixels within {radius_px:.1f} px of {size_px}, the heatmap's sigma, of a fixated pixel",
        "fixations_not_shown": not_shown,
        **figures,
        "regions": found,
    }


def _means(rows: pl.DataFrame, names: tuple[str, ...], patients: NDArray[np.int64]) -> dict[str, Figure | None]:
    """The means of columns; of dwell times that of the rows whose durations are seconds."""
    figures = mean_figures({name: rows[name] for name in names}, patients[rows["case_index"].to_numpy()])
    return figures if figures["dwell_s"] else figures | {"dwell_s": _mean_of_known(rows, "dwell_s", patients)}


def _mean_of_known(rows: pl.DataFrame, name: str, patients: NDArray[np.int64]) -> Figure | None:
    """The mean of a column over the rows that have it; None where none has."""
    known = rows.drop_nulls(name)
    if known.is_empty():
        return None
    return mean_figures({name: known[name]}, patients[known["case_index"].to_numpy()])[name]


def _region_masks(study: Study, case_index: int, film: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    """The regions of each name together, where they lie on the film; those without a pixel of it are left out."""
    geometry = study.geometry(case_index, len(film))
    masks: dict[str, NDArray[np.bool_]] = {}
    for region in study.regions(case_index):
        sides_px = geometry.sides_to_canvas_px(
            np.array([[region.x_min_px, region.y_min_px, region.x_max_px, region.y_max_px]])
        )
        mask = region_mask(film.shape, sides_px, [region.shape == "ellipse"]) & film
        if mask.any():
            masks[region.name] = masks[region.name] | mask if region.name in masks else mask
    return masks
