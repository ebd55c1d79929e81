"""Losses under mixed supervision: each sample trains the heads that it has a target for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from egaze.loading import Batch
from egaze.models import DualHeadOutput
from egaze.registry import Registry

_EPS = 1e-6


def training_losses(
    output: DualHeadOutput,
    batch: Batch,
    *,
    heatmap_losses: Sequence[str],
    heatmap_loss_weights: Sequence[float] = (),
    classification_loss: str = "cross-entropy",
) -> dict[str, Tensor]:
    """Compute the terms of the loss, each a scalar, by name; a term is zero if no sample of the batch has its target.

    "classification" is the mean over the samples with a label. "heatmap" is the weighted sum of the heatmap losses,
    each a mean over the samples with gaze; if there are several, each is also returned by itself, unweighted, such as
    "heatmap_kl". A sample without a target changes neither the term nor its gradient, whatever its values are, NaN
    included.

    In a model with one map per class, gaze trains the map of the image's label. The other maps, and images without a
    label, are not trained by it.

    Args:
        output: the model's output.
        batch: the batch that the model was given.
        heatmap_losses: keys of `HEATMAP_LOSSES`; if empty, there is no heatmap term.
        heatmap_loss_weights: one weight for each of them; all 1 if empty.
        classification_loss: a key of `CLASSIFICATION_LOSSES`.

    Raises:
        ValueError: the number of weights differs from the number of losses.
    """
    has_label, has_gaze = batch.has_label, batch.has_gaze
    # Masked before the loss as well as after it, because a gradient of 0 times NaN would be NaN. Masking keeps shapes
    # fixed, so that nothing waits for the device to count samples.
    logits = or_zero(at_least_float32(output.class_logits), has_label)
    per_sample = CLASSIFICATION_LOSSES[classification_loss].function(logits, or_zero(batch.label, has_label))
    terms = {"classification": mean_where(has_label, per_sample)}
    if heatmap_losses:
        maps, has_gaze = _supervised_maps(output, batch), has_heatmap_target(output, batch)
        maps = or_zero(at_least_float32(maps), has_gaze)
        target = or_zero(batch.heatmap, has_gaze)
        weights = heatmap_loss_weights or [1.0] * len(heatmap_losses)
        parts = {name: mean_where(has_gaze, HEATMAP_LOSSES[name](maps, target)) for name in heatmap_losses}
        weighted = (weight * parts[name] for name, weight in zip(heatmap_losses, weights, strict=True))
        terms["heatmap"] = sum(weighted, start=logits.new_zeros(()))
        if len(parts) > 1:
            terms.update({f"heatmap_{name}": part for name, part in parts.items()})
    return terms


def has_heatmap_target(output: DualHeadOutput, batch: Batch) -> Tensor:
    """Return an (N,) mask of the samples with gaze and, for a model with one map per class, with a label too."""
    return batch.has_gaze if output.heatmap_logits.shape[1] == 1 else batch.has_gaze & batch.has_label


def _supervised_maps(output: DualHeadOutput, batch: Batch) -> Tensor:
    """Return the (N, 1, H, W) map of each sample that its gaze trains."""
    maps = output.heatmap_logits
    if maps.shape[1] == 1:
        return maps
    label = or_zero(batch.label, batch.has_label)
    return maps.take_along_dim(label.view(-1, 1, 1, 1), dim=1)


def at_least_float32(logits: Tensor) -> Tensor:
    """Widen half-precision logits to float32."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def or_zero(values: Tensor, mask: Tensor) -> Tensor:
    """Return (N, ...) values with zeros in place of the samples outside the (N,) mask."""
    return torch.where(mask.view(-1, *[1] * (values.ndim - 1)), values, 0)


def mean_where(mask: Tensor, per_sample: Tensor) -> Tensor:
    """Return the mean of (N,) values over an (N,) mask; 0 if the mask is empty."""
    return or_zero(per_sample, mask).sum() / mask.sum().clamp(min=1)


def cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy in nats between softmax(logits) and the label, from (N, C) and (N,) int64 to (N,)."""
    return functional.cross_entropy(logits, label, reduction="none")


def bce_one_hot(logits: Tensor, label: Tensor) -> Tensor:
    """Binary cross-entropy between sigmoid(logits) and the one-hot label, averaged over the classes.

    This is the EGD-CXR baseline's loss; shapes are those of `cross_entropy`.
    """
    one_hot = label.unsqueeze(1) == torch.arange(logits.shape[1], device=label.device)
    return functional.binary_cross_entropy_with_logits(logits, one_hot.to(logits.dtype), reduction="none").mean(dim=1)


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


#: A function from (N, ...) logits and their targets to (N,) losses.
LossFunction = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class ClassificationLoss:
    """A loss of the classification head.

    Attributes:
        function: from (N, C) float32 logits and (N,) int64 labels, 0 to C - 1, to (N,) losses.
        class_probs: how logits trained with this loss become probabilities: "softmax", or "sigmoid" if each class is
            trained against all others.

    Raises:
        ValueError: `class_probs` is neither.
    """

    function: LossFunction
    class_probs: str = "softmax"

    def __post_init__(self) -> None:
        if self.class_probs not in ("softmax", "sigmoid"):
            raise ValueError(f"class_probs must be softmax or sigmoid, got {self.class_probs!r}")


#: Classification losses by the names that recipes use; other packages add theirs as `egaze.classification_losses`.
CLASSIFICATION_LOSSES: Registry[ClassificationLoss] = Registry(
    "egaze.classification_losses",
    "classification loss",
    {
        "cross-entropy": ClassificationLoss(cross_entropy),
        "bce-one-hot": ClassificationLoss(bce_one_hot, class_probs="sigmoid"),
    },
    fits=lambda item: isinstance(item, ClassificationLoss),
)

#: Heatmap losses by the names that recipes use: functions from (N, 1, H, W) logits and (N, 1, H, W) heatmaps in [0, 1]
#: to (N,) losses. Other packages add theirs as `egaze.heatmap_losses`.
HEATMAP_LOSSES: Registry[LossFunction] = Registry(
    "egaze.heatmap_losses", "heatmap loss", {"bce": bce, "dice": dice, "kl": kl, "cc": cc}, fits=callable
)
