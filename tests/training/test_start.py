import os
import resource
import shutil
from dataclasses import replace

import polars as pl
import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from places import content
from training.tiny_runs import Stop, same, stop, weights

from egaze import atomic
from egaze.errors import EgazeError, RunError
from egaze.evaluation import evaluate, write_comparison
from egaze.evaluation.compare import RunComparison
from egaze.training import train
from egaze.training.checkpoint import load_checkpoint


def test_a_resumed_run_equals_an_uninterrupted_one(run, study, tiny_recipe, tmp_path):
    with pytest.raises(Stop):
        train(study, tiny_recipe, tmp_path / "run", seed=1, device="cpu", on_epoch=stop)
    with pytest.raises(RunError, match="the seed differs"):
        train(study, tiny_recipe, tmp_path / "run", seed=9, device="cpu", resume=True)
    with pytest.raises(RunError, match="the recipe differs"):
        train(study, replace(tiny_recipe, batch_size=4), tmp_path / "run", seed=1, device="cpu", resume=True)
    resumed = train(study, tiny_recipe, tmp_path / "run", seed=1, device="cpu", resume=True)
    assert same(weights(resumed), weights(run))
    assert [replace(entry, seconds=0) for entry in resumed.log()] == [replace(entry, seconds=0) for entry in run.log()]


@pytest.mark.parametrize("harm", ["torn", "foreign"])
def test_a_torn_or_foreign_checkpoint_is_refused_and_the_previous_one_named(harm, run, study, tiny_recipe, tmp_path):
    out, how = tmp_path / "run", {"seed": 1, "device": "cpu"}
    recipe = replace(tiny_recipe, stages=(replace(tiny_recipe.stages[0], epochs=3),))

    def stop_after_two(entry):
        if entry.epoch == 2:
            raise Stop

    with pytest.raises(Stop):
        train(study, recipe, out, **how, on_epoch=stop_after_two)
    shutil.copytree(out, tmp_path / "whole")
    if harm == "torn":
        (out / "last.pt").write_bytes((out / "last.pt").read_bytes()[:-1000])
    else:
        shutil.copy(run.path / "last.pt", out / "last.pt")
    with pytest.raises(RunError, match=r"last\.pt: .*previous\.pt is whole: to go on after epoch 1 of stage 'joint'"):
        train(study, recipe, out, **how, resume=True)
    (out / "last.pt").unlink()
    resumed = train(study, recipe, out, **how, resume=True)
    expected = train(study, recipe, tmp_path / "whole", **how, resume=True)
    assert (resumed.path / "best.pt").read_bytes() == (expected.path / "best.pt").read_bytes()
    (out / "last.pt").write_bytes(b"")
    with pytest.raises(RunError, match=r"last\.pt: damaged checkpoint.*; there is no earlier checkpoint: train again"):
        train(study, recipe, out, **how, resume=True)


def test_an_existing_folder_is_left_alone(run, study, tiny_recipe):
    before = (run.path / "best.pt").read_bytes()
    with pytest.raises(EgazeError, match="already exists"):
        train(study, tiny_recipe, run.path, device="cpu")
    assert (run.path / "best.pt").read_bytes() == before


def test_another_precision_is_not_resumed(study, tiny_recipe, tmp_path):
    with pytest.raises(Stop):
        train(study, tiny_recipe, tmp_path / "run", device="cpu", on_epoch=stop)
    with pytest.raises(RunError, match="precision differs from the one that the run began with: fp32 then, bf16 now"):
        train(study, tiny_recipe, tmp_path / "run", device="cpu", precision="bf16", resume=True)


def test_the_optimiser_s_state_follows_the_parameters(study, tiny_recipe, tmp_path, monkeypatch):
    """The type stands for the device: a set-up moves parameters to either, and the state must go after them."""
    with pytest.raises(Stop):
        train(study, tiny_recipe, tmp_path / "run", device="cpu", on_epoch=stop)
    seen = []

    def look(self, *arguments):
        seen.extend((name, value.dtype) for state in self.state.values() for name, value in state.items())
        raise Stop

    doubled = Fabric(accelerator="cpu", devices=1, precision="64-true")
    monkeypatch.setitem(train.__globals__, "open_fabric", lambda *_, **__: doubled)
    monkeypatch.setattr(torch.optim.AdamW, "step", look)
    with pytest.raises(Stop):
        train(study, tiny_recipe, tmp_path / "run", device="cpu", resume=True)
    moments = {kind for name, kind in seen if name.startswith("exp_avg")}
    assert moments == {torch.float64}


def test_a_run_in_half_precision_keeps_its_scale(study, tiny_recipe, tmp_path, monkeypatch):
    """With the scaler of fp16 on the processor, where Fabric itself would take bfloat16."""

    def fabric(*_, **__):
        scaler = torch.amp.GradScaler("cpu", init_scale=64.0, growth_interval=5)
        return Fabric(accelerator="cpu", devices=1, plugins=MixedPrecision("16-mixed", "cpu", scaler=scaler))

    monkeypatch.setitem(train.__globals__, "open_fabric", fabric)
    how = {"seed": 1, "device": "cpu", "precision": "fp16"}
    whole = train(study, tiny_recipe, tmp_path / "whole", **how)
    with pytest.raises(Stop):
        train(study, tiny_recipe, tmp_path / "run", **how, on_epoch=stop)
    first = load_checkpoint(tmp_path / "run" / "last.pt")["scaler"]
    assert first["scale"] != 64.0 or first["_growth_tracker"] > 0
    resumed = train(study, tiny_recipe, tmp_path / "run", **how, resume=True)
    one, other = (load_checkpoint(run.path / "last.pt") for run in (whole, resumed))
    assert one["scaler"] == other["scaler"] != first and same(one["model"], other["model"])


def test_a_full_disk_is_one_line_and_the_run_can_be_resumed(run, study, tiny_recipe, tmp_path, monkeypatch):
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


@pytest.mark.parametrize("why", ["full", "read-only"])
def test_a_disk_that_takes_no_more_loses_nothing(why, run, study, tiny_recipe, tmp_path, permissions):
    """In the midst of a run: the epochs before stay, and the resumed run is the same."""
    out, how = tmp_path / "run", {"seed": 1, "device": "cpu", "threads": 2}
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = {}

    def spoil(entry):
        before.update(content(out))
        if why == "full":
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        else:
            out.chmod(0o555)

    try:
        with pytest.raises(EgazeError, match=r"last\.pt: cannot write: (File too large|Permission denied)$"):
            train(study, tiny_recipe, out, **how, on_epoch=spoil)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    left = content(out)
    assert {name for name in before if before[name] != left.get(name)} <= {".training.lock", ".training.json"}
    if why == "read-only":
        with pytest.raises(EgazeError, match=r"run: cannot write: Permission denied"):
            train(study, tiny_recipe, out, **how, resume=True)
        out.chmod(0o755)
    resumed = train(study, tiny_recipe, out, **how, resume=True)
    assert (resumed.path / "best.pt").read_bytes() == (run.path / "best.pt").read_bytes()
    assert content(out).keys() == {path.name for path in run.path.iterdir() if path.is_file()}
