"""The radiographs of one split with what a run, or the runs of a set, said of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.errors import RunError
from egaze.evaluation import Evaluation, EvaluationResult, open_evaluation
from egaze.study import Study
from egaze.training import Run, RunSet


@dataclass(frozen=True, slots=True, eq=False)
class JudgedCases:
    """N radiographs of one split, each answered by one run; in a set with folds by the one that tests it.

    Attributes:
        path: of the run or the set.
        study: of all runs; in a set with folds its split is that of the first.
        result: the evaluation of the run or the set.
        table: a row a radiograph, as predictions.parquet.
        runs: that answer.
        own_results: the evaluation of each of them.
        heatmaps: of each run, (M, H, W) float16 or None.
        run_of: (N,) the radiograph's place in `runs`.
        row_of: (N,) its row in that run's heatmaps.
        members: the set's runs with their seeds and folds, those of other seeds too; empty for a single run.
    """

    path: Path
    study: Study
    result: EvaluationResult
    table: pl.DataFrame
    runs: tuple[Run, ...]
    own_results: tuple[EvaluationResult, ...]
    heatmaps: tuple[NDArray[np.float16] | None, ...]
    run_of: NDArray[np.int64]
    row_of: NDArray[np.int64]
    members: tuple[Run, ...] = ()

    @property
    def first(self) -> Run:
        """A run whose recipe, study and versions are those of all."""
        return self.runs[0]

    @property
    def has_heatmaps(self) -> bool:
        return all(maps is not None for maps in self.heatmaps)

    @property
    def case_index(self) -> NDArray[np.int64]:
        """(N,)"""
        return self.table["case_index"].to_numpy()

    def heatmap(self, row: int) -> NDArray[np.float32] | None:
        """(H, W) the predicted map of a radiograph."""
        maps = self.heatmaps[self.run_of[row]]
        return None if maps is None else maps[self.row_of[row]].astype(np.float32)


def open_judged_cases(source: Run | RunSet, split: str, seed: int | None = None) -> JudgedCases:
    """Read what `evaluate` left.

    Args:
        source: a run, or a set of runs.
        split: the evaluated split.
        seed: whose runs answer in a set of several; its first when None.

    Raises:
        RunError: not evaluated in that split, no such seed, or the training split of a set with folds.
        StudyError: the study is gone.
    """
    own = open_evaluation(source.path / "evaluation" / split)
    members: tuple[Run, ...] = ()
    if isinstance(source, Run):
        runs, parts = [source], [own]
    else:
        if source.folds is not None and split == "train":
            raise RunError(f"{source.path}: folds train on each other's cases; report a single run on them")
        runs = source.runs_of_seed(seed)
        members = tuple(source.runs())
        parts = [open_evaluation(run.path / "evaluation" / split) for run in runs]
    return _joined(source.path, own.metrics, runs, parts, members)


def _joined(
    path: Path, result: EvaluationResult, runs: list[Run], parts: list[Evaluation], members: tuple[Run, ...]
) -> JudgedCases:
    table = pl.concat(
        [
            part.predictions.with_columns(
                pl.lit(number).alias("_run"), pl.int_range(len(part.predictions)).alias("_row")
            )
            for number, part in enumerate(parts)
        ],
        how="diagonal_relaxed",
    ).sort("case_index")
    return JudgedCases(
        path=path,
        study=runs[0].open_study(),
        result=result,
        table=table.drop("_run", "_row"),
        runs=tuple(runs),
        own_results=tuple(part.metrics for part in parts),
        heatmaps=tuple(part.heatmaps for part in parts),
        run_of=table["_run"].to_numpy().astype(np.int64),
        row_of=table["_row"].to_numpy().astype(np.int64),
        members=members,
    )
