"""Losses under mixed supervision: each sample trains the heads that it has a target for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from egaze.loading import Batch
from egaze.models import DualHeadOutput
from egaze.registry import Registry
from egaze.training.classification_losses import CLASSIFICATION_LOSSES, ClassificationLoss, LossFunction

__all__ = ["CLASSIFICATION_LOSSES", "HEATMAP_LOSSES", "ClassificationLoss", "LossFunction", "training_losses"]

_EPS = 1e-6


def training_losses(
    output: DualHeadOutput,
    batch: Batch,
    *,
    heatmap_losses: Sequence[str],
    heatmap_loss_weights: Sequence[float] = (),
    classification_loss: str = "cross-entropy",
    class_weights: Sequence[float] = (),
) -> dict[str, Tensor]:
    """Compute the terms of the loss, each a scalar, by name; a term is zero if no sample of the batch has its target.

    "classification" is the mean over the samples with a label; of independent labels, a sample's loss is the mean over
    the classes that are known of it. "heatmap" is the weighted sum of the heatmap losses,
    each a mean over the samples with gaze; if there are several, each is also returned by itself, unweighted, such as
    "heatmap_kl". A sample without a target changes neither the term nor its gradient, whatever its values are, NaN
    included.

    In a model with one map per class, gaze trains the map of the image's label or, of independent labels, the union of
    the maps of the present classes. The other maps, and images without such a class, are not trained by it. Where the
    batch has heatmaps of single classes for an image, each trains the map of its class, and the whole gaze trains
    nothing if some of them are made of gaze; the image's loss is the mean over what trains it.

    Args:
        output: the model's output.
        batch: the batch that the model was given.
        heatmap_losses: keys of `HEATMAP_LOSSES`; if empty, there is no heatmap term.
        heatmap_loss_weights: one weight for each of them; all 1 if empty.
        classification_loss: a key of `CLASSIFICATION_LOSSES`.
        class_weights: a factor of each class's loss: of exclusive labels, of the samples with that label; all 1 if
            empty.

    Raises:
        ValueError: the number of weights differs from the number of losses, or the loss cannot learn from independent
            labels.
    """
    has_label = batch.has_label
    # Masked before the loss as well as after it, because a gradient of 0 times NaN would be NaN. Masking keeps shapes
    # fixed, so that nothing waits for the device to count samples.
    logits = or_zero(at_least_float32(output.class_logits), has_label)
    loss = CLASSIFICATION_LOSSES[classification_loss]
    if batch.label_kind == "exclusive":
        per_sample = _of_label(loss, logits, or_zero(batch.label, has_label), class_weights)
    else:
        per_sample = _of_known_classes(loss, logits, batch.label, class_weights)
    terms = {"classification": mean_where(has_label, per_sample)}
    if heatmap_losses:
        by_gaze = _by_whole_gaze(output, batch)
        maps = or_zero(at_least_float32(_supervised_maps(output, batch)), by_gaze)
        target = or_zero(batch.heatmap, by_gaze)
        weights = heatmap_loss_weights or [1.0] * len(heatmap_losses)
        losses = {name: HEATMAP_LOSSES[name](maps, target) for name in heatmap_losses}
        if batch.class_heatmap is not None:
            losses = _with_single_classes(output, batch, losses)
        has_target = has_heatmap_target(output, batch)
        parts = {name: mean_where(has_target, of_image) for name, of_image in losses.items()}
        weighted = (weight * parts[name] for name, weight in zip(heatmap_losses, weights, strict=True))
        terms["heatmap"] = sum(weighted, start=logits.new_zeros(()))
        if len(parts) > 1:
            terms.update({f"heatmap_{name}": part for name, part in parts.items()})
    return terms


def _of_label(loss: ClassificationLoss, logits: Tensor, label: Tensor, class_weights: Sequence[float]) -> Tensor:
    per_sample = loss.function(logits, label)
    return per_sample * _kept_on(logits.device, tuple(class_weights))[label] if class_weights else per_sample


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def _kept_on(device: torch.device, values: tuple[float, ...]) -> Tensor:
    """Numbers on a device, copied there once: each copy from the host would wait for the device."""
    return torch.tensor(values, device=device)


def _of_known_classes(
    loss: ClassificationLoss, logits: Tensor, target: Tensor, class_weights: Sequence[float]
) -> Tensor:
    if loss.of_each is None:
        raise ValueError("this classification loss learns from exclusive labels alone")
    known = ~target.isnan()
    per_class = loss.of_each(torch.where(known, logits, 0), torch.where(known, target, 0).to(logits.dtype))
    if class_weights:
        per_class = per_class * _kept_on(logits.device, tuple(class_weights))
    return torch.where(known, per_class, 0).sum(dim=1) / known.sum(dim=1).clamp(min=1)


def has_heatmap_target(output: DualHeadOutput, batch: Batch) -> Tensor:
    """Return an (N,) mask of the samples whose heatmaps are trained, by their whole gaze or by single classes."""
    by_gaze = _by_whole_gaze(output, batch)
    return by_gaze if batch.class_heatmap_index is None else by_gaze | (batch.class_heatmap_index >= 0).any(dim=1)


def _by_whole_gaze(output: DualHeadOutput, batch: Batch) -> Tensor:
    """Return an (N,) mask of the samples with gaze and, for a model with one map per class, with a class for it."""
    by_gaze = batch.has_gaze if output.heatmap_logits.shape[1] == 1 else batch.has_gaze & batch.shows_class
    return by_gaze if batch.gaze_is_named is None else by_gaze & ~batch.gaze_is_named


def _with_single_classes(output: DualHeadOutput, batch: Batch, of_gaze: dict[str, Tensor]) -> dict[str, Tensor]:
    """The mean loss of each image over its whole gaze, whose (N,) losses are given, and its single classes."""
    assert batch.class_heatmap is not None and batch.class_heatmap_index is not None
    taught = batch.class_heatmap_index >= 0
    numbers = batch.class_heatmap_index.clamp(min=0)[:, :, None, None]
    maps = at_least_float32(output.heatmap_logits).take_along_dim(numbers, dim=1)
    # Each map as an image of its own.
    of_map = taught.flatten()
    maps = or_zero(maps.flatten(0, 1)[:, None], of_map)
    target = or_zero(batch.class_heatmap.flatten(0, 1)[:, None], of_map)
    by_gaze = _by_whole_gaze(output, batch)
    count = (taught.sum(dim=1) + by_gaze).clamp(min=1)
    losses = {}
    for name, of_image in of_gaze.items():
        each = or_zero(HEATMAP_LOSSES[name](maps, target), of_map).view_as(taught)
        losses[name] = (each.sum(dim=1) + or_zero(of_image, by_gaze)) / count
    return losses


def _supervised_maps(output: DualHeadOutput, batch: Batch) -> Tensor:
    """Return the (N, 1, H, W) logits of the map of each sample that its gaze trains."""
    maps = output.heatmap_logits
    if maps.shape[1] == 1:
        return maps
    if batch.label_kind == "exclusive":
        label = or_zero(batch.label, batch.has_label)
        return maps.take_along_dim(label.view(-1, 1, 1, 1), dim=1)
    return union_logits(at_least_float32(maps), batch.present_classes)


def union_logits(logits: Tensor, included: Tensor) -> Tensor:
    """The logits of the union of some maps: 1 - the product of 1 - sigmoid(logits), as if maps were independent.

    Args:
        logits: (N, C, H, W) float32 or wider.
        included: (N, C) bool.

    Returns:
        (N, 1, H, W), of a single map its own logits. Below about -69, and where no map is included, the logits are -69.
    """
    # The odds of the union are the product of the maps' odds plus 1, minus 1: softplus is log(1 + odds).
    total = (functional.softplus(logits) * included[:, :, None, None]).sum(dim=1, keepdim=True).clamp(min=1e-30)
    return total + torch.log(-torch.expm1(-total))


def at_least_float32(logits: Tensor) -> Tensor:
    """Widen half-precision logits to float32."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def or_zero(values: Tensor, mask: Tensor) -> Tensor:
    """Return (N, ...) values with zeros in place of the samples outside the (N,) mask."""
    return torch.where(mask.view(-1, *[1] * (values.ndim - 1)), values, 0)


def mean_where(mask: Tensor, per_sample: Tensor) -> Tensor:
    """Return the mean of (N,) values over an (N,) mask; 0 if the mask is empty."""
    return or_zero(per_sample, mask).sum() / mask.sum().clamp(min=1)


def bce(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy averaged over the pixels, from two tensors of shape (N, 1, H, W) to (N,)."""
    return functional.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(dim=(1, 2, 3))


def dice(logits: Tensor, target: Tensor) -> Tensor:
    """1 - the soft Dice coefficient of sigmoid(logits) and the target, in [0, 1]."""
    probability = logits.sigmoid()
    overlap = (probability * target).sum(dim=(1, 2, 3))
    total = probability.square().sum(dim=(1, 2, 3)) + target.square().sum(dim=(1, 2, 3))
    return 1.0 - (2.0 * overlap + _EPS) / (total + _EPS)


def kl(logits: Tensor, target: Tensor) -> Tensor:
    """KL divergence in nats of sigmoid(logits) from the target, both normalised to densities over the pixels."""
    density = target.flatten(1)
    density = density / density.sum(dim=1, keepdim=True).clamp(min=_EPS)
    # The logarithm of sigmoid(logits) divided by its sum over the pixels.
    log_prediction = functional.logsigmoid(logits.flatten(1)).log_softmax(dim=1)
    return (torch.xlogy(density, density) - density * log_prediction).sum(dim=1)


def cc(logits: Tensor, target: Tensor) -> Tensor:
    """1 - Pearson's correlation of sigmoid(logits) and the target, in [0, 2]."""
    return one_minus_correlation(logits.sigmoid(), target)


def one_minus_correlation(prediction: Tensor, target: Tensor) -> Tensor:
    """1 - Pearson's correlation over the pixels, from two tensors of shape (N, 1, H, W) to (N,).

    Values lie in [0, 2]; the value is 1 if either map is constant.
    """
    prediction, truth = prediction.flatten(1), target.flatten(1)
    prediction = prediction - prediction.mean(dim=1, keepdim=True)
    truth = truth - truth.mean(dim=1, keepdim=True)
    norm = (prediction.square().sum(dim=1) * truth.square().sum(dim=1) + _EPS).sqrt()
    return 1.0 - (prediction * truth).sum(dim=1) / norm


#: Heatmap losses by the names that recipes use: functions from (N, 1, H, W) logits and (N, 1, H, W) heatmaps in [0, 1]
#: to (N,) losses. Other packages add theirs as `egaze.heatmap_losses`.
HEATMAP_LOSSES: Registry[LossFunction] = Registry(
    "egaze.heatmap_losses", "heatmap loss", {"bce": bce, "dice": dice, "kl": kl, "cc": cc}, fits=callable
)
