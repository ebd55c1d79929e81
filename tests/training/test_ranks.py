"""Two processes train to the numbers of one, and end together."""

import logging
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from training import rank_tasks
from training.rank_tasks import HOW, TWO
from training.tiny_runs import weights, without_gaze

from egaze.errors import EgazeError, RecipeError
from egaze.labels import ExclusiveLabels
from egaze.training import load_recipe, open_run, train
from egaze.training.engine import predict
from egaze.training.launch import _cause as cause
from egaze.training.launch import _Failure as Failure
from egaze.training.launch import _Rank as Rank
from egaze.training.launch import launch
from egaze.training.ranks import Placement, settle_placement
from egaze.training.run import build_model

TINY = (
    "input_size_px=64",
    "batch_size=8",
    "model.encoder=mobilenetv3_small_050",
    "model.decoder_channels=[16, 16, 8]",
    "model.dropout=0",
)
SMALLER = (*TINY, "input_size_px=32", "batch_size=15")
NO_STARTER = (
    *("LOCAL_RANK", "RANK", "WORLD_SIZE", "TORCHELASTIC_RUN_ID"),
    *("SLURM_NTASKS", "SLURM_NTASKS_PER_NODE", "SLURM_PROCID"),
)


@pytest.fixture(autouse=True)
def started_by_nobody(monkeypatch):
    for name in NO_STARTER:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def mixed(study):
    """Cases with neither label nor gaze, with one of them, and with both."""
    labels = np.where(np.arange(len(study)) % 3 == 0, -1, study.labels.values)
    return replace(
        without_gaze(study, np.arange(len(study)) % 4 == 1), labels=ExclusiveLabels(study.class_names, labels)
    )


@pytest.fixture(scope="module")
def recipes():
    """A mixed monitor and views; three stages, of which one trains the classifier alone; chosen by cross-fitting."""
    joint = load_recipe("joint", (*TINY, "stages.epochs=2"))
    monitor = {"macro_auc": 1.0, "heatmap_cc": 1.0}
    joint = replace(joint, stages=(replace(joint.stages[0], monitor=monitor, learning_rate=1e-4),))
    staged = load_recipe("generator-first", (*SMALLER, "average_decay=0.5"))
    staged = replace(staged, stages=tuple(replace(stage, epochs=1) for stage in staged.stages))
    crossed = load_recipe("encoder-only", (*SMALLER, "stages.epochs=1", "choose_on=train", "inner_folds=2"))
    return [joint, staged, crossed]


@pytest.fixture(scope="module")
def both(study):
    """Every kind of term, with accumulated gradients; and independent labels that teach by single classes."""
    joint = load_recipe("joint", (*TINY, "model.encoder=resnet10t", "batches_per_step=2"))
    weighted = replace(joint.stages[0], alignment_weight=0.5, class_weights=(1.0, 2.0, 0.5))
    generators = load_recipe("class-generators", (*TINY, "model.encoder=resnet10t"))
    return [replace(joint, stages=(weighted,)), generators]


@pytest.fixture(scope="module")
def of_two(mixed, findings_study, recipes, both, tmp_path_factory):
    out = tmp_path_factory.mktemp("ranks")
    given = {"others": findings_study, "recipes": recipes, "both": both, "out": out}
    return out, *launch(Placement(2), rank_tasks.everything, mixed, given, {})


def test_parts_of_batches_teach_what_the_whole_teaches(of_two, mixed, findings_study, both):
    fabric = Fabric(accelerator="cpu", devices=1)
    for study, recipe, (terms, state) in zip((mixed, findings_study), both, of_two[1], strict=True):
        expected_terms, expected = rank_tasks.epoch_by_parts(study, recipe, fabric, rank_tasks.all_of)
        assert terms == pytest.approx(expected_terms, abs=1e-5)
        for name, value in expected.items():
            torch.testing.assert_close(state[name], value, rtol=1e-4, atol=1e-5)


def test_each_case_is_measured_once(of_two, mixed, both):
    torch.manual_seed(0)
    model = build_model(both[0].model, 3)
    for found, cases in zip(of_two[2], ([7, 3, 30, 1, 12], [9]), strict=True):
        how = {"batch_size": 8, "size_px": 64, "target": both[0].heatmap.target}
        loader = rank_tasks.DeviceLoader(mixed, np.array(cases), **how)
        expected = predict(model, loader, both[0].stages[0], keep_heatmaps=False)
        assert found.case_index.tolist() == cases
        np.testing.assert_allclose(found.class_probs, expected.class_probs, atol=1e-6)
        assert found.losses == pytest.approx(expected.losses, abs=1e-6)


@pytest.mark.parametrize("number", range(3))
def test_two_processes_train_to_the_losses_of_one(number, of_two, mixed, recipes, tmp_path):
    alone = train(mixed, recipes[number], tmp_path / "run", **HOW)
    together = open_run(of_two[0] / str(number))
    assert together.facts["ranks"] == 2 and alone.facts["ranks"] == 1
    assert together.facts["global_batch_size"] == recipes[number].batch_size and together.facts["sync_batch_norm"]
    for one, other in zip(alone.log(), together.log(), strict=True):
        assert other.train_losses == pytest.approx(one.train_losses, abs=1e-5)
        assert other.losses == pytest.approx(one.losses, abs=1e-5)
        assert other.agreement == pytest.approx(one.agreement, abs=1e-5)
        assert (other.macro_auc, other.best, other.learning_rate) == (one.macro_auc, one.best, one.learning_rate)
    assert {path.name for path in together.path.iterdir()} == {path.name for path in alone.path.iterdir()}


def test_ranks_go_on_within_an_epoch(of_two):
    """To the bit, dropout and unsynchronised batch norms included."""
    whole, resumed = (of_two[0] / name for name in ("whole", "resumed"))
    assert (whole / "best.pt").read_bytes() == (resumed / "best.pt").read_bytes()
    one, other = ([replace(entry, seconds=0) for entry in open_run(path).log()] for path in (whole, resumed))
    assert one == other
    # Batch norms that see a part of a batch learn something else.
    assert one[0].train_losses != pytest.approx(open_run(of_two[0] / "0").log()[0].train_losses, abs=1e-3)


def test_an_error_of_the_first_is_everybodys(of_two):
    first, second = of_two[4]
    assert first == ["EgazeError: of the first", "ValueError: of the first"]
    assert second == ["EgazeError: of the first", "EgazeError: ValueError: of the first"]


def test_a_killed_rank_ends_the_others_and_the_run_goes_on(study, recipes, tmp_path, caplog):
    recipe, out, began_s = recipes[0], tmp_path / "run", time.monotonic()
    with pytest.raises(EgazeError, match="^rank 1 of 2 was ended by SIGKILL.* go on with --resume$"):
        launch(Placement(2), rank_tasks.killed, study, {"recipe": recipe, "out": out}, {})
    assert time.monotonic() - began_s < 60
    assert not list(out.glob(".*")) or not open_run(out).is_finished
    first = open_run(out).log()
    assert [entry.epoch for entry in first] == [1]
    with caplog.at_level(logging.WARNING):
        resumed = train(study, recipe, out, **HOW, resume=True)
    assert "goes on with 1 devices, and began with 2: numbers differ by rounding" in caplog.text
    assert resumed.is_finished and resumed.log()[0] == first[0]
    assert weights(resumed)


@pytest.mark.parametrize(
    ("failures", "exit_codes", "message"),
    [
        # The first to fail, and not the first to be heard.
        ([(2.0, "later", False), (1.0, "first", False)], (1, 1), "^first$"),
        # One that has only lost the other is not the cause, even if the other could say nothing.
        ([(1.0, "lost", True), (2.0, "reason", False)], (1, 1), "^reason$"),
        ([(1.0, "lost", True), None], (1, -9), "^rank 1 of 2 was ended by SIGKILL, as by a system without memory"),
        ([(1.0, "lost", True), None], (1, 3), "^rank 1 of 2 ended with exit code 3"),
        ([(1.0, "reason", False), None], (None, -6), "^reason$"),
        ([None, None], (None, -11), "^rank 1 of 2 was ended by SIGSEGV"),
    ],
)
def test_the_rank_that_failed_by_itself_is_named(failures, exit_codes, message):
    ranks = []
    for number, (failure, code) in enumerate(zip(failures, exit_codes, strict=True)):
        if failure is not None:
            time_s, said, is_lost = failure
            failure = Failure(time_s, EgazeError(said), is_lost, "")
        ranks.append(Rank(number, SimpleNamespace(exitcode=code), None, failure))
    with pytest.raises(EgazeError, match=message):
        raise cause(ranks, 2)


def test_impossible_placements(study, tiny_recipe, tmp_path, monkeypatch):
    for options, message in (
        ({"devices": 0}, "^the number of devices must be at least 1, got 0$"),
        ({"num_nodes": -1}, "^the number of nodes must be at least 1, got -1$"),
        ({"num_nodes": 2}, "^training on 2 nodes needs MASTER_ADDR, MASTER_PORT, NODE_RANK in the environment"),
    ):
        with pytest.raises(EgazeError, match=message):
            train(study, tiny_recipe, tmp_path / "run", device="cpu", **options)
    with pytest.raises(RecipeError, match="^batch_size must be at least 9, one image per device, got 8$"):
        train(study, tiny_recipe, tmp_path / "run", device="cpu", devices=9)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(EgazeError, match="^2 devices were asked for, and this computer has 1 of CUDA$"):
        train(study, tiny_recipe, tmp_path / "run", device="cuda", devices=2)
    with pytest.raises(EgazeError, match="already exists"):
        train(study, tiny_recipe, tmp_path, **TWO) if (tmp_path / "x").touch() is None else None
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_ranks_that_others_have_started(monkeypatch):
    torchrun = {"TORCHELASTIC_RUN_ID": "1", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1"}
    slurm = {"SLURM_NTASKS": "4", "SLURM_NTASKS_PER_NODE": "2", "SLURM_JOB_NAME": "train", "SLURM_NNODES": "2"}
    for starter, variables in (("torchrun", torchrun), ("SLURM", slurm)):
        with monkeypatch.context() as patched:
            for name, value in variables.items():
                patched.setenv(name, value)
            assert settle_placement(None, None) == settle_placement(2, 2) == Placement(2, 2, starter)
            with pytest.raises(EgazeError, match=f"^{starter} has started processes for 2 devices of each node, and 3"):
                settle_placement(3, None)
    monkeypatch.setenv("SLURM_NTASKS", "4")
    with pytest.raises(EgazeError, match="^SLURM has started 4 processes: say on how many nodes, by"):
        settle_placement(None, None)
    monkeypatch.setenv("SLURM_NTASKS", "1")
    assert settle_placement(2, None) == Placement(2)
