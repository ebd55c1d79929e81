"""A stage of a recipe: what is trained, with which losses, by which optimiser, for how long."""

from __future__ import annotations

import math
from dataclasses import dataclass

from egaze.labels import LabelKind
from egaze.settings import require, settle_types
from egaze.training.losses import CLASSIFICATION_LOSSES, HEATMAP_LOSSES

OPTIMIZERS = ("adamw", "adam")
SCHEDULES = ("cosine", "constant", "egd")
PARTS = ("encoder", "decoder", "classifier")
HEATMAP_MONITORS = ("heatmap_cc", "heatmap_nss", "heatmap_kl")
MONITORS = ("macro_auc", "loss", *HEATMAP_MONITORS)


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of training. Stages run in order; each starts from the best weights of the one before.

    Attributes:
        name: shown in the log.
        epochs: the largest number of epochs.
        parts: the parts of the model that are trained, among "encoder", "decoder" and "classifier".
        classification_weight, heatmap_weight: weights of the two losses.
        alignment_weight: weight of 1 - the correlation of the label's Grad-CAM and the gaze heatmap, over the samples
            that have both. The term is added in training only; the loss on validation does not include it.
        classification_loss: "cross-entropy", "bce-one-hot" as in the EGD-CXR baseline's code, "focal" or "asymmetric".
            Of independent labels, "cross-entropy" and "bce-one-hot" are the binary cross-entropy of each class.
        class_weights: a factor of each class's loss, in the order of the study's classes; all 1 if empty.
        heatmap_losses: the terms whose weighted sum is the heatmap loss, each at most once.
        heatmap_loss_weights: one weight for each of these terms; all 1 if empty.
        optimizer: "adamw", or "adam", in which weight decay is part of the gradient.
        learning_rate: the highest learning rate.
        weight_decay: of matrices and filters; biases and norms have none.
        schedule: the learning rate after the warm-up: "cosine" falls to 1 % of the rate, "constant" stays. "egd" is
            the EGD-CXR baseline's schedule, without a warm-up: in epoch 0, 1, ... the rate is
            lr * (lr + (1 - lr) * t / 2^c), where t rises linearly from 0 to 1 and falls back to 0 in each cycle
            c = 0, 1, ...; so it starts at lr squared.
        warmup_epochs: the number of epochs over which the rate rises linearly.
        half_cycle_epochs: with schedule "egd", the epochs from a cycle's lowest rate to its peak; otherwise 0.
        clip_norm: gradients are scaled down to at most this norm; 0 turns this off.
        clip_value: each gradient is clipped to at most this magnitude; 0 turns this off. Only one of the two may be
            used.
        patience: stop after this many epochs without improvement; 0 never stops early.
        monitor: what decides which epoch is best, on the split that the recipe chooses on. "macro_auc" is the
            classifier's; where it is undefined, and where no stage has trained the classifier, it is "loss", the
            stage's. "heatmap_cc", "heatmap_nss" and "heatmap_kl" are the predicted heatmap's agreement with gaze as
            `egaze evaluate` measures it. A table of weights, such as {"macro_auc": 1, "heatmap_cc": 1}, is their
            weighted sum, in which "loss" and "heatmap_kl", of which less is better, count as negative.
    """

    name: str = "all"
    epochs: int = 40
    parts: tuple[str, ...] = PARTS
    classification_weight: float = 1.0
    heatmap_weight: float = 1.0
    alignment_weight: float = 0.0
    classification_loss: str = "cross-entropy"
    class_weights: tuple[float, ...] = ()
    heatmap_losses: tuple[str, ...] = ("bce",)
    heatmap_loss_weights: tuple[float, ...] = ()
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    schedule: str = "cosine"
    warmup_epochs: int = 2
    half_cycle_epochs: int = 0
    clip_norm: float = 1.0
    clip_value: float = 0.0
    patience: int = 15
    monitor: str | dict[str, float] = "macro_auc"

    def __post_init__(self) -> None:
        settle_types(self)
        _check(self)

    def class_probs(self, kind: LabelKind) -> str:
        """How logits become probabilities, as labels and loss require: "softmax" or "sigmoid"."""
        return CLASSIFICATION_LOSSES[self.classification_loss].class_probs_of(kind)

    @property
    def monitor_weights(self) -> dict[str, float]:
        """The weight of each monitored metric; 1 for one alone."""
        return {self.monitor: 1.0} if isinstance(self.monitor, str) else self.monitor

    @property
    def monitors_heatmap(self) -> bool:
        """Whether agreement with gaze decides which epoch is best, alone or with other metrics."""
        return any(name in HEATMAP_MONITORS for name in self.monitor_weights)


def _check(stage: Stage) -> None:
    require(stage.epochs >= 1, "epochs", "at least 1", stage.epochs)
    for part in stage.parts:
        require(part in PARTS, "parts", f"among {', '.join(PARTS)}", part)
    require(len(stage.parts) >= 1, "parts", "at least one part", [])
    for loss in stage.heatmap_losses:
        require(loss in HEATMAP_LOSSES, "heatmap_losses", f"among {', '.join(HEATMAP_LOSSES)}", loss)
    losses, term_weights = stage.heatmap_losses, stage.heatmap_loss_weights
    require(len(set(losses)) == len(losses), "heatmap_losses", "without repetition", list(losses))
    require(
        len(term_weights) in (0, len(losses)) and all(0 < weight < math.inf for weight in term_weights),
        "heatmap_loss_weights",
        f"empty, or {len(losses)} numbers above 0",
        list(term_weights),
    )
    require(
        stage.classification_loss in CLASSIFICATION_LOSSES,
        "classification_loss",
        f"one of {', '.join(CLASSIFICATION_LOSSES)}",
        stage.classification_loss,
    )
    class_weights = stage.class_weights
    sound = all(0 <= weight < math.inf for weight in class_weights) and (not class_weights or max(class_weights) > 0)
    require(sound, "class_weights", "not negative and not all 0", list(class_weights))
    weights = stage.classification_weight, stage.heatmap_weight
    sound = min(weights) >= 0 and 0 < sum(weights) < math.inf
    require(sound, "classification_weight and heatmap_weight", "not negative and not all 0", weights)
    alignment_weight = stage.alignment_weight
    require(0 <= alignment_weight < math.inf, "alignment_weight", "not negative", alignment_weight)
    aimless = stage.classification_weight == 0 < alignment_weight
    require(not aimless, "alignment_weight", "0 where classification_weight is 0", alignment_weight)
    if stage.heatmap_weight > 0:
        require(len(stage.heatmap_losses) >= 1, "heatmap_losses", "at least one loss", [])
    _check_optimizer(stage)
    require(stage.patience >= 0, "patience", "not negative", stage.patience)
    known = all(name in MONITORS for name in stage.monitor_weights)
    require(known and stage.monitor != {}, "monitor", f"one of {', '.join(MONITORS)}", stage.monitor)
    sound = all(0 < weight < math.inf for weight in stage.monitor_weights.values())
    require(sound, "monitor", "a table of weights above 0", stage.monitor)


def _check_optimizer(stage: Stage) -> None:
    require(stage.optimizer in OPTIMIZERS, "optimizer", f"one of {', '.join(OPTIMIZERS)}", stage.optimizer)
    require(stage.learning_rate > 0, "learning_rate", "above 0", stage.learning_rate)
    require(stage.weight_decay >= 0, "weight_decay", "not negative", stage.weight_decay)
    require(stage.schedule in SCHEDULES, "schedule", f"one of {', '.join(SCHEDULES)}", stage.schedule)
    warmup_epochs, half_cycle_epochs = stage.warmup_epochs, stage.half_cycle_epochs
    require(warmup_epochs >= 0, "warmup_epochs", "not negative", warmup_epochs)
    if stage.schedule == "egd":
        require(warmup_epochs == 0, "warmup_epochs", "0 with schedule egd", warmup_epochs)
        require(half_cycle_epochs >= 1, "half_cycle_epochs", "at least 1 with schedule egd", half_cycle_epochs)
        require(stage.learning_rate <= 1, "learning_rate", "at most 1 with schedule egd", stage.learning_rate)
    else:
        require(
            half_cycle_epochs == 0,
            "half_cycle_epochs",
            f"0 with schedule {stage.schedule}",
            half_cycle_epochs,
        )
    require(stage.clip_norm >= 0, "clip_norm", "not negative", stage.clip_norm)
    require(stage.clip_value >= 0, "clip_value", "not negative", stage.clip_value)
    both = stage.clip_norm > 0 < stage.clip_value
    require(not both, "clip_norm", "0 where clip_value is above 0", stage.clip_norm)
