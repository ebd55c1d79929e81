"""Measures of a study's gaze: scanpaths, areas, regions, and the similarity of readers, without any model.

A fixation outside the part of the radiograph that was on the screen did not look at the radiograph: it is left out of
everything, and no step leads from or to it. Relative durations are in no column of seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.evaluation.gaze_readings import WHO, Reading, names_of, radiograph_of, reading_of
from egaze.evaluation.gaze_tables import pair_table, region_table, transition_table
from egaze.metrics import (
    Estimate,
    KScale,
    crossed_mean_ci,
    k_coefficient,
    mean_ci,
    stationary_entropy,
    transition_entropy,
    transition_matrix,
)
from egaze.metrics.estimate import noting
from egaze.metrics.scanpath import coverage_frac, nearest_fixation_px
from egaze.study import Study
from egaze.study.splits import SPLITS

#: The heatmap's sigma in the default recipe, as a fraction of the canvas: what a fixation is taken to cover.
COVERED_FRAC = 0.05
RESAMPLES = 10_000

#: Numbers of a reading, with their units in words; their means are reported.
READING_MEASURES = {
    "fixations": "fixations on the part shown",
    "dwell_s": "the sum of their durations, s",
    "fixation_s": "their mean duration, s",
    "saccade_deg": "mean amplitude of the steps between them, degrees",
    "saccade_frac": "the same, fractions of the radiograph's diagonal",
    "k_coefficient": "above 0 focal, below 0 ambient; standardised over all readings",
    "coverage_frac": f"share of the radiograph within {COVERED_FRAC} of the canvas's side of a fixation",
    "cells_visited_frac": "share of the grid's cells with a fixation",
    "stationary_entropy_bits": "how evenly fixations are spread over the grid's cells",
    "transition_entropy_bits": "how little a cell says of the next one",
}

_SCHEMA = {
    **WHO,
    "source": pl.String,
    "patient": pl.Int64,
    "label": pl.String,
    "split": pl.String,
    "duration_unit": pl.String,
    "fixations": pl.Int64,
    "fixations_not_shown": pl.Int64,
    **dict.fromkeys(list(READING_MEASURES)[1:], pl.Float64),
}


@dataclass(frozen=True, slots=True)
class MeanMeasure:
    """The mean of a measure over the readings that have it.

    Attributes:
        readings, readers: how many there are; unknown readers are not counted.
        over_patients: the mean, with an interval over patients, for these readers.
        over_readers_and_patients: the mean over readings of known readers, with an interval for new readers on new
            patients; None for fewer than two readers.
    """

    readings: int
    readers: int
    over_patients: Estimate
    over_readers_and_patients: Estimate | None


@dataclass(frozen=True, slots=True, eq=False)
class GazeMeasures:
    """What `measure_gaze` finds.

    Attributes:
        readings: one row per case with gaze, which is one reader on one radiograph.
        regions: one row per reading and region name.
        transitions: one row per reading and pair of region names, with the count of steps from the one to the other.
        pairs: one row per pair of readings of one radiograph.
        means: of `READING_MEASURES`, by name.
        notes: what is not defined or not known, one sentence each.
    """

    readings: pl.DataFrame
    regions: pl.DataFrame
    transitions: pl.DataFrame
    pairs: pl.DataFrame
    means: dict[str, MeanMeasure]
    notes: tuple[str, ...]


def measure_gaze(study: Study, *, rows: int = 4, columns: int = 4, resamples: int = RESAMPLES) -> GazeMeasures:
    """Measure the gaze of all cases of a study.

    Args:
        study: a prepared study.
        rows, columns: of the grid over each radiograph, for entropies and the similarity of readers.
        resamples: of the intervals.

    Returns:
        Tables and means. Values that are not defined are null, and `notes` says why.

    Raises:
        ValueError: a grid finer than the radiograph's pixels on the canvas.

    Example:
        >>> from egaze import open_study
        >>> from egaze.evaluation import measure_gaze
        >>> measures = measure_gaze(open_study("study"), resamples=200)
        >>> measures.readings["fixations"].min() > 0, "fixation_s" in measures.means
        (True, True)
    """
    notes: list[str] = []
    merged = _merged(study)
    if merged[study.has_gaze].any():
        notes.append(
            f"{int(merged[study.has_gaze].sum())} cases are the gaze of several readers together, which has no order: "
            "they are left out"
        )
    if unknown := int((study.has_gaze & ~study.shape_is_known).sum()):
        notes.append(
            f"the shapes of the radiographs of {unknown} cases are not known: lengths, areas and K are those on a "
            "picture onto which their source stretched them"
        )
    found = [reading_of(study, index, rows, columns) for index in np.flatnonzero(study.has_gaze & ~merged).tolist()]
    readings = _reading_table(study, found, rows * columns, notes)
    return GazeMeasures(
        readings=readings,
        regions=region_table(study, found),
        transitions=transition_table(study, found),
        pairs=pair_table(study, found),
        means=_means(study, readings, resamples, notes),
        notes=tuple(notes),
    )


def _merged(study: Study) -> NDArray[np.bool_]:
    """(N,) whether a case's gaze is that of several readers."""
    keys = {item["key"] for item in study.manifest["sources"] if item["options"].get("readers") == "merged"}
    return study.cases["source"].is_in(sorted(keys)).to_numpy()


def _reading_table(study: Study, found: list[Reading], cells: int, notes: list[str]) -> pl.DataFrame:
    in_degrees = all(item.step_deg is not None for item in found)
    scale = {
        relative: _k_scale([item for item in found if item.recorded.is_relative == relative], in_degrees)
        for relative in (False, True)
    }
    rows = []
    for item in found:
        fixations = item.fixations
        with noting(notes, "a reading"):
            k = k_coefficient(item.before_step, _steps(item, in_degrees), scale[fixations.is_relative])
            of_cells = np.bincount(item.cells[item.cells >= 0], minlength=cells)
            spread = stationary_entropy(of_cells)
            transitions = transition_entropy(transition_matrix(item.cells, cells))
        duration_s = fixations.duration_s.astype(np.float64)
        is_timed = not fixations.is_relative
        radiograph = radiograph_of(study, item)
        nearest_px = nearest_fixation_px(radiograph.shape, fixations.x_px, fixations.y_px)
        rows.append(
            {
                **names_of(study, item),
                "source": study.cases["source"][item.case_index],
                "patient": int(study.patients[item.case_index]),
                "label": study.cases["label"][item.case_index],
                "split": SPLITS[study.splits.split_index[item.case_index]],
                "duration_unit": fixations.duration_unit,
                "fixations": len(fixations),
                "fixations_not_shown": int((~item.shown).sum()),
                "dwell_s": float(duration_s.sum()) if is_timed else None,
                "fixation_s": float(duration_s.mean()) if is_timed and len(fixations) else None,
                "saccade_deg": None if item.step_deg is None else _mean(item.step_deg),
                "saccade_frac": _mean(item.step_frac),
                "k_coefficient": k,
                "coverage_frac": coverage_frac(nearest_px, radiograph, COVERED_FRAC * study.image_size_px),
                "cells_visited_frac": float((of_cells > 0).sum()) / cells,
                "stationary_entropy_bits": spread,
                "transition_entropy_bits": transitions,
            }
        )
    return pl.DataFrame(rows, schema=_SCHEMA).with_columns(pl.col(pl.Float64).fill_nan(None))


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if len(values) else None


def _steps(item: Reading, in_degrees: bool) -> NDArray[np.float64]:
    return item.step_deg if in_degrees and item.step_deg is not None else item.step_frac


def _k_scale(found: list[Reading], in_degrees: bool) -> KScale:
    """That of all readings whose durations have one unit."""
    nothing = np.zeros(0)
    return KScale.of(
        np.concatenate([nothing, *(item.fixations.duration_s for item in found)]),
        np.concatenate([nothing, *(_steps(item, in_degrees) for item in found)]),
    )


def _means(study: Study, readings: pl.DataFrame, resamples: int, notes: list[str]) -> dict[str, MeanMeasure]:
    found = {}
    for name in READING_MEASURES:
        rows = readings.drop_nulls(name)
        if rows.is_empty():
            continue
        known = rows.drop_nulls("reader_id")
        readers = known["reader_id"].n_unique()
        with noting(notes, name):
            over_patients = mean_ci(rows[name].to_numpy(), rows["patient"].to_numpy(), resamples=resamples)
            crossed = None
            if readers > 1:
                patients = known["patient"].to_numpy()
                crossed = crossed_mean_ci(
                    known[name].to_numpy(), known["reader_id"].to_numpy(), patients, resamples=resamples
                )
        found[name] = MeanMeasure(len(rows), readers, over_patients, crossed)
    return found
