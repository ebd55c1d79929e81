"""How a search draws its trials: by Optuna's TPE, with randomness that belongs to each trial's number."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from egaze.tuning.trial import trial_seed


class NumberedTPE(BaseSampler):
    """A tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011) that is seeded anew for each trial.

    So a search that was interrupted draws as it would have, and workers that share a search draw differently. Trials
    that are running elsewhere count as bad ones, so that workers do not look in one place.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._of_trial = _tpe(seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._of_trial = _tpe(trial_seed(self._seed, trial.number))
        self._of_trial.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._of_trial.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._of_trial.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._of_trial.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        self._of_trial.after_trial(study, trial, state, values)


def _tpe(seed: int) -> TPESampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # before Optuna 5
        return TPESampler(seed=seed, constant_liar=True)
