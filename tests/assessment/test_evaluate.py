import shutil

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from egaze.assessment import evaluate, open_assessment
from egaze.assessment.evaluate import centre_bias, true_heatmap
from egaze.errors import RunError, StudyError
from egaze.evaluation import cc
from egaze.study import split_study
from egaze.training import train


@pytest.fixture
def assessment(run):
    return open_assessment(run.path / "evaluation" / "test")


def test_predictions_are_the_model_s(run, study, assessment):
    model = run.load_model()
    table = assessment.predictions
    assert table["case_index"].to_list() == study.split.indices("test").tolist()
    for row in (0, len(table) - 1):
        image = torch.from_numpy(study.images[table["case_index"][row]] / np.float32(65535))[None, None]
        with torch.no_grad():
            output = model(image)
        probs = [table[f"prob_{name}"][row] for name in study.class_names]
        np.testing.assert_allclose(probs, output.class_logits.softmax(1)[0], atol=1e-4)
        np.testing.assert_allclose(assessment.heatmaps[row], output.heatmap_logits.sigmoid()[0, 0], atol=2e-3)


def test_figures_follow_from_the_predictions(run, study, assessment):
    metrics, table = assessment.metrics, assessment.predictions
    assert metrics["synthetic"] is True and metrics["cases"] == len(table)
    for name, facts in metrics["classification"]["classes"].items():
        is_class = (table["label"] == name).to_numpy()
        assert facts["cases"] == is_class.sum()
        if facts["auc"] is not None:
            assert facts["auc"]["value"] == pytest.approx(roc_auc_score(is_class, table[f"prob_{name}"].to_numpy()))
            assert facts["auc"]["low"] <= facts["auc"]["value"] <= facts["auc"]["high"]
    truth = true_heatmap(study, run.recipe.heatmap, table["case_index"][2], 64)
    # Figures are of the maps as they are; those kept to be drawn are rounded to float16.
    assert table["cc"][2] == pytest.approx(cc(assessment.heatmaps[2].astype(float), truth), abs=1e-3)
    image = torch.from_numpy(study.images[table["case_index"][2]] / np.float32(65535))[None, None]
    with torch.no_grad():
        whole = run.load_model()(image).heatmap_logits.sigmoid()[0, 0].numpy()
    assert table["cc"][2] == pytest.approx(cc(whole, truth), abs=1e-5)
    heatmap = metrics["heatmap"]
    assert heatmap["cc"]["value"] == pytest.approx(table["cc"].mean())
    difference = heatmap["cc"]["value"] - heatmap["centre_bias"]["cc"]["value"]
    assert heatmap["over_centre_bias"]["cc"]["value"] == pytest.approx(difference)
    assert any("Watanabe" in paper["source"] for paper in metrics["published"])


def test_the_centre_bias_comes_from_training_films_alone(run, study):
    centre = centre_bias(study, run.recipe.heatmap, 64)
    assert centre.sum() == pytest.approx(1)
    densities = []
    for case in study.split.indices("train"):
        heatmap = true_heatmap(study, run.recipe.heatmap, int(case), 64).astype(float)
        densities.append(heatmap / heatmap.sum())
    np.testing.assert_allclose(centre, np.mean(densities, axis=0), rtol=1e-6)


def test_a_control_without_heatmaps(study, tmp_path):
    from egaze.training import load_recipe

    recipe = load_recipe("encoder-only", ["input_size_px=64", "model.encoder=mobilenetv3_small_050", "stages.epochs=1"])
    assessment = evaluate(train(study, recipe, tmp_path / "run", device="cpu"), split="validation")
    assert assessment.heatmaps is None and assessment.metrics["heatmap"] is None
    assert assessment.path == tmp_path / "run" / "evaluation" / "validation"


def test_a_changed_study_is_noticed(run, study, tmp_path, tiny_recipe):
    shutil.copytree(study.path, tmp_path / "study")
    from egaze.study import open_study

    own = train(open_study(tmp_path / "study"), tiny_recipe, tmp_path / "run", device="cpu")
    split_study(tmp_path / "study", seed=5)
    with pytest.raises(RunError, match="has been split anew"):
        evaluate(own)
    (tmp_path / "study" / "study.json").write_text((tmp_path / "study" / "study.json").read_text() + " ")
    with pytest.raises(RunError, match="is not the one this run was trained on"):
        evaluate(own)
    shutil.rmtree(tmp_path / "study")
    with pytest.raises(StudyError, match="not a prepared study"):
        evaluate(own)


def test_missing_evaluation(tmp_path):
    with pytest.raises(RunError, match="not evaluated yet; run `egaze evaluate` first"):
        open_assessment(tmp_path)
