"""A training step of recipe joint's model against one of the EGD-CXR baseline's, both over EfficientNet-B0 at 224x224,
with the same batch of 16 films and two threads: forward, loss, backward, clipping, optimiser.

vs_baseline       the lesser of the next two: the baseline's seconds a step over ours
vs_baseline_fp32  in float32
vs_baseline_bf16  in bfloat16 where autocast takes it
vs_channels_last  the lesser of the two precisions' ratios to a rival whose weights and films lie channels last, as ours
                  do and the baseline's code does not ask for
images_per_s      ours, in float32
images_per_s_bf16 ours, in bfloat16

The rival is segmentation_models_pytorch's Unet with the loss, clipping and optimiser of the baseline's code; its films
have three channels before the clock starts. Models take turns, a step each, and each has learnt the batch by the end:
every loss is finite and the last is well below the first.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import segmentation_models_pytorch as smp
import torch
from harness import arguments, finish, rounded
from lightning_fabric import Fabric
from torch.nn import functional

from egaze.gaze import Fixations, rasterize_fixations
from egaze.loading import Batch
from egaze.training import load_recipe
from egaze.training.engine import train_one_epoch
from egaze.training.optimizer import make_optimizer
from egaze.training.quicken import quicken
from egaze.training.run import build_model

FILMS, SIDE, THREADS, CLASSES = 16, 224, 2, 3
PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed"}
GAMMA = 0.41731

Step = Callable[[], float]


def make_batch() -> Batch:
    """Smooth films, each brighter in a place that its class decides, and gaze on that place."""
    generator = np.random.default_rng(0)
    label = np.arange(FILMS) % CLASSES
    heatmaps = []
    for number in label:
        x, y = generator.normal(56 + 56 * number, 12, 20), generator.normal(112, 12, 20)
        fixations = Fixations(x.astype(np.float32), y.astype(np.float32), np.full(20, 0.3, np.float32))
        heatmaps.append(rasterize_fixations(fixations, (SIDE, SIDE), sigma_px=0.05 * SIDE, normalize="max"))
    heatmap = torch.from_numpy(np.stack(heatmaps)[:, None])
    coarse = torch.from_numpy(generator.random((FILMS, 1, 12, 12), dtype=np.float32))
    image = 0.6 * functional.interpolate(coarse, (SIDE, SIDE), mode="bicubic").clamp(0, 1) + 0.4 * heatmap
    everyone = torch.ones(FILMS, dtype=torch.bool)
    return Batch(image, heatmap, everyone, torch.from_numpy(label), everyone, torch.arange(FILMS))


def our_step(batch: Batch, precision: str) -> Step:
    """What `egaze train` does with a batch."""
    recipe, fabric = load_recipe("joint"), Fabric(accelerator="cpu", devices=1, precision=precision)
    stage = recipe.stages[0]
    bare = quicken(build_model(recipe.model, CLASSES), fabric.device)
    model, optimizer = fabric.setup(bare, make_optimizer(bare, stage))

    def step() -> float:
        return train_one_epoch(fabric, model, optimizer, [batch], stage, lambda _: stage.learning_rate)["loss"]

    return step


def their_step(batch: Batch, precision: str, layout: torch.memory_format = torch.contiguous_format) -> Step:
    """What the baseline's code does with a batch."""
    fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`timm-` encoders are deprecated", DeprecationWarning)
        aux_params = {"pooling": "avg", "dropout": 0.5, "activation": None, "classes": CLASSES}
        bare = smp.Unet("timm-efficientnet-b0", classes=1, encoder_weights=None, aux_params=aux_params)
    bare.to(memory_format=layout)
    model, optimizer = fabric.setup(bare, torch.optim.Adam(bare.parameters(), lr=1e-3))
    image = ((batch.image - 0.449) / 0.226).repeat(1, 3, 1, 1).contiguous(memory_format=layout)
    one_hot = functional.one_hot(batch.label, CLASSES).float()

    def step() -> float:
        model.train()
        masks, logits = model(image)
        loss = GAMMA * functional.binary_cross_entropy_with_logits(logits.float(), one_hot)
        loss = loss + (1 - GAMMA) * functional.binary_cross_entropy_with_logits(masks.float(), batch.heatmap)
        optimizer.zero_grad()
        fabric.backward(loss)
        torch.nn.utils.clip_grad_value_(bare.parameters(), 0.1)
        optimizer.step()
        return float(loss.detach())

    return step


def take_turns(steps: dict[str, Step], rounds: int) -> tuple[dict[str, np.ndarray], dict[str, list[float]]]:
    """Seconds of each step of each model, one of warm-up left out, and all its losses."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    losses: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(1 + rounds):
        for name, step in steps.items():
            started = time.perf_counter()
            losses[name].append(step())
            times[name].append(time.perf_counter() - started)
    return {name: np.array(values[1:]) for name, values in times.items()}, losses


def check(losses: dict[str, list[float]]) -> None:
    """Every model learns the batch."""
    for name, values in losses.items():
        assert np.isfinite(values).all() and values[-1] < 0.95 * values[0], (name, values)


def quartiles(values: np.ndarray) -> dict[str, float]:
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
    return {"median": float(median), "quartile_low": float(low), "quartile_high": float(high), "rounds": len(values)}


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
    times, losses = take_turns(steps, 4 if quick else 30)
    check(losses)
    # Within a round, so that what slows the machine for a while slows both.
    ratios = {
        f"{rival}_{name}": quartiles(times[f"{rival}_{name}"] / times[f"ours_{name}"])
        for rival in ("baseline", "channels_last")
        for name in PRECISIONS
    }
    details: dict[str, Any] = {
        "step_s": {name: quartiles(values) for name, values in times.items()},
        "ratios": ratios,
        "losses": {name: {"first": values[0], "last": values[-1]} for name, values in losses.items()},
    }
    headline = {
        "vs_baseline": rounded(min(ratios[f"baseline_{name}"]["median"] for name in PRECISIONS)),
        "vs_baseline_fp32": rounded(ratios["baseline_fp32"]["median"]),
        "vs_baseline_bf16": rounded(ratios["baseline_bf16"]["median"]),
        "vs_channels_last": rounded(min(ratios[f"channels_last_{name}"]["median"] for name in PRECISIONS)),
        "images_per_s": rounded(FILMS / details["step_s"]["ours_fp32"]["median"]),
        "images_per_s_bf16": rounded(FILMS / details["step_s"]["ours_bf16"]["median"]),
    }
    finish("training", headline, details, ["torch", "timm", "segmentation_models_pytorch"], quick=quick)


if __name__ == "__main__":
    main()
