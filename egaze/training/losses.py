"""Losses under mixed supervision: each sample teaches the heads it has an answer for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from egaze.loading import Batch
from egaze.models import DualHeadOutput

_EPS = 1e-6


def training_losses(output: DualHeadOutput, batch: Batch, *, heatmap_losses: Sequence[str]) -> dict[str, Tensor]:
    """The terms of the loss by name, each a scalar; zero where no sample of the batch has an answer.

    "classification" is the cross-entropy over samples with a label; "heatmap" the sum of the named heatmap losses
    over samples with gaze. No value depends on what a sample without gaze or label holds in its place.
    """
    logits = output.class_logits.float()
    # An ignored label keeps the shapes fixed, so that nothing waits for the device to count samples.
    labels = torch.where(batch.has_label, batch.label, -100)
    entropy = functional.cross_entropy(logits, labels, ignore_index=-100, reduction="sum")
    terms = {"classification": entropy / batch.has_label.sum().clamp(min=1)}
    if heatmap_losses:
        maps = output.heatmap_logits.float()
        per_sample = sum(HEATMAP_LOSS_FUNCTIONS[name](maps, batch.heatmap) for name in heatmap_losses)
        masked = torch.where(batch.has_gaze, per_sample, 0.0)
        terms["heatmap"] = masked.sum() / batch.has_gaze.sum().clamp(min=1)
    return terms


def bce(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy per pixel; (N, 1, H, W) twice to (N,)."""
    return functional.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(dim=(1, 2, 3))


def dice(logits: Tensor, target: Tensor) -> Tensor:
    """1 - soft Dice of sigmoid(logits) and the target, in [0, 1]."""
    probability = logits.sigmoid()
    overlap = (probability * target).sum(dim=(1, 2, 3))
    total = probability.square().sum(dim=(1, 2, 3)) + target.square().sum(dim=(1, 2, 3))
    return 1.0 - (2.0 * overlap + _EPS) / (total + _EPS)


def kl(logits: Tensor, target: Tensor) -> Tensor:
    """KL divergence in nats of softmax(logits) over the pixels from the target as a density."""
    density = target.flatten(1)
    density = density / density.sum(dim=1, keepdim=True).clamp(min=_EPS)
    log_prediction = logits.flatten(1).log_softmax(dim=1)
    return (torch.xlogy(density, density) - density * log_prediction).sum(dim=1)


def cc(logits: Tensor, target: Tensor) -> Tensor:
    """1 - Pearson's correlation of sigmoid(logits) and the target, in [0, 2]."""
    prediction = logits.sigmoid().flatten(1)
    truth = target.flatten(1)
    prediction = prediction - prediction.mean(dim=1, keepdim=True)
    truth = truth - truth.mean(dim=1, keepdim=True)
    norm = (prediction.square().sum(dim=1) * truth.square().sum(dim=1) + _EPS).sqrt()
    return 1.0 - (prediction * truth).sum(dim=1) / norm


HEATMAP_LOSS_FUNCTIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"bce": bce, "dice": dice, "kl": kl, "cc": cc}
