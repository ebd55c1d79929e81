"""One epoch of training, and prediction."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricModule
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
from egaze.training.ranks import gathered, summed
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

    Losses are summed on the device, so that the loop waits for it at log steps only. Several ranks learn, each from its
    part of a batch, what one learns from the whole: a term is a mean over the samples of all of them.

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
    step_losses = StepLosses(loader, at.step * batches_per_step, lowest_loss, fabric)
    with watch(model) if stage.alignment_weight > 0 else nullcontext() as alignment:
        for batches in in_groups(meter.watched(loader) if meter else loader, batches_per_step):
            for group in optimizer.param_groups:
                group["lr"] = rate_at(at.step / steps)
            optimizer.zero_grad(set_to_none=True)
            of_step: dict[str, torch.Tensor] = {}
            for number, batch in enumerate(batches, start=1):
                with _gradients_kept_back(fabric, model, number < len(batches)):
                    output = model(batch.image)
                    terms = stage_losses(output, batch, stage)
                    if alignment:
                        terms["alignment"] = alignment.loss(batch)
                    if len(batches) > 1 or fabric.world_size > 1:
                        of_step = of_step or samples_of_step(fabric, output, batches)
                        terms = shares(terms, output, batch, of_step)
                    terms["loss"] = weighted(terms, stage)
                    # The gradients of several ranks are averaged, and the ranks' losses are to be added up.
                    fabric.backward(terms["loss"] * fabric.world_size if fabric.world_size > 1 else terms["loss"])
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
    return {name: float(total) / steps for name, total in summed_terms(fabric, at.sums).items()}


def summed_terms(fabric: Fabric, own: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Add up the loss terms of all ranks."""
    if fabric.world_size == 1:
        return own
    return dict(zip(own, summed(fabric, torch.stack(list(own.values()))), strict=True))


def _gradients_kept_back(fabric: Fabric, model: nn.Module, kept: bool) -> AbstractContextManager[None]:
    """Accumulate gradients on this rank, without telling the others."""
    return fabric.no_backward_sync(cast(_FabricModule, model)) if kept and fabric.world_size > 1 else nullcontext()


def in_groups(loader: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Yield lists of `size` batches; the last may be shorter."""
    batches = iter(loader)
    while group := list(islice(batches, size)):
        yield group


def shares(
    terms: dict[str, torch.Tensor], output: DualHeadOutput, batch: Batch, of_step: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Return the shares of a batch's terms in the terms of a step's batches together, by the samples of each term."""
    own = samples(output, batch)
    share = {kind: own[kind] / of_step[kind] for kind in own}
    return {name: term * share[name if name in own else "heatmap"] for name, term in terms.items()}


def samples_of_step(fabric: Fabric, output: DualHeadOutput, batches: Sequence[Batch]) -> dict[str, torch.Tensor]:
    """Count the samples of each kind of term in all batches of a step on all ranks; 1 where there are none."""
    of_all = [samples(output, batch) for batch in batches]
    totals = torch.stack([torch.stack([each[kind] for each in of_all]).sum() for kind in of_all[0]])
    return dict(zip(of_all[0], summed(fabric, totals).clamp(min=1), strict=True))


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


class _Part(NamedTuple):
    """The predictions of one rank: of its cases, and the sums of each loss term times its samples, and of these."""

    case_index: NDArray[np.int64]
    class_probs: NDArray[np.float32]
    sums: dict[str, torch.Tensor]


@torch.inference_mode()
def predict(
    model: nn.Module,
    loader: DeviceLoader | None,
    stage: Stage,
    *,
    keep_heatmaps: bool,
    fabric: Fabric | None = None,
    progress: Progress | None = None,
    on_heatmaps: Callable[[NDArray[np.int64], NDArray[np.float32]], None] | None = None,
) -> Predictions:
    """Run the model over a loader, in evaluation mode and without gradients.

    With a `fabric` of several ranks, the loader has this rank's cases, None if there are none, and the predictions are
    those of all ranks' cases, in the order of the ranks; heatmaps stay where they are predicted.

    `on_heatmaps` is called with each batch's case indices and (N, H, W) heatmaps. Nothing waits for the device but
    the reading of heatmaps, which is one batch late.

    Raises:
        LossError: a loss is not finite.
    """
    model.eval()
    cases, probabilities, heatmaps = [], [], []
    sums: dict[str, torch.Tensor] = {}  # of each term: times the samples that it is a mean over, and these
    step_losses = StepLosses(loader) if loader else None

    def take(case_index: NDArray[np.int64], of_batch: NDArray[np.float32]) -> None:
        if keep_heatmaps:
            heatmaps.append(of_batch)
        if on_heatmaps:
            on_heatmaps(case_index, of_batch)

    with OneLate(take) as read:
        for step, batch in enumerate(loader or ()):
            output = model(batch.image)
            terms = stage_losses(output, batch, stage)
            counts = samples(output, batch)
            for name, term in terms.items():
                count = counts["classification" if name == "classification" else "heatmap"].double()
                sums[name] = sums.get(name, 0.0) + torch.stack([term.double() * count, count])
            if step_losses:
                step_losses.add(weighted(terms, stage))
            predicted = bare(model).predictions(output, stage.class_probs(batch.label_kind))
            cases.append(batch.case_index)
            probabilities.append(predicted.class_probs)
            if keep_heatmaps or on_heatmaps:
                read(batch.case_index, predicted.heatmap[:, 0].float())
            if progress and loader:
                progress(step + 1, len(loader))
    own = None
    if cases:
        of_cases = torch.cat(cases).cpu().numpy(), torch.cat(probabilities).cpu().numpy()
        own = _Part(*of_cases, {name: total.cpu() for name, total in sums.items()})
    parts = [part for part in (gathered(fabric, own) if fabric else [own]) if part is not None]
    totals = {name: sum((part.sums[name] for part in parts), torch.zeros(2).double()) for name in parts[0].sums}
    means = {name: (total / count.clamp(min=1.0)).float() for name, (total, count) in totals.items()}
    losses = {**{name: float(mean) for name, mean in means.items()}, "loss": float(weighted(means, stage))}
    return Predictions(
        np.concatenate([part.case_index for part in parts]),
        np.concatenate([part.class_probs for part in parts]),
        np.concatenate(heatmaps) if keep_heatmaps else None,
        losses,
    )
