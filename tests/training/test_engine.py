from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch.utils._python_dispatch import TorchDispatchMode
from training.tiny_runs import without_gaze

from egaze.labels import ExclusiveLabels
from egaze.loading import DeviceLoader
from egaze.training import load_recipe
from egaze.training.engine import clip_gradients, predict, train_one_epoch
from egaze.training.run import build_model


@pytest.mark.parametrize(("clip", "expected"), [("norm", 0.5), ("value", 0.1), ("none", 5.0)])
def test_gradients_are_clipped_as_the_stage_says(clip, expected, tiny_recipe):
    """One step of plain descent moves each weight by its clipped gradient."""
    limits = {"norm": (0.5, 0.0), "value": (0.0, 0.1), "none": (0.0, 0.0)}[clip]
    stage = replace(tiny_recipe.stages[0], clip_norm=limits[0], clip_value=limits[1])
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = torch.tensor([3.0, -4.0])
    model = torch.nn.ParameterList([weight])
    clip_gradients(Fabric(accelerator="cpu"), model, torch.optim.SGD(model.parameters(), lr=1.0), stage)
    size = weight.grad.abs().max() if clip == "value" else weight.grad.norm()
    assert float(size) == pytest.approx(expected)
    assert (weight.grad.sign() == torch.tensor([1.0, -1.0])).all()


@pytest.mark.parametrize("name", ["joint", "class-generators"])
def test_validation_does_not_depend_on_the_batch_size(name, study):
    """Images with neither label nor gaze, with one of them, and with both."""
    small = ["input_size_px=64", "model.encoder=mobilenetv3_small_050", "model.decoder_channels=[16, 16, 8]"]
    recipe = load_recipe(name, small)
    torch.manual_seed(0)
    model = build_model(recipe.model, 3)
    labels = np.where(np.arange(len(study)) % 3 == 0, -1, study.labels.values)
    mixed = replace(
        without_gaze(study, np.arange(len(study)) % 4 == 1), labels=ExclusiveLabels(study.class_names, labels)
    )
    cases = np.arange(23)

    def losses(batch_size):
        loader = DeviceLoader(mixed, cases, batch_size=batch_size, size_px=64, target=recipe.heatmap)
        return predict(model, loader, recipe.stages[0], keep_heatmaps=False).losses

    whole = losses(23)
    assert whole["heatmap_kl"] > 0
    for batch_size in (1, 2, 5, 16):
        assert losses(batch_size) == pytest.approx(whole, rel=1e-5)


class Waits(TorchDispatchMode):
    """The operations for whose result a host waits that has its tensors on a device."""

    NAMES = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero")

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        if function.overloadpacket.__name__ in self.NAMES:
            self.seen.append(function.overloadpacket.__name__)
        return function(*arguments, **(options or {}))


@pytest.mark.parametrize("name", ["joint", "class-generators"])
def test_no_step_waits_for_the_device(name, study):
    small = ["input_size_px=64", "model.encoder=resnet10t", "model.decoder_channels=[16, 16, 8]"]
    recipe = load_recipe(name, small)
    stage = replace(recipe.stages[0], alignment_weight=0.5)
    fabric = Fabric(accelerator="cpu", devices=1)
    bare = build_model(recipe.model, 3)
    model, optimizer = fabric.setup(bare, torch.optim.SGD(bare.parameters(), lr=0.01))
    loader = DeviceLoader(study, np.arange(32), batch_size=8, size_px=64, target=recipe.heatmap.target)
    by_step, predicted = [], []
    how = {"batches_per_step": 2, "after_step": lambda at: by_step.append(len(waits.seen))}
    with Waits() as waits:
        float(torch.ones(()))
        assert waits.seen == ["_local_scalar_dense"]
        waits.seen.clear()
        train_one_epoch(fabric, model, optimizer, loader, stage, lambda _: 0.01, **how)
        assert waits.seen  # of the means, at the end
    assert by_step == [0, 0]
    with Waits() as waits:
        show = {"progress": lambda *_: predicted.append(len(waits.seen)), "on_heatmaps": lambda *_: None}
        predict(model, loader, stage, keep_heatmaps=True, **show)
    assert predicted == [0, 0, 0, 0]
