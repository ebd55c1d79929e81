"""The runs of a set, as rows of tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from egaze.evaluation.results import MemberResult
from egaze.report.answers import Answers
from egaze.report.card import SideRow, side_row


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


def member_rows(answers: Answers) -> list[MemberRow]:
    """A row for each run of the set; none for a single run."""
    logs = {run.path.name: run.log() for run in answers.members}
    rows = []
    for result in answers.result.runs:
        log = logs[result.run]
        chosen = [number for number, line in enumerate(log, start=1) if line["best"]][-1:]
        rows.append(MemberRow(result, len(log), chosen[0] if chosen else None))
    return rows


def spread(answers: Answers) -> list[Spread]:
    """How far the runs' figures lie apart; none for a single run."""
    runs = answers.result.runs
    rows = []
    for name, values in (("Mean AUC", [run.macro_auc for run in runs]), ("CC with gaze", [run.cc for run in runs])):
        known = np.array([value for value in values if value is not None and np.isfinite(value)])
        if len(known) > 1:
            rows.append(Spread(name, len(known), known.mean(), known.std(ddof=1), known.min(), known.max()))
    return rows


def side_rows(answers: Answers) -> list[SideRow]:
    """A row for each fold: the films that the run of the reported seed tests."""
    side = answers.result.split
    return [
        side_row(answers.study, run.open_study().split.indices(side), f"{run.path.name}, {side}")
        for run in answers.runs
    ]
