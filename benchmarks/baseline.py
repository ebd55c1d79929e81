"""A training step of the EGD-CXR baseline's model, as its code carries it out; needs segmentation-models-pytorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from lightning_fabric import Fabric
from torch.nn import functional

CLASSES = 3
GAMMA = 0.41731


def their_image(image: torch.Tensor) -> torch.Tensor:
    return ((image - 0.449) / 0.226).repeat(1, 3, 1, 1)


def their_learner(
    precision: str, layout: torch.memory_format = torch.contiguous_format, accelerator: str = "cpu"
) -> Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return a function of images, heatmaps and labels that takes one step, and returns the loss."""
    import segmentation_models_pytorch as smp

    fabric = Fabric(accelerator=accelerator, devices=1, precision=precision)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`timm-` encoders are deprecated", DeprecationWarning)
        aux_params = {"pooling": "avg", "dropout": 0.5, "activation": None, "classes": CLASSES}
        bare = smp.Unet("timm-efficientnet-b0", classes=1, encoder_weights=None, aux_params=aux_params)
    bare.to(memory_format=layout)
    model, optimizer = fabric.setup(bare, torch.optim.Adam(bare.parameters(), lr=1e-3))

    def learn(image: torch.Tensor, heatmap: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        model.train()
        masks, logits = model(image)
        one_hot = functional.one_hot(label, CLASSES).float()
        loss = GAMMA * functional.binary_cross_entropy_with_logits(logits.float(), one_hot)
        loss = loss + (1 - GAMMA) * functional.binary_cross_entropy_with_logits(masks.float(), heatmap)
        optimizer.zero_grad()
        fabric.backward(loss)
        torch.nn.utils.clip_grad_value_(bare.parameters(), 0.1)
        optimizer.step()
        return loss.detach()

    return learn
