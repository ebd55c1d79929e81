"""The runs of a set, as rows of tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from egaze.evaluation.results import MemberResult
from egaze.report.card import SplitRow, split_row
from egaze.report.judged_cases import JudgedCases


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A run of the set: its figures, how many epochs it was trained, and which of them was chosen."""

    result: MemberResult
    epochs: int
    chosen: int | None


@dataclass(frozen=True, slots=True)
class Spread:
    """How far the runs' figures of one name lie apart; `sd` is their sample standard deviation."""

    name: str
    runs: int
    mean: float
    sd: float
    least: float
    most: float


def member_rows(judged: JudgedCases) -> list[MemberRow]:
    """A row for each run of the set; none for a single run."""
    logs = {run.path.name: run.log() for run in judged.members}
    rows = []
    for result in judged.result.runs:
        log = logs[result.run]
        chosen = [number for number, line in enumerate(log, start=1) if line["best"]][-1:]
        rows.append(MemberRow(result, len(log), chosen[0] if chosen else None))
    return rows


def spread(judged: JudgedCases) -> list[Spread]:
    """How far the runs' figures lie apart; none for a single run."""
    runs = judged.result.runs
    rows = []
    for name, values in (("Mean AUC", [run.macro_auc for run in runs]), ("CC with gaze", [run.cc for run in runs])):
        known = np.array([value for value in values if value is not None and np.isfinite(value)])
        if len(known) > 1:
            rows.append(Spread(name, len(known), known.mean(), known.std(ddof=1), known.min(), known.max()))
    return rows


def split_rows(judged: JudgedCases) -> list[SplitRow]:
    """A row for each fold: the radiographs that the run of the reported seed tests."""
    split = judged.result.split
    return [
        split_row(judged.study, run.open_study().splits.indices(split), f"{run.path.name}, {split}")
        for run in judged.runs
    ]
