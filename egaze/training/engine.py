"""One epoch of training, and prediction."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from typing import cast

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import nn
from torch.optim import Optimizer

from egaze.loading import Batch, DeviceLoader
from egaze.models import DualHeadOutput, DualHeadUNet
from egaze.progress import Progress
from egaze.training.alignment import watch
from egaze.training.cost import CostMeter
from egaze.training.losses import has_heatmap_target, training_losses
from egaze.training.one_late import OneLate
from egaze.training.stage import Stage
from egaze.training.step_losses import StepLosses


@dataclass(slots=True)
class EpochProgress:
    """How far an epoch has come: the steps that are done, and the sums of their loss terms, on the device."""

    step: int = 0
    sums: dict[str, torch.Tensor] = field(default_factory=dict)


def train_one_epoch(
    fabric: Fabric,
    model: nn.Module,
    optimizer: Optimizer,
    loader: DeviceLoader,
    stage: Stage,
    rate_at: Callable[[float], float],
    progress: Progress | None = None,
    *,
    batches_per_step: int = 1,
    begun: EpochProgress | None = None,
    after_step: Callable[[EpochProgress], None] | None = None,
    lowest_loss: float = math.inf,
    meter: CostMeter | None = None,
) -> dict[str, float]:
    """Train on every batch once, and return the mean of each loss term over the steps.

    Losses are summed on the device, so that the loop waits for it at log steps only.

    Args:
        fabric, model, optimizer, loader, stage: what is trained, and how; the loader begins where `begun` ended.
        rate_at: gives the learning rate at a fraction of the epoch; it is set before every step.
        progress: called with the number of steps that are done, and of all.
        batches_per_step: the batches whose gradients are accumulated, as if they were one.
        begun: how far the epoch had come before.
        after_step: called after each step with how far the epoch has come.
        lowest_loss: of the epochs before; a warning is given if the loss rises far above it.
        meter: watches the loader.

    Raises:
        LossError: a loss is not finite.
    """
    model.train()
    for name, part in bare(model).named_children():
        # A part that is not trained keeps its batch norms' statistics and applies no dropout.
        part.train(name in stage.parts)
    at = begun or EpochProgress()
    steps = -(-len(loader) // batches_per_step)
    step_losses = StepLosses(loader, at.step * batches_per_step, lowest_loss)
    with watch(model) if stage.alignment_weight > 0 else nullcontext() as alignment:
        for batches in in_groups(meter.watched(loader) if meter else loader, batches_per_step):
            for group in optimizer.param_groups:
                group["lr"] = rate_at(at.step / steps)
            optimizer.zero_grad(set_to_none=True)
            for batch in batches:
                output = model(batch.image)
                terms = stage_losses(output, batch, stage)
                if alignment:
                    terms["alignment"] = alignment.loss(batch)
                terms = shares(terms, output, batch, batches)
                terms["loss"] = weighted(terms, stage)
                fabric.backward(terms["loss"])
                for name, term in terms.items():
                    at.sums[name] = at.sums.get(name, torch.zeros((), device=term.device)) + term.detach()
                step_losses.add(terms["loss"])
            clip_gradients(fabric, model, optimizer, stage)
            optimizer.step()
            at.step += 1
            if after_step:
                after_step(at)
            if progress:
                progress(at.step, steps)
    return {name: float(total) / steps for name, total in at.sums.items()}


def in_groups(loader: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Yield lists of `size` batches; the last may be shorter."""
    batches = iter(loader)
    while group := list(islice(batches, size)):
        yield group


def shares(
    terms: dict[str, torch.Tensor], output: DualHeadOutput, batch: Batch, batches: Sequence[Batch]
) -> dict[str, torch.Tensor]:
    """Return the shares of a batch's terms in the terms of several batches together, by the samples of each term."""
    if len(batches) == 1:
        return terms
    own, of_all = samples(output, batch), [samples(output, each) for each in batches]

    def share(kind: str) -> torch.Tensor:
        return own[kind] / torch.stack([each[kind] for each in of_all]).sum().clamp(min=1)

    return {name: term * share(name if name in own else "heatmap") for name, term in terms.items()}


def samples(output: DualHeadOutput, batch: Batch) -> dict[str, torch.Tensor]:
    """Count the samples of a batch that each kind of term is a mean over; `output` may be that of another batch."""
    return {
        "classification": batch.has_label.sum(),
        "heatmap": has_heatmap_target(output, batch).sum(),
        "alignment": (batch.has_gaze & batch.shows_class).sum(),
    }


def bare(model: nn.Module) -> DualHeadUNet:
    """Return the model itself, without Fabric's wrapper if it has one."""
    return cast(DualHeadUNet, getattr(model, "module", model))


def clip_gradients(fabric: Fabric, model: nn.Module, optimizer: Optimizer, stage: Stage) -> None:
    """Clip the gradients by norm or by value, as the stage asks."""
    if stage.clip_norm > 0:
        fabric.clip_gradients(model, optimizer, max_norm=stage.clip_norm, error_if_nonfinite=False)
    elif stage.clip_value > 0:
        fabric.clip_gradients(model, optimizer, clip_val=stage.clip_value)


def stage_losses(output: DualHeadOutput, batch: Batch, stage: Stage) -> dict[str, torch.Tensor]:
    """Compute the loss terms that the stage asks for."""
    return training_losses(
        output,
        batch,
        heatmap_losses=stage.heatmap_losses if stage.heatmap_weight > 0 else (),
        heatmap_loss_weights=stage.heatmap_loss_weights,
        classification_loss=stage.classification_loss,
        class_weights=stage.class_weights,
    )


def weighted(terms: dict[str, torch.Tensor], stage: Stage) -> torch.Tensor:
    """Combine the terms into the stage's loss."""
    loss = stage.classification_weight * terms["classification"]
    if "heatmap" in terms:
        loss = loss + stage.heatmap_weight * terms["heatmap"]
    if "alignment" in terms:
        loss = loss + stage.alignment_weight * terms["alignment"]
    return loss


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """A model's predictions for N cases.

    Attributes:
        case_index: (N,) int64 index of each case in the study.
        class_probs: (N, C) float32, by softmax or sigmoid; see `Stage.class_probs`.
        heatmap: (N, H, W) float32 in [0, 1]; None if heatmaps were not asked for.
        losses: mean of each of the stage's loss terms over the samples that have a target for it.
    """

    case_index: NDArray[np.int64]
    class_probs: NDArray[np.float32]
    heatmap: NDArray[np.float32] | None
    losses: dict[str, float]


@torch.inference_mode()
def predict(
    model: nn.Module,
    loader: DeviceLoader,
    stage: Stage,
    *,
    keep_heatmaps: bool,
    progress: Progress | None = None,
    on_heatmaps: Callable[[NDArray[np.int64], NDArray[np.float32]], None] | None = None,
) -> Predictions:
    """Run the model over a loader, in evaluation mode and without gradients.

    `on_heatmaps` is called with each batch's case indices and (N, H, W) heatmaps. Nothing waits for the device but
    the reading of heatmaps, which is one batch late.

    Raises:
        LossError: a loss is not finite.
    """
    model.eval()
    cases, probabilities, heatmaps = [], [], []
    sums: dict[str, torch.Tensor] = {}  # of each term: times the samples that it is a mean over, and these
    step_losses = StepLosses(loader)

    def take(case_index: NDArray[np.int64], of_batch: NDArray[np.float32]) -> None:
        if keep_heatmaps:
            heatmaps.append(of_batch)
        if on_heatmaps:
            on_heatmaps(case_index, of_batch)

    with OneLate(take) as read:
        for step, batch in enumerate(loader):
            output = model(batch.image)
            terms = stage_losses(output, batch, stage)
            counts = samples(output, batch)
            for name, term in terms.items():
                count = counts["classification" if name == "classification" else "heatmap"].double()
                sums[name] = sums.get(name, 0.0) + torch.stack([term.double() * count, count])
            step_losses.add(weighted(terms, stage))
            predicted = bare(model).predictions(output, stage.class_probs(batch.label_kind))
            cases.append(batch.case_index)
            probabilities.append(predicted.class_probs)
            if keep_heatmaps or on_heatmaps:
                read(batch.case_index, predicted.heatmap[:, 0].float())
            if progress:
                progress(step + 1, len(loader))
    means = {name: (total / count.clamp(min=1.0)).float().cpu() for name, (total, count) in sums.items()}
    losses = {**{name: float(mean) for name, mean in means.items()}, "loss": float(weighted(means, stage))}
    return Predictions(
        torch.cat(cases).cpu().numpy(),
        torch.cat(probabilities).cpu().numpy(),
        np.concatenate(heatmaps) if keep_heatmaps else None,
        losses,
    )
