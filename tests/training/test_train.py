import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from training.tiny_runs import Stop, same, stop, weights, without_gaze

from egaze.errors import EgazeError, LossError, RunError, StudyError
from egaze.evaluation import evaluate
from egaze.study.layout import sha256_file
from egaze.training import engine, load_recipe, loop, train
from egaze.training.checkpoint import load_checkpoint
from egaze.training.epoch_log import EpochLog
from egaze.training.recipe import OrderSettings
from egaze.training.run import build_model


def test_training_leaves_a_run_s_files(run, study, tiny_recipe):
    assert {path.name for path in run.path.iterdir() if path.is_file()} == {
        "recipe.toml",
        "run.json",
        "log.jsonl",
        "best.pt",
        "last.pt",
    }
    log = run.log()
    assert [entry.epoch for entry in log] == [1, 2] and any(entry.best for entry in log)
    assert all(np.isfinite(entry.train_losses[term]) for entry in log for term in ("classification", "heatmap", "loss"))
    assert run.recipe == tiny_recipe and run.facts["training_split_sha256"] == study.splits.digest(study.case_ids)
    assert same(run.load_model().state_dict(), weights(run))


def uncosted(line):
    """What a line of the log says of the training, without what the epoch took."""
    return replace(EpochLog.from_line(line), seconds=0.0, cost=None)


def test_the_same_seed_gives_the_same_run(run, study, tiny_recipe, tmp_path):
    again = train(study, tiny_recipe, tmp_path / "again", seed=1, device="cpu", threads=1)
    other = train(study, tiny_recipe, tmp_path / "other", seed=2, device="cpu")
    assert same(weights(again), weights(run)) and not same(weights(other), weights(run))


def test_two_runs_are_the_same_files(run, study, tiny_recipe, tmp_path):
    again = train(study, tiny_recipe, tmp_path / "again", seed=1, device="cpu")
    for name in ("best.pt", "recipe.toml"):
        assert (again.path / name).read_bytes() == (run.path / name).read_bytes(), name
    one, other = (load_checkpoint(path / "last.pt") for path in (again.path, run.path))
    assert [uncosted(line) for line in one["log"]] == [uncosted(line) for line in other["log"]]
    assert same(one["model"], other["model"])


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not bind processes to processors")
def test_one_processor_gives_the_same_run_as_two(run, study, tiny_recipe, tmp_path):
    all_of_them, threads = os.sched_getaffinity(0), torch.get_num_threads()
    try:
        os.sched_setaffinity(0, {min(all_of_them)})
        torch.set_num_threads(1)  # what torch takes where there is one processor
        again = train(study, tiny_recipe, tmp_path / "again", seed=1, device="cpu", threads=1)
        assert torch.get_num_threads() == 1
    finally:
        os.sched_setaffinity(0, all_of_them)
        torch.set_num_threads(threads)
    if run.facts["compute_threads"] == 2:
        assert (again.path / "best.pt").read_bytes() == (run.path / "best.pt").read_bytes()
    assert again.facts["compute_threads"] == 2


def test_the_number_of_compute_threads_is_kept(study, tiny_recipe, tmp_path):
    seen = []

    def look(entry):
        seen.append(torch.get_num_threads())
        stop(entry)

    how = {"seed": 1, "device": "cpu", "on_epoch": look}
    with pytest.raises(Stop):
        train(study, tiny_recipe, tmp_path / "run", compute_threads=3, **how)
    with pytest.raises(RunError, match="the number of compute threads differs .*: 3 then, 2 now"):
        train(study, tiny_recipe, tmp_path / "run", compute_threads=2, resume=True, **how)
    with pytest.raises(Stop):
        train(study, tiny_recipe, tmp_path / "run", resume=True, **how)
    assert seen == [3, 3]


def test_training_learns(study, tmp_path):
    """Without augmentation the losses fall far within a few epochs."""
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
    first, last = log[0].train_losses, log[-1].train_losses
    assert last["classification"] < 0.75 * first["classification"]
    # The cross-entropy of soft targets cannot fall below their own entropy, which is well above 0.
    assert last["heatmap"] < 0.88 * first["heatmap"]


def test_stages_train_their_parts_from_the_best_weights(study, tiny_recipe, tmp_path):
    stage = tiny_recipe.stages[0]
    one = replace(stage, name="maps", epochs=1, parts=("encoder", "decoder"), classification_weight=0.0)
    two = replace(stage, name="classes", epochs=1, parts=("classifier",), heatmap_weight=0.0)
    first = train(study, replace(tiny_recipe, stages=(one,)), tmp_path / "one", device="cpu")
    both = train(study, replace(tiny_recipe, stages=(one, two)), tmp_path / "both", device="cpu")
    assert [entry.stage for entry in both.log()] == ["maps", "classes"]
    before, after = weights(first), weights(both)
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    # The batch norms' statistics of parts that are not trained stay unchanged too.
    assert changed == {"classifier.1.weight", "classifier.1.bias"}


@pytest.mark.parametrize("name", ["generator-first", "class-generators"])
def test_a_shipped_recipe_trains(name, study, tmp_path):
    small = ["input_size_px=64", "batch_size=8", "model.encoder=resnet10t", "model.decoder_channels=[16, 16, 8]"]
    recipe = load_recipe(name, [*small, "stages.epochs=1"])
    run = train(study, recipe, tmp_path / "run", device="cpu")
    assert [entry.stage for entry in run.log()] == [stage.name for stage in recipe.stages]
    assert all(np.isfinite(entry.losses["loss"]) for entry in run.log())
    evaluated = evaluate(run)
    assert evaluated.heatmaps.shape[1:] == (64, 64) and np.isfinite(evaluated.metrics.heatmap.predicted["cc"].value)


def test_early_stopping(study, tiny_recipe, tmp_path):
    stage = replace(tiny_recipe.stages[0], epochs=30, patience=1, learning_rate=1e-9, monitor="loss")
    log = train(study, replace(tiny_recipe, stages=(stage,)), tmp_path / "run", device="cpu").log()
    best = max(entry.epoch for entry in log if entry.best)
    assert len(log) < 30 and len(log) == best + 1


def test_a_stage_with_the_egd_baseline_s_settings(study, tiny_recipe, tmp_path):
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
    assert [entry.learning_rate for entry in log] == pytest.approx([1e-4, 1e-2, 1e-4])
    assert run.recipe.stages == (stage,)
    for terms in [terms for entry in log for terms in (entry.train_losses, entry.losses)]:
        heatmap = terms["heatmap_bce"] + 0.1 * terms["heatmap_kl"]
        assert terms["heatmap"] == pytest.approx(heatmap, rel=1e-4)
        loss = 0.41731 * terms["classification"] + 0.58269 * heatmap
        assert terms["loss"] == pytest.approx(loss, rel=1e-4)


@pytest.mark.parametrize(("order", "kind"), [("class-balanced", "Weighted"), ("mixed", "Mixed")])
def test_the_recipe_decides_which_cases_an_epoch_contains(order, kind, study, tiny_recipe, tmp_path, monkeypatch):
    half = without_gaze(study, np.arange(len(study)) % 2 == 1)
    settings = OrderSettings(order, 0.25 if order == "mixed" else 0.0)
    seen = []
    loader = loop.DeviceLoader

    def spy(study, cases, **options):
        seen.append(cases)
        return loader(study, cases, **options)

    monkeypatch.setattr(loop, "DeviceLoader", spy)
    recipe = replace(tiny_recipe, order=settings, stages=(replace(tiny_recipe.stages[0], epochs=1),))
    run = train(half, recipe, tmp_path / "run", device="cpu")
    assert run.recipe.order == settings and type(seen[0]).__name__ == kind
    drawn = seen[0].draw(0, 0)
    assert set(drawn) <= set(study.splits.indices("train"))
    if order == "mixed":
        assert half.has_gaze[drawn].mean() == pytest.approx(0.25, abs=0.02)
        with pytest.raises(StudyError, match="order.kind mixed needs cases with gaze and cases without"):
            train(study, recipe, tmp_path / "none", device="cpu")


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


def test_a_loss_that_is_not_finite_stops_with_advice(study, tiny_recipe, tmp_path):
    stage = replace(tiny_recipe.stages[0], learning_rate=1e30, warmup_epochs=0, clip_norm=1e30)
    with pytest.raises(EgazeError, match="the loss is .*; lower the learning rate.*; no epoch had finished"):
        train(study, replace(tiny_recipe, stages=(stage,)), tmp_path / "run", device="cpu")


@pytest.mark.parametrize("where", ["training", "validation"])
def test_a_loss_that_is_not_finite_names_its_cases_and_loses_nothing(
    where, run, study, tiny_recipe, tmp_path, monkeypatch
):
    spoilt = study.splits.indices("train" if where == "training" else "validation")[5]
    original = engine.stage_losses
    epochs = []

    def spoil(output, batch, stage):
        terms = original(output, batch, stage)
        if epochs and spoilt in batch.case_index:
            terms["classification"] = terms["classification"] * float("nan")
        return terms

    monkeypatch.setattr(engine, "stage_losses", spoil)
    how = {"seed": 1, "device": "cpu", "on_epoch": epochs.append}
    with pytest.raises(LossError, match=f"epoch 2, {where}: batch .* the loss is nan, on cases .*keeps all") as stopped:
        train(study, tiny_recipe, tmp_path / "run", **how)
    assert study.case_ids[spoilt] in stopped.value.case_ids and len(stopped.value.case_ids) <= tiny_recipe.batch_size
    assert all(case_id in str(stopped.value) for case_id in stopped.value.case_ids)
    epochs.clear()
    resumed = train(study, tiny_recipe, tmp_path / "run", seed=1, device="cpu", resume=True)
    assert same(weights(resumed), weights(run))


def test_a_learning_rate_that_explodes_is_said(study, tiny_recipe, tmp_path, caplog):
    settings = {"learning_rate": 30.0, "warmup_epochs": 0, "clip_norm": 0.0, "optimizer": "adam"}
    wild = replace(tiny_recipe, stages=(replace(tiny_recipe.stages[0], **settings),))
    train(study, wild, tmp_path / "wild", device="cpu")
    assert "the loss has risen from" in caplog.text and "the learning rate is too high" in caplog.text
    caplog.clear()
    train(study, tiny_recipe, tmp_path / "run", device="cpu")
    assert "has risen" not in caplog.text
