"""The result of a search: its trials, the best of them, and the recipe of that one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from egaze.atomic import write_file, write_text
from egaze.serialize import to_json, write_json
from egaze.training.recipe import Recipe
from egaze.training.recipe_file import changed
from egaze.tuning.space import SearchSpace

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

FORMAT_VERSION = 1
RESULT, TABLE, BEST = "result.json", "trials.csv", "best.toml"

State = Literal["finished", "pruned", "failed", "running"]


@dataclass(frozen=True, slots=True)
class TrialResult:
    """One trial of a search.

    Attributes:
        number: from 0; its run is the folder of that number.
        state: "pruned" of one that was stopped for being worse than others at the same epoch.
        score: the monitored value of its best epoch, more is better; None if it is not finished.
        epochs: how many epochs of its last stage were measured.
        values: its values of the keys that are searched.
        seed: of its run.
        seconds: from its beginning to its end, pauses included; None while it is running.
        reason: why it failed, or "".
    """

    number: int
    state: State
    score: float | None
    epochs: int
    values: Mapping[str, Any]
    seed: int | None
    seconds: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search has found so far.

    Attributes:
        recipe: the name of the recipe that was varied.
        monitor: what trials are compared by, on validation: a metric, or several with their weights.
        trials: all trials in order.
        best: the number of the finished trial with the highest score, the earliest of equal ones.
        score: that trial's score.
        optimistic: true: the best of many scores is higher than what its recipe will reach on other radiographs.
    """

    recipe: str
    monitor: str
    trials: tuple[TrialResult, ...]
    best: int | None
    score: float | None
    optimistic: bool = True

    def count(self, state: State) -> int:
        """The number of trials in a state."""
        return sum(trial.state == state for trial in self.trials)

    @property
    def caution(self) -> str:
        """What the best score must not be taken for."""
        return (
            f"the best of {self.count('finished')} scores on validation is optimistic: it is the best partly by luck; "
            "train the recipe anew, with several seeds, and measure it on the test split"
        )


def result_of(search: optuna.Study, recipe: Recipe, space: SearchSpace) -> SearchResult:
    """Read the state of a search."""
    trials = tuple(_trial_result(trial, space) for trial in search.get_trials(deepcopy=False))
    finished = [trial for trial in trials if trial.state == "finished" and trial.score is not None]
    best = max(finished, key=lambda trial: (trial.score or 0.0, -trial.number), default=None)
    monitor = recipe.stages[-1].monitor
    return SearchResult(
        recipe=recipe.name,
        monitor=monitor if isinstance(monitor, str) else " + ".join(f"{w:g} {name}" for name, w in monitor.items()),
        trials=trials,
        best=None if best is None else best.number,
        score=None if best is None else best.score,
    )


def _trial_result(trial: FrozenTrial, space: SearchSpace) -> TrialResult:
    names: dict[str, State] = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed"}
    state = names.get(trial.state.name, "running")
    duration = trial.duration
    return TrialResult(
        number=trial.number,
        state=state,
        score=trial.value if state == "finished" else None,
        epochs=len(trial.intermediate_values),
        values=space.stored(trial.params),
        seed=trial.user_attrs.get("seed"),
        seconds=None if duration is None else round(duration.total_seconds(), 3),
        reason=str(trial.user_attrs.get("reason", "")),
    )


def write_result(out: Path, result: SearchResult, recipe: Recipe) -> None:
    """Write result.json and trials.csv and, once a trial has finished, best.toml."""
    write_file(out / RESULT, lambda partial: write_json(partial, FORMAT_VERSION, result, caution=result.caution))
    keys = sorted({key for trial in result.trials for key in trial.values})
    columns = ["trial", "state", "score", "epochs", "seed", "seconds", "reason"]
    rows = [
        [trial.number, trial.state, trial.score, trial.epochs, trial.seed, trial.seconds, trial.reason]
        + [None if key not in trial.values else str(to_json(trial.values[key])) for key in keys]
        for trial in result.trials
    ]
    table = pl.DataFrame(rows, schema=[*columns, *keys], orient="row", infer_schema_length=None)
    write_file(out / TABLE, lambda partial: table.write_csv(partial))
    if result.best is not None:
        best = next(trial for trial in result.trials if trial.number == result.best)
        said = f"# Trial {best.number} of {len(result.trials)}, score {best.score:.4f} ({result.monitor}).\n"
        write_text(out / BEST, f"{said}# Caution: {result.caution}.\n{changed(recipe, best.values).to_toml()}")
