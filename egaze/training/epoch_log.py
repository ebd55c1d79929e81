"""The log of a run: one entry per epoch, and one line of log.jsonl for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import cast

from egaze.serialize import JsonObject
from egaze.training.cost import EpochCost

_TRAIN, _AUC, _AGREEMENT = "train_", "_macro_auc", "_agreement"


@dataclass(frozen=True, slots=True)
class EpochLog:
    """One epoch of a run.

    Attributes:
        stage: name of the stage.
        epoch: number within the stage, from 1.
        learning_rate: at the epoch's start.
        train_losses: mean of each loss term over the training batches, and their weighted sum as "loss".
        chosen_on: the split that the epoch was measured on, "validation" or "test".
        losses: the same terms on that split, means over its samples.
        macro_auc: on that split; None if no class has both positive and negative cases.
        best: whether this epoch was the stage's best so far; with choose_on "train", whether it was the last.
        seconds: how long the epoch took.
        agreement: the heatmap's agreement with gaze on that split, if the stage monitors it; see `HeatmapAgreement`.
        cost: rate, waiting and memory; None in logs from before egaze measured them. It does not make entries differ.
    """

    stage: str
    epoch: int
    learning_rate: float
    train_losses: dict[str, float]
    chosen_on: str
    losses: dict[str, float]
    macro_auc: float | None
    best: bool
    seconds: float
    agreement: dict[str, float] = field(default_factory=dict)
    cost: EpochCost | None = field(default=None, compare=False)

    def to_line(self) -> JsonObject:
        """Return the entry as log.jsonl holds it, with keys such as "train_loss" and "validation_macro_auc"."""
        return {
            "stage": self.stage,
            "epoch": self.epoch,
            "learning_rate": self.learning_rate,
            **{f"{_TRAIN}{name}": value for name, value in self.train_losses.items()},
            **{f"{self.chosen_on}_{name}": value for name, value in self.losses.items()},
            f"{self.chosen_on}{_AUC}": self.macro_auc,
            **({f"{self.chosen_on}{_AGREEMENT}": self.agreement} if self.agreement else {}),
            "best": self.best,
            "seconds": self.seconds,
            **{name: value for name in _COST if (value := getattr(self.cost, name, None)) is not None},
        }

    @classmethod
    def from_line(cls, line: object) -> EpochLog:
        """Read what `to_line` returned.

        Raises:
            ValueError: a key is missing, or a value has another type.
        """
        if not isinstance(line, dict):
            raise ValueError("not a JSON object")
        split = next((key.removesuffix(_AUC) for key in line if key.endswith(_AUC)), None)
        if split is None:
            raise ValueError(f"key '...{_AUC}' is missing")
        for key, kinds in _KINDS.items():
            if not isinstance(line.get(key), kinds):
                raise ValueError(f"key {key!r} is missing or not of type {kinds[0].__name__}")
        auc, agreement = line[split + _AUC], line.get(split + _AGREEMENT, {})
        if not isinstance(agreement, dict):
            raise ValueError(f"key '{split}{_AGREEMENT}' must be an object, got {agreement!r}")
        return cls(
            stage=line["stage"],
            epoch=line["epoch"],
            learning_rate=line["learning_rate"],
            train_losses=_terms(line, _TRAIN),
            chosen_on=split,
            losses=_terms(line, f"{split}_"),
            macro_auc=None if auc is None else _number(split + _AUC, auc),
            best=line["best"],
            seconds=line["seconds"],
            agreement={name: _number(name, value) for name, value in agreement.items()},
            cost=_cost(line),
        )


def by_stage(log: Sequence[EpochLog]) -> list[Sequence[EpochLog]]:
    """The entries of each stage that has begun, in order."""
    starts = [index for index, entry in enumerate(log) if entry.epoch == 1]
    return [log[start:end] for start, end in pairwise([*starts, len(log)])]


_COST = tuple(field.name for field in fields(EpochCost))
_KINDS = {"stage": (str,), "epoch": (int,), "learning_rate": (float, int), "best": (bool,), "seconds": (float, int)}


def _terms(line: JsonObject, prefix: str) -> dict[str, float]:
    terms = {
        key.removeprefix(prefix): _number(key, value)
        for key, value in line.items()
        if key.startswith(prefix) and not key.endswith((_AUC, _AGREEMENT))
    }
    if "loss" not in terms:
        raise ValueError(f"key '{prefix}loss' is missing")
    return terms


def _cost(line: JsonObject) -> EpochCost | None:
    found = {name: _number(name, line[name]) for name in _COST if name in line}
    if not found:
        return None
    try:
        return EpochCost(**found)
    except TypeError as error:
        raise ValueError(f"of {' and '.join(_COST[:2])}, one is missing") from error


def _number(key: str, value: object) -> float:
    if type(value) not in (float, int):
        raise ValueError(f"key {key!r} must be a number, got {value!r}")
    return cast(float, value)
