from dataclasses import replace

import numpy as np
import pytest
import torch
from training.tiny_runs import Stop, same, stop, weights, without_gaze

from egaze.deploy import check_model, export_torchscript
from egaze.errors import RecipeError, StudyError
from egaze.models.heatmap_prior import PRIOR_PX
from egaze.study.splits import SPLITS
from egaze.targets import FixationHeatmap
from egaze.training import load_recipe, train


@pytest.fixture(scope="module")
def recipe(tiny_recipe):
    return replace(tiny_recipe, heatmap=replace(tiny_recipe.heatmap, prior="mean"))


@pytest.fixture(scope="module")
def with_prior(study, recipe, tmp_path_factory):
    return train(study, recipe, tmp_path_factory.mktemp("prior") / "run", seed=1, device="cpu", threads=1)


def log_odds(run):
    return weights(run)["decoder.prior.log_odds"]


def test_it_is_the_mean_of_the_training_targets(with_prior, study):
    cases = study.splits.indices("train")
    target = FixationHeatmap()
    mean = np.mean([target.heatmap(study, [int(case)], PRIOR_PX) for case in cases if study.has_gaze[case]], axis=0)
    expected = torch.from_numpy(mean).clamp(1e-3, 1 - 1e-3).logit()
    torch.testing.assert_close(log_odds(with_prior)[0, 0], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("split", SPLITS)
def test_only_gaze_of_the_training_split_is_in_it(with_prior, study, recipe, tmp_path, split):
    hidden = np.zeros(len(study), dtype=bool)
    hidden[study.splits.indices(split)[:2]] = True
    one = replace(recipe, stages=(replace(recipe.stages[0], epochs=1),))
    run = train(without_gaze(study, hidden), one, tmp_path / "run", seed=1, device="cpu", threads=1)
    assert torch.equal(log_odds(run), log_odds(with_prior)) == (split != "train")


def test_its_strength_is_learned_with_the_decoder(with_prior, study, recipe, tmp_path):
    (strength,) = with_prior.load_model().decoder.prior.strengths()
    assert strength != 1.0
    stage = replace(recipe.stages[0], parts=("encoder", "classifier"), epochs=1)
    frozen = train(study, replace(recipe, stages=(stage,)), tmp_path / "run", device="cpu", threads=1)
    assert frozen.load_model().decoder.prior.strengths() == pytest.approx([1.0])


def test_a_resumed_run_keeps_it(with_prior, study, recipe, tmp_path):
    with pytest.raises(Stop):
        train(study, recipe, tmp_path / "run", seed=1, device="cpu", threads=1, on_epoch=stop)
    resumed = train(study, recipe, tmp_path / "run", seed=1, device="cpu", threads=1, resume=True)
    assert same(weights(resumed), weights(with_prior))


def test_a_run_with_it_is_exported(with_prior, tmp_path):
    export_torchscript(with_prior, tmp_path / "model.pt")
    assert check_model(tmp_path / "model.pt").heatmap_head


def test_what_it_needs_is_said(study, recipe, tmp_path):
    with pytest.raises(RecipeError, match=r"^recipe encoder-only: heatmap.prior must be none for a model without a he"):
        load_recipe("encoder-only", ["heatmap.prior=mean"])
    with pytest.raises(RecipeError, match=r"heatmap\.prior must be one of none, mean, got 'centre'"):
        load_recipe("joint", ["heatmap.prior=centre"])
    nobody = without_gaze(study, np.ones(len(study), dtype=bool))
    classes_only = replace(recipe, stages=(replace(recipe.stages[0], heatmap_weight=0.0),))
    with pytest.raises(StudyError, match="no case of the train split has gaze, of which heatmap.prior mean is the"):
        train(nobody, classes_only, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()
