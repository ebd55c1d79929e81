"""Nothing in an epoch, or in prediction, waits for the device but log steps."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch.utils._python_dispatch import TorchDispatchMode

from egaze.loading import Augmentation, DeviceLoader
from egaze.training import load_recipe
from egaze.training.engine import predict, train_one_epoch
from egaze.training.run import build_model
from egaze.training.step_losses import StepLosses
from egaze.training.trained import Trained

SMALL = ("input_size_px=32", "model.encoder=resnet10t", "model.decoder_channels=[8, 8, 8]")
# What reads a value of a tensor to go on, and what copies values of the host: on CUDA, both wait.
WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "_unique2", "lift_fresh", "equal", "is_nonzero")
READING = ("item", "tolist", "cpu", "numpy", "__float__", "__bool__", "__int__", "__array__")


class Waits(TorchDispatchMode):
    """Collects operations that would wait for a device, but for those on the optimiser's step counts, which torch keeps
    on the host."""

    def __init__(self, on_host=()):
        super().__init__()
        self.found, self.on_host = [], on_host

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        name = function.overloadpacket.__name__
        by_mask = name in ("index", "index_put_") and any(
            index is not None and index.dtype == torch.bool for index in arguments[1]
        )
        steps = {tensor.data_ptr() for tensor in self.on_host()} if self.on_host else set()
        is_step = arguments and isinstance(arguments[0], torch.Tensor) and arguments[0].data_ptr() in steps
        if (name in WAITING or by_mask) and not is_step:
            self.found.append(name)
        return function(*arguments, **(options or {}))


@pytest.fixture
def quiet_log_steps(monkeypatch):
    """Log steps may wait; their looks are counted instead."""
    looks = []
    monkeypatch.setattr(StepLosses, "_look", lambda self: looks.append(self._done))
    return looks


@pytest.fixture(params=["joint", "class-generators", "independent"])
def trained(request, study, findings_study):
    used = findings_study if request.param == "independent" else study
    name = "class-generators" if request.param == "independent" else request.param
    recipe = load_recipe(name, (*SMALL, "average_decay=0.9", "batches_per_step=2"))
    stage = replace(recipe.stages[0], alignment_weight=0.5, class_weights=(1.0, 2.0, 3.0))
    recipe = replace(recipe, stages=(stage,))
    fabric = Fabric(accelerator="cpu", devices=1)
    loader = DeviceLoader(
        used, np.arange(24), batch_size=4, size_px=32, target=recipe.heatmap.target, augmentation=Augmentation()
    )
    return fabric, Trained(fabric, build_model(recipe.model, 3), recipe, stage), stage, loader


@pytest.fixture
def read(monkeypatch):
    """The names of the methods by which values are read, of tensors that are not the optimiser's counts of steps."""
    names, ignored = [], []

    def reading(name):
        original = getattr(torch.Tensor, name)

        def called(self, *arguments, **options):
            if not any(self is tensor for tensor in ignored):
                names.append(name)
            return original(self, *arguments, **options)

        return called

    for name in READING:
        monkeypatch.setattr(torch.Tensor, name, reading(name))
    return names, ignored


def test_an_epoch_waits_for_nothing_but_its_log_steps(trained, quiet_log_steps, read):
    fabric, model, stage, loader = trained
    names, ignored = read
    seen = []

    def one_epoch(batches):
        def after_step(at):
            model.after_step(at.step)
            seen.append((list(names), list(waits.found)))

        return train_one_epoch(
            fabric,
            model.model,
            model.optimizer,
            batches,
            stage,
            lambda _: 1e-3,
            batches_per_step=2,
            after_step=after_step,
        )

    batches = list(loader)  # made by numpy, through views of the tensors
    with Waits(lambda: ignored) as waits:
        one_epoch(batches)  # makes what is made once
        ignored += [state["step"] for state in model.optimizer.state.values()]
        for list_ in (names, waits.found, seen, quiet_log_steps):
            list_.clear()
        one_epoch(batches)
    assert len(seen) == 3 and all(step == ([], []) for step in seen), seen
    assert quiet_log_steps == [6]


def test_prediction_waits_for_nothing_but_log_steps_and_its_end(trained, quiet_log_steps, read):
    _, model, stage, loader = trained
    names, _ = read
    seen = []
    batches = list(loader)
    predict(model.measured, batches, stage, keep_heatmaps=False)  # makes what is made once
    with Waits() as waits:
        for list_ in (names, waits.found, quiet_log_steps):
            list_.clear()
        after_batch = lambda *_: seen.append((list(names), list(waits.found)))  # noqa: E731
        predict(model.measured, batches, stage, keep_heatmaps=False, progress=after_batch)
    assert len(seen) == 6 and all(batch == ([], []) for batch in seen), seen
    assert quiet_log_steps == [6]


def test_waiting_is_seen(read):
    """What the tests above look for is found where it is."""
    tensor, names = torch.arange(3.0), read[0]
    with Waits() as waits:
        tensor.sum().item()
        tensor[tensor > 1]
        tensor.new_tensor([1.0])
        torch.nonzero(tensor)
        bool(tensor.any())
    assert {"item", "__bool__"} <= set(names)
    assert {"_local_scalar_dense", "index", "lift_fresh", "nonzero"} <= set(waits.found)


@pytest.mark.needs_cuda
def test_cuda_waits_for_nothing_in_an_epoch_and_in_prediction(study, quiet_log_steps):
    recipe = load_recipe("joint", (*SMALL, "average_decay=0.9", "batches_per_step=2", "stages.class_weights=[1,2,3]"))
    stage = recipe.stages[0]
    fabric = Fabric(accelerator="cuda", devices=1, precision="bf16-mixed")
    how = {"batch_size": 4, "size_px": 32, "target": recipe.heatmap.target, "device": fabric.device}
    loader = DeviceLoader(study, np.arange(24), **how)
    model = Trained(fabric, build_model(recipe.model, 3), recipe, stage)
    batches = list(loader)

    def one_epoch(after_step):
        how = {"batches_per_step": 2, "after_step": after_step}
        train_one_epoch(fabric, model.model, model.optimizer, batches, stage, lambda _: 1e-3, **how)

    one_epoch(lambda at: None)
    torch.cuda.set_sync_debug_mode("error")
    try:
        # The sums are read after the last step.
        one_epoch(lambda at: torch.cuda.set_sync_debug_mode("default" if at.step == 3 else "error"))
        torch.cuda.set_sync_debug_mode("error")
        last = lambda done, total: torch.cuda.set_sync_debug_mode("default" if done == total else "error")  # noqa: E731
        predict(model.measured, batches, stage, keep_heatmaps=False, progress=last)
    finally:
        torch.cuda.set_sync_debug_mode("default")
