"""A training step of recipe joint's model compared with one of the EGD-CXR baseline's, both with EfficientNet-B0 at
224x224, the same batch of 16 images and two threads: forward, loss, backward, clipping, optimiser.

vs_baseline       the smaller of the next two
vs_baseline_fp32  the baseline's seconds per step divided by ours, in float32
vs_baseline_bf16  the same, with autocast to bfloat16
vs_channels_last  the smaller of both precisions' ratios to the baseline's model in channels-last format, which ours
                  uses and the baseline's code does not
images_per_s      our images per second, in float32
images_per_s_bf16 our images per second, in bfloat16

The baseline's model is segmentation_models_pytorch's Unet with the loss, clipping and optimiser of the baseline's code;
its images are given three channels before the clock starts. Models take turns, one step each. At the end, each must
have learnt the batch: every loss is finite, and the last is well below the first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from baseline import CLASSES, their_image, their_learner
from harness import Sampler, arguments, finish, rounded, take_turns
from lightning_fabric import Fabric
from torch.nn import functional

from egaze.gaze import Fixations, rasterize_fixations
from egaze.loading import Batch
from egaze.training import load_recipe
from egaze.training.device import speed_up
from egaze.training.engine import train_one_epoch
from egaze.training.optimizer import make_optimizer
from egaze.training.run import build_model

IMAGES, SIDE, THREADS = 16, 224, 2
PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed"}

Step = Callable[[], float]


def make_batch() -> Batch:
    """Make smooth images, each brighter in a place that depends on its class, and gaze on that place."""
    generator = np.random.default_rng(0)
    label = np.arange(IMAGES) % CLASSES
    heatmaps = []
    for number in label:
        x, y = generator.normal(56 + 56 * number, 12, 20), generator.normal(112, 12, 20)
        fixations = Fixations(x.astype(np.float32), y.astype(np.float32), np.full(20, 0.3, np.float32))
        heatmaps.append(rasterize_fixations(fixations, (SIDE, SIDE), sigma_px=0.05 * SIDE, normalize="max"))
    heatmap = torch.from_numpy(np.stack(heatmaps)[:, None])
    coarse = torch.from_numpy(generator.random((IMAGES, 1, 12, 12), dtype=np.float32))
    image = 0.6 * functional.interpolate(coarse, (SIDE, SIDE), mode="bicubic").clamp(0, 1) + 0.4 * heatmap
    everyone = torch.ones(IMAGES, dtype=torch.bool)
    return Batch(image, heatmap, everyone, torch.from_numpy(label), everyone, torch.arange(IMAGES))


def our_step(batch: Batch, precision: str) -> Step:
    """Return a step as `egaze train` carries it out."""
    recipe, fabric = load_recipe("joint"), Fabric(accelerator="cpu", devices=1, precision=precision)
    stage = recipe.stages[0]
    bare = speed_up(build_model(recipe.model, CLASSES), fabric.device)
    model, optimizer = fabric.setup(bare, make_optimizer(bare, stage))

    def step() -> float:
        return train_one_epoch(fabric, model, optimizer, [batch], stage, lambda _: stage.learning_rate)["loss"]

    return step


def their_step(batch: Batch, precision: str, layout: torch.memory_format = torch.contiguous_format) -> Step:
    """Return a step as the baseline's code carries it out."""
    learn, image = their_learner(precision, layout), their_image(batch.image).contiguous(memory_format=layout)
    return lambda: float(learn(image, batch.heatmap, batch.label))


def timed_steps(steps: dict[str, Step]) -> tuple[dict[str, Sampler], dict[str, list[float]]]:
    """Return each model's step as a sampler of its seconds, and the list that collects its losses."""
    losses: dict[str, list[float]] = {name: [] for name in steps}

    def sample(name: str) -> float:
        started = time.perf_counter()
        losses[name].append(steps[name]())
        return time.perf_counter() - started

    return {name: partial(sample, name) for name in steps}, losses


def check(losses: dict[str, list[float]]) -> None:
    """Check that every model learns the batch."""
    for name, values in losses.items():
        assert np.isfinite(values).all() and values[-1] < 0.95 * values[0], (name, values)


def main() -> None:
    quick = arguments(__doc__).quick
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    batch = make_batch()
    steps: dict[str, Step] = {}
    for name, precision in PRECISIONS.items():
        steps[f"ours_{name}"] = our_step(batch, precision)
        steps[f"baseline_{name}"] = their_step(batch, precision)
        steps[f"channels_last_{name}"] = their_step(batch, precision, torch.channels_last)
    samplers, losses = timed_steps(steps)
    take_turns(samplers, 1)  # to warm up
    turns = take_turns(samplers, 4 if quick else 30)
    check(losses)
    ratios = {
        f"{rival}_{name}": turns.ratio(f"{rival}_{name}", f"ours_{name}")
        for rival in ("baseline", "channels_last")
        for name in PRECISIONS
    }
    details: dict[str, Any] = {
        "step": turns.details(),
        "ratios": ratios,
        "losses": {name: {"first": values[0], "last": values[-1]} for name, values in losses.items()},
    }
    headline = {
        "vs_baseline": min(ratios[f"baseline_{name}"] for name in PRECISIONS),
        "vs_baseline_fp32": ratios["baseline_fp32"],
        "vs_baseline_bf16": ratios["baseline_bf16"],
        "vs_channels_last": min(ratios[f"channels_last_{name}"] for name in PRECISIONS),
        "images_per_s": rounded(IMAGES / turns.median("ours_fp32")),
        "images_per_s_bf16": rounded(IMAGES / turns.median("ours_bf16")),
    }
    finish("training", headline, details, ["torch", "timm", "segmentation_models_pytorch"], quick=quick)


if __name__ == "__main__":
    main()
