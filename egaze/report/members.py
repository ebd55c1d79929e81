"""The runs of a set, as rows of tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from egaze.report.answers import Answers
from egaze.study.split import SIDES


def member_rows(answers: Answers) -> list[dict[str, Any]]:
    """A row a run of the set: its figures, and how long it was trained; empty for a single run."""
    logs = {run.path.name: run.log() for run in answers.members}
    rows = []
    for facts in answers.metrics["runs"] if answers.members else ():
        log = logs[facts["run"]]
        chosen = [number for number, line in enumerate(log, start=1) if line["best"]][-1:]
        rows.append(facts | {"epochs": len(log), "chosen": chosen[0] if chosen else None})
    return rows


def spread(answers: Answers) -> list[dict[str, Any]]:
    """How far the runs' figures lie apart; empty for a single run."""
    rows = []
    for key, name in (("macro_auc", "Mean AUC"), ("cc", "CC with gaze")):
        values = [facts[key] for facts in (answers.metrics["runs"] if answers.members else ())]
        known = np.array([value for value in values if value is not None and np.isfinite(value)])
        if len(known) > 1:
            rows.append(
                {
                    "name": name,
                    "runs": len(known),
                    "mean": known.mean(),
                    "sd": known.std(ddof=1),
                    "least": known.min(),
                    "most": known.max(),
                }
            )
    return rows


def side_rows(answers: Answers) -> list[dict[str, Any]]:
    """A row a fold: the films that the run of the reported seed tests, as `card.split_rows` has a side's."""
    study, rows = answers.study, []
    side = answers.metrics["split"]
    for run in answers.runs:
        indices = np.flatnonzero(run.open_study().split.sides == SIDES.index(side))
        labels = study.labels[indices]
        rows.append(
            {
                "name": f"{run.path.name}, {side}",
                "films": len(indices),
                "patients": len(np.unique(study.patients[indices])),
                "with_gaze": int(study.has_gaze[indices].sum()),
                "classes": [int((labels == number).sum()) for number in range(len(study.class_names))],
            }
        )
    return rows
