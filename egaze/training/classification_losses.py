"""Losses of the classification head: for exclusive labels, and for each class of independent ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from egaze.labels import LabelKind
from egaze.registry import Registry

#: A function from (N, ...) logits and their targets to losses.
LossFunction = Callable[[Tensor, Tensor], Tensor]

_FOCAL_GAMMA = 2.0
_ASYMMETRIC_GAMMA, _ASYMMETRIC_MARGIN = 4.0, 0.05


def cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy in nats between softmax(logits) and the label, from (N, C) and (N,) int64 to (N,)."""
    return functional.cross_entropy(logits, label, reduction="none")


def bce_one_hot(logits: Tensor, label: Tensor) -> Tensor:
    """Binary cross-entropy between sigmoid(logits) and the one-hot label, averaged over the classes.

    This is the EGD-CXR baseline's loss; shapes are those of `cross_entropy`.
    """
    return _one_hot(_bce, logits, label)


def focal(logits: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy times (1 - p)^2, where p is the probability of the label: what is predicted rightly and
    confidently counts less (Lin et al., ICCV 2017, with their gamma of 2). Shapes are those of `cross_entropy`."""
    loss = cross_entropy(logits, label)
    return (1.0 - (-loss).exp()) ** _FOCAL_GAMMA * loss


def bce_of_each(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy in nats of each class between sigmoid(logits) and targets in [0, 1], all (N, C)."""
    return _bce(logits, target)


def focal_of_each(logits: Tensor, target: Tensor) -> Tensor:
    """`bce_of_each` times |target - sigmoid(logits)|^2, which for targets of 0 and 1 is the focal loss of Lin et al.,
    and for those between its generalisation by Li et al. (NeurIPS 2020, equation 3)."""
    return (target - logits.sigmoid()).abs() ** _FOCAL_GAMMA * _bce(logits, target)


def asymmetric_of_each(logits: Tensor, target: Tensor) -> Tensor:
    """The asymmetric loss of Ridnik et al. (ICCV 2021): absent classes, of which there are many, count less.

    A present class has -log p, an absent one -(p')^4 log(1 - p') with p' = max(p - 0.05, 0); a target between 0 and 1
    has the mean of the two, weighted by it. Shapes are those of `bce_of_each`.
    """
    shifted = (logits.sigmoid() - _ASYMMETRIC_MARGIN).clamp(min=0)
    absent = -(shifted**_ASYMMETRIC_GAMMA) * torch.log1p(-shifted)
    return target * -functional.logsigmoid(logits) + (1.0 - target) * absent


def _bce(logits: Tensor, target: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, target, reduction="none")


def _one_hot(of_each: LossFunction, logits: Tensor, label: Tensor) -> Tensor:
    """The loss of each class against all others, averaged over the classes."""
    one_hot = label.unsqueeze(1) == torch.arange(logits.shape[1], device=label.device)
    return of_each(logits, one_hot.to(logits.dtype)).mean(dim=1)


@dataclass(frozen=True, slots=True)
class ClassificationLoss:
    """A loss of the classification head.

    Attributes:
        function: for exclusive labels, from (N, C) float32 logits and (N,) int64 labels, 0 to C - 1, to (N,) losses.
        class_probs: how logits trained with `function` become probabilities: "softmax", or "sigmoid" if each class is
            trained against all others.
        of_each: for independent labels, from (N, C) float32 logits and (N, C) targets in [0, 1] to (N, C) losses of
            each class, whose probability is sigmoid(logits). None if the loss cannot learn from such labels.

    Raises:
        ValueError: `class_probs` is neither.
    """

    function: LossFunction
    class_probs: str = "softmax"
    of_each: LossFunction | None = None

    def __post_init__(self) -> None:
        if self.class_probs not in ("softmax", "sigmoid"):
            raise ValueError(f"class_probs must be softmax or sigmoid, got {self.class_probs!r}")

    def class_probs_of(self, kind: LabelKind) -> str:
        """How logits that learnt from labels of a kind become probabilities: "softmax" or "sigmoid"."""
        return self.class_probs if kind == "exclusive" else "sigmoid"


#: Classification losses by the names that recipes use; other packages add theirs as `egaze.classification_losses`.
CLASSIFICATION_LOSSES: Registry[ClassificationLoss] = Registry(
    "egaze.classification_losses",
    "classification loss",
    {
        "cross-entropy": ClassificationLoss(cross_entropy, of_each=bce_of_each),
        "bce-one-hot": ClassificationLoss(bce_one_hot, class_probs="sigmoid", of_each=bce_of_each),
        "focal": ClassificationLoss(focal, of_each=focal_of_each),
        "asymmetric": ClassificationLoss(
            partial(_one_hot, asymmetric_of_each), class_probs="sigmoid", of_each=asymmetric_of_each
        ),
    },
    fits=lambda item: isinstance(item, ClassificationLoss),
)
