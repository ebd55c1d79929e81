"""What a stage trains, as checkpoints hold it: the model, its optimiser, the loss's scale and the weights' average."""

from __future__ import annotations

import torch
from lightning_fabric import Fabric
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn
from torch.optim import Optimizer

from egaze.errors import EgazeError
from egaze.models import DualHeadUNet
from egaze.training.checkpoint import TrainedState
from egaze.training.optimizer import make_optimizer
from egaze.training.recipe import Recipe
from egaze.training.stage import Stage


class Trained:
    """A model that is set up for a stage of a recipe.

    Attributes:
        model: set up by Fabric; call it in training.
        optimizer: of the parts that the stage trains.
        measured: the model to measure and to keep: the average of the weights if the recipe asks for one.

    Raises:
        EgazeError: the stage trains no part of this model.
    """

    model: nn.Module
    optimizer: Optimizer
    measured: nn.Module

    def __init__(self, fabric: Fabric, bare: DualHeadUNet, recipe: Recipe, stage: Stage) -> None:
        for name, part in bare.named_children():
            part.requires_grad_(name in stage.parts)
        optimizer = make_optimizer(bare, stage)
        if not any(parameter.requires_grad for parameter in bare.parameters()):
            raise EgazeError(f"stage {stage.name!r} trains no part of this model")
        self._bare = bare
        self.model, self.optimizer = fabric.setup(bare, optimizer)
        self._scaler = fabric.strategy.precision  # with fp16 it holds the loss's scale, otherwise nothing
        self._average = None
        self.measured = self.model
        if recipe.average_decay:
            self._average = ModelEmaV3(bare, decay=recipe.average_decay, use_warmup=True)
            self.measured = fabric.setup_module(self._average.module)
        if recipe.compile:
            # Random numbers as without compiling, so that dropout leaves out the same features.
            bare.compile(options={"fallback_random": True})

    def after_step(self, step: int) -> None:
        """Update the average after a step, by its number within the stage, from 1."""
        if self._average is not None:
            self._average.update(self._bare, step)

    def state(self) -> TrainedState:
        return {
            "model": on_host(self._bare),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "average": None if self._average is None else on_host(self._average.module),
        }

    def load_state(self, state: TrainedState) -> None:
        """Go on from what `state` returned; tensors take the device and the type of what is set up."""
        self._bare.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        if self._average is not None and state["average"] is not None:
            self._average.module.load_state_dict(state["average"])


def on_host(model: nn.Module) -> dict[str, Tensor]:
    """A copy of a model's weights, which further training leaves unchanged."""
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in model.state_dict().items()}


def random_state(device: torch.device) -> list[Tensor]:
    """The state of torch's random numbers, on the CPU and on the device."""
    own = [] if device.type == "cpu" else [torch.get_device_module(device).get_rng_state(device)]
    return [torch.get_rng_state(), *own]


def set_random_state(states: list[Tensor], device: torch.device) -> None:
    """Go on with the random numbers that came after `random_state`."""
    torch.set_rng_state(states[0])
    for state in states[1:]:
        torch.get_device_module(device).set_rng_state(state, device)
