"""Evaluate every run of a set, and the set as a whole.

SET/evaluation/SPLIT holds metrics.json and predictions.parquet as a run's, with a row a seed and case. A figure of the
set is a mean over the seeds; each seed's is of all cases together, in a cross-validated set each answered by the run
that tests it. Intervals are over seeds and patients; with one seed they are over patients alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egaze.atomic import new_files, require_folder
from egaze.errors import RunError
from egaze.evaluation.agreement import how_measured
from egaze.evaluation.evaluate import evaluate
from egaze.evaluation.figures import RESAMPLES, figure
from egaze.evaluation.pooled import AGREEMENT, Pooled, pool
from egaze.evaluation.published import published_figures
from egaze.evaluation.reading import reading_figures, reading_tables
from egaze.evaluation.stored import FORMAT_VERSION, METRICS, PREDICTIONS, Evaluation, open_evaluation, write_table
from egaze.metrics import macro_auc
from egaze.metrics.notes import noting
from egaze.metrics.over_seeds import aucs_over_seeds, mean_over_seeds, within_unit
from egaze.training import RunSet


def evaluate_set(
    run_set: RunSet,
    *,
    split: str = "test",
    out: Path | None = None,
    batch_size: int = 32,
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Evaluation:
    """Measure every run of a finished set on one side of its split, then all together.

    Args:
        run_set: the set.
        split: "train", "validation" or "test"; with folds every case is tested, and validates, once.
        out: where the set's results go; SET/evaluation/SPLIT when None. Each run's go where `evaluate` puts them.
        batch_size, threads: of the prediction; the results do not depend on them.
        progress: called with (which run, batches done, batches in all).

    Raises:
        RunError: a run is not finished, or `split` is "train" and the set has folds.
        StudyError, EgazeError: as `evaluate`.
    """
    out = Path(out or run_set.path / "evaluation" / split)
    require_folder(out)
    runs = run_set.runs()
    if run_set.folds is not None and split == "train":
        raise RunError(f"{run_set.path}: folds train on each other's cases; evaluate a single run on them")
    for number, run in enumerate(runs):
        which = f"run {number + 1} of {len(runs)} ({run.path.name}): predicting"
        told = progress and (lambda done, total, which=which: progress(which, done, total))
        evaluate(run, split=split, batch_size=batch_size, threads=threads, progress=told)
    pooled = pool(run_set, split)
    over = "patients" if len(run_set.seeds) == 1 else "seeds and patients"
    notes: list[str] = []
    metrics = {
        "format_version": FORMAT_VERSION,
        "split": split,
        "chosen_on": pooled.recipe.choose_on,
        "optimistic": split == pooled.recipe.choose_on,
        "synthetic": pooled.study.is_synthetic,
        "cases": len(pooled.case_index),
        "patients": len(np.unique(pooled.patients)),
        "folds": run_set.folds,
        "seeds": list(run_set.seeds),
        "intervals": f"95 %, bootstrap over {over}, {RESAMPLES} resamples",
        "warnings": notes,
        "trained": {"classification": pooled.recipe.trains_classifier, "heatmap": pooled.recipe.trains_heatmap},
        "classification": _classification(pooled, notes),
        "heatmap": _heatmap(pooled, notes),
        "scanpath": _scanpath(pooled, notes),
        "published": [] if run_set.folds else published_figures(pooled.study, split),
        "runs": _runs(pooled, run_set),
    }
    with new_files(out) as new:
        write_table(new / PREDICTIONS, pooled.table)
        (new / METRICS).write_text(json.dumps(metrics, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return open_evaluation(out)


def _classification(pooled: Pooled, notes: list[str]) -> dict[str, Any] | None:
    if not pooled.recipe.trains_classifier:
        notes.append("classification: no stage of the recipe trained the classifier, so it is not judged")
        return None
    known = pooled.labels >= 0
    labels, probs, groups = pooled.labels[known], pooled.class_probs[:, known], pooled.patients[known]
    if len(np.unique(labels)) < 2:
        notes.append("classification: fewer than two classes have a film here, so there is nothing to tell apart")
        return None
    right = (probs.argmax(axis=2) == labels).astype(np.float64)
    with noting(notes, "classes"):
        aucs = aucs_over_seeds(labels, probs, groups, resamples=RESAMPLES)
        accuracy = within_unit(mean_over_seeds(right, groups, resamples=RESAMPLES))
    for name, auc in zip(pooled.class_names, aucs.classes, strict=True):
        if auc is None:
            films = int(np.sum(labels == pooled.class_names.index(name)))
            notes.append(f"{name}: {films} of {len(labels)} films, so it has no ROC curve")
    return {
        "cases": len(labels),
        "macro_auc": figure(aucs.macro),
        "accuracy": figure(accuracy),
        "classes": {
            name: {"cases": int((labels == number).sum()), "auc": None if auc is None else figure(auc)}
            for number, (name, auc) in enumerate(zip(pooled.class_names, aucs.classes, strict=True))
        },
    }


def _heatmap(pooled: Pooled, notes: list[str]) -> dict[str, Any] | None:
    if pooled.recipe.model.heatmap_head and not pooled.recipe.trains_heatmap:
        notes.append("heatmaps: no stage of the recipe trained the heatmap head, so it is not judged")
    if pooled.heatmap is None:
        return None
    values = pooled.agreement

    def mean(of_cases: NDArray[np.float64]) -> dict[str, float | None] | None:
        known = np.isfinite(of_cases).all(axis=0)
        if not known.any():
            return None
        return figure(mean_over_seeds(of_cases[:, known], pooled.patients[known], resamples=RESAMPLES))

    cases = int(pooled.has_agreement.sum())
    if missing := cases - int(np.isfinite(values["shuffled_auc"]).all(axis=0).sum()):
        notes.append(f"shuffled AUC: {missing} films have no fixations on training films of others to compare with")
    with noting(notes, "heatmaps"):
        return {
            "cases": cases,
            **how_measured(pooled.recipe, pooled.heatmap["size_px"], AGREEMENT),
            **{name: mean(values[name]) for name in AGREEMENT},
            "centre_bias": {name: mean(values[f"centre_{name}"]) for name in AGREEMENT},
            "over_centre_bias": {name: mean(values[name] - values[f"centre_{name}"]) for name in AGREEMENT},
        }


def _scanpath(pooled: Pooled, notes: list[str]) -> dict[str, Any] | None:
    """How the films were read, which does not depend on the runs: each film once."""
    target, size_px = pooled.recipe.heatmap, pooled.recipe.input_size_px
    films, regions = reading_tables(pooled.study, target, pooled.case_index, size_px)
    return reading_figures(pooled.study, target, films, regions, size_px, notes)


def _runs(pooled: Pooled, run_set: RunSet) -> list[dict[str, Any]]:
    """Each run's own figures, without intervals: how much folds and seeds differ."""
    found = []
    for member in run_set.members:
        rows = pooled.table.filter(seed=member.seed, **({} if member.fold is None else {"fold": member.fold}))
        labels = pooled.study.labels[rows["case_index"].to_numpy()]
        probs = rows.select(f"prob_{name}" for name in pooled.class_names).to_numpy()
        found.append(
            {
                "run": member.name,
                "fold": member.fold,
                "seed": member.seed,
                "cases": len(rows),
                "macro_auc": macro_auc(labels[labels >= 0], probs[labels >= 0])
                if pooled.recipe.trains_classifier
                else None,
                "cc": rows["cc"].mean() if pooled.agreement else None,
            }
        )
    return found
