"""`evaluate`: predict one split of a run's study and measure both heads."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.atomic import new_files, require_folder
from egaze.evaluation.agreement import agreement_table, mean_agreement
from egaze.evaluation.classification import Scored, is_judged, measure_classification
from egaze.evaluation.means import RESAMPLES
from egaze.evaluation.reader_agreement import reader_agreement
from egaze.evaluation.results import EvaluationResult, TrainedHeads
from egaze.evaluation.scanpaths import mean_scanpaths, scanpath_tables
from egaze.evaluation.stored import (
    FORMAT_VERSION,
    HEATMAPS,
    METRICS,
    PREDICTIONS,
    Evaluation,
    open_evaluation,
    require_metric_names,
)
from egaze.loading import DeviceLoader
from egaze.metrics.literature import PUBLISHED, Published
from egaze.progress import Progress
from egaze.serialize import write_json
from egaze.study import Study
from egaze.study.published_splits import published_split_seed
from egaze.study.splits import SPLITS
from egaze.study.tables import LABEL_PREFIX
from egaze.tables.parquet import write_parquet
from egaze.training.engine import Predictions, predict
from egaze.training.run import Run


def evaluate(
    run: Run,
    *,
    split: str = "test",
    out: Path | None = None,
    readers: Path | None = None,
    batch_size: int = 32,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure a run's best model on one split of its study.

    - Classification: AUC and average precision of each class, macro and micro, with 95 % intervals by bootstrap over
      patients, stratified by class; the confusion matrix; sensitivity and specificity at thresholds, and calibration
      at a temperature, that are chosen on validation.
    - Heatmaps: saliency metrics of the predicted heatmap against gaze, where the reader's heatmap has the recipe's
      sigma; the same for the centre-bias map (the mean of the training heatmaps), and the paired difference. Where a
      radiograph has several readers, also what the other readers' gaze reaches.
    - Scanpaths: fixations, dwell time and coverage, on radiographs and in their regions.

    Results on the split that chose the epoch are marked `optimistic`. A head that no stage of the recipe trained is not
    measured, which `warnings` says: class probabilities are then null, or heatmaps are not stored.

    Args:
        run: a run with at least one finished epoch.
        split: "train", "validation" or "test".
        out: folder for the results; RUN/evaluation/SPLIT if None. Files there are replaced.
        readers: a table of several readers' labels of the cases, to measure how well they agree with each other and
            the model with them; see `egaze.sources.label_table.read_readings`.
        batch_size, threads: of the prediction; the results do not depend on them.
        progress: called with the batches done and the number of batches.

    Returns:
        The evaluation as it is stored in `out`.

    Raises:
        StudyError: the study is missing, or the split is empty.
        RunError: the study is not the one that the run was trained on, or no epoch is finished yet.
        TableError: `readers` cannot be used.
        EgazeError: `out` cannot be written, or another package's metric cannot be used.

    Example:
        >>> from pathlib import Path
        >>> from egaze import evaluate
        >>> from egaze.training import open_run
        >>> evaluation = evaluate(open_run("run"), split="validation", out=Path("judged"), threads=1)
        >>> evaluation.path.name, len(evaluation.predictions)
        ('judged', 6)
    """
    out = Path(out or run.path / "evaluation" / split)
    require_folder(out)
    require_metric_names()
    study = run.open_study()
    indices = study.splits.indices(split)
    # Thresholds and temperature are chosen on the labelled validation radiographs.
    choosing = np.flatnonzero((study.splits.split_index == SPLITS.index("validation")) & is_judged(study.labels))
    parts = [indices] if split == "validation" or not len(choosing) else [indices, choosing]
    predictions, *others = _predict(run, study, parts, batch_size, threads or os.cpu_count() or 1, progress)
    notes: list[str] = []
    scored = Scored.of(study, predictions)
    if split == "validation":
        notes.append(
            "thresholds and temperature were chosen on these radiographs, so results look better than on new ones"
        )
        chosen_on = scored
    else:
        chosen_on = Scored.of(study, others[0]) if others else scored.none()
    size_px, target = run.recipe.input_size_px, run.recipe.heatmap
    radiographs, regions = scanpath_tables(study, target, indices, size_px)
    table = _case_table(study, predictions, run.recipe.trains_classifier).join(
        radiographs, on="case_index", how="left", maintain_order="left"
    )
    scanpath = mean_scanpaths(study, target, radiographs, regions, size_px, notes)
    classification, heatmap = None, None
    if run.recipe.trains_classifier:
        classification = measure_classification(study.class_names, scored, chosen_on, notes)
    else:
        notes.append("classification: no stage of the recipe trained the classifier, so it is not measured")
    agreement_of_readers = None
    if readers is not None:
        classes = {} if classification is None else classification.classes
        agreement_of_readers = reader_agreement(study, indices, predictions.class_probs, classes, readers, notes)
    if run.recipe.model.heatmap_head and not run.recipe.trains_heatmap:
        notes.append("heatmaps: no stage of the recipe trained the heatmap head, so it is not measured")
    if predictions.heatmap is not None:
        agreement = agreement_table(study, run.recipe, predictions, size_px)
        table = table.join(agreement, on="case_index", how="left", maintain_order="left")
        heatmap = mean_agreement(study, run.recipe, agreement, size_px, notes)
    result = EvaluationResult(
        split=split,
        chosen_on=run.recipe.choose_on,
        optimistic=split == run.recipe.choose_on,
        synthetic=study.is_synthetic,
        cases=len(indices),
        patients=len(np.unique(study.patients[indices])),
        folds=None,
        seeds=(run.facts["seed"],),
        intervals=f"95 %, bootstrap over patients, {RESAMPLES} resamples",
        warnings=tuple(notes),
        trained=TrainedHeads(classification=run.recipe.trains_classifier, heatmap=run.recipe.trains_heatmap),
        classification=classification,
        heatmap=heatmap,
        scanpath=scanpath,
        readers=agreement_of_readers,
        published=published_results(study, split),
        runs=(),
    )
    return _write(out, result, table, predictions.heatmap)


def published_results(study: Study, split: str) -> tuple[Published, ...]:
    """Return published results on this split: there are some for the test side of EGD-CXR's published splits only."""
    seed = published_split_seed(study) if split == "test" else None
    return tuple(paper for paper in PUBLISHED if seed in paper.split_seeds)


def _predict(
    run: Run,
    study: Study,
    parts: list[NDArray[np.int64]],
    batch_size: int,
    threads: int,
    progress: Progress | None,
) -> list[Predictions]:
    """Predict each part of the study from images alone; heatmaps are kept for the first part only."""
    model, recipe = run.load_model(), run.recipe
    loaders = [
        DeviceLoader(study, part, batch_size=batch_size, size_px=recipe.input_size_px, target=None, threads=threads)
        for part in parts
    ]
    in_all, before = sum(map(len, loaders)), 0

    def tell(done: int, _: int) -> None:
        if progress:
            progress(before + done, in_all)

    found: list[Predictions] = []
    for number, loader in enumerate(loaders):
        found.append(
            predict(
                model,
                loader,
                recipe.stages[-1],
                keep_heatmaps=number == 0 and recipe.model.heatmap_head and recipe.trains_heatmap,
                progress=tell,
            )
        )
        before += len(loader)
    return found


def _case_table(study: Study, predictions: Predictions, has_classifier: bool) -> pl.DataFrame:
    cases = study.cases[predictions.case_index]
    probabilities = {
        f"prob_{name}": predictions.class_probs[:, number]
        if has_classifier
        else pl.repeat(None, len(cases), dtype=pl.Float32, eager=True)
        for number, name in enumerate(study.class_names)
    }
    return pl.DataFrame(
        {
            "case_index": predictions.case_index,
            "case_id": cases["case_id"],
            "label": cases["label"],
            # Of independent labels, the certainty of each class.
            **{name: cases[name] for name in cases.columns if name.startswith(LABEL_PREFIX)},
            **probabilities,
        }
    )


def _write(
    out: Path, result: EvaluationResult, table: pl.DataFrame, heatmaps: NDArray[np.float32] | None
) -> Evaluation:
    with new_files(out) as new:
        write_parquet(new / PREDICTIONS, table)
        if heatmaps is not None:
            np.save(new / HEATMAPS, heatmaps.astype(np.float16))
        write_json(new / METRICS, FORMAT_VERSION, result)
    if heatmaps is None:
        (out / HEATMAPS).unlink(missing_ok=True)  # left by an earlier evaluation that had heatmaps
    return open_evaluation(out)
