"""Predict one side of a run's study and measure both heads."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.assessment.assessment import HEATMAPS, METRICS, PREDICTIONS, Assessment, open_assessment
from egaze.atomic import write_file, write_text
from egaze.evaluation import Interval, cc, kld, mean_ci, nss, roc_auc_ci
from egaze.evaluation.classification import macro_auc_ci
from egaze.evaluation.published import PUBLISHED
from egaze.gaze import rasterize_fixations
from egaze.loading import DeviceLoader, HeatmapTarget
from egaze.study import Study
from egaze.training.engine import Predictions, predict
from egaze.training.run import Run

RESAMPLES = 10_000
_SALIENCY = ("cc", "kld", "nss")


def evaluate(
    run: Run,
    *,
    split: str = "test",
    out: Path | None = None,
    batch_size: int = 32,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Assessment:
    """Measure a run's best model on one side of its study.

    Classification: per-class and macro AUC, with 95 % intervals by bootstrap over patients, stratified by class.
    Heatmaps: CC, KL divergence and NSS against the reader's heatmap at the recipe's sigma, beside the same for
    the centre-bias map (the mean of the training heatmaps as densities), and the paired difference. Figures of the
    side that chose the epoch are marked "optimistic".

    Args:
        run: a finished or running run.
        split: "train", "validation" or "test".
        out: where the results go; RUN/evaluation/SPLIT when None. Files there are replaced.
        batch_size, threads: of the prediction; the results do not depend on them.
        progress: called with (batches done, batches in all).

    Raises:
        StudyError: the study is gone, or the split is empty.
        RunError: the study is not the one the run was trained on, or there is no checkpoint yet.
    """
    study = run.open_study()
    indices = study.split.indices(split)
    model = run.load_model()
    size_px, target = run.recipe.input_size_px, run.recipe.heatmap
    loader = DeviceLoader(
        study,
        indices,
        batch_size=batch_size,
        size_px=size_px,
        target=target,
        threads=threads or os.cpu_count() or 1,
    )
    predictions = predict(
        model, loader, run.recipe.stages[-1], keep_heatmaps=run.recipe.model.heatmap_head, progress=progress
    )
    table = _case_table(study, predictions)
    metrics: dict[str, Any] = {
        "format_version": 1,
        "split": split,
        "chosen_on": run.recipe.choose_on,
        "optimistic": split == run.recipe.choose_on,
        "synthetic": study.is_synthetic,
        "cases": len(indices),
        "patients": len(np.unique(study.patients[indices])),
        "intervals": f"95 %, bootstrap over patients, {RESAMPLES} resamples",
        "classification": _classification(study, predictions),
        "heatmap": None,
        "published": [
            {"name": paper.name, "source": paper.source, "auc": {k: _figure(v) for k, v in paper.auc.items()}}
            for paper in PUBLISHED
        ],
    }
    if predictions.heatmap is not None:
        centre = centre_bias(study, target, size_px)
        agreement = _agreement(study, target, size_px, predictions, centre)
        table = table.join(agreement, on="case_index", how="left", maintain_order="left")
        metrics["heatmap"] = _heatmap_figures(study, target, size_px, agreement)
    return _write(out or run.path / "evaluation" / split, metrics, table, predictions.heatmap)


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


def true_heatmap(study: Study, target: HeatmapTarget, case_index: int, size_px: int) -> NDArray[np.float32]:
    """The reader's heatmap of one case, (size, size) float32, largest value 1."""
    return rasterize_fixations(
        study.fixations(case_index, size_px),
        (size_px, size_px),
        sigma_px=target.sigma_frac * size_px,
        weight=target.weight,  # type: ignore[arg-type]
        **target.kernel_options(),  # type: ignore[arg-type]
    )


def _case_table(study: Study, predictions: Predictions) -> pl.DataFrame:
    cases = study.cases[predictions.case_index]
    probabilities = {
        f"prob_{name}": predictions.class_probs[:, number] for number, name in enumerate(study.class_names)
    }
    return pl.DataFrame(
        {
            "case_index": predictions.case_index,
            "case_id": cases["case_id"],
            "label": cases["label"],
            **probabilities,
        }
    )


def _classification(study: Study, predictions: Predictions) -> dict[str, Any] | None:
    labels = study.labels[predictions.case_index]
    known = labels >= 0
    labels, probabilities = labels[known], predictions.class_probs[known].astype(np.float64)
    groups = study.patients[predictions.case_index][known]
    if len(np.unique(labels)) < 2:
        return None
    classes: dict[str, Any] = {}
    for number, name in enumerate(study.class_names):
        is_class = (labels == number).astype(np.int64)
        auc = None
        if 0 < is_class.sum() < len(labels):
            auc = _figure(
                roc_auc_ci(is_class, probabilities[:, number], method="bootstrap", groups=groups, resamples=RESAMPLES)
            )
        classes[name] = {"cases": int(is_class.sum()), "auc": auc}
    return {
        "cases": len(labels),
        "macro_auc": _figure(macro_auc_ci(labels, probabilities, groups, resamples=RESAMPLES)),
        "accuracy": _figure(mean_ci(probabilities.argmax(axis=1) == labels, groups, resamples=RESAMPLES)),
        "classes": classes,
    }


def _agreement(
    study: Study, target: HeatmapTarget, size_px: int, predictions: Predictions, centre: NDArray[np.float64]
) -> pl.DataFrame:
    """One row a case with gaze on the film: each metric of the predicted map and of the centre-bias map."""
    rows = []
    for case_index, heatmap in zip(predictions.case_index, predictions.heatmap, strict=True):  # type: ignore[arg-type]
        fixations = study.fixations(int(case_index), size_px)
        x, y = fixations.x_px, fixations.y_px
        if not ((x >= -0.5) & (x < size_px - 0.5) & (y >= -0.5) & (y < size_px - 0.5)).any():
            continue
        truth = true_heatmap(study, target, int(case_index), size_px)
        row: dict[str, float] = {"case_index": int(case_index)}
        for prefix, prediction in (("", heatmap.astype(np.float64)), ("centre_", centre)):
            row[f"{prefix}cc"] = cc(prediction, truth)
            row[f"{prefix}kld"] = kld(prediction, truth)
            row[f"{prefix}nss"] = nss(prediction, x, y)
        rows.append(row)
    names = [f"{prefix}{metric}" for prefix in ("", "centre_") for metric in _SALIENCY]
    return pl.DataFrame(rows, schema={"case_index": pl.Int64, **dict.fromkeys(names, pl.Float64)})


def _heatmap_figures(
    study: Study, target: HeatmapTarget, size_px: int, agreement: pl.DataFrame
) -> dict[str, Any] | None:
    if agreement.is_empty():
        return None
    groups = study.patients[agreement["case_index"].to_numpy()]

    def figure(values: pl.Series) -> dict[str, float | None]:
        return _figure(mean_ci(values.to_numpy(), groups, resamples=RESAMPLES))

    return {
        "cases": len(agreement),
        "size_px": size_px,
        "target": asdict(target),
        **{name: figure(agreement[name]) for name in _SALIENCY},
        "centre_bias": {name: figure(agreement[f"centre_{name}"]) for name in _SALIENCY},
        "over_centre_bias": {name: figure(agreement[name] - agreement[f"centre_{name}"]) for name in _SALIENCY},
    }


def _figure(interval: Interval) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in asdict(interval).items()}


def _write(out: Path, metrics: dict[str, Any], table: pl.DataFrame, heatmaps: NDArray[np.float16] | None) -> Assessment:
    out = Path(out)
    write_file(out / PREDICTIONS, table.write_parquet)
    if heatmaps is not None:
        write_file(out / HEATMAPS, lambda partial: _save_array(partial, heatmaps))
    write_text(out / METRICS, json.dumps(metrics, indent=2) + "\n")
    return open_assessment(out)


def _save_array(path: Path, array: NDArray[np.float16]) -> None:
    with path.open("wb") as file:
        np.save(file, array)
