"""Readers' scanpaths on radiographs and in their regions.

A fixation outside the part of the radiograph that was on the screen did not look at the radiograph: it is left out of
everything here, as it is in the saliency metrics, and counted separately. A fixation off the radiograph covers nothing
and is in no region, but counts among the reading's fixations and in its dwell time.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.evaluation.gaze_results import RegionReading, Scanpaths
from egaze.evaluation.means import mean_estimates
from egaze.metrics import region_gaze
from egaze.metrics.estimate import noting
from egaze.metrics.scanpath import coverage_frac, nearest_fixation_px
from egaze.study import Study
from egaze.study.region_masks import on_canvas
from egaze.targets import FixationHeatmap

_RADIOGRAPH = ("fixations", "dwell_s", "coverage_frac")
_REGION = ("fixations", "dwell_s", "dwell_frac", "coverage_frac", "area_frac")


def scanpath_tables(
    study: Study, target: FixationHeatmap, case_indices: NDArray[np.int64], size_px: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Measure the scanpaths of the cases that have gaze.

    Returns:
        Two tables. The first has one row per case: fixations, dwell time, the fraction of the radiograph within a sigma
        of a fixation, and how many fixations were left out because they lie outside the part shown. The second has one
        row per case and region name: `RegionGaze` in all regions of that name together, and the fraction of the
        radiograph that they take up. If durations are relative, dwell times are null, but their fractions are not.
    """
    radiographs, regions = [], []
    radius_px = target.sigma_px(size_px)
    for case_index in case_indices[study.has_gaze[case_indices]].tolist():
        recorded = study.fixations(case_index, size_px)
        fixations = recorded.taken(recorded.on_shown)
        radiograph = np.zeros((size_px, size_px), dtype=bool)
        study.geometry(case_index, size_px).cut_out(radiograph)[:] = True
        nearest_px = nearest_fixation_px(radiograph.shape, fixations.x_px, fixations.y_px)
        radiographs.append(
            {
                "case_index": case_index,
                "fixations": len(fixations),
                "dwell_s": None if fixations.is_relative else float(fixations.duration_s.sum(dtype=np.float64)),
                "coverage_frac": coverage_frac(nearest_px, radiograph, radius_px),
                "fixations_not_shown": len(recorded) - len(fixations),
            }
        )
        for name, mask in region_masks(study, case_index, radiograph).items():
            measured = region_gaze(
                mask,
                fixations.x_px,
                fixations.y_px,
                fixations.duration_s,
                fixations.onset_s,
                radius_px=radius_px,
                nearest_px=nearest_px,
            )
            area_frac = float(mask.sum() / radiograph.sum())
            row = {"case_index": case_index, "name": name, **asdict(measured), "area_frac": area_frac}
            regions.append(row | ({"dwell_s": None} if fixations.is_relative else {}))
    whole = {"case_index": pl.Int64, "fixations": pl.Int64}
    fractions = dict.fromkeys(("dwell_s", "dwell_frac", "first_fixation_s", "coverage_frac", "area_frac"), pl.Float64)
    return (
        pl.DataFrame(
            radiographs,
            schema={**whole, "dwell_s": pl.Float64, "coverage_frac": pl.Float64, "fixations_not_shown": pl.Int64},
        ),
        pl.DataFrame(regions, schema={**whole, "name": pl.String, **fractions}).with_columns(
            pl.col("first_fixation_s", "dwell_frac").fill_nan(None)
        ),
    )


def mean_scanpaths(
    study: Study,
    target: FixationHeatmap,
    radiographs: pl.DataFrame,
    regions: pl.DataFrame,
    size_px: int,
    notes: list[str],
) -> Scanpaths | None:
    """Average the two tables over readings, with intervals over patients; None if no radiograph has gaze."""
    if radiographs.is_empty():
        return None
    radius_px = target.sigma_px(size_px)
    patients = study.patients
    not_shown = int(radiographs["fixations_not_shown"].sum())
    if not_shown:
        notes.append(
            f"scanpaths: {not_shown} of {not_shown + int(radiographs['fixations'].sum())} fixations lie outside the "
            "part of the radiograph that was on the screen and are left out"
        )
    with noting(notes, "scanpaths"):
        whole = mean_estimates(
            {name: radiographs[name] for name in _RADIOGRAPH}, patients[radiographs["case_index"].to_numpy()]
        )
    found = {}
    for (name,), rows in regions.group_by("name", maintain_order=True):
        with noting(notes, "gaze in regions"):
            of_rows = patients[rows["case_index"].to_numpy()]
            inside = mean_estimates({name: rows[name] for name in _REGION}, of_rows)
            first = mean_estimates({"first_fixation_s": rows["first_fixation_s"]}, of_rows)
        found[str(name)] = RegionReading(
            cases=len(rows),
            cases_fixated=int((rows["fixations"] > 0).sum()),
            cases_relative=rows["dwell_s"].null_count(),
            cases_timed=rows["first_fixation_s"].count(),
            **inside,
            **first,
        )
    return Scanpaths(
        cases=len(radiographs),
        cases_relative=radiographs["dwell_s"].null_count(),
        size_px=size_px,
        radius_px=radius_px,
        coverage=f"share of pixels within {radius_px:.1f} px of {size_px}, the heatmap's sigma, of a fixated pixel",
        fixations_not_shown=not_shown,
        regions=found,
        **whole,
    )


def region_masks(study: Study, case_index: int, radiograph: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    """Return the union of the regions of each name on the radiograph, without those that cover no pixel of it."""
    geometry = study.geometry(case_index, len(radiograph))
    masks: dict[str, NDArray[np.bool_]] = {}
    for region in study.regions(case_index):
        mask = on_canvas(geometry, region) & radiograph
        if mask.any():
            masks[region.name] = masks[region.name] | mask if region.name in masks else mask
    return masks
