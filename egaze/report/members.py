"""Tables of the runs of a set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from egaze.evaluation.results import MemberResult
from egaze.report.card import SplitRow, split_row
from egaze.report.evaluated_cases import EvaluatedCases


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A run of the set: its results, its number of epochs, and which of them was chosen."""

    result: MemberResult
    epochs: int
    chosen: int | None


@dataclass(frozen=True, slots=True)
class Spread:
    """The spread of one metric over the runs; `sd` is the sample standard deviation."""

    name: str
    runs: int
    mean: float
    sd: float
    least: float
    most: float


def member_rows(evaluated: EvaluatedCases) -> list[MemberRow]:
    """Return one row per run of the set; none for a single run."""
    logs = {run.path.name: run.log() for run in evaluated.members}
    rows = []
    for result in evaluated.result.runs:
        log = logs[result.run]
        chosen = [number for number, entry in enumerate(log, start=1) if entry.best][-1:]
        rows.append(MemberRow(result, len(log), chosen[0] if chosen else None))
    return rows


def spread(evaluated: EvaluatedCases) -> list[Spread]:
    """Return one row per metric with its spread over the runs; none for a single run."""
    runs = evaluated.result.runs
    rows = []
    for name, values in (("Mean AUC", [run.macro_auc for run in runs]), ("CC with gaze", [run.cc for run in runs])):
        known = np.array([value for value in values if value is not None and np.isfinite(value)])
        if len(known) > 1:
            rows.append(Spread(name, len(known), known.mean(), known.std(ddof=1), known.min(), known.max()))
    return rows


def split_rows(evaluated: EvaluatedCases) -> list[SplitRow]:
    """Return one row per fold: the radiographs that the run of the reported seed tests."""
    split = evaluated.result.split
    return [
        split_row(evaluated.study, run.open_study().splits.indices(split), f"{run.path.name}, {split}")
        for run in evaluated.runs
    ]
