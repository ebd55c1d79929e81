"""What a stage trains, as checkpoints hold it: the model, its optimiser, the loss's scale and the weights' average."""

from __future__ import annotations

from lightning_fabric import Fabric
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn
from torch.optim import Optimizer

from egaze.errors import EgazeError
from egaze.models import DualHeadOutput, DualHeadUNet
from egaze.training.checkpoint import TrainedState
from egaze.training.optimizer import make_optimizer
from egaze.training.ranks import share_buffers
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
        self._average = ModelEmaV3(bare, decay=recipe.average_decay, use_warmup=True) if recipe.average_decay else None
        kept = bare if self._average is None else self._average.module
        if fabric.world_size > 1:
            self.measured = _Measured(fabric, kept)
        else:
            self.measured = self.model if kept is bare else fabric.setup_module(kept)
        if recipe.compile:
            # Random numbers as without compiling, so that dropout leaves out the same features.
            bare.compile(options={"fallback_random": True})

    def after_step(self, step: int) -> None:
        """Update the average after a step, by its number within the stage, from 1."""
        if self._average is not None:
            self._average.update(self._bare, step)

    def share_buffers(self, fabric: Fabric) -> None:
        """Let all ranks go on with the batch norms' statistics of rank 0, which are the ones that are kept."""
        share_buffers(fabric, self._bare, *([] if self._average is None else [self._average.module]))

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


class _Measured(nn.Module):
    """A model that each rank measures on its own cases. What Fabric sets up there would wait for the other ranks."""

    def __init__(self, fabric: Fabric, module: nn.Module) -> None:
        super().__init__()
        self.module, self._precision = module, fabric.strategy.precision

    def forward(self, image: Tensor) -> DualHeadOutput:
        with self._precision.forward_context():
            output = self.module(self._precision.convert_input(image))
        converted: DualHeadOutput = self._precision.convert_output(output)
        return converted


def on_host(model: nn.Module) -> dict[str, Tensor]:
    """A copy of a model's weights, which further training leaves unchanged."""
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in model.state_dict().items()}
