"""Loggers, which show a run elsewhere while it trains. They hold what log.jsonl does, and no case."""

from __future__ import annotations

import importlib.util
import json
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Protocol

from egaze.errors import EgazeError
from egaze.training.epoch_log import EpochLog
from egaze.training.mlflow_logger import MlflowLogger
from egaze.training.run import Run
from egaze.training.tensorboard_logger import TensorboardLogger

logger = logging.getLogger(__name__)


class RunLogger(Protocol):
    """A logger of one run."""

    def write(self, log: Sequence[dict[str, float]]) -> None:
        """Bring the logger up to the run's whole log; the numbers of epoch n, from 1, are `log[n - 1]`."""

    def close(self, how: str) -> None:
        """End the run as "finished", "failed" or "killed"."""


#: Each opens a run's logger, given the run and what it was made from. The packages that it needs are its extra's.
LOGGERS: dict[str, Callable[[Run, dict[str, str]], RunLogger]] = {
    "tensorboard": TensorboardLogger,
    "mlflow": MlflowLogger,
}
_NEEDS = {"tensorboard": ("tensorboard",), "mlflow": ("mlflow", "sqlalchemy", "alembic")}


def require_loggers(names: Sequence[str]) -> None:
    """Raise EgazeError if a logger is unknown, or a package that it needs is not installed."""
    for name in names:
        if name not in LOGGERS:
            raise EgazeError(f"logger must be one of {', '.join(LOGGERS)}, got {name!r}")
        for package in _NEEDS[name]:
            if importlib.util.find_spec(package) is None:
                raise EgazeError(f"logger {name}: the package {package} is not installed: pip install 'egaze[{name}]'")


class RunLoggers:
    """The open loggers of a run. One that fails later is told of, and tried again after the next epoch."""

    def __init__(self, loggers: dict[str, RunLogger]) -> None:
        self._loggers = loggers

    def write(self, log: Sequence[EpochLog]) -> None:
        """Bring all loggers up to the run's log."""
        numbers = [numbers_of(entry) for entry in log]
        for name, each in self._loggers.items():
            self._trying(name, partial(each.write, numbers))

    def close(self, how: str) -> None:
        for name, each in self._loggers.items():
            self._trying(name, partial(each.close, how))

    def _trying(self, name: str, write: Callable[[], None]) -> None:
        try:
            write()
        except Exception as error:
            logger.warning("logger %s: %s; training goes on, and log.jsonl has everything", name, _first_line(error))


@contextmanager
def open_loggers(names: Sequence[str], run: Run) -> Iterator[RunLoggers]:
    """Open a run's loggers until it ends.

    Raises:
        EgazeError: one cannot be opened.
    """
    loggers: dict[str, RunLogger] = {}
    for name in dict.fromkeys(names):
        try:
            loggers[name] = LOGGERS[name](run, made_from(run))
        except Exception as error:
            raise EgazeError(f"logger {name}: {_first_line(error)}") from error
    opened = RunLoggers(loggers)
    try:
        yield opened
    except BaseException as error:
        opened.close("failed" if isinstance(error, Exception) else "killed")
        raise
    opened.close("finished")


def numbers_of(entry: EpochLog) -> dict[str, float]:
    """The numbers of an epoch by names such as "train/loss" and "validation/macro_auc"; undefined ones are left out."""
    split, cost = entry.chosen_on, entry.cost
    numbers = {
        **{f"train/{name}": value for name, value in entry.train_losses.items()},
        **{f"{split}/{name}": value for name, value in entry.losses.items()},
        f"{split}/macro_auc": entry.macro_auc,
        **{f"{split}/{name}": value for name, value in entry.agreement.items()},
        "learning_rate": entry.learning_rate,
        "best": float(entry.best),
        "cost/seconds": entry.seconds,
    }
    if cost is not None:
        numbers |= {f"cost/{field.name}": getattr(cost, field.name) for field in fields(cost)}
    return {name: float(value) for name, value in numbers.items() if value is not None and math.isfinite(value)}


def made_from(run: Run) -> dict[str, str]:
    """What a run was made from, by names such as "stages.0.learning_rate": its recipe without paths, and its facts."""
    facts = run.facts
    named = {
        "seed": facts["seed"],
        "precision": facts["precision"],
        "study_sha256": facts["study_sha256"],
        "class_names": facts["class_names"],
    }
    return {**dict(_flat("", run.recipe.without_paths())), **{name: _text(value) for name, value in named.items()}}


def _flat(name: str, value: object) -> Iterator[tuple[str, str]]:
    if is_dataclass(value):
        for field in fields(value):
            yield from _flat(f"{name}.{field.name}" if name else field.name, getattr(value, field.name))
    elif isinstance(value, tuple) and value and is_dataclass(value[0]):
        for number, item in enumerate(value):
            yield from _flat(f"{name}.{number}", item)
    else:
        yield name, _text(value)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__
