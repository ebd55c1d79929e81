"""Tables of regions, of steps between them, and of pairs of readers."""

from __future__ import annotations

import warnings
from dataclasses import asdict

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.evaluation.agreement import other_readers
from egaze.evaluation.gaze_readings import WHO, Reading, masks_of, names_of
from egaze.metrics import (
    StatisticsWarning,
    area_visits,
    areas_of_masks,
    edit_similarity,
    multimatch,
    transition_matrix,
)
from egaze.study import Study

_REGION_SCHEMA = {
    **WHO,
    "region": pl.String,
    "fixations": pl.Int64,
    "dwell_s": pl.Float64,
    "dwell_frac": pl.Float64,
    "entries": pl.Int64,
    "revisits": pl.Int64,
    "first_entry_s": pl.Float64,
}
_TRANSITION_SCHEMA = {**WHO, "from_region": pl.String, "to_region": pl.String, "transitions": pl.Int64}
_PAIR_SCHEMA = {
    **WHO,
    "other_case_id": pl.String,
    "other_reader_id": pl.String,
    **{f"multimatch_{name}": pl.Float64 for name in ("shape", "direction", "length", "position", "duration")},
    "edit_similarity": pl.Float64,
}


def region_table(study: Study, found: list[Reading]) -> pl.DataFrame:
    """One row per reading and region name; a fixation may lie in several regions."""
    rows = []
    for item in found:
        gaze, shown_s = item.recorded, float(item.fixations.duration_s.sum(dtype=np.float64))
        for name, mask in masks_of(study, item).items():
            (visits,) = area_visits(item.areas(mask.astype(np.int64) - 1), 1, gaze.duration_s, gaze.onset_s)
            row = {**names_of(study, item), "region": name, **asdict(visits)}
            row["dwell_frac"] = visits.dwell_s / shown_s if shown_s else None
            rows.append(row | ({"dwell_s": None} if gaze.is_relative else {}))
    return pl.DataFrame(rows, schema=_REGION_SCHEMA).with_columns(pl.col(pl.Float64).fill_nan(None))


def transition_table(study: Study, found: list[Reading]) -> pl.DataFrame:
    """One row per reading and pair of regions that the gaze went between; of regions that overlap, the smallest."""
    rows = []
    for item in found:
        masks = masks_of(study, item)
        if len(masks) > 1:
            areas = item.areas(areas_of_masks(list(masks.values())))
            counts, names = transition_matrix(areas, len(masks)), list(masks)
            rows += [
                {
                    **names_of(study, item),
                    "from_region": names[i],
                    "to_region": names[j],
                    "transitions": int(counts[i, j]),
                }
                for i, j in np.argwhere(counts)
            ]
    return pl.DataFrame(rows, schema=_TRANSITION_SCHEMA)


def pair_table(study: Study, found: list[Reading]) -> pl.DataFrame:
    """One row per pair of readings of one radiograph."""
    by_case = {item.case_index: item for item in found}
    others = other_readers(study, np.array(sorted(by_case), dtype=np.int64))
    rows = []
    for first, second in sorted((one, two) for one, many in others.items() for two in many if one < two):
        one, two = by_case[first], by_case[second]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", StatisticsWarning)  # null says it
            match = multimatch(_path(one), _path(two), (study.image_size_px,) * 2)
            areas = edit_similarity(one.cells[one.cells >= 0], two.cells[two.cells >= 0])
        rows.append(
            {
                **names_of(study, one),
                "other_case_id": study.case_ids[second],
                "other_reader_id": study.cases["reader_id"][second],
                **{f"multimatch_{name}": value for name, value in asdict(match).items()},
                "edit_similarity": areas,
            }
        )
    return pl.DataFrame(rows, schema=_PAIR_SCHEMA).with_columns(pl.col(pl.Float64).fill_nan(None))


def _path(item: Reading) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    fixations = item.fixations
    return fixations.x_px, fixations.y_px, fixations.duration_s
