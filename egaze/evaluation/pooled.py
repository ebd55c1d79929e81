"""Stored predictions of a run, or of all runs of a set, for the cases of one split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError

from egaze.errors import RunError
from egaze.evaluation.agreement import CENTRE
from egaze.evaluation.gaze_results import MapAgreement
from egaze.evaluation.stored import PREDICTIONS, Evaluation, open_evaluation
from egaze.labels import Labels
from egaze.study import Study
from egaze.training import Recipe, Run, RunSet


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """Predictions of S seeds for the same N cases. In a cross-validated set, each case is predicted by the run that
    tests it.

    Attributes:
        source: the run or the set.
        recipe: the recipe of all runs.
        study: the study of all runs.
        class_names: class names in order.
        seeds: the S seeds.
        split_sha256: digest of the training split, one per fold.
        case_index: (N,) int64, ascending.
        class_probs: (S, N, C); NaN if the recipe trains no classifier.
        agreement: (S, N) values by the name of each metric, and by the same name with the prefix "centre_"; NaN for
            cases without gaze and where the metric is undefined. Empty if the models have no heatmaps.
        has_agreement: (N,) whether a case has a CC for every seed.
        heatmap: how heatmaps were measured, from the first evaluation that has them; None if no case has agreement.
        table: the rows of all runs, with columns seed and, in a set with folds, fold.
    """

    source: Run | RunSet
    recipe: Recipe
    study: Study
    class_names: tuple[str, ...]
    seeds: tuple[int, ...]
    split_sha256: tuple[str, ...]
    case_index: NDArray[np.int64]
    class_probs: NDArray[np.float64]
    agreement: dict[str, NDArray[np.float64]]
    has_agreement: NDArray[np.bool_]
    heatmap: MapAgreement | None
    table: pl.DataFrame

    @property
    def labels(self) -> Labels:
        """The labels of the N cases."""
        return self.study.labels.of(self.case_index)

    @property
    def patients(self) -> NDArray[np.int64]:
        """(N,) patient of each case."""
        return self.study.patients[self.case_index]


def pool(source: Run | RunSet, split: str) -> Pooled:
    """Read what `evaluate` stored for a run, or for every run of a set.

    Raises:
        RunError: a run is not finished or not evaluated on that split, or an evaluation is damaged; or `split` is
            "train" and the set has folds, in whose training splits cases occur several times.
        StudyError: the study is missing.
    """
    folds: list[int | None]
    seeds: tuple[int, ...]
    if isinstance(source, Run):
        runs, folds, seeds = [source], [None], (int(source.facts["seed"]),)
    else:
        if source.folds is not None and split == "train":
            raise RunError(f"{source.path}: folds train on each other's cases; evaluate a single run on them")
        runs, folds, seeds = source.runs(), [member.fold for member in source.members], source.seeds
    evaluations = [open_evaluation(run.path / "evaluation" / split) for run in runs]
    study, class_names = runs[0].open_study(), runs[0].class_names
    tables = [
        _checked(evaluation, len(study), class_names, run.recipe.trains_classifier).with_columns(
            seed=pl.lit(run.facts["seed"]), fold=pl.lit(fold)
        )
        for run, fold, evaluation in zip(runs, folds, evaluations, strict=True)
    ]
    table = pl.concat(tables, how="diagonal_relaxed").sort("seed", "case_index", maintain_order=True)
    by_seed = [table.filter(pl.col("seed") == seed) for seed in seeds]
    case_index = by_seed[0]["case_index"].to_numpy()
    if (np.diff(case_index) <= 0).any() or any(
        not np.array_equal(part["case_index"].to_numpy(), case_index) for part in by_seed
    ):
        raise RunError(f"{source.path}: its runs were evaluated on different cases; run `egaze evaluate` again")
    measured = [found for one in evaluations if (found := one.metrics.heatmap) is not None]
    if any(found.definitions != measured[0].definitions for found in measured):
        raise RunError(f"{source.path}: its runs were evaluated with different metrics; run `egaze evaluate` again")
    agreement = _agreement(by_seed, measured[0].definitions) if measured else {}
    has_agreement: NDArray[np.bool_] = np.zeros(len(case_index), dtype=bool)
    if agreement:
        has_agreement = np.logical_and.reduce(np.isfinite(agreement["cc"]))
    return Pooled(
        source=source,
        recipe=runs[0].recipe,
        study=study,
        class_names=class_names,
        seeds=seeds,
        split_sha256=tuple(dict.fromkeys(run.facts["training_split_sha256"] for run in runs)),
        case_index=case_index,
        class_probs=np.stack([part.select(_prob_columns(class_names)).to_numpy() for part in by_seed]),
        agreement=agreement,
        has_agreement=has_agreement,
        heatmap=measured[0] if measured and has_agreement.any() else None,
        table=table.drop("fold") if folds == [None] * len(folds) else table,
    )


def _checked(evaluation: Evaluation, cases: int, class_names: tuple[str, ...], has_classifier: bool) -> pl.DataFrame:
    """Return the evaluation's table after checking that it fits the study."""
    table = evaluation.predictions
    try:
        index = table["case_index"].cast(pl.Int64)
        probs = table.select(_prob_columns(class_names)).cast(pl.Float64)
        fits = index.null_count() == 0 and len(index) > 0 and bool(index.is_between(0, cases - 1).all())
        if not has_classifier:
            probs = probs.fill_null(float("nan"))
        whole = fits and all(
            column.null_count() == 0 and (column.is_finite().all() or not has_classifier) for column in probs
        )
        metrics = () if evaluation.metrics.heatmap is None else evaluation.metrics.heatmap.definitions
        present = table.select(_agreement_columns(metrics)).cast(pl.Float64)
    except PolarsError as error:
        raise RunError(f"{evaluation.path / PREDICTIONS}: damaged: {str(error).splitlines()[0]}") from error
    if not whole:
        raise RunError(f"{evaluation.path / PREDICTIONS}: does not fit the run's study; run `egaze evaluate` again")
    return table.with_columns(index.alias("case_index"), *probs, *present)


def _agreement(by_seed: Sequence[pl.DataFrame], metrics: Iterable[str]) -> dict[str, NDArray[np.float64]]:
    columns = _agreement_columns(metrics)
    if any(column not in part.columns for part in by_seed for column in columns):
        return {}
    return {
        column: np.stack([part[column].fill_null(float("nan")).to_numpy() for part in by_seed]) for column in columns
    }


def _prob_columns(class_names: tuple[str, ...]) -> list[str]:
    return [f"prob_{name}" for name in class_names]


def _agreement_columns(metrics: Iterable[str]) -> list[str]:
    names = list(metrics)
    return [*names, *(CENTRE + name for name in names)]
