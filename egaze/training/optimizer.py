"""A stage's optimiser and its learning rate over time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from egaze.training.stage import Stage

_OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}


def make_optimizer(model: nn.Module, stage: Stage) -> Optimizer:
    """Make the stage's optimiser of the parameters that require gradients."""
    return _OPTIMIZERS[stage.optimizer](_decay_groups(model, stage.weight_decay), lr=stage.learning_rate)


def _decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:  # as torch takes groups
    """Group parameters so that matrices and filters have weight decay, and biases and norms have none."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [parameter for parameter in trained if parameter.ndim > 1], "weight_decay": weight_decay},
        {"params": [parameter for parameter in trained if parameter.ndim <= 1], "weight_decay": 0.0},
    ]


def learning_rate(stage: Stage, epoch: float) -> float:
    """Return the stage's learning rate at a time in epochs, which may be fractional."""
    return _SCHEDULES[stage.schedule](stage, epoch)


def _cosine(stage: Stage, epoch: float) -> float:
    """Rise linearly during the warm-up, then fall to 1 % along a cosine."""
    if epoch < stage.warmup_epochs:
        return _warmup(stage, epoch)
    left = max(stage.epochs - stage.warmup_epochs, 1)
    cosine = 0.5 * (1.0 + math.cos(math.pi * min(1.0, (epoch - stage.warmup_epochs) / left)))
    return stage.learning_rate * (0.01 + 0.99 * cosine)


def _constant(stage: Stage, epoch: float) -> float:
    """Rise linearly during the warm-up, then stay constant."""
    return _warmup(stage, epoch) if epoch < stage.warmup_epochs else stage.learning_rate


def _warmup(stage: Stage, epoch: float) -> float:
    return stage.learning_rate * (epoch + 0.1) / (stage.warmup_epochs + 0.1)


def _egd(stage: Stage, epoch: float) -> float:
    """Follow the EGD-CXR baseline's code: triangular cycles, each half as high as the one before, one rate per epoch.

    The code passes the learning rate as the schedule's smallest factor too, so each cycle starts at the squared rate.
    """
    whole, half_cycle = math.floor(epoch), stage.half_cycle_epochs
    cycle, within = divmod(whole, 2 * half_cycle)
    triangle = 1.0 - abs(within / half_cycle - 1.0)
    least = stage.learning_rate
    return stage.learning_rate * (least + (1.0 - least) * triangle / 2.0**cycle)


_SCHEDULES: dict[str, Callable[[Stage, float], float]] = {"cosine": _cosine, "constant": _constant, "egd": _egd}
