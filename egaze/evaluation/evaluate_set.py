"""`evaluate_set`: measure every run of a set, and the set as a whole.

SET/evaluation/SPLIT holds metrics.json and predictions.parquet like a run's, with one row per seed and case. A metric
of the set is the mean over its seeds. Each seed's value is computed on all cases together; in a cross-validated set
each case is predicted by the run that tests it. Intervals are over seeds and patients; with one seed, over patients.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.atomic import new_files, require_folder
from egaze.errors import RunError
from egaze.evaluation.agreement import CENTRE, map_agreement, note_undefined
from egaze.evaluation.classification import is_judged, note_few, to_judge, why_not_measured
from egaze.evaluation.evaluate import evaluate, published_results
from egaze.evaluation.gaze_results import MapAgreement, Scanpaths
from egaze.evaluation.means import RESAMPLES
from egaze.evaluation.pooled import Pooled, pool
from egaze.evaluation.results import Classification, ClassResult, EvaluationResult, MemberResult, TrainedHeads
from egaze.evaluation.scanpaths import mean_scanpaths, scanpath_tables
from egaze.evaluation.stored import FORMAT_VERSION, METRICS, PREDICTIONS, Evaluation, open_evaluation
from egaze.labels import class_counts
from egaze.metrics import Estimate, macro_auc
from egaze.metrics.estimate import noting
from egaze.metrics.gaze_metrics import GAZE_METRICS
from egaze.metrics.over_seeds import aucs_over_seeds, mean_over_seeds, within_unit
from egaze.progress import NamedProgress
from egaze.serialize import write_json
from egaze.tables.parquet import write_parquet
from egaze.training import RunSet


def evaluate_set(
    run_set: RunSet,
    *,
    split: str = "test",
    out: Path | None = None,
    batch_size: int = 32,
    threads: int | None = None,
    progress: NamedProgress | None = None,
) -> Evaluation:
    """Measure every run of a finished set on one split of its study, then the set as a whole.

    Args:
        run_set: the set.
        split: "train", "validation" or "test". With folds, every case is in one test split and in one validation split.
        out: folder for the set's results; SET/evaluation/SPLIT if None. Each run's results are stored in the run.
        batch_size, threads: of the prediction; the results do not depend on them.
        progress: called with the run's name, the batches done and the number of batches.

    Returns:
        The set's evaluation as it is stored in `out`.

    Raises:
        RunError: a run is not finished, or `split` is "train" and the set has folds.
        StudyError, EgazeError: see `evaluate`.

    Example:
        >>> from egaze import open_study
        >>> from egaze.evaluation import evaluate_set
        >>> from egaze.training import load_recipe, train_set
        >>> small = ["input_size_px=32", "model.encoder=mobilenetv3_small_050", "stages.epochs=1"]
        >>> recipe = load_recipe("encoder-only", small)
        >>> runs = train_set(open_study("study"), recipe, "runs", seeds=(0, 1), device="cpu")
        >>> metrics = evaluate_set(runs, threads=1).metrics
        >>> metrics.seeds, [run.run for run in metrics.runs]
        ((0, 1), ['seed-0', 'seed-1'])
    """
    out = Path(out or run_set.path / "evaluation" / split)
    require_folder(out)
    trained = run_set.runs()
    if run_set.folds is not None and split == "train":
        raise RunError(f"{run_set.path}: folds train on each other's cases; evaluate a single run on them")
    for number, run in enumerate(trained):
        which = f"run {number + 1} of {len(trained)} ({run.path.name}): predicting"
        told = None if progress is None else partial(progress, which)
        evaluate(run, split=split, batch_size=batch_size, threads=threads, progress=told)
    pooled = pool(run_set, split)
    over = "patients" if len(run_set.seeds) == 1 else "seeds and patients"
    notes: list[str] = []
    classification = _classification(pooled, notes)
    heatmap = _heatmap(pooled, notes)
    scanpath = _scanpath(pooled, notes)
    runs = _runs(pooled, run_set, notes)
    result = EvaluationResult(
        split=split,
        chosen_on=pooled.recipe.choose_on,
        optimistic=split == pooled.recipe.choose_on,
        synthetic=pooled.study.is_synthetic,
        cases=len(pooled.case_index),
        patients=len(np.unique(pooled.patients)),
        folds=run_set.folds,
        seeds=run_set.seeds,
        intervals=f"95 %, bootstrap over {over}, {RESAMPLES} resamples",
        warnings=tuple(notes),
        trained=TrainedHeads(classification=pooled.recipe.trains_classifier, heatmap=pooled.recipe.trains_heatmap),
        classification=classification,
        heatmap=heatmap,
        scanpath=scanpath,
        readers=None,
        published=() if run_set.folds else published_results(pooled.study, split),
        runs=runs,
    )
    with new_files(out) as new:
        write_parquet(new / PREDICTIONS, pooled.table)
        write_json(new / METRICS, FORMAT_VERSION, result)
    return open_evaluation(out)


def _classification(pooled: Pooled, notes: list[str]) -> Classification | None:
    if not pooled.recipe.trains_classifier:
        notes.append("classification: no stage of the recipe trained the classifier, so it is not judged")
        return None
    judged = is_judged(pooled.labels)
    labels, probs, groups = pooled.labels.of(judged), pooled.class_probs[:, judged], pooled.patients[judged]
    if why := why_not_measured(labels):
        notes.append(f"classification: {why}, so nothing is measured")
        return None
    accuracy = None
    with noting(notes, "classes"):
        aucs = aucs_over_seeds(to_judge(labels), probs, groups, resamples=RESAMPLES)
        if labels.kind == "exclusive":
            right = (probs.argmax(axis=2) == labels.values).astype(np.float64)
            accuracy = within_unit(mean_over_seeds(right, groups, resamples=RESAMPLES))
    classes = {}
    for (name, counts), auc in zip(class_counts(labels).items(), aucs.classes, strict=True):
        in_all = counts.present + counts.absent
        classes[name] = ClassResult(counts.present, in_all, auc if auc.is_defined else None)
        if not auc.is_defined:
            notes.append(f"{name}: {counts.present} of {in_all} radiographs, so it has no ROC curve")
    if labels.kind == "independent":
        note_few(labels, classes, notes)
    return Classification(
        cases=len(labels), label_kind=labels.kind, macro_auc=aucs.macro, accuracy=accuracy, classes=classes
    )


def _heatmap(pooled: Pooled, notes: list[str]) -> MapAgreement | None:
    if pooled.recipe.model.heatmap_head and not pooled.recipe.trains_heatmap:
        notes.append("heatmaps: no stage of the recipe trained the heatmap head, so it is not judged")
    if pooled.heatmap is None:
        return None
    values, names = pooled.agreement, list(pooled.heatmap.definitions)

    def mean(of_cases: NDArray[np.float64]) -> Estimate | None:
        known = np.isfinite(of_cases).all(axis=0)
        if not known.any():
            return None
        return mean_over_seeds(of_cases[:, known], pooled.patients[known], resamples=RESAMPLES)

    cases = int(pooled.has_agreement.sum())
    for name in names:
        note_undefined(GAZE_METRICS[name], cases - int(np.isfinite(values[name]).all(axis=0).sum()), notes)
    of_itself = [name for name in names if GAZE_METRICS[name].over_centre_bias]
    with noting(notes, "heatmaps"):
        predicted = {name: mean(values[name]) for name in names}
        return map_agreement(
            pooled.recipe,
            pooled.heatmap.size_px,
            names,
            cases=cases,
            predicted=predicted,
            centre_bias={name: Estimate(0.0) if name in of_itself else mean(values[CENTRE + name]) for name in names},
            over_centre_bias={
                name: predicted[name] if name in of_itself else mean(values[name] - values[CENTRE + name])
                for name in names
            },
        )


def _scanpath(pooled: Pooled, notes: list[str]) -> Scanpaths | None:
    """Measure how the radiographs were read. That does not depend on the runs, so each radiograph counts once."""
    target, size_px = pooled.recipe.heatmap, pooled.recipe.input_size_px
    radiographs, regions = scanpath_tables(pooled.study, target, pooled.case_index, size_px)
    return mean_scanpaths(pooled.study, target, radiographs, regions, size_px, notes)


def _runs(pooled: Pooled, run_set: RunSet, notes: list[str]) -> tuple[MemberResult, ...]:
    found = []
    for member in run_set.members:
        rows = pooled.table.filter(seed=member.seed, **({} if member.fold is None else {"fold": member.fold}))
        answers = pooled.study.labels.answers[rows["case_index"].to_numpy()]
        probs = rows.select(f"prob_{name}" for name in pooled.class_names).to_numpy()
        found.append(
            MemberResult(
                run=member.name,
                fold=member.fold,
                seed=member.seed,
                cases=len(rows),
                macro_auc=_macro_auc(answers, probs, member.name, notes) if pooled.recipe.trains_classifier else None,
                cc=_mean(rows["cc"]) if pooled.agreement else None,
            )
        )
    return tuple(found)


def _macro_auc(answers: NDArray[np.float32], probs: NDArray[np.float64], name: str, notes: list[str]) -> float | None:
    with noting(notes, name):
        auc = macro_auc(answers, probs)
    return None if math.isnan(auc) else auc


def _mean(column: pl.Series) -> float | None:
    """Return the mean of the values that are not null; None if there are none."""
    mean = column.mean()
    return mean if isinstance(mean, float) else None
