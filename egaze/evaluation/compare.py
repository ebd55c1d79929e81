"""Comparing two runs, or two sets of runs, on the same cases."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.atomic import new_files
from egaze.errors import EgazeError, RunError
from egaze.evaluation.classification import is_judged, to_judge, why_not_measured
from egaze.evaluation.compare_results import (
    ClassesCompared,
    Compared,
    ComparedRun,
    ComparisonResult,
    MapsCompared,
    PredictionsCompared,
)
from egaze.evaluation.means import RESAMPLES
from egaze.evaluation.pooled import Pooled, pool
from egaze.metrics import Comparison, delong_test, holm
from egaze.metrics.estimate import noting
from egaze.metrics.over_seeds import class_statistic
from egaze.metrics.paired import paired_aucs, paired_mean
from egaze.metrics.seed_bootstrap import of_the_sample
from egaze.serialize import JsonObject, to_json, write_json
from egaze.training import Run, RunSet

FORMAT_VERSION = 4


@dataclass(frozen=True, slots=True, eq=False)
class RunComparison:
    """What `compare` returns.

    Attributes:
        result: the compared metrics.
        disagreements: one row per case that the two classify differently, the largest difference in probability first,
            with columns case_id, label, prediction_a, prob_a, prediction_b, prob_b, prob_a_CLASS and prob_b_CLASS. A
            prediction is the class with the largest probability; for a set, with the largest mean over the seeds.
    """

    result: ComparisonResult
    disagreements: pl.DataFrame

    def to_json(self) -> JsonObject:
        """Return the content of compare.json: the result's fields, and the disagreements as a list of objects."""
        return {
            "format_version": FORMAT_VERSION,
            **to_json(self.result),
            "disagreements": to_json(self.disagreements.to_dicts()),
        }


def compare(
    a: Run | RunSet, b: Run | RunSet, *, split: str = "test", resamples: int = RESAMPLES, seed: int = 0
) -> RunComparison:
    """Compare two evaluated runs, or two evaluated sets of runs with the same folds and seeds.

    The AUC of each class is compared by DeLong's test, which takes radiographs to be independent, with p-values also
    adjusted for the number of classes by Holm's procedure, and the macro AUC by a paired bootstrap over patients. For
    sets with several seeds, both are compared by a bootstrap over seeds and patients; see `egaze.metrics.paired`.
    Agreement with gaze is compared in the same way for each metric that both were measured by. A head that one of the
    two has not trained is left out, which `warnings` and `heatmap_remark` say.

    Args:
        a, b: two runs, or two sets.
        split: "train", "validation" or "test".
        resamples: number of bootstrap resamples.
        seed: seed of the bootstrap.

    Raises:
        EgazeError: the seed is negative.
        RunError: one of the two is not evaluated on that split, or their studies, classes, splits, seeds or cases
            differ.
        StudyError: the study is missing.

    Example:
        >>> from egaze.evaluation import compare
        >>> from egaze.training import open_run
        >>> found = compare(open_run("run"), open_run("run"), resamples=100)
        >>> found.result.heatmap.metrics["cc"].difference, found.result.predictions.disagree
        (0.0, 0)
    """
    if seed < 0:
        raise EgazeError(f"seed must be 0 or more, got {seed}")
    one, other = pool(a, split), pool(b, split)
    _require_same(one, other)
    over = "patients" if len(one.seeds) == 1 else "seeds and patients"
    notes: list[str] = []
    if one.source.path.resolve() == other.source.path.resolve():
        notes.append("A and B are the same, so there is no difference")
    classification, predictions, disagreements = None, None, _no_disagreements()
    untrained = [pooled for pooled in (one, other) if not pooled.recipe.trains_classifier]
    for pooled in untrained:
        notes.append(f"classification: {pooled.source.path} has no trained classifier, so classifiers are not compared")
    if not untrained:
        with noting(notes, "AUC"):
            classification = _classification(one, other, notes, resamples, seed)
        if one.labels.kind == "exclusive":
            predictions, disagreements = _predictions(one, other)
    with noting(notes, "maps"):
        maps = _maps(one, other, notes, resamples, seed)
    result = ComparisonResult(
        split=split,
        synthetic=one.study.is_synthetic,
        a=_described(one, split),
        b=_described(other, split),
        cases=len(one.case_index),
        patients=len(np.unique(one.patients)),
        intervals=f"95 %, paired bootstrap over {over}, {resamples} resamples",
        warnings=tuple(notes),
        classification=classification,
        heatmap=None if isinstance(maps, str) else maps,
        heatmap_remark=maps if isinstance(maps, str) else None,
        predictions=predictions,
    )
    return RunComparison(result, disagreements)


def write_comparison(comparison: RunComparison, out: Path) -> None:
    """Write compare.json and disagreements.csv into a folder; files there are replaced.

    Example:
        >>> from pathlib import Path
        >>> from egaze.evaluation import compare, write_comparison
        >>> from egaze.training import open_run
        >>> write_comparison(compare(open_run("run"), open_run("run"), resamples=100), Path("comparison"))
        >>> sorted(path.name for path in Path("comparison").iterdir())
        ['compare.json', 'disagreements.csv']
    """
    with new_files(out) as new:
        (new / "disagreements.csv").write_text(comparison.disagreements.write_csv(), encoding="utf-8")
        rows = comparison.disagreements.to_dicts()
        write_json(new / "compare.json", FORMAT_VERSION, comparison.result, disagreements=rows)


def _require_same(one: Pooled, other: Pooled) -> None:
    def require(same: bool, what: str) -> None:
        if not same:
            raise RunError(f"cannot compare {one.source.path} with {other.source.path}: {what}")

    require(one.class_names == other.class_names, f"classes {_list(one.class_names)} and {_list(other.class_names)}")
    same_study = one.study.digest() == other.study.digest()
    require(same_study, f"trained on different studies, {one.study.path} and {other.study.path}")
    folds = [pooled.source.folds if isinstance(pooled.source, RunSet) else None for pooled in (one, other)]
    require(folds[0] == folds[1], f"one has {folds[0] or 'no'} folds, the other {folds[1] or 'none'}")
    require(one.split_sha256 == other.split_sha256, "trained on different splits of the study")
    # Single seeds may differ; several seeds are paired.
    same_seeds = one.seeds == other.seeds or len(one.seeds) == len(other.seeds) == 1
    require(same_seeds, f"seeds {_list(one.seeds)} and {_list(other.seeds)}")
    require(np.array_equal(one.case_index, other.case_index), "evaluated on different cases")


def _list(items: tuple[object, ...]) -> str:
    return ", ".join(map(str, items))


def _described(pooled: Pooled, split: str) -> ComparedRun:
    return ComparedRun(
        run=str(pooled.source.path),
        recipe=pooled.recipe.name,
        folds=pooled.source.folds if isinstance(pooled.source, RunSet) else None,
        seeds=pooled.seeds,
        optimistic=split == pooled.recipe.choose_on,
    )


def _classification(one: Pooled, other: Pooled, notes: list[str], resamples: int, seed: int) -> ClassesCompared | None:
    judged = is_judged(one.labels)
    labels, groups = to_judge(one.labels.of(judged)), one.patients[judged]
    if why := why_not_measured(one.labels.of(judged)):
        notes.append(f"classification: {why}, so classifiers are not compared")
        return None
    probs_a, probs_b = one.class_probs[:, judged], other.class_probs[:, judged]
    present, areas_a = class_statistic(labels, probs_a)
    _, areas_b = class_statistic(labels, probs_b)
    values = [of_the_sample(statistic, len(labels)).mean(axis=0) for statistic in (areas_a, areas_b)]
    found = paired_aucs(labels, probs_a, probs_b, groups, resamples=resamples, seed=seed)
    by_class = list(found.classes)
    if len(one.seeds) == 1:
        for number in present:
            answers = one.labels.answers[judged, number]
            known = ~np.isnan(answers)
            is_class = (answers[known] == 1).astype(np.int64)
            by_class[number] = delong_test(is_class, probs_a[0, known, number], probs_b[0, known, number])
    classes: dict[str, Compared | None] = dict.fromkeys(one.class_names)
    for place, number in enumerate(present):
        classes[one.class_names[number]] = _compared(values[0][place], values[1][place], by_class[number])
    adjusted = holm([math.nan if found is None else found.p_value for found in classes.values()])
    return ClassesCompared(
        cases=len(labels),
        label_kind=one.labels.kind,
        classes_by="DeLong's test, radiographs independent" if len(one.seeds) == 1 else "the paired bootstrap",
        macro_auc=_compared(values[0][-1], values[1][-1], found.macro),
        classes=classes,
        holm_p_values=dict(zip(classes, adjusted, strict=True)),
    )


def _maps(one: Pooled, other: Pooled, notes: list[str], resamples: int, seed: int) -> MapsCompared | str:
    """Compare agreement with gaze, or say why it cannot be compared."""
    a, b = one.heatmap, other.heatmap
    if a is None or b is None:
        return f"the heatmaps of {(one if a is None else other).source.path} were not compared with gaze"
    if a.size_px != b.size_px:
        return (
            f"heatmaps of {a.size_px} px and of {b.size_px} px are not compared, because agreement with gaze depends "
            "on the size"
        )
    if a.target != b.target:
        return f"the two were measured against different heatmaps, {a.target} and {b.target}"
    with_gaze = one.has_agreement & other.has_agreement
    if not with_gaze.any():
        return "there is no radiograph on which the heatmaps of both were compared with gaze"
    names = [name for name in a.definitions if a.definitions[name] == b.definitions.get(name)]
    for name in dict.fromkeys([*a.definitions, *b.definitions]):
        if name not in names:
            notes.append(f"maps: metric {name!r} was not measured in the same way for both, so it is not compared")
    metrics: dict[str, Compared | None] = dict.fromkeys(names)
    for name in names:
        known = np.isfinite([pooled.agreement[name] for pooled in (one, other)]).all(axis=(0, 1))
        if known.any():
            of_a, of_b = (pooled.agreement[name][:, known] for pooled in (one, other))
            difference = paired_mean(of_a, of_b, one.patients[known], resamples=resamples, seed=seed)
            metrics[name] = _compared(of_a.mean(), of_b.mean(), difference)
    return MapsCompared(
        cases=int(with_gaze.sum()),
        size_px=a.size_px,
        target=a.target,
        definitions={name: a.definitions[name] for name in names},
        metrics=metrics,
    )


def _predictions(one: Pooled, other: Pooled) -> tuple[PredictionsCompared, pl.DataFrame]:
    """Count how often the two predict the same class, and list the cases on which they do not."""
    probs_a, probs_b = one.class_probs.mean(axis=0), other.class_probs.mean(axis=0)
    prediction_a, prediction_b = probs_a.argmax(axis=1), probs_b.argmax(axis=1)
    differ, labels = prediction_a != prediction_b, one.labels.values
    counts = PredictionsCompared(
        agree=int((~differ).sum()),
        disagree=int(differ.sum()),
        only_a_right=int((differ & (prediction_a == labels)).sum()),
        only_b_right=int((differ & (prediction_b == labels)).sum()),
        neither_right=int((differ & (labels >= 0) & (prediction_a != labels) & (prediction_b != labels)).sum()),
        without_label=int((differ & (labels < 0)).sum()),
    )
    furthest = np.argsort(-np.abs(probs_a - probs_b).max(axis=1), kind="stable")
    rows = furthest[differ[furthest]]
    cases = one.study.cases[one.case_index[rows]]
    table = pl.DataFrame(
        {
            "case_id": cases["case_id"],
            "label": cases["label"],
            **_prediction_columns("a", one.class_names, prediction_a[rows], probs_a[rows]),
            **_prediction_columns("b", one.class_names, prediction_b[rows], probs_b[rows]),
            **{f"prob_a_{name}": probs_a[rows, number] for number, name in enumerate(one.class_names)},
            **{f"prob_b_{name}": probs_b[rows, number] for number, name in enumerate(one.class_names)},
        }
    )
    return counts, table


def _no_disagreements() -> pl.DataFrame:
    names = [f"{what}_{which}" for which in ("a", "b") for what in ("prediction", "prob")]
    return pl.DataFrame(schema=dict.fromkeys(("case_id", "label", *names), pl.String))


def _prediction_columns(
    which: str, class_names: tuple[str, ...], predicted: NDArray[np.intp], probs: NDArray[np.float64]
) -> dict[str, pl.Series]:
    return {
        f"prediction_{which}": pl.Series([class_names[number] for number in predicted], dtype=pl.String),
        f"prob_{which}": pl.Series(probs[np.arange(len(predicted)), predicted]),
    }


def _compared(a: float, b: float, comparison: Comparison) -> Compared:
    return Compared(float(a), float(b), comparison.difference, comparison.low, comparison.high, comparison.p_value)
