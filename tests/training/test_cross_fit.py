import json
from dataclasses import replace

import numpy as np
import pytest
from lightning_fabric import Fabric
from training.tiny_runs import Stop, same, stop, weights

from egaze.errors import RunError, StudyError
from egaze.evaluation import evaluate
from egaze.study.splits import SPLITS
from egaze.training import open_run, train, train_set
from egaze.training.checkpoint import load_checkpoint
from egaze.training.cross_fit import CROSS_FIT, cross_fitted_epochs, inner_recipe, inner_splits

EPOCHS = 3


@pytest.fixture(scope="module")
def recipe(tiny_recipe):
    stage = replace(tiny_recipe.stages[0], monitor="heatmap_cc", epochs=EPOCHS)
    return replace(tiny_recipe, choose_on="train", inner_folds=2, input_size_px=32, stages=(stage,))


@pytest.fixture(scope="module")
def fitted(study, recipe, tmp_path_factory):
    return train(study, recipe, tmp_path_factory.mktemp("fit") / "run", seed=1, device="cpu", threads=1)


def test_inner_folds_are_of_the_training_split_and_keep_patients_whole(study):
    training = set(study.splits.indices("train").tolist())
    folds = inner_splits(study, 4)
    measured = np.concatenate([splits.indices("validation") for splits in folds])
    assert sorted(measured) == sorted(training)
    for splits in folds:
        trained, chosen = splits.indices("train"), splits.indices("validation")
        assert set(trained) | set(chosen) == training
        assert not set(study.patients[trained]) & set(study.patients[chosen])


def test_the_number_of_epochs_is_the_best_on_average(fitted, study, recipe, tmp_path):
    (stage,) = json.loads((fitted.path / CROSS_FIT).read_text())["stages"]
    curves = np.array(stage["monitored"])
    assert curves.shape == (2, EPOCHS) and stage["epochs"] == 1 + int(np.argmax(curves.mean(axis=0)))
    log = fitted.log()
    assert [entry.best for entry in log] == [False] * (stage["epochs"] - 1) + [True]
    assert fitted.is_finished and not (fitted.path / "cross-fit").exists()
    # A curve is that of a training of its own on the inner fold.
    alone = train(
        study, inner_recipe(recipe), tmp_path / "run", splits=inner_splits(study, 2)[0], seed=1, device="cpu", threads=1
    )
    assert [entry.agreement["heatmap_cc"] for entry in alone.log()] == curves[0].tolist()


def test_the_model_is_that_of_as_many_epochs_on_the_whole_training_split(fitted, study, recipe, tmp_path):
    (stage,) = json.loads((fitted.path / CROSS_FIT).read_text())["stages"]
    plain = replace(recipe, choose_on="validation", inner_folds=0)

    def stop_there(entry):
        if entry.epoch == stage["epochs"]:
            raise Stop

    with pytest.raises(Stop):
        train(study, plain, tmp_path / "run", seed=1, device="cpu", threads=1, on_epoch=stop_there)
    assert same(load_checkpoint(tmp_path / "run" / "last.pt")["model"], weights(fitted))


def test_neither_validation_nor_test_has_a_part_in_it(fitted, study, recipe, tmp_path):
    others = study.splits.split_index != SPLITS.index("train")
    images = np.where(others[:, None, None], 1 - study.images[:], study.images[:]).astype(study.images.dtype)
    run = train(replace(study, stored_images=images), recipe, tmp_path / "run", seed=1, device="cpu", threads=1)
    assert same(weights(run), weights(fitted))
    assert (run.path / CROSS_FIT).read_text() == (fitted.path / CROSS_FIT).read_text()


def test_an_interrupted_run_is_resumed(fitted, study, recipe, tmp_path, monkeypatch):
    out = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr("egaze.training.cross_fit.write_text", stop_writing)
        train(study, recipe, out, seed=1, device="cpu", threads=1)
    assert not open_run(out).is_finished and (out / "cross-fit" / "fold-1").is_dir()
    resumed = train(study, recipe, out, seed=1, device="cpu", threads=1, resume=True)
    assert same(weights(resumed), weights(fitted))


def stop_writing(path, text):
    stop(text)


def test_evaluation_says_which_split_chose(fitted):
    evaluated = evaluate(fitted, split="validation", threads=1).metrics
    assert evaluated.chosen_on == "train" and not evaluated.optimistic


def test_what_inner_folds_cannot_give_is_refused_before_anything_is_written(study, recipe, tmp_path):
    with pytest.raises(StudyError, match=r"inner_folds must be at most \d+, the train split's patients, got 20"):
        inner_splits(study.with_splits(replace(study.splits, split_index=np.arange(len(study)) % 3)), 20)
    few = np.full(len(study), 2)
    few[[int(np.flatnonzero(study.labels.values == label)[place]) for label in range(3) for place in (0, 1)]] = 0
    few[int(np.flatnonzero(few == 2)[0])] = 1
    by_auc = replace(recipe, inner_folds=5, stages=(replace(recipe.stages[0], monitor="macro_auc"),))
    with pytest.raises(StudyError, match=r"inner fold \d of 5: .*'joint' cannot be monitored.*no class there"):
        train_set(study.with_splits(replace(study.splits, split_index=few)), by_auc, tmp_path / "runs")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["{}", '{"stages": [{"epochs": 99}]}', "nothing"])
def test_a_damaged_file_is_said(study, recipe, tmp_path, content):
    (tmp_path / CROSS_FIT).write_text(content)
    with pytest.raises(RunError, match=r"cross-fit.json: damaged"):
        cross_fitted_epochs(Fabric(accelerator="cpu", devices=1), study, recipe, tmp_path, None)
