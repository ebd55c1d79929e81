"""Agreement of predicted heatmaps with gaze, compared with the centre bias and with other readers."""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.errors import EgazeError
from egaze.evaluation.gaze_results import Estimates, MapAgreement, MetricDefinition, ReaderCeiling
from egaze.evaluation.means import mean_estimates
from egaze.metrics import Estimate, StatisticsWarning
from egaze.metrics.estimate import noting
from egaze.metrics.gaze_metrics import GAZE_METRICS, Gaze, GazeMetric
from egaze.study import Study
from egaze.targets import centre_bias
from egaze.training.engine import Predictions
from egaze.training.recipe import Recipe

#: Prefixes of a metric's name when it is measured on the centre-bias map, and on the map of other readers' gaze.
CENTRE, CEILING = "centre_", "ceiling_"


def agreement_table(study: Study, recipe: Recipe, predictions: Predictions, size_px: int) -> pl.DataFrame:
    """Measure each case that has gaze on the radiograph by all of `GAZE_METRICS`.

    Returns:
        One row per case with the metrics of the predicted map, of the centre-bias map (prefix "centre_") and of the map
        of other readers' gaze (prefix "ceiling_"; null if nobody else read the radiograph).

    Raises:
        EgazeError: another package's metric cannot be imported, fails, or returns something other than a finite number
            or NaN.
    """
    target, metrics = recipe.heatmap, dict(GAZE_METRICS)
    centre = centre_bias(study, target, size_px)
    others = other_readers(study, predictions.case_index)
    elsewhere = _Elsewhere(study, size_px)
    canvas = study.canvas.resized(size_px)
    rows = []
    for case_index, heatmap in zip(predictions.case_index.tolist(), predictions.heatmap, strict=True):  # type: ignore[arg-type]
        fixations = study.fixations(case_index, size_px)
        seen = fixations.on_shown
        x, y = fixations.x_px[seen], fixations.y_px[seen]
        if not canvas.contains(x, y).any():
            continue
        maps = {"": heatmap.astype(np.float64), CENTRE: centre}
        if case_index in others:
            maps[CEILING] = target.heatmap(study, others[case_index], size_px).astype(np.float64)
        truth = target.heatmap(study, [case_index], size_px)
        gaze = Gaze(truth, x, y, centre, *elsewhere.fixations(case_index))
        row: dict[str, float | None] = {"case_index": case_index}
        for prefix, map_ in maps.items():
            for name, metric in metrics.items():
                row[prefix + name] = _measured(name, metric, map_, gaze)
        rows.append(row)
    names = [prefix + name for prefix in ("", CENTRE, CEILING) for name in metrics]
    return pl.DataFrame(rows, schema={"case_index": pl.Int64, **dict.fromkeys(names, pl.Float64)})


def other_readers(study: Study, case_indices: NDArray[np.int64]) -> dict[int, list[int]]:
    """Find, for each case with gaze, the other cases with gaze on the same radiograph; cases without any are left out.

    Two cases show the same radiograph if they have the same patient and the same `Study.radiograph_key`. Durations in
    seconds and relative durations have no common scale, so readers with one kind are not compared with readers with the
    other.
    """
    of_patient = defaultdict(list)
    for case_index in case_indices[study.has_gaze[case_indices]].tolist():
        of_patient[int(study.patients[case_index])].append(case_index)
    of_radiograph = defaultdict(list)
    for patient, cases in of_patient.items():
        for case_index in cases if len(cases) > 1 else ():
            key = patient, study.radiograph_key(case_index), bool(study.is_relative[case_index])
            of_radiograph[key].append(case_index)
    return {
        case_index: [other for other in cases if other != case_index]
        for cases in of_radiograph.values()
        for case_index in cases
        if len(cases) > 1
    }


def _measured(name: str, metric: GazeMetric, map_: NDArray[np.float64], gaze: Gaze) -> float | None:
    """The metric's value, None where it is NaN, for which `note_undefined` gives the reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", StatisticsWarning)
            number = float(metric.function(map_, gaze))
    except Exception as error:  # another package's code may raise anything
        why = (str(error).splitlines() or [""])[0]
        raise EgazeError(f"metric {name!r} failed: {type(error).__name__}: {why}") from error
    if math.isinf(number):
        raise EgazeError(
            f"metric {name!r} returned {number}: it must return a finite number, or NaN where it is undefined"
        )
    return None if math.isnan(number) else number


def mean_agreement(
    study: Study, recipe: Recipe, table: pl.DataFrame, size_px: int, notes: list[str]
) -> MapAgreement | None:
    """Average the table over radiographs, with intervals over patients; None if no radiograph has gaze."""
    if table.is_empty():
        notes.append("heatmaps: no radiograph of this split has gaze on it")
        return None
    for name, metric in GAZE_METRICS.items():
        note_undefined(metric, table[name].null_count(), notes)
    with noting(notes, "heatmaps"):
        predicted, centre, difference = _beside(
            study, table, CENTRE, [name for name, metric in GAZE_METRICS.items() if not metric.over_centre_bias]
        )
    for name in predicted.keys() - centre.keys():
        centre[name], difference[name] = Estimate(0.0), predicted[name]
    ceiling = table.drop_nulls(f"{CEILING}cc")
    return map_agreement(
        recipe,
        size_px,
        GAZE_METRICS,
        cases=len(table),
        predicted=predicted,
        centre_bias=centre,
        over_centre_bias=difference,
        ceiling=None if ceiling.is_empty() else _ceiling(study, ceiling, notes),
    )


def map_agreement(
    recipe: Recipe,
    size_px: int,
    names: Iterable[str],
    *,
    cases: int,
    predicted: Estimates,
    centre_bias: Estimates,
    over_centre_bias: Estimates,
    ceiling: ReaderCeiling | None = None,
) -> MapAgreement:
    """Combine means with the definitions of their metrics and with what the maps were compared with."""
    return MapAgreement(
        cases=cases,
        size_px=size_px,
        sigma_px=recipe.heatmap.sigma_px(size_px),
        target=recipe.heatmap.target,
        target_kind="the reader's heatmap at the recipe's sigma",
        trained_towards=recipe.trained_towards,
        definitions={name: _definition(GAZE_METRICS[name]) for name in names},
        predicted=predicted,
        centre_bias=centre_bias,
        over_centre_bias=over_centre_bias,
        ceiling=ceiling,
    )


def note_undefined(metric: GazeMetric, radiographs: int, notes: list[str]) -> None:
    """Add a note of how many radiographs a metric is undefined for, if there are any."""
    if radiographs:
        notes.append(f"{metric.title}: {radiographs} {metric.undefined}")


def _definition(metric: GazeMetric) -> MetricDefinition:
    return MetricDefinition(
        metric.title, metric.unit, metric.more_is_better, metric.against, metric.remark, metric.digits
    )


def _ceiling(study: Study, table: pl.DataFrame, notes: list[str]) -> ReaderCeiling:
    """Measure what other readers' gaze reaches, and the predictions on the same radiographs."""
    with noting(notes, "inter-reader ceiling"):
        predicted, readers, difference = _beside(study, table, CEILING, GAZE_METRICS)
    return ReaderCeiling(cases=len(table), readers=readers, predicted=predicted, under_ceiling=difference)


def _beside(
    study: Study, table: pl.DataFrame, prefix: str, names: Iterable[str]
) -> tuple[Estimates, Estimates, Estimates]:
    """Average the predictions' metrics, and for the given names those of another kind of map and the differences."""
    patients = study.patients[table["case_index"].to_numpy()]
    return (
        mean_estimates({name: table[name] for name in GAZE_METRICS}, patients),
        mean_estimates({name: table[prefix + name] for name in names}, patients),
        mean_estimates({name: table[name] - table[prefix + name] for name in names}, patients),
    )


class _Elsewhere:
    """The fixations on all training radiographs, from which those of a radiograph's own patient are left out."""

    def __init__(self, study: Study, size_px: int) -> None:
        self._study = study
        counts = np.diff(study.offsets)
        case = np.repeat(np.arange(len(study)), counts)
        in_training = np.isin(case, study.splits.indices("train"))
        canvas = study.canvas.resized(size_px)
        x, y = canvas.to_px(study.x_unit, study.y_unit)
        x_min, y_min, x_max, y_max = study.shown_px(size_px).T
        on_shown = (x >= x_min) & (x < x_max) & (y >= y_min) & (y < y_max)
        kept = in_training & canvas.contains(x, y) & on_shown
        self._x, self._y, self._patient = x[kept], y[kept], study.patients[case[kept]]

    def fixations(self, case_index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        others = self._patient != self._study.patients[case_index]
        return (self._x, self._y) if others.all() else (self._x[others], self._y[others])
