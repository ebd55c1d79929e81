"""Accumulated gradients, averaged weights, compiled models, and checkpoints within an epoch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from training.tiny_runs import Stop, same, weights, without_gaze

from egaze.errors import EgazeError, RecipeError
from egaze.labels import ExclusiveLabels
from egaze.loading import DeviceLoader
from egaze.training import load_recipe, train
from egaze.training.checkpoint import load_checkpoint
from egaze.training.engine import train_one_epoch
from egaze.training.run import build_model
from egaze.training.trained import Trained

HOW = {"seed": 1, "device": "cpu", "threads": 1}


def without_batch_norms(model):
    """Batch norms see one batch at a time, which no accumulation changes."""
    for name, module in model.named_children():
        if isinstance(module, torch.nn.BatchNorm2d):
            setattr(model, name, torch.nn.Identity())
        else:
            without_batch_norms(module)
    return model


@pytest.mark.parametrize("name", ["joint", "class-generators"])
def test_accumulated_batches_are_as_one(name, study):
    """Of samples with neither label nor gaze, with one of them, and with both, and with a smaller last batch."""
    small = ["input_size_px=64", "model.encoder=resnet10t", "model.decoder_channels=[16, 16, 8]", "model.dropout=0"]
    recipe = load_recipe(name, small)
    stage = replace(recipe.stages[0], alignment_weight=0.5)
    labels = np.where(np.arange(len(study)) % 3 == 0, -1, study.labels.values)
    mixed = replace(
        without_gaze(study, np.arange(len(study)) % 4 == 1), labels=ExclusiveLabels(study.class_names, labels)
    )
    fabric = Fabric(accelerator="cpu", devices=1)

    def trained(batch_size, batches_per_step):
        torch.manual_seed(0)
        bare = without_batch_norms(build_model(recipe.model, 3))
        model, optimizer = fabric.setup(bare, torch.optim.SGD(bare.parameters(), lr=0.01))
        loader = DeviceLoader(mixed, np.arange(22), batch_size=batch_size, size_px=64, target=recipe.heatmap.target)
        rates = []
        how = {
            "batches_per_step": batches_per_step,
            "after_step": lambda at: rates.append(optimizer.param_groups[0]["lr"]),
        }
        losses = train_one_epoch(fabric, model, optimizer, loader, stage, lambda fraction: 0.01 + fraction / 100, **how)
        return losses, bare.state_dict(), rates

    (losses, whole, rates), (accumulated_losses, accumulated, same_rates) = trained(12, 1), trained(4, 3)
    assert len(rates) == 2 and rates == same_rates
    assert accumulated_losses == pytest.approx(losses, rel=1e-5)
    for key in whole:
        torch.testing.assert_close(accumulated[key], whole[key], rtol=1e-5, atol=1e-6)
    # A mean of the batches' means is another loss.
    assert trained(4, 1)[0] != pytest.approx(losses, rel=1e-5)


def test_the_average_of_the_weights_is_measured_and_kept(study, tiny_recipe, tmp_path, monkeypatch):
    recipe = replace(tiny_recipe, average_decay=0.6, stages=(replace(tiny_recipe.stages[0], epochs=1),))
    expected, steps = {}, []
    after_step = Trained.after_step

    def follow(self, step):
        after_step(self, step)
        # The first step's weights, then a share of each later step's that falls to 1 - decay.
        share = 1.0 if step == 1 else max(step ** (-2 / 3), 1 - 0.6)
        for name, value in self._bare.state_dict().items():
            expected[name] = value.double() * share + expected.get(name, 0.0) * (1 - share)
        steps.append(step)

    monkeypatch.setattr(Trained, "after_step", follow)
    run = train(study, recipe, tmp_path / "run", **HOW)
    assert steps == list(range(1, len(steps) + 1))
    last = load_checkpoint(run.path / "last.pt")
    for name, value in last["average"].items():
        if value.is_floating_point():
            torch.testing.assert_close(value.double(), expected[name], rtol=1e-4, atol=1e-6)
    assert not same(last["average"], last["model"])
    assert run.log()[-1].best and same(weights(run), last["average"])


@pytest.mark.parametrize(("epoch", "average_decay"), [(1, 0.9), (2, 0.0)])
def test_a_run_is_resumed_within_an_epoch(epoch, average_decay, study, tiny_recipe, tmp_path):
    recipe = replace(tiny_recipe, checkpoint_steps=2, average_decay=average_decay, batch_size=4, batches_per_step=2)
    steps = []

    def follow(what, done, total):
        if what == "training":
            steps.append(done)

    def stop_at_the_third_step(what, done, total):
        follow(what, done, total)
        if (steps.count(1), done) == (epoch, 3):
            raise Stop

    whole = train(study, recipe, tmp_path / "whole", **HOW)
    with pytest.raises(Stop):
        train(study, recipe, tmp_path / "run", **HOW, progress=stop_at_the_third_step)
    steps.clear()
    resumed = train(study, recipe, tmp_path / "run", **HOW, resume=True, progress=follow)
    assert steps[0] == 3 and steps.count(1) == 2 - epoch
    assert (resumed.path / "best.pt").read_bytes() == (whole.path / "best.pt").read_bytes()
    one, other = ([replace(entry, seconds=0) for entry in run.log()] for run in (resumed, whole))
    assert one == other


@pytest.fixture
def compile_with(monkeypatch):
    """Put another compiler in the place of torch's own, which takes a minute."""
    compile_module = torch.nn.Module.compile

    def replaced(backend):
        def compiled(self, options):
            assert options == {"fallback_random": True}  # torch's own would draw other dropouts
            return compile_module(self, backend=backend)

        monkeypatch.setattr(torch.nn.Module, "compile", compiled)

    yield replaced
    torch.compiler.reset()


def test_a_compiled_model_learns_the_same(compile_with, study, tmp_path):
    """By a compiler that leaves the graphs as they are."""
    graphs = []

    def compiler(graph, inputs):
        graphs.append(graph)
        return graph.forward

    compile_with(compiler)
    small = ("input_size_px=32", "model.encoder=resnet10t", "model.decoder_channels=[8, 8, 8]", "stages.epochs=1")
    recipe = load_recipe("joint", (*small, "batch_size=16"))
    compiled = train(study, replace(recipe, compile=True), tmp_path / "compiled", **HOW)
    assert graphs
    plain = train(study, recipe, tmp_path / "plain", **HOW)
    assert compiled.log()[0].train_losses == pytest.approx(plain.log()[0].train_losses, rel=1e-3)
    assert weights(compiled).keys() == weights(plain).keys()


def test_a_compiler_that_fails_is_one_line(compile_with, study, tiny_recipe, tmp_path):
    def compiler(graph, inputs):
        raise RuntimeError("no C++ compiler")

    compile_with(compiler)
    with pytest.raises(EgazeError, match="^torch.compile: .*no C\\+\\+ compiler.*train with --set compile=false$"):
        train(study, replace(tiny_recipe, compile=True), tmp_path / "run", **HOW)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("batches_per_step=0", "batches_per_step must be 1 to 4096"),
        ("average_decay=1", "average_decay must be at least 0 and below 1"),
        ("checkpoint_steps=-1", "checkpoint_steps must be not negative"),
    ],
)
def test_options_out_of_range(setting, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe("joint", [setting])
    with pytest.raises(RecipeError, match="compile must be false with an alignment_weight"):
        load_recipe("joint", ["compile=true", "stages.alignment_weight=0.1"])
