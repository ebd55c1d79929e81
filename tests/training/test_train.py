import copy
import json
import os
import resource
import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision

from egaze import atomic
from egaze.demo import run_demo
from egaze.errors import EgazeError, RunError, StudyError
from egaze.evaluation import compare, evaluate, write_comparison
from egaze.evaluation.compare import RunComparison
from egaze.explain.faithfulness import faithfulness
from egaze.loading import DeviceLoader
from egaze.sources.synthetic import synthesize
from egaze.study import open_study, split_study
from egaze.study.layout import sha256_file
from egaze.training import load_recipe, open_run, train, train_set
from egaze.training.engine import clip_gradients, predict
from egaze.training.folds import deal_folds
from egaze.training.optimizer import make_optimizer
from egaze.training.quicken import quicken
from egaze.training.recipe import OrderSettings
from egaze.training.run import build_model, load_checkpoint


class Stop(Exception):
    pass


def stop(line):
    raise Stop


def without_gaze(study, chosen):
    """The study as if nobody's gaze had been recorded on the chosen cases."""
    counts = np.diff(study.offsets)
    kept = np.repeat(~chosen, counts)
    columns = {name: getattr(study, name)[kept] for name in ("x_unit", "y_unit", "duration_s")}
    offsets = np.concatenate([[0], np.cumsum(np.where(chosen, 0, counts))])
    return replace(study, offsets=offsets, gaze=study.gaze.filter(kept), **columns)


def weights(run):
    return torch.load(run.path / "best.pt", weights_only=True)["model"]


def same(one, two):
    return all(torch.equal(one[key], two[key]) for key in one)


def test_a_run_s_folder(run, study, tiny_recipe):
    assert {path.name for path in run.path.iterdir() if path.is_file()} == {
        "recipe.toml",
        "run.json",
        "log.jsonl",
        "best.pt",
        "last.pt",
    }
    log = run.log()
    assert [line["epoch"] for line in log] == [1, 2] and any(line["best"] for line in log)
    assert all(np.isfinite(line[f"train_{term}"]) for line in log for term in ("classification", "heatmap", "loss"))
    assert run.recipe == tiny_recipe and run.facts["training_split_sha256"] == study.splits.digest(study.case_ids)
    assert same(run.load_model().state_dict(), weights(run))


def test_the_same_seed_gives_the_same_run(run, study, tiny_recipe, tmp_path):
    again = train(study, tiny_recipe, tmp_path / "again", seed=1, device="cpu", threads=1)
    other = train(study, tiny_recipe, tmp_path / "other", seed=2, device="cpu")
    assert same(weights(again), weights(run)) and not same(weights(other), weights(run))


def test_a_resumed_run_is_the_same_run(run, study, tiny_recipe, tmp_path):
    with pytest.raises(Stop):
        train(study, tiny_recipe, tmp_path / "run", seed=1, device="cpu", on_epoch=stop)
    with pytest.raises(RunError, match="the seed is not the one"):
        train(study, tiny_recipe, tmp_path / "run", seed=9, device="cpu", resume=True)
    with pytest.raises(RunError, match="the recipe is not the one"):
        train(study, replace(tiny_recipe, batch_size=4), tmp_path / "run", seed=1, device="cpu", resume=True)
    resumed = train(study, tiny_recipe, tmp_path / "run", seed=1, device="cpu", resume=True)
    assert same(weights(resumed), weights(run))
    drop_time = [{key: line[key] for key in line if key != "seconds"} for line in resumed.log()]
    assert drop_time == [{key: line[key] for key in line if key != "seconds"} for line in run.log()]


def test_training_learns(study, tmp_path):
    """Without moving views the losses fall far."""
    recipe = load_recipe(
        "joint",
        [
            "input_size_px=64",
            "batch_size=8",
            "model.encoder=resnet10t",
            "model.decoder_channels=[16, 16, 8]",
            "stages.epochs=8",
            "augmentation.rotation_deg=0",
            "augmentation.zoom=0",
            "augmentation.shift_frac=0",
            "augmentation.shear_deg=0",
            "augmentation.gamma=0",
            "augmentation.noise=0",
        ],
    )
    log = train(study, recipe, tmp_path / "run", device="cpu").log()
    assert log[-1]["train_classification"] < 0.75 * log[0]["train_classification"]
    # The cross-entropy of soft targets has a floor well above 0: their own entropy.
    assert log[-1]["train_heatmap"] < 0.88 * log[0]["train_heatmap"]


def test_stages_train_their_parts_and_go_on_from_the_best(study, tiny_recipe, tmp_path):
    stage = tiny_recipe.stages[0]
    one = replace(stage, name="maps", epochs=1, parts=("encoder", "decoder"), classification_weight=0.0)
    two = replace(stage, name="classes", epochs=1, parts=("classifier",), heatmap_weight=0.0)
    first = train(study, replace(tiny_recipe, stages=(one,)), tmp_path / "one", device="cpu")
    both = train(study, replace(tiny_recipe, stages=(one, two)), tmp_path / "both", device="cpu")
    assert [line["stage"] for line in both.log()] == ["maps", "classes"]
    before, after = weights(first), weights(both)
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    # Batch norms' statistics of what is not trained stay too.
    assert changed == {"classifier.1.weight", "classifier.1.bias"}


@pytest.mark.parametrize("name", ["generator-first", "class-generators"])
def test_a_shipped_recipe_trains(name, study, tmp_path):
    small = ["input_size_px=64", "batch_size=8", "model.encoder=resnet10t", "model.decoder_channels=[16, 16, 8]"]
    recipe = load_recipe(name, [*small, "stages.epochs=1"])
    run = train(study, recipe, tmp_path / "run", device="cpu")
    assert [line["stage"] for line in run.log()] == [stage.name for stage in recipe.stages]
    assert all(np.isfinite(line["validation_loss"]) for line in run.log())
    evaluated = evaluate(run)
    assert evaluated.heatmaps.shape[1:] == (64, 64) and np.isfinite(evaluated.metrics.heatmap.predicted["cc"].value)


def test_early_stopping(study, tiny_recipe, tmp_path):
    stage = replace(tiny_recipe.stages[0], epochs=30, patience=1, learning_rate=1e-9, monitor="loss")
    log = train(study, replace(tiny_recipe, stages=(stage,)), tmp_path / "run", device="cpu").log()
    best = max(line["epoch"] for line in log if line["best"])
    assert len(log) < 30 and len(log) == best + 1


def test_a_stage_as_the_egd_baseline_trains(study, tiny_recipe, tmp_path):
    stage = replace(
        tiny_recipe.stages[0],
        epochs=3,
        classification_loss="bce-one-hot",
        heatmap_losses=("bce", "kl"),
        heatmap_loss_weights=(1.0, 0.1),
        classification_weight=0.41731,
        heatmap_weight=0.58269,
        optimizer="adam",
        learning_rate=0.01,
        schedule="egd",
        warmup_epochs=0,
        half_cycle_epochs=1,
        clip_norm=0.0,
        clip_value=0.1,
    )
    run = train(study, replace(tiny_recipe, stages=(stage,)), tmp_path / "run", device="cpu")
    log = run.log()
    # f = lr, 1, lr.
    assert [line["learning_rate"] for line in log] == pytest.approx([1e-4, 1e-2, 1e-4])
    assert run.recipe.stages == (stage,)
    for line in log:
        for split in ("train", "validation"):
            heatmap = line[f"{split}_heatmap_bce"] + 0.1 * line[f"{split}_heatmap_kl"]
            assert line[f"{split}_heatmap"] == pytest.approx(heatmap, rel=1e-4)
            loss = 0.41731 * line[f"{split}_classification"] + 0.58269 * heatmap
            assert line[f"{split}_loss"] == pytest.approx(loss, rel=1e-4)


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


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam)])
def test_the_stage_s_optimiser(name, kind, tiny_recipe):
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    model[0].bias.requires_grad_(False)
    stage = replace(tiny_recipe.stages[0], optimizer=name, learning_rate=0.25, weight_decay=0.5)
    optimizer = make_optimizer(model, stage)
    assert type(optimizer) is kind
    matrices, others = optimizer.param_groups
    assert matrices["params"] == [model[0].weight] and matrices["weight_decay"] == 0.5 and matrices["lr"] == 0.25
    assert [id(one) for one in others["params"]] == [id(one) for one in model[1].parameters()]
    assert others["weight_decay"] == 0.0


def test_a_quickened_model_learns_the_same(tiny_recipe):
    """Outputs and gradients of a model with both kinds of activations that save their input."""
    torch.manual_seed(0)
    images = torch.rand(2, 1, 64, 64, dtype=torch.float64)
    for encoder in ("tf_efficientnet_b0", "mobilenetv3_small_050"):
        plain = build_model(replace(tiny_recipe.model, encoder=encoder, dropout=0.0), 3).double()
        quick = quicken(copy.deepcopy(plain), torch.device("cpu"))
        assert quick.decoder.blocks[0].convolve[0].weight.is_contiguous(memory_format=torch.channels_last)
        for model in (plain, quick):
            sum(output.square().sum() for output in model(images)).backward()
        for one, other in zip(plain.parameters(), quick.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad, rtol=1e-6, atol=1e-9)


def test_a_quickened_model_computes_large_depthwise_convolutions_in_full_precision(tiny_recipe):
    model = quicken(build_model(tiny_recipe.model, 3), torch.device("cpu"))
    seen = {}
    for name, module in model.encoder.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda module, inputs, output, name=name: seen.update({name: output}))
    with torch.autocast("cpu", torch.bfloat16):
        model(torch.rand(2, 1, 64, 64))
    # Converted back from float32, so its gradient takes the way of float32's.
    made_by = {name: output.grad_fn.name() for name, output in seen.items()}
    assert made_by["blocks.3.0.conv_dw"].startswith("ToCopy") and seen["blocks.3.0.conv_dw"].dtype == torch.bfloat16
    assert made_by["blocks.3.0.conv_pw"].startswith("Convolution")


def change_split(study, tmp_path, split_index):
    shutil.copytree(study.path, tmp_path / "study")
    content = json.loads((tmp_path / "study" / "splits.json").read_text())
    content["split_index"] = split_index.tolist()
    (tmp_path / "study" / "splits.json").write_text(json.dumps(content))
    return open_study(tmp_path / "study")


def test_what_cannot_be_learned_is_refused_before_a_folder_is_made(study, tiny_recipe, tmp_path):
    without_chf = np.where(study.labels == 1, 2, 0)
    patients_with_chf = np.isin(study.patients, study.patients[without_chf == 2])
    without_chf = np.where(patients_with_chf, 2, 0)
    without_chf[np.flatnonzero(without_chf == 0)[0]] = 1
    lacking = change_split(study, tmp_path, without_chf)
    with pytest.raises(StudyError, match="class 'chf' has no case in the train split"):
        train(lacking, tiny_recipe, tmp_path / "run", device="cpu")
    split_study(lacking.path, seed=1, ratio=(1, 0, 0))
    with pytest.raises(StudyError, match="the validation split is empty"):
        train(open_study(lacking.path), tiny_recipe, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_an_existing_folder_is_left_alone(run, study, tiny_recipe):
    before = (run.path / "best.pt").read_bytes()
    with pytest.raises(EgazeError, match="already exists"):
        train(study, tiny_recipe, run.path, device="cpu")
    assert (run.path / "best.pt").read_bytes() == before


def test_a_loss_that_is_not_finite_stops_with_advice(study, tiny_recipe, tmp_path):
    stage = replace(tiny_recipe.stages[0], learning_rate=1e30, warmup_epochs=0, clip_norm=1e30)
    with pytest.raises(EgazeError, match="the loss is .*; lower the learning rate"):
        train(study, replace(tiny_recipe, stages=(stage,)), tmp_path / "run", device="cpu")


def test_damaged_runs(run, tmp_path):
    with pytest.raises(RunError, match=r"not a training run: run\.json is missing"):
        open_run(tmp_path)
    shutil.copytree(run.path, tmp_path / "run")
    (tmp_path / "run" / "best.pt").write_bytes(b"junk")
    with pytest.raises(RunError, match=r"best\.pt: damaged checkpoint"):
        open_run(tmp_path / "run").load_model()
    (tmp_path / "run" / "best.pt").unlink()
    with pytest.raises(RunError, match="has no best.pt yet"):
        open_run(tmp_path / "run").load_model()


def test_a_pickle_that_runs_code_is_not_loaded(run, tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (print, ("it ran",))

    shutil.copytree(run.path, tmp_path / "run")
    (tmp_path / "run" / "best.pt").write_bytes(pickle.dumps({"model": Evil()}))
    with pytest.raises(RunError, match="damaged checkpoint"):
        open_run(tmp_path / "run").load_model()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_asking_for_cuda_without_it(study, tiny_recipe, tmp_path):
    with pytest.raises(EgazeError, match="no CUDA device"):
        train(study, tiny_recipe, tmp_path / "run", device="cuda")


def test_a_run_records_its_encoder_s_weights_and_decodes_to_full_resolution(study, tiny_recipe, tmp_path):
    overrides = (
        "input_size_px=64",
        "batch_size=8",
        "model.encoder=mobilenetv3_small_050",
        "model.decoder_stride=1",
        "model.decoder_channels=[8, 8, 8, 8, 8]",
        "stages.epochs=1",
    )
    encoder = build_model(tiny_recipe.model, 3).encoder
    torch.save(encoder.state_dict(), tmp_path / "weights.pt")
    recipe = load_recipe("joint", (*overrides, f"model.weights={tmp_path / 'weights.pt'}"))
    finished = train(study, recipe, tmp_path / "run", device="cpu", threads=2)
    assert finished.facts["encoder_weights_sha256"] == sha256_file(tmp_path / "weights.pt")
    assert finished.recipe.model.decoder_stride == 1 and len(finished.log()) == 1


def test_another_precision_is_not_resumed(study, tiny_recipe, tmp_path):
    with pytest.raises(Stop):
        train(study, tiny_recipe, tmp_path / "run", device="cpu", on_epoch=stop)
    with pytest.raises(RunError, match="precision is not the one the run began with: fp32 then, bf16 now"):
        train(study, tiny_recipe, tmp_path / "run", device="cpu", precision="bf16", resume=True)


def test_the_precision_that_is_used_is_recorded_and_said(study, tiny_recipe, tmp_path, caplog):
    """The CPU has no fp16."""
    how = {"device": "cpu", "precision": "fp16"}
    with pytest.raises(Stop):
        train(study, tiny_recipe, tmp_path / "run", **how, on_epoch=stop)
    said = [record.message for record in caplog.records if "fp16" in record.message]
    assert said == ["precision fp16 is not there on the CPU: bf16 is used and recorded"]
    assert open_run(tmp_path / "run").facts["precision"] == "bf16"
    assert len(train(study, tiny_recipe, tmp_path / "run", **how, resume=True).log()) == 2


def test_a_negative_seed_is_told_before_a_folder_is_made(study, tiny_recipe, tmp_path, run):
    out = tmp_path / "out"
    doors = [
        lambda: train(study, tiny_recipe, out, seed=-1, device="cpu"),
        lambda: train_set(study, tiny_recipe, out, seeds=(0, -1), device="cpu"),
        lambda: train_set(study, tiny_recipe, out, folds=3, fold_seed=-1, device="cpu"),
        lambda: deal_folds(study, 3, seed=-1),
        lambda: synthesize(out, cases=3, seed=-1),
        lambda: run_demo(out, seed=-1),
        lambda: compare(run, run, seed=-1),
        lambda: faithfulness(None, torch.zeros(1, 1, 8, 8), torch.zeros(1, 8, 8), torch.zeros(1).long(), seed=-1),
    ]
    for door in doors:
        with pytest.raises(EgazeError, match=r"seeds? must be .*-1$"):
            door()
    assert not list(tmp_path.iterdir())


def test_the_optimiser_s_state_follows_the_parameters(study, tiny_recipe, tmp_path, monkeypatch):
    """The type stands for the device: a set-up moves parameters to either, and the state must go after them."""
    with pytest.raises(Stop):
        train(study, tiny_recipe, tmp_path / "run", device="cpu", on_epoch=stop)
    seen = []

    def look(self, *arguments):
        seen.extend((name, value.dtype) for state in self.state.values() for name, value in state.items())
        raise Stop

    doubled = Fabric(accelerator="cpu", devices=1, precision="64-true")
    monkeypatch.setitem(train.__globals__, "_fabric", lambda device, precision: doubled)
    monkeypatch.setattr(torch.optim.AdamW, "step", look)
    with pytest.raises(Stop):
        train(study, tiny_recipe, tmp_path / "run", device="cpu", resume=True)
    moments = {kind for name, kind in seen if name.startswith("exp_avg")}
    assert moments == {torch.float64}


def test_a_run_in_half_precision_keeps_its_scale(study, tiny_recipe, tmp_path, monkeypatch):
    """With the scaler of fp16 on the processor, where Fabric itself would take bfloat16."""

    def fabric(device, precision):
        scaler = torch.amp.GradScaler("cpu", init_scale=64.0, growth_interval=5)
        return Fabric(accelerator="cpu", devices=1, plugins=MixedPrecision("16-mixed", "cpu", scaler=scaler))

    monkeypatch.setitem(train.__globals__, "_fabric", fabric)
    how = {"seed": 1, "device": "cpu", "precision": "fp16"}
    whole = train(study, tiny_recipe, tmp_path / "whole", **how)
    with pytest.raises(Stop):
        train(study, tiny_recipe, tmp_path / "run", **how, on_epoch=stop)
    first = load_checkpoint(tmp_path / "run" / "last.pt")["scaler"]
    assert first["scale"] != 64.0 or first["_growth_tracker"] > 0
    resumed = train(study, tiny_recipe, tmp_path / "run", **how, resume=True)
    one, other = (load_checkpoint(run.path / "last.pt") for run in (whole, resumed))
    assert one["scaler"] == other["scaler"] != first and same(one["model"], other["model"])


@pytest.mark.parametrize("name", ["joint", "class-generators"])
def test_validation_does_not_depend_on_the_batch_size(name, study):
    """Images with neither label nor gaze, with one of them, and with both."""
    small = ["input_size_px=64", "model.encoder=mobilenetv3_small_050", "model.decoder_channels=[16, 16, 8]"]
    recipe = load_recipe(name, small)
    torch.manual_seed(0)
    model = build_model(recipe.model, 3)
    labels = np.where(np.arange(len(study)) % 3 == 0, -1, study.labels)
    mixed = replace(without_gaze(study, np.arange(len(study)) % 4 == 1), labels=labels)
    cases = np.arange(23)

    def losses(batch_size):
        loader = DeviceLoader(mixed, cases, batch_size=batch_size, size_px=64, target=recipe.heatmap)
        return predict(model, loader, recipe.stages[0], keep_heatmaps=False).losses

    whole = losses(23)
    assert whole["heatmap_kl"] > 0
    for batch_size in (1, 2, 5, 16):
        assert losses(batch_size) == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize(("order", "kind"), [("class-balanced", "Weighted"), ("mixed", "Mixed")])
def test_the_recipe_says_which_cases_an_epoch_holds(order, kind, study, tiny_recipe, tmp_path, monkeypatch):
    half = without_gaze(study, np.arange(len(study)) % 2 == 1)
    settings = OrderSettings(order, 0.25 if order == "mixed" else 0.0)
    seen = []
    loader = train.__globals__["DeviceLoader"]

    def spy(study, cases, **options):
        seen.append(cases)
        return loader(study, cases, **options)

    monkeypatch.setitem(train.__globals__, "DeviceLoader", spy)
    recipe = replace(tiny_recipe, order=settings, stages=(replace(tiny_recipe.stages[0], epochs=1),))
    run = train(half, recipe, tmp_path / "run", device="cpu")
    assert run.recipe.order == settings and type(seen[0]).__name__ == kind
    drawn = seen[0].draw(0, 0)
    assert set(drawn) <= set(study.splits.indices("train"))
    if order == "mixed":
        assert half.has_gaze[drawn].mean() == pytest.approx(0.25, abs=0.02)
        with pytest.raises(StudyError, match="order.kind mixed needs cases with and without"):
            train(study, recipe, tmp_path / "none", device="cpu")


def test_a_full_disk_is_one_line_and_the_run_goes_on(run, study, tiny_recipe, tmp_path, monkeypatch):
    """The largest file that may be written stands for the room that is left."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    how = {"seed": 1, "device": "cpu", "threads": 2}
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        with pytest.raises(EgazeError, match=r"(best|last)\.pt: cannot write: File too large$"):
            train(study, tiny_recipe, tmp_path / "run", **how)
        shutil.copytree(tmp_path / "run", tmp_path / "left")
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, hard))
        with pytest.raises(EgazeError, match=r"evaluation: cannot write: File too large$"):
            evaluate(run, out=tmp_path / "evaluation")
        table = pl.DataFrame({"case_id": [f"case-{number:05d}" for number in range(1000)]})
        with pytest.raises(EgazeError, match=r"comparison: cannot write: File too large$"):
            write_comparison(RunComparison({}, table), tmp_path / "comparison")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert not (tmp_path / "evaluation").exists()
    assert {path.name for path in (tmp_path / "left").iterdir()} == {"recipe.toml", "run.json"}
    left = tmp_path / "run" / ".last.pt.1.partial"
    left.write_bytes(b"of a run that was killed")
    os.utime(left, (1e9, 1e9))
    monkeypatch.setattr(atomic, "_cleared", {})
    resumed = train(study, tiny_recipe, tmp_path / "run", resume=True, **how)
    assert same(weights(resumed), weights(run)) and not list((tmp_path / "run").glob(".*"))
