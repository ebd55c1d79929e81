"""The trials of a search that this process carries out."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from egaze.errors import LossError, RecipeError, RunError, StudyError
from egaze.progress import NamedProgress
from egaze.study import Study
from egaze.training.epoch_log import EpochLog, by_stage
from egaze.training.lock import only_process_in
from egaze.training.monitor import monitored_entry
from egaze.training.recipe import Recipe
from egaze.training.recipe_file import changed
from egaze.training.run import FACTS, Run, open_run
from egaze.training.train import train
from egaze.tuning.keys import require_same_measure
from egaze.tuning.space import SearchSpace

if TYPE_CHECKING:
    import optuna

TRIALS = "trials"
# A folder for each trial of this search's folder that has not ended; the process that carries it out has it locked.
_CLAIMS = ".claims"


def trial_seed(seed: int, number: int) -> int:
    """The seed of a trial's run: a function of the search's seed and the trial's number."""
    return int(np.random.SeedSequence((seed, number)).generate_state(1)[0])


class Trials:
    """Carries out trials, one after the other; see `egaze.tuning.search.tune` for the arguments.

    Args:
        how: further arguments of `train`.
    """

    def __init__(
        self,
        search: optuna.Study,
        study: Study,
        recipe: Recipe,
        space: SearchSpace,
        out: Path,
        seed: int,
        how: Mapping[str, Any],
        progress: NamedProgress | None,
        on_epoch: Callable[[int, EpochLog], None] | None,
    ) -> None:
        self._search, self._study, self._recipe, self._space, self._out = search, study, recipe, space, out
        self._seed, self._how, self._progress, self._on_epoch = seed, how, progress, on_epoch

    def carried_out(self, trials: int) -> Iterator[int]:
        """Carry out trials until the search has that many, and yield the number of each once it has ended."""
        yield from self._interrupted()
        while len(self._search.get_trials(deepcopy=False)) < trials:
            trial = self._search.ask()
            claim = self._out / _CLAIMS / f"{trial.number:04}"
            claim.mkdir(parents=True)
            with only_process_in(claim):
                self._carry_out(trial)
            shutil.rmtree(claim)
            yield trial.number
        yield from self._interrupted()  # of processes that have been killed meanwhile
        with suppress(OSError):
            (self._out / _CLAIMS).rmdir()

    def _interrupted(self) -> Iterator[int]:
        """Carry on with the trials that processes in this folder have left."""
        import optuna

        for claim in sorted((self._out / _CLAIMS).glob("[0-9]*")):
            with ExitStack() as until_the_end:
                try:
                    until_the_end.enter_context(only_process_in(claim))
                except RunError:
                    continue  # it is being carried out
                left = self._search.get_trials(deepcopy=False)[int(claim.name)]
                is_unfinished = not left.state.is_finished()
                if is_unfinished:
                    self._carry_out(optuna.Trial(self._search, left._trial_id))
            shutil.rmtree(claim, ignore_errors=True)
            if is_unfinished:
                yield left.number

    def _carry_out(self, trial: optuna.Trial) -> None:
        """Train one trial to its end, and tell the search how it ended."""
        import optuna
        from optuna.trial import TrialState

        trial.set_user_attr("seed", trial_seed(self._seed, trial.number))
        try:
            score = self._score(trial)
        except optuna.TrialPruned:
            self._search.tell(trial, state=TrialState.PRUNED)
        except Exception as error:
            if not _is_of_trial(error):
                raise
            lines = str(error).splitlines() or [type(error).__name__]
            trial.set_user_attr("reason", lines[0])
            self._search.tell(trial, state=TrialState.FAIL)
        else:
            self._search.tell(trial, score)

    def _score(self, trial: optuna.Trial) -> float:
        recipe = changed(self._recipe, self._space.suggested(trial))
        require_same_measure(self._recipe, recipe)
        folder = self._out / TRIALS / f"{trial.number:04}"
        begun = (folder / FACTS).exists()
        log = list(open_run(folder).log()) if begun else []

        def take(entry: EpochLog) -> None:
            log.append(entry)
            if self._on_epoch:
                self._on_epoch(trial.number, entry)
            self._report(trial, recipe, log)

        self._report(trial, recipe, log)
        run = train(
            self._study,
            recipe,
            folder,
            seed=trial_seed(self._seed, trial.number),
            resume=begun,
            progress=self._told(trial.number),
            on_epoch=take,
            **self._how,
        )
        return _score_of(run)

    def _report(self, trial: optuna.Trial, recipe: Recipe, log: list[EpochLog]) -> None:
        """Report the epochs of the last stage that are not yet reported. Raises TrialPruned.

        Earlier stages may have other monitors, whose values do not compare.
        """
        import optuna

        stages = by_stage(log)
        if len(stages) < len(recipe.stages):
            return
        known = self._search.get_trials(deepcopy=False)[trial.number].intermediate_values
        for entry in stages[-1]:
            value = monitored_entry(recipe, len(recipe.stages) - 1, entry)
            if math.isfinite(value) and entry.epoch not in known:
                trial.report(value, entry.epoch)
        is_last = stages[-1][-1].epoch == recipe.stages[-1].epochs
        if not is_last and trial.should_prune():
            raise optuna.TrialPruned

    def _told(self, number: int) -> NamedProgress | None:
        report = self._progress
        return report and (lambda what, done, total: report(f"trial {number}: {what}", done, total))


def _is_of_trial(error: Exception) -> bool:
    """Whether a trial's values are to blame, rather than the disk, or a fault that every trial would meet."""
    no_memory = isinstance(error, RuntimeError) and "allocate memory" in str(error)  # torch's, on the CPU
    of_values = (LossError, RecipeError, StudyError, _NoScore, torch.OutOfMemoryError, MemoryError)
    return no_memory or isinstance(error, of_values)


class _NoScore(Exception):
    """A run whose monitor was never defined."""


def _score_of(run: Run) -> float:
    best = [entry for entry in by_stage(run.log())[-1] if entry.best]
    value = monitored_entry(run.recipe, len(run.recipe.stages) - 1, best[-1]) if best else math.nan
    if not math.isfinite(value):
        raise _NoScore("its monitor was undefined in each epoch")
    return value
