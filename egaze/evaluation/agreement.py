"""How well predicted maps agree with gaze, beside what a map without knowledge of the film and other readers reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.evaluation.figures import Figure, mean_figures, plain
from egaze.evaluation.maps import centre_bias, other_readers
from egaze.metrics import auc_borji, auc_judd, cc, information_gain, kld, nss, shuffled_auc, sim
from egaze.metrics.notes import noting
from egaze.metrics.saliency import EPS
from egaze.study import Study
from egaze.training.engine import Predictions
from egaze.training.recipe import Recipe

#: Key, name, unit, whether more is better, whether it compares with a heatmap (or else with fixations), and a remark.
METRICS = (
    ("cc", "CC", "", True, True, "0 for a constant map"),
    ("sim", "SIM", "", True, True, ""),
    ("kld", "KL divergence", "nats", False, True, f"eps {EPS}"),
    ("nss", "NSS", "standard deviations", True, False, "0 for a constant map"),
    ("auc_judd", "AUC-Judd", "", True, False, "equal values share a threshold, without jitter"),
    ("auc_borji", "AUC-Borji", "", True, False, "100 draws, thresholds in steps of 0.1"),
    ("shuffled_auc", "shuffled AUC", "", True, False, "against all fixations on training films of other patients"),
    ("information_gain", "information gain", "bits per fixation", True, False, f"over the centre bias, eps {EPS}"),
)
KEYS = tuple(key for key, *_ in METRICS)


def agreement_table(study: Study, recipe: Recipe, predictions: Predictions, size_px: int) -> pl.DataFrame:
    """One row a case with gaze on the film: each metric of the predicted map, of the centre-bias map ("centre_"), and,
    where others read the same film, of the map of their gaze ("ceiling_", else null)."""
    target = recipe.heatmap
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
        maps = {"": heatmap.astype(np.float64), "centre_": centre}
        if case_index in others:
            maps["ceiling_"] = target.heatmap(study, others[case_index], size_px).astype(np.float64)
        truth = target.heatmap(study, [case_index], size_px)
        row: dict[str, float | None] = {"case_index": case_index}
        for prefix, prediction in maps.items():
            measured = _measure(prediction, truth, (x, y), centre, elsewhere.fixations(case_index))
            row |= {f"{prefix}{key}": value for key, value in measured.items()}
        rows.append(row)
    names = [f"{prefix}{key}" for prefix in ("", "centre_", "ceiling_") for key in KEYS]
    return pl.DataFrame(rows, schema={"case_index": pl.Int64, **dict.fromkeys(names, pl.Float64)})


def agreement_figures(
    study: Study, recipe: Recipe, table: pl.DataFrame, size_px: int, notes: list[str]
) -> dict[str, Any] | None:
    """Means over films with intervals over patients; None where no film has gaze.

    See `egaze.evaluation.stored` for the keys."""
    if table.is_empty():
        notes.append("heatmaps: no film here has gaze on it")
        return None
    ceiling = table.drop_nulls("ceiling_cc")
    if missing := table["shuffled_auc"].null_count():
        notes.append(f"shuffled AUC: {missing} films have no fixations on training films of others to compare with")
    with noting(notes, "heatmaps"):
        patients = study.patients[table["case_index"].to_numpy()]
        figures = _beside(table, "centre", patients, tuple(key for key in KEYS if key != "information_gain"))
    return {
        "cases": len(table),
        **how_measured(recipe, size_px),
        **figures["predicted"],
        # The gain is over the centre bias, whose own is 0.
        "centre_bias": {**figures["centre"], "information_gain": plain(0.0)},
        "over_centre_bias": {**figures["difference"], "information_gain": figures["predicted"]["information_gain"]},
        "ceiling": None if ceiling.is_empty() else _ceiling(study, ceiling, notes),
    }


def how_measured(recipe: Recipe, size_px: int, keys: Sequence[str] = KEYS) -> dict[str, Any]:
    """What maps are compared with, and what the measures of these keys are."""
    sigma_px = recipe.heatmap.sigma_px(size_px)
    heatmap = f"heatmap, sigma {sigma_px:.1f} px of {size_px}, weight {recipe.heatmap.weight}"
    return {
        "size_px": size_px,
        "sigma_px": sigma_px,
        "target": asdict(recipe.heatmap),
        "target_kind": "the reader's heatmap at the recipe's sigma",
        "trained_towards": recipe.heatmap_target,
        "definitions": {
            key: {
                "name": name,
                "unit": unit,
                "more_is_better": more,
                "against": heatmap if of_heatmap else f"fixations on {size_px} x {size_px} px",
                "remark": remark,
            }
            for key, name, unit, more, of_heatmap, remark in METRICS
            if key in keys
        },
    }


def _measure(
    prediction: NDArray[np.float64],
    truth: NDArray[np.float32],
    fixations_px: tuple[NDArray[np.float32], NDArray[np.float32]],
    centre: NDArray[np.float64],
    elsewhere: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> dict[str, float | None]:
    x, y = fixations_px
    return {
        "cc": cc(prediction, truth),
        "sim": sim(prediction, truth),
        "kld": kld(prediction, truth),
        "nss": nss(prediction, x, y),
        "auc_judd": auc_judd(prediction, x, y),
        "auc_borji": auc_borji(prediction, x, y),
        "shuffled_auc": shuffled_auc(prediction, x, y, *elsewhere) if len(elsewhere[0]) else None,
        "information_gain": information_gain(prediction, centre, x, y),
    }


def _ceiling(study: Study, table: pl.DataFrame, notes: list[str]) -> dict[str, Any]:
    """What other readers' gaze reaches, and the predictions on the same films."""
    with noting(notes, "inter-reader ceiling"):
        figures = _beside(table, "ceiling", study.patients[table["case_index"].to_numpy()])
    return {
        "cases": len(table),
        **figures["ceiling"],
        "predicted": figures["predicted"],
        "under_ceiling": figures["difference"],
    }


def _beside(
    table: pl.DataFrame, other: str, patients: NDArray[np.int64], keys: tuple[str, ...] = KEYS
) -> dict[str, dict[str, Figure | None]]:
    """The predictions' figures, those of another kind of map, and the paired differences."""
    return {
        "predicted": mean_figures({key: table[key] for key in KEYS}, patients),
        other: mean_figures({key: table[f"{other}_{key}"] for key in keys}, patients),
        "difference": mean_figures({key: table[key] - table[f"{other}_{key}"] for key in keys}, patients),
    }


class _Elsewhere:
    """The training films' fixations on the canvas, without those of a film's own patient."""

    def __init__(self, study: Study, size_px: int) -> None:
        self._study = study
        counts = np.diff(study.offsets)
        case = np.repeat(np.arange(len(study)), counts)
        in_training = np.isin(case, study.split.indices("train"))
        canvas = study.canvas.resized(size_px)
        x, y = canvas.to_px(study.x_unit, study.y_unit)
        x_min, y_min, x_max, y_max = study.shown_px(size_px).T
        on_shown = (x >= x_min) & (x < x_max) & (y >= y_min) & (y < y_max)
        kept = in_training & canvas.contains(x, y) & on_shown
        self._x, self._y, self._patient = x[kept], y[kept], study.patients[case[kept]]

    def fixations(self, case_index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        others = self._patient != self._study.patients[case_index]
        return (self._x, self._y) if others.all() else (self._x[others], self._y[others])
