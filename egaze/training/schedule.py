"""The learning rate at any time of a stage."""

from __future__ import annotations

import math
from collections.abc import Callable

from egaze.training.stage import Stage


def learning_rate(stage: Stage, epoch: float) -> float:
    """The rate after so many epochs of the stage, fractions among them, by the stage's schedule."""
    return _SCHEDULES[stage.schedule](stage, epoch)


def _cosine(stage: Stage, epoch: float) -> float:
    """A line up over the warm-up, then a cosine down to 1 %."""
    if epoch < stage.warmup_epochs:
        return _warmup(stage, epoch)
    left = max(stage.epochs - stage.warmup_epochs, 1)
    cosine = 0.5 * (1.0 + math.cos(math.pi * min(1.0, (epoch - stage.warmup_epochs) / left)))
    return stage.learning_rate * (0.01 + 0.99 * cosine)


def _constant(stage: Stage, epoch: float) -> float:
    """A line up over the warm-up, then no change."""
    return _warmup(stage, epoch) if epoch < stage.warmup_epochs else stage.learning_rate


def _warmup(stage: Stage, epoch: float) -> float:
    return stage.learning_rate * (epoch + 0.1) / (stage.warmup_epochs + 0.1)


def _egd(stage: Stage, epoch: float) -> float:
    """The EGD-CXR baseline's code: cycles of a triangle, each half as high as the one before, one rate an epoch.

    The code gives the rate itself as the least factor of the rate, so a cycle begins at the rate's square.
    """
    whole, half_cycle = math.floor(epoch), stage.half_cycle_epochs
    cycle, within = divmod(whole, 2 * half_cycle)
    triangle = 1.0 - abs(within / half_cycle - 1.0)
    least = stage.learning_rate
    return stage.learning_rate * (least + (1.0 - least) * triangle / 2.0**cycle)


_SCHEDULES: dict[str, Callable[[Stage, float], float]] = {"cosine": _cosine, "constant": _constant, "egd": _egd}
