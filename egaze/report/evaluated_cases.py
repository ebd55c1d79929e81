"""The radiographs of one split with the predictions of a run, or of the runs of a set."""

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
class EvaluatedCases:
    """N radiographs of one split, each predicted by one run; in a set with folds, by the run that tests it.

    Attributes:
        path: folder of the run or set.
        study: the study of all runs; in a set with folds, with the splits of the first.
        result: the evaluation of the run or set.
        table: one row per radiograph, as in predictions.parquet.
        runs: the runs that predict the radiographs.
        own_results: the evaluation of each of these runs.
        heatmaps: (M, H, W) float16 heatmaps of each of these runs, or None.
        run_of: (N,) index into `runs` of the run that predicts each radiograph.
        row_of: (N,) row of each radiograph in that run's heatmaps.
        members: all runs of the set, including those of other seeds; empty for a single run.
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
        """The first run; all runs have the same recipe, study and versions."""
        return self.runs[0]

    @property
    def has_heatmaps(self) -> bool:
        return all(maps is not None for maps in self.heatmaps)

    @property
    def case_index(self) -> NDArray[np.int64]:
        """(N,) index of each radiograph in the study."""
        return self.table["case_index"].to_numpy()

    def heatmap(self, row: int) -> NDArray[np.float32] | None:
        """Return the (H, W) predicted heatmap of a radiograph."""
        maps = self.heatmaps[self.run_of[row]]
        return None if maps is None else maps[self.row_of[row]].astype(np.float32)


def open_evaluated_cases(source: Run | RunSet, split: str, seed: int | None = None) -> EvaluatedCases:
    """Read the evaluation of a run, or of a set and its runs.

    Args:
        source: a run, or a set of runs.
        split: the evaluated split.
        seed: for a set, the seed whose runs predict the radiographs; its first if None.

    Raises:
        RunError: the source is not evaluated on that split, there is no such seed, or `split` is "train" and the set
            has folds.
        StudyError: the study is missing.
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
) -> EvaluatedCases:
    table = pl.concat(
        [
            part.predictions.with_columns(
                pl.lit(number).alias("_run"), pl.int_range(len(part.predictions)).alias("_row")
            )
            for number, part in enumerate(parts)
        ],
        how="diagonal_relaxed",
    ).sort("case_index")
    return EvaluatedCases(
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
