from dataclasses import replace

import numpy as np
import pytest
from training.tiny_runs import without_gaze

from egaze.errors import RecipeError, StudyError
from egaze.evaluation import evaluate
from egaze.study.splits import SPLITS
from egaze.training import load_recipe, train
from egaze.training.epoch_log import EpochLog
from egaze.training.monitor import monitored
from egaze.training.stage import HEATMAP_MONITORS, Stage

LOSSES = {"loss": 3.0}
AGREEMENT = {"heatmap_cc": 0.5, "heatmap_nss": 1.5, "heatmap_kl": 0.75}


@pytest.mark.parametrize(
    ("monitor", "value"),
    [
        ("macro_auc", 0.8),
        ("loss", -3.0),
        ("heatmap_cc", 0.5),
        ("heatmap_nss", 1.5),
        ("heatmap_kl", -0.75),
        ({"macro_auc": 1, "heatmap_cc": 2}, 1.8),
        ({"heatmap_kl": 2, "macro_auc": 0.5, "loss": 0.1}, -1.4),
    ],
)
def test_more_is_better(monitor, value):
    assert monitored(Stage(monitor=monitor), 0.8, LOSSES, AGREEMENT) == pytest.approx(value)


def test_an_undefined_auc_alone_is_the_loss():
    assert monitored(Stage(monitor="macro_auc"), None, LOSSES, {}) == -3.0
    assert np.isnan(monitored(Stage(monitor={"macro_auc": 1, "heatmap_cc": 1}), None, LOSSES, AGREEMENT))


def of_stage(recipe, **changes):
    return replace(recipe, stages=tuple(replace(stage, **changes) for stage in recipe.stages))


@pytest.mark.parametrize("monitor", ["heatmap_kl", {"macro_auc": 1, "heatmap_cc": 1}])
def test_the_best_epoch_is_the_monitor_s(study, tiny_recipe, tmp_path, monitor):
    recipe = of_stage(tiny_recipe, monitor=monitor, epochs=4, learning_rate=3e-3)
    run = train(study, recipe, tmp_path / "run", seed=1, device="cpu", threads=1)
    assert run.recipe == recipe
    log = run.log()
    values = [monitored(recipe.stages[0], entry.macro_auc, entry.losses, entry.agreement) for entry in log]
    best = [entry.epoch for entry in log if entry.best][-1]
    assert best == 1 + int(np.argmax(values)) and len(set(values)) > 1
    assert set(log[0].agreement) == set(HEATMAP_MONITORS)
    assert log == [EpochLog.from_line(entry.to_line()) for entry in log]
    # What was monitored is what is evaluated.
    figures = evaluate(run, split="validation", threads=1).metrics.heatmap.predicted
    chosen = log[best - 1].agreement
    for name, metric in zip(HEATMAP_MONITORS, ("cc", "nss", "kld"), strict=True):
        assert chosen[name] == pytest.approx(figures[metric].value, abs=2e-3)  # heatmaps are stored as float16


def test_an_untrained_classifier_chooses_nothing(study, tiny_recipe, tmp_path):
    recipe = of_stage(tiny_recipe, classification_weight=0.0, epochs=3)
    log = train(study, recipe, tmp_path / "run", seed=1, device="cpu", threads=1).log()
    best = [entry.epoch for entry in log if entry.best][-1]
    assert best == 1 + int(np.argmin([entry.losses["loss"] for entry in log]))


def test_what_a_recipe_cannot_give_is_refused():
    with pytest.raises(
        RecipeError, match=r"stages\[0\].monitor must be without heatmap metrics in a recipe that train"
    ):
        load_recipe("encoder-only", ["stages.monitor=heatmap_cc"])
    with pytest.raises(RecipeError, match=r"stages\[0\].monitor must be without macro_auc before a stage has trained"):
        load_recipe("generator-first", ["stages.monitor={macro_auc=1,heatmap_cc=1}"])
    assert load_recipe("generator-first", ["stages.monitor=heatmap_cc"]).stages[1].monitor == "heatmap_cc"


def test_what_the_split_cannot_give_is_refused(study, tiny_recipe, tmp_path):
    validation = study.splits.split_index == SPLITS.index("validation")
    with pytest.raises(
        StudyError, match="stage 'joint' cannot be monitored on the validation split: no case there has"
    ):
        train(without_gaze(study, validation), of_stage(tiny_recipe, monitor="heatmap_nss"), tmp_path / "run")
    split_index = np.where(validation, 0, study.splits.split_index)
    split_index[np.flatnonzero(study.labels.values == 0)[:2]] = SPLITS.index("validation")
    one_class = study.with_splits(replace(study.splits, split_index=split_index))
    summed = of_stage(tiny_recipe, monitor={"macro_auc": 1, "heatmap_cc": 1})
    with pytest.raises(StudyError, match="no class there has cases with and without it, so that macro_auc is"):
        train(one_class, summed, tmp_path / "run")
    assert not (tmp_path / "run").exists()
