"""A small classifier of chest radiographs: an ImageNet encoder whose last stages are trained."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from egaze.loading import Augmentation, DeviceLoader
from egaze.models import DualHeadUNet
from egaze.study import Study
from egaze.training.optimizer import learning_rate, make_optimizer
from egaze.training.stage import Stage

ENCODER = "tf_efficientnet_lite0"
# The frozen ones of the encoder's seven stages, whose features are computed once. The others have seven tenths of the
# weights.
FROZEN_STAGES = 5
BATCH = 16


@dataclass(frozen=True, slots=True)
class Training:
    """The settings of training. They are the same for all folds, and no radiographs are held out to choose them.

    Attributes:
        epochs: number of epochs.
        learning_rate, weight_decay: of AdamW, with the recipes' cosine schedule after two epochs of warm-up.
        dropout: dropout before the last layer.
        findings_weight: weight of the findings' loss, if they are learned too.
    """

    epochs: int
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    dropout: float = 0.2
    findings_weight: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Radiographs:
    """Features and labels of N radiographs.

    Attributes:
        features: (1 + views, N, C, h, w) float16 features of the frozen stages, of each radiograph and of its views.
        proxy: (N,) float32 label, 1 or 0; NaN for radiographs with findings only.
        findings: (N, F) float32, 1 or 0.
    """

    features: Tensor
    proxy: Tensor
    findings: Tensor


class Classifier(nn.Module):
    """The trained stages, with a logit for the proxy and one for each finding on their pooled features."""

    def __init__(self, model: DualHeadUNet, findings: int, dropout: float) -> None:
        super().__init__()
        self.stages = nn.Sequential(*copy.deepcopy(list(model.encoder.blocks)[FROZEN_STAGES:]))
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(model.classifier[1].in_features, 1 + findings))

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, h, w) features of the frozen stages to (N, 1 + findings) logits."""
        return self.head(self.stages(features).mean(dim=(2, 3)))


@torch.inference_mode()
def frozen_features(model: DualHeadUNet, study: Study, size_px: int, views: int) -> Tensor:
    """Compute `Radiographs.features` of a study; the views are drawn once by the recipes' augmentation."""
    model.eval().to(memory_format=torch.channels_last)
    encoder = model.encoder
    frozen = nn.Sequential(encoder.conv_stem, encoder.bn1, *list(encoder.blocks)[:FROZEN_STAGES])
    features = []
    for view in range(1 + views):
        loader = DeviceLoader(
            study,
            np.arange(len(study)),
            batch_size=32,
            size_px=size_px,
            target=None,
            augmentation=Augmentation() if view else None,
        )
        loader.set_epoch(view)
        features.append(torch.cat([frozen((batch.image - model.mean) / model.std).half() for batch in loader]))
    return torch.stack(features)


def held_out_scores(
    model: DualHeadUNet,
    radiographs: Radiographs,
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    training: Training,
    seed: int,
) -> NDArray[np.float64]:
    """Train on some radiographs and return the proxy's logits for others, averaged over their views.

    The findings are learned too if some training radiograph has no proxy label.

    Args:
        model: a model with initial weights, which is not changed.
        radiographs: all radiographs.
        train, test: indices of the training and test radiographs.
        training: settings of the training.
        seed: seed of the training.
    """
    torch.manual_seed(seed)
    classifier = Classifier(model, radiographs.findings.shape[1], training.dropout).to(
        memory_format=torch.channels_last
    )
    stage = Stage(epochs=training.epochs, learning_rate=training.learning_rate, weight_decay=training.weight_decay)
    optimizer = make_optimizer(classifier, stage)
    findings_weight = training.findings_weight if radiographs.proxy[train].isnan().any() else 0.0
    steps = max(1, len(train) // BATCH)
    # Batch norms keep ImageNet's statistics, which a few dozen radiographs would only partly replace.
    classifier.train().stages.eval()
    for epoch in range(training.epochs):
        order = torch.from_numpy(train)[torch.randperm(len(train))]
        views = torch.randint(len(radiographs.features), (len(train),))
        for step in range(steps):
            part = slice(step * BATCH, (step + 1) * BATCH)
            batch = order[part]
            logits = classifier(_chosen(radiographs, views[part], batch))
            loss = _loss(logits, radiographs.proxy[batch], radiographs.findings[batch], findings_weight)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(stage, epoch + step / steps)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(classifier.parameters(), stage.clip_norm)
            optimizer.step()
    classifier.eval()
    with torch.inference_mode():
        places = torch.from_numpy(test)
        per_view = [classifier(_chosen(radiographs, view, places))[:, 0] for view in range(len(radiographs.features))]
    return torch.stack(per_view).double().mean(dim=0).numpy()


def _chosen(radiographs: Radiographs, view: Tensor | int, places: Tensor) -> Tensor:
    return radiographs.features[view, places].float().contiguous(memory_format=torch.channels_last)


def _loss(logits: Tensor, proxy: Tensor, findings: Tensor, findings_weight: float) -> Tensor:
    """Compute the binary cross-entropy of the proxy, over the radiographs that have it, and of the findings."""
    known = ~proxy.isnan()
    loss = functional.binary_cross_entropy_with_logits(logits[known, 0], proxy[known], reduction="sum")
    loss = loss / known.sum().clamp(min=1)
    if findings_weight > 0:
        loss = loss + findings_weight * functional.binary_cross_entropy_with_logits(logits[:, 1:], findings)
    return loss
