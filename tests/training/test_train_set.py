import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from training.tiny_runs import Stop, same, stop, weights

from egaze.errors import EgazeError, RunError, StudyError
from egaze.labels import ExclusiveLabels
from egaze.study import open_study, split_study
from egaze.training import Run, deal_folds, open_run, open_run_set, train, train_set
from egaze.training.epoch_log import EpochLog
from egaze.training.run_set import SET


@pytest.fixture(scope="module")
def control():
    """The smallest recipe: one epoch of a tiny encoder."""
    from egaze.training import load_recipe

    return load_recipe(
        "encoder-only", ["input_size_px=32", "model.encoder=mobilenetv3_small_050", "batch_size=16", "stages.epochs=1"]
    )


@pytest.fixture(scope="module")
def run_set(study, control, tmp_path_factory):
    return train_set(study, control, tmp_path_factory.mktemp("set") / "set", folds=3, seeds=(4, 2), device="cpu")


def test_files_of_a_set(run_set, study):
    names = [f"fold-{fold}-seed-{seed}" for fold in range(3) for seed in (4, 2)]
    assert [member.name for member in run_set.members] == names
    assert {path.name for path in run_set.path.iterdir()} == {SET, *names}
    splits = deal_folds(study, 3)
    assert run_set.facts["folds"]["test_sha256"] == [split.digest(study.case_ids, "test") for split in splits]
    for member, run in zip(run_set.members, run_set.runs(), strict=True):
        assert run.facts["seed"] == member.seed and run.is_finished
        np.testing.assert_array_equal(run.open_study().splits.split_index, splits[member.fold].split_index)
    assert open_run_set(run_set.path).facts == run_set.facts


def test_a_member_is_the_run_that_train_makes(run_set, study, control, tmp_path):
    alone = train(study, control, tmp_path / "run", splits=deal_folds(study, 3)[1], seed=2, device="cpu")
    assert same(weights(alone), weights(open_run(run_set.path / "fold-1-seed-2")))


def test_a_set_resumes_with_its_first_unfinished_run(run_set, study, control, tmp_path):
    how = {"folds": 3, "seeds": (4, 2), "device": "cpu"}
    before = {}

    def stop_in_the_second(member, line):
        if member.name == "fold-0-seed-2":
            raise Stop

    with pytest.raises(Stop):
        train_set(study, control, tmp_path / "set", **how, on_epoch=stop_in_the_second)
    with pytest.raises(RunError, match="fold-1-seed-4 is not finished; continue with `egaze train --resume`"):
        open_run_set(tmp_path / "set").runs()
    # A run that was killed before its first epoch had ended.
    third = tmp_path / "set" / "fold-1-seed-4"
    shutil.copytree(run_set.path / third.name, third)
    for name in ("log.jsonl", "best.pt", "last.pt"):
        (third / name).unlink()
    first = tmp_path / "set" / "fold-0-seed-4" / "last.pt"
    before = first.stat().st_mtime_ns
    finished, trained = [], []
    resumed = train_set(
        study,
        control,
        tmp_path / "set",
        **how,
        resume=True,
        on_epoch=lambda member, line: trained.append(member.name),
        on_run=lambda member, run, was_finished: finished.append(was_finished),
    )
    assert first.stat().st_mtime_ns == before and finished == [True, True, False, False, False, False]
    assert trained == [member.name for member in resumed.members[2:]]
    for one, other in zip(resumed.runs(), run_set.runs(), strict=True):
        assert same(weights(one), weights(other))


def test_a_set_is_resumed_with_its_own_settings_only(run_set, study, control, tmp_path):
    how = {"folds": 3, "seeds": (4, 2), "device": "cpu", "resume": True}
    for change, message in (
        ({"seeds": (4, 2, 1)}, "the seeds differ"),
        ({"folds": 4}, "the folds differ"),
        ({"fold_seed": 1}, "the folds differ"),
        ({"precision": "bf16"}, "the precision differs"),
    ):
        with pytest.raises(RunError, match=message):
            train_set(study, control, run_set.path, **{**how, **change})
    with pytest.raises(RunError, match="the recipe differs"):
        train_set(study, replace(control, batch_size=4), run_set.path, **how)
    with pytest.raises(RunError, match=r"not a set of runs: runs\.json is missing"):
        train_set(study, control, tmp_path / "none", **how)
    with pytest.raises(EgazeError, match="already exists"):
        train_set(study, control, run_set.path, **{**how, "resume": False})


def test_a_resumed_run_keeps_its_split(study, tiny_recipe, tmp_path):
    shutil.copytree(study.path, tmp_path / "study")
    with pytest.raises(Stop):
        train(open_study(tmp_path / "study"), tiny_recipe, tmp_path / "run", device="cpu", on_epoch=stop)
    assert not open_run(tmp_path / "run").is_finished
    split_study(tmp_path / "study", seed=5)
    with pytest.raises(RunError, match="cannot resume: the split differs"):
        train(open_study(tmp_path / "study"), tiny_recipe, tmp_path / "run", device="cpu", resume=True)


def test_a_run_s_own_split_outlives_the_study_s(run_set, study, tmp_path):
    shutil.copytree(study.path, tmp_path / "study")
    shutil.copytree(run_set.path / "fold-0-seed-2", tmp_path / "run")
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    (tmp_path / "run" / "run.json").write_text(json.dumps({**facts, "study": str(tmp_path / "study")}))
    split_study(tmp_path / "study", seed=5)
    opened = open_run(tmp_path / "run").open_study()
    np.testing.assert_array_equal(opened.splits.split_index, deal_folds(study, 3)[0].split_index)
    split_study(tmp_path / "study", seed=6)
    shutil.copy(tmp_path / "study" / "splits.json", tmp_path / "run" / "splits.json")
    with pytest.raises(RunError, match=r"splits\.json: not the splits that this run was trained with"):
        open_run(tmp_path / "run").open_study()
    (tmp_path / "run" / "splits.json").write_text("{")
    with pytest.raises(StudyError, match=r"splits\.json: cannot be read"):
        open_run(tmp_path / "run").open_study()


@pytest.mark.parametrize(
    ("epochs", "patience", "best", "finished"),
    [(3, 0, [1], 1), (4, 0, [1], 0), (9, 2, [1], 1), (9, 2, [1, 2], 0), (9, 3, [], 1), (9, 4, [], 0)],
)
def test_when_a_run_is_finished(tmp_path, control, epochs, patience, best, finished):
    """After two epochs of the first stage and three of the last, of which some were the best until then."""
    stages = (replace(control.stages[0], epochs=2), replace(control.stages[0], epochs=epochs, patience=patience))
    log = [entry(1, best=True), entry(2, best=True)]
    write_log(tmp_path, log)
    run = Run(tmp_path, replace(control, stages=stages), {})
    assert not run.is_finished
    log += [entry(number, best=number in best) for number in (1, 2, 3)]
    write_log(tmp_path, log)
    assert run.is_finished == finished


def entry(epoch, *, best):
    return EpochLog("all", epoch, 1e-3, {"loss": 1.0}, "validation", {"loss": 1.5}, 0.75, best, 2.0)


def write_log(folder, log):
    (folder / "log.jsonl").write_text("".join(json.dumps(entry.to_line()) + "\n" for entry in log))


def test_seeds_and_folds_are_checked_before_anything_is_written(study, control, tmp_path):
    for seeds in ((), (1, 1), (-1,)):
        with pytest.raises(EgazeError, match="seeds must be distinct and not negative"):
            train_set(study, control, tmp_path / "set", seeds=seeds)
    with pytest.raises(EgazeError, match="30000 runs are more than 10000"):
        train_set(study, control, tmp_path / "set", folds=3, seeds=range(10_000))
    with pytest.raises(StudyError, match="folds must be 3 to"):
        train_set(study, control, tmp_path / "set", folds=1000)
    rare = replace(study, labels=ExclusiveLabels(study.class_names, np.where(np.arange(len(study)) == 5, 1, 0)))
    with pytest.raises(StudyError, match="class 'chf' has no case in the train split"):
        train_set(rare, control, tmp_path / "set", folds=3)
    assert not list(tmp_path.iterdir())


def test_an_error_names_the_run(study, control, tmp_path):
    stage = replace(control.stages[0], learning_rate=1e30, warmup_epochs=0, clip_norm=1e30)
    with pytest.raises(EgazeError, match="^seed-3: .*the loss is .*; lower the learning rate"):
        train_set(study, replace(control, stages=(stage,)), tmp_path / "set", seeds=(3,), device="cpu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 9}, "not a set of runs of format version 1"),
        ({"seeds": []}, "damaged"),
        ({"seeds": ["../.."]}, "damaged"),
        ({"seeds": [1, 1]}, "damaged"),
        ({"seeds": [True]}, "damaged"),
        ({"seeds": list(range(9000))}, "damaged"),
        ({"folds": {"count": 10**9}}, "damaged"),
        ({"folds": "three"}, "damaged"),
    ],
)
def test_damaged_sets(run_set, tmp_path, change, message):
    (tmp_path / SET).write_text(json.dumps({**run_set.facts, **change}))
    with pytest.raises(RunError, match=message):
        open_run_set(tmp_path)
    with pytest.raises(RunError, match="not a training run but a set of runs"):
        open_run(tmp_path)
