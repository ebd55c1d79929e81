"""Runs of any recipe and encoder without a training, whose models have random weights."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from egaze.models import DualHeadUNet
from egaze.models.heatmap_prior import PRIOR_PX, HeatmapPrior
from egaze.training import load_recipe
from egaze.training.run import Run, build_model

CLASS_NAMES = ["normal", "chf", "pneumonia"]


@dataclass(frozen=True)
class UntrainedRun(Run):
    model: DualHeadUNet | None = None

    def load_model(self) -> DualHeadUNet:
        return copy.deepcopy(self.model)


def untrained_run(recipe_name: str, encoder: str, size_px: int = 64, changes: tuple[str, ...] = ()) -> UntrainedRun:
    """A run of a recipe with another encoder and input size, and `changes` as --set takes them."""
    sets = (f"input_size_px={size_px}", f"model.encoder={encoder}", "model.weights=none", *changes)
    recipe = load_recipe(recipe_name, sets)
    model = random_model(lambda: build_model(recipe.model, len(CLASS_NAMES), prior=recipe.heatmap.prior), size_px)
    facts = {
        "class_names": CLASS_NAMES,
        "presentation": "voi",
        "fit": "stretch",
        "image_size_px": size_px,
        "training_split_sha256": "0" * 64,
    }
    return UntrainedRun(Path("untrained"), recipe, facts, model=model)


def random_model(make: Callable[[], DualHeadUNet], size_px: int) -> DualHeadUNet:
    """A model in which each layer has an influence: timm begins many with scales of 0 or 1e-6.

    Batch normalisation gets the scale of what it is given, so that features neither vanish nor grow, but not the mean:
    layers of an untrained model whose mean is subtracted multiply rounding errors.
    """
    torch.manual_seed(0)
    model = make().eval()

    def set_statistics(norm: nn.BatchNorm2d, inputs: tuple[torch.Tensor]) -> None:
        scale = inputs[0].square().mean().sqrt()
        norm.running_mean.normal_(0, 0.2).mul_(scale)
        norm.running_var.uniform_(0.5, 2).mul_(scale.square())

    if isinstance(getattr(model, "decoder", None) and model.decoder.prior, HeatmapPrior):
        model.decoder.prior.set_mean(torch.rand(PRIOR_PX, PRIOR_PX))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.numel() == max(parameter.shape, default=1):
                parameter.add_(0.2 * torch.randn_like(parameter))
        norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
        hooks = [norm.register_forward_pre_hook(set_statistics) for norm in norms]
        if norms:
            model(torch.from_numpy(random_images(2, size_px, seed=1))[:, None])
        for hook in hooks:
            hook.remove()
    return model


def random_images(count: int, size_px: int, seed: int) -> np.ndarray:
    """(count, size_px, size_px) float32 in [0, 1] that differ in coarse structures, as radiographs do.

    Images of noise alone look the same to an encoder's last layers, which would then multiply rounding errors.
    """
    generator = np.random.default_rng(seed)
    images = 0.1 * generator.random((count, size_px, size_px))
    for cells, share in ((2, 0.4), (4, 0.3), (16, 0.2)):
        squares = generator.random((count, cells, cells))
        images += share * squares.repeat(size_px // cells, 1).repeat(size_px // cells, 2)
    return images.astype(np.float32)
