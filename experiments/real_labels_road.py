"""The road of the experiment on real labels: the commands, and what they leave."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from real_pairs_encoders import imagenet_weights
from real_radiographs_studies import DATA, FINDINGS, chest_radiographs
from record import RUNNER

from egaze.cli import cli
from egaze.evaluation import open_evaluation
from egaze.evaluation.results import EvaluationResult
from egaze.study import open_study
from egaze.training import open_run_set

WORK = Path(__file__).parents[1] / "build" / "real_labels"
RADIOGRAPHS = DATA / "nih_cxr" / "png512"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is trained; fixed before any test fold was looked at.

    Attributes:
        size_px: side of the images.
        epochs: the most of each run; its validation fold chooses one.
        folds, seeds: of cross-validation by patient.
        findings: the classes.
        limit: the most radiographs of each three-class proxy; None for all.
        resamples: of the paired bootstrap.
        threads: of each training.
        runs_runner: whether egaze-run is compared.
    """

    size_px: int
    epochs: int
    folds: int
    seeds: tuple[int, ...]
    findings: tuple[str, ...] = FINDINGS
    limit: int | None = None
    resamples: int = 10_000
    threads: int = 2
    runs_runner: bool = True
    encoder: str = "tf_efficientnet_lite0"


WHOLE = Plan(size_px=160, epochs=20, folds=5, seeds=(0, 1, 2))
QUICK = Plan(32, 1, 3, (0,), findings=("Effusion", "Infiltration"), limit=25, resamples=200, threads=1)


@dataclass(frozen=True, slots=True, eq=False)
class Road:
    """What the road leaves, for N radiographs and C findings.

    Attributes:
        case_ids: of the radiographs.
        answers: (N, C), 1 or 0.
        probs: (S, N, C) of each seed, by the run that tests the radiograph.
        result: what `egaze evaluate` measured of the set.
        runner_difference: the largest difference of a probability between egaze-run and the evaluation; None if it was
            not compared.
    """

    case_ids: list[str]
    answers: NDArray[np.float32]
    probs: NDArray[np.float64]
    result: EvaluationResult
    runner_difference: float | None


def carry_out(plan: Plan, work: Path, say: Callable[[str], None]) -> Road:
    """Go the road, from where an earlier call was interrupted."""
    if not (DATA / "nih_cxr" / "labels.csv").is_file():
        raise SystemExit(f"no real radiographs: {DATA / 'nih_cxr'} is not there; set EGAZE_REAL_DATA")
    study, runs, model = work / "study", work / "runs", work / "model.pt"
    work.mkdir(parents=True, exist_ok=True)
    if not study.exists():
        cases, findings = _write_tables(plan, work)
        _egaze(
            *("prepare", "table", cases, "--labels", findings, "--images", RADIOGRAPHS),
            *("--classes", ",".join(plan.findings), "--size", plan.size_px, "--out", study),
        )
    changes = (f"input_size_px={plan.size_px}", f"model.encoder={plan.encoder}", f"model.weights={imagenet_weights()}")
    say(f"training {plan.folds} folds from {len(plan.seeds)} seeds in {runs}")
    _egaze(
        *("train", study, "--out", runs, "--recipe", "encoder-only", "--device", "cpu", "--threads", plan.threads),
        *("--folds", plan.folds, "--seeds", ",".join(map(str, plan.seeds))),
        *(word for change in (*changes, f"stages.epochs={plan.epochs}") for word in ("--set", change)),
        *(("--resume",) if runs.exists() else ()),
    )
    _egaze("evaluate", runs, "--threads", plan.threads)
    opened, run_set = open_study(study), open_run_set(runs)
    probs = np.full((len(plan.seeds), len(opened), len(plan.findings)), np.nan)
    for place, seed in enumerate(plan.seeds):
        for run in run_set.runs_of_seed(seed):
            rows = open_evaluation(run.path / "evaluation" / "test").predictions
            of_run = rows.select(f"prob_{name}" for name in plan.findings).to_numpy()
            probs[place, rows["case_index"].to_numpy()] = of_run
    if np.isnan(probs).any():
        raise SystemExit(f"{runs}: some radiograph is in no test fold")
    difference = None
    if plan.runs_runner:
        first = run_set.runs_of_seed(plan.seeds[0])[0]
        if not model.exists():
            _egaze("export", first.path, model, "--thresholds", "youden")
        tested = first.open_study().splits.indices("test")
        difference = _runner_difference(model, [opened.case_ids[number] for number in tested], probs[0, tested])
        say(f"egaze-run differs from the evaluation by {difference:.1e} at most")
    result = open_evaluation(runs / "evaluation" / "test").metrics
    return Road(opened.case_ids, opened.labels.answers, probs, result, difference)


def _write_tables(plan: Plan, folder: Path) -> tuple[Path, Path]:
    """cases.csv and findings.csv, as a user has them."""
    rows = chest_radiographs(plan.limit)
    tables = folder / "cases.csv", folder / "findings.csv"
    rows.select(pl.col("image").alias("case_id"), "image", "patient_id").write_csv(tables[0])
    rows.select(pl.col("image").alias("case_id"), *plan.findings).write_csv(tables[1])
    return tables


def _runner_difference(model: Path, names: Sequence[str], expected: NDArray[np.float64]) -> float:
    command = [RUNNER, model, *(RADIOGRAPHS / name for name in names), "--thresholds"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"egaze-run failed: {done.stderr.strip()}")
    found = [list(item["class_probs"].values()) for item in json.loads(done.stdout)["predictions"]]
    return float(np.abs(np.array(found) - expected).max())


def _egaze(*words: object) -> None:
    """Run a command; what it prints goes to stderr, because the last line of stdout is the headline."""
    with redirect_stdout(sys.stderr):
        cli.main([str(word) for word in words], prog_name="egaze", standalone_mode=False)
