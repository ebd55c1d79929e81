"""Searches: what they leave, that they go on where they stopped, are shared, and never see the test split."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from training.tiny_runs import same, weights

from egaze.cli import cli
from egaze.errors import EgazeError, StudyError
from egaze.training import load_recipe, open_run
from egaze.training.lock import only_process_in
from egaze.tuning import load_space, search, trial, tune
from egaze.tuning.trial import trial_seed

pytest.importorskip("optuna", reason="the extra tune is not installed")

SMALL = ("input_size_px=32", "model.encoder=mobilenetv3_small_050", "batch_size=16", "stages.epochs=2")
SPACE = "stages.learning_rate = {low = 1e-4, high = 1e-2, log = true}\nmodel.dropout = {choices = [0.0, 0.2]}"
HOW = {"device": "cpu", "threads": 1, "compute_threads": 1}


@pytest.fixture(scope="module")
def recipe():
    return load_recipe("encoder-only", (*SMALL, "stages.warmup_epochs=0"))


@pytest.fixture(scope="module")
def space_of(recipe, tmp_path_factory):
    def make(text, recipe=recipe):
        path = tmp_path_factory.mktemp("space") / "space.toml"
        path.write_text(text)
        return load_space(path, recipe)

    return make


@pytest.fixture(scope="module")
def searched(study, recipe, space_of, tmp_path_factory):
    out = tmp_path_factory.mktemp("searched") / "search"
    return out, tune(study, recipe, space_of(SPACE), out, trials=3, seed=5, **HOW)


def test_what_a_search_leaves(searched, study, recipe):
    out, result = searched
    assert [(item.number, item.state, item.epochs) for item in result.trials] == [(n, "finished", 2) for n in range(3)]
    assert result.score == max(item.score for item in result.trials) and result.monitor == "macro_auc"
    for item in result.trials:
        run = open_run(out / "trials" / f"{item.number:04}")
        assert item.score == max(entry.macro_auc for entry in run.log())
        assert run.is_finished and run.facts["seed"] == item.seed == trial_seed(5, item.number)
        assert run.recipe.stages[0].learning_rate == item.values["stages.learning_rate"]
        # A run as any other: it can be measured on the study's test split afterwards.
        np.testing.assert_array_equal(run.open_study().splits.split_index, study.splits.split_index)
    assert len({item.values["stages.learning_rate"] for item in result.trials}) == 3
    best = load_recipe(out / "best.toml")
    assert best == open_run(out / "trials" / f"{result.best:04}").recipe
    assert "optimistic" in (out / "best.toml").read_text().partition("\nname")[0]
    stored = json.loads((out / "result.json").read_text())
    assert stored["optimistic"] is True and "optimistic" in stored["caution"] and len(stored["trials"]) == 3
    assert (out / "trials.csv").read_text().count("\n") == 4
    names = {path.name for path in out.iterdir()}
    assert names == {
        *("search.json", ".storage-id", "journal.log", "trials"),
        *("result.json", "trials.csv", "best.toml", "history.png", "slices.png"),
    }


def test_an_interrupted_search_goes_on_and_repeats_nothing(searched, study, recipe, space_of, tmp_path):
    def interrupt(number, entry):
        if (number, entry.epoch) == (1, 1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(study, recipe, space_of(SPACE), tmp_path / "search", trials=3, seed=5, on_epoch=interrupt, **HOW)
    epochs, ended = [], []
    again = {
        "on_epoch": lambda number, entry: epochs.append((number, entry.epoch)),
        "on_trial": lambda item, result: ended.append(item.number),
    }
    result = tune(study, recipe, space_of(SPACE), tmp_path / "search", trials=3, seed=5, **HOW, **again)
    assert epochs == [(1, 2), (2, 1), (2, 2)] and ended == [1, 2]
    of_whole = searched[1]
    assert [(item.values, item.score) for item in result.trials] == [
        (item.values, item.score) for item in of_whole.trials
    ]
    for name in ("0001", "0002"):
        one, other = (open_run(out / "trials" / name) for out in (searched[0], tmp_path / "search"))
        assert same(weights(one), weights(other))
    epochs.clear()
    assert (
        tune(study, recipe, space_of(SPACE), tmp_path / "search", trials=3, seed=5, **HOW, **again).best == result.best
    )
    assert not epochs


def test_trials_do_not_see_the_test_split(searched, study, recipe, space_of, tmp_path, monkeypatch):
    """Trial 0 on a study whose test cases are other radiographs, other labels and without gaze, is trial 0."""
    is_test = study.splits.split_index == 2
    images = np.array(study.images)
    images[is_test] = np.random.default_rng(0).integers(0, 65536, images[is_test].shape)
    codes = np.where(is_test, (study.labels.values + 1) % 3, study.labels.values)
    poisoned = replace(study, stored_images=images, labels=replace(study.labels, values=codes))
    seen = []

    def watched(given, *arguments, **options):
        seen.append(given)
        return trained(given, *arguments, **options)

    trained = trial.train
    monkeypatch.setattr(trial, "train", watched)
    tune(poisoned, recipe, space_of(SPACE), tmp_path / "search", trials=1, seed=5, **HOW)
    with pytest.raises(StudyError, match="the test split is empty"):
        seen[0].splits.indices("test")
    assert not set(np.flatnonzero(is_test)) & {
        i for name in ("train", "validation") for i in seen[0].splits.indices(name)
    }
    one, other = (open_run(out / "trials" / "0000") for out in (searched[0], tmp_path / "search"))
    assert one.log()[-1].losses == other.log()[-1].losses and same(weights(one), weights(other))


def test_workers_share_a_search_and_leave_each_other_s_trials_alone(study, recipe, space_of, tmp_path):
    shared = {"storage": f"sqlite:///{tmp_path / 'search.db'}", **HOW}
    small = replace(recipe, stages=(replace(recipe.stages[0], epochs=1),))
    space = space_of(SPACE, small)

    def interrupt(number, entry):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(study, small, space, tmp_path / "a", trials=2, on_epoch=interrupt, **shared)
    # For the other folder the first trial runs elsewhere; so it does for a process that finds its lock held.
    result = tune(study, small, space, tmp_path / "b", trials=2, **shared)
    assert [item.state for item in result.trials] == ["running", "finished"] and result.best == 1
    with only_process_in(tmp_path / "a" / ".claims" / "0000"):
        assert tune(study, small, space, tmp_path / "a", trials=2, **shared).count("running") == 1
    result = tune(study, small, space, tmp_path / "a", trials=2, **shared)
    assert result.count("finished") == 2
    assert [path.name for path in (tmp_path / "b" / "trials").iterdir()] == ["0001"]
    with pytest.raises(EgazeError, match=r"search\.db: holds another search: its seed differs: 0 there, 1 here"):
        tune(study, small, space, tmp_path / "c", trials=2, seed=1, **shared)


def test_another_search_is_refused(searched, study, recipe, space_of, tmp_path):
    out, _ = searched
    before = (out / "journal.log").read_bytes()

    def refused(message, *, recipe=recipe, space=SPACE, folder=tmp_path / "new", storage=None, seed=5):
        with pytest.raises(EgazeError, match=message) as raised:
            tune(study, recipe, space_of(space, recipe), folder, trials=3, seed=seed, storage=storage, **HOW)
        assert "\n" not in str(raised.value)

    refused("holds another search: its recipe differs; choose another folder", recipe=replace(recipe, batch_size=8),
            folder=out)  # fmt: skip
    refused("its space differs", space="model.dropout = {low = 0.0, high = 0.5}", folder=out)
    refused("its seed differs: 5 then, 6 now", seed=6, folder=out)
    refused(r"journal\.log: holds another search: its recipe differs; choose another storage",
            recipe=replace(recipe, batch_size=8), storage=str(out / "journal.log"), folder=tmp_path / "b")  # fmt: skip
    assert (out / "journal.log").read_bytes() == before
    refused("its trials are in another storage", storage=str(tmp_path / "other.log"), folder=out)
    (tmp_path / "mine.txt").write_text("mine\n")
    refused(r"mine\.txt: is not the journal of a search", storage=str(tmp_path / "mine.txt"))
    assert (tmp_path / "mine.txt").read_text() == "mine\n"
    refused(r"cannot be a journal file", storage=str(tmp_path))
    refused(r"nothing://me:\*\*\*@host/db: cannot be used as the storage", storage="nothing://me:secret@host/db")
    refused("already exists", folder=study.path)
    assert {path.name for path in tmp_path.iterdir()} == {"mine.txt", "other.log"}


def test_a_bad_trial_fails_with_its_reason_and_the_search_goes_on(study, recipe, space_of, tmp_path):
    wild = replace(recipe, stages=(replace(recipe.stages[0], clip_norm=1e30),))
    space = space_of("stages.learning_rate = {choices = [1e-3, 1e30]}", wild)
    result = tune(study, wild, space, tmp_path / "search", trials=4, **HOW)
    assert result.count("failed") and result.count("finished") and len(result.trials) == 4
    for item in result.trials:
        assert (item.state == "failed") == (item.values["stages.learning_rate"] == 1e30)
        assert ("the loss is" in item.reason) == (item.state == "failed")
    space = space_of("stages.learning_rate = {choices = [2e30, 1e30]}", wild)
    with pytest.raises(EgazeError, match="no trial of 1 has finished; the last failed: .*the loss is"):
        tune(study, wild, space, tmp_path / "all", trials=1, **HOW)


def test_a_trial_that_falls_behind_is_pruned(study, recipe, space_of, tmp_path, monkeypatch):
    monkeypatch.setattr(search, "_BEFORE_PRUNING", 1)
    slow = replace(recipe, stages=(replace(recipe.stages[0], monitor="loss"),))
    space = space_of("stages.learning_rate = {choices = [1e-3, 1.0]}", slow)
    result = tune(study, slow, space, tmp_path / "search", trials=4, seed=3, **HOW)
    pruned = [item for item in result.trials if item.state == "pruned"]
    assert pruned and all(item.epochs == 1 and item.score is None for item in pruned)
    assert not open_run(tmp_path / "search" / "trials" / f"{pruned[0].number:04}").is_finished


def test_a_study_on_which_the_monitor_is_undefined_is_refused(study, recipe, space_of, tmp_path):
    codes = np.where(study.splits.split_index == 1, 0, study.labels.values)
    one_class = replace(study, labels=replace(study.labels, values=codes))
    with pytest.raises(StudyError, match="so that macro_auc is undefined"):
        tune(one_class, recipe, space_of(SPACE), tmp_path / "search", trials=1, **HOW)
    assert not list(tmp_path.iterdir())


def test_without_optuna_it_says_what_to_install(study, recipe, space_of, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(EgazeError, match=r"a search needs Optuna: pip install 'egaze\[tune\]'"):
        tune(study, recipe, space_of(SPACE), tmp_path / "search", trials=1, **HOW)


def test_the_command(study, tmp_path):
    (tmp_path / "space.toml").write_text(SPACE)
    words = ["tune", study.path, "--recipe", "encoder-only", "--space", tmp_path / "space.toml", "--trials", 1,
             "--out", tmp_path / "search", "--device", "cpu", "--threads", 1, "--compute-threads", 1]  # fmt: skip
    words += [word for change in (*SMALL, "stages.epochs=1") for word in ("--set", change)]
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["state"] == "finished"
    assert "1 trial: 1 finished, 0 pruned" in done.stderr and "is optimistic" in done.stderr
