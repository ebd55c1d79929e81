import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import roc_auc_score

from egaze.deploy import Predictor, export_torchscript
from egaze.errors import EgazeError, RunError, StudyError
from egaze.evaluation import compare, evaluate, open_evaluation
from egaze.evaluation.agreement import centre_bias
from egaze.evaluation.evaluate import published_results
from egaze.evaluation.results import TrainedHeads
from egaze.metrics import cc
from egaze.study import split_study
from egaze.study.splits import Splits, split_patients
from egaze.training import load_recipe, train


@pytest.fixture
def evaluation(run):
    return open_evaluation(run.path / "evaluation" / "test")


def test_predictions_are_the_model_s(run, study, evaluation):
    model = run.load_model()
    table = evaluation.predictions
    assert table["case_index"].to_list() == study.splits.indices("test").tolist()
    for row in (0, len(table) - 1):
        image = torch.from_numpy(study.images[table["case_index"][row]] / np.float32(65535))[None, None]
        with torch.no_grad():
            output = model(image)
        probs = [table[f"prob_{name}"][row] for name in study.class_names]
        np.testing.assert_allclose(probs, output.class_logits.softmax(1)[0], atol=1e-4)
        np.testing.assert_allclose(evaluation.heatmaps[row], output.heatmap_logits.sigmoid()[0, 0], atol=2e-3)


def test_metrics_follow_from_the_predictions(run, study, evaluation):
    metrics, table = evaluation.metrics, evaluation.predictions
    assert metrics.synthetic is True and metrics.cases == len(table)
    for name, facts in metrics.classification.classes.items():
        is_class = (table["label"] == name).to_numpy()
        assert facts.cases == is_class.sum()
        if facts.auc is not None:
            assert facts.auc.value == pytest.approx(roc_auc_score(is_class, table[f"prob_{name}"].to_numpy()))
            assert facts.auc.low <= facts.auc.value <= facts.auc.high
    truth = run.recipe.heatmap.heatmap(study, [table["case_index"][2]], 64)
    # Figures are of the maps as they are; those kept to be drawn are rounded to float16.
    assert table["cc"][2] == pytest.approx(cc(evaluation.heatmaps[2].astype(float), truth), abs=1e-3)
    image = torch.from_numpy(study.images[table["case_index"][2]] / np.float32(65535))[None, None]
    with torch.no_grad():
        whole = run.load_model()(image).heatmap_logits.sigmoid()[0, 0].numpy()
    assert table["cc"][2] == pytest.approx(cc(whole, truth), abs=1e-5)
    heatmap = metrics.heatmap
    assert heatmap.predicted["cc"].value == pytest.approx(table["cc"].mean())
    difference = heatmap.predicted["cc"].value - heatmap.centre_bias["cc"].value
    assert heatmap.over_centre_bias["cc"].value == pytest.approx(difference)
    assert metrics.published == ()


def test_the_centre_bias_comes_from_training_radiographs_alone(run, study):
    centre = centre_bias(study, run.recipe.heatmap, 64)
    assert centre.sum() == pytest.approx(1)
    densities = []
    for case in study.splits.indices("train"):
        heatmap = run.recipe.heatmap.heatmap(study, [int(case)], 64).astype(float)
        densities.append(heatmap / heatmap.sum())
    np.testing.assert_allclose(centre, np.mean(densities, axis=0), rtol=1e-6)


def test_a_control_without_heatmaps(study, tmp_path):
    recipe = load_recipe("encoder-only", ["input_size_px=64", "model.encoder=mobilenetv3_small_050", "stages.epochs=1"])
    evaluation = evaluate(train(study, recipe, tmp_path / "run", device="cpu"), split="validation")
    assert evaluation.heatmaps is None and evaluation.metrics.heatmap is None
    assert evaluation.path == tmp_path / "run" / "evaluation" / "validation"


def test_a_changed_study_is_noticed(run, study, tmp_path, tiny_recipe):
    shutil.copytree(study.path, tmp_path / "study")
    from egaze.study import open_study

    own = train(open_study(tmp_path / "study"), tiny_recipe, tmp_path / "run", device="cpu")
    split_study(tmp_path / "study", seed=5)
    with pytest.raises(RunError, match="the splits of study .* have changed since"):
        evaluate(own)
    (tmp_path / "study" / "study.json").write_text((tmp_path / "study" / "study.json").read_text() + " ")
    with pytest.raises(RunError, match="is no longer the one that this run was trained on"):
        evaluate(own)
    shutil.rmtree(tmp_path / "study")
    with pytest.raises(StudyError, match="not a prepared study"):
        evaluate(own)


def test_missing_evaluation(tmp_path):
    with pytest.raises(RunError, match="not evaluated yet; run `egaze evaluate` first"):
        open_evaluation(tmp_path)


def test_published_results_are_shown_for_their_own_split_only(study):
    """A table as long as EGD-CXR's, as `egaze prepare egd-cxr` would write it."""
    places = np.arange(1083) % 1038
    sources = [{**study.manifest["sources"][0], "layout": "egd-cxr", "synthetic": False, "patients": 1038}]
    cases = pl.DataFrame({"patient_place": places})

    def of(seed, split="test", **facts):
        index = split_patients(1038, seed, (8, 1, 1))[places]
        manifest = {**study.manifest, "sources": [{**sources[0], **facts}]}
        images = np.zeros((len(places), 1, 1), np.uint16)
        whole = replace(
            study, manifest=manifest, cases=cases, stored_images=images, splits=Splits(seed, (8.0, 1.0, 1.0), index)
        )
        return {paper.source.split(",")[0] for paper in published_results(whole, split)}

    assert of(42) == {"Karargyris et al. 2021", "Watanabe et al. 2022"}
    assert of(1) == {"seed-1 split", "Watanabe et al. 2022"}
    for other in (of(2), of(42, "validation"), of(42, synthetic=True), of(42, layout="table"), of(42, patients=1037)):
        assert other == set()


def untrained(study, tmp_path, *overrides):
    tiny = ("input_size_px=64", "model.encoder=mobilenetv3_small_050", "stages.epochs=1", "stages.monitor=loss")
    return train(study, load_recipe("joint", [*tiny, *overrides]), tmp_path / "run", device="cpu")


def test_a_classifier_that_was_not_trained_is_not_measured(study, tmp_path):
    run = untrained(study, tmp_path, "stages.classification_weight=0")
    found = evaluate(run)
    assert found.metrics.classification is None and found.metrics.heatmap.predicted["cc"].is_defined
    assert found.metrics.trained == TrainedHeads(classification=False, heatmap=True)
    assert (
        "classification: no stage of the recipe trained the classifier, so it is not measured" in found.metrics.warnings
    )
    assert all(found.predictions[f"prob_{name}"].is_null().all() for name in study.class_names)
    compared = compare(run, run, resamples=100)
    facts = compared.result
    assert facts.classification is None and facts.predictions is None and compared.disagreements.is_empty()
    assert any("has no trained classifier" in line for line in facts.warnings)
    assert facts.heatmap.metrics["cc"].difference == 0
    with pytest.raises(EgazeError, match="no stage of recipe 'joint' trained the classifier"):
        export_torchscript(run, tmp_path / "model.pt")


def test_a_heatmap_head_that_was_not_trained_is_not_measured(study, tmp_path):
    run = untrained(study, tmp_path, "stages.heatmap_weight=0")
    found = evaluate(run)
    assert found.metrics.heatmap is None and found.heatmaps is None
    assert "heatmaps: no stage of the recipe trained the heatmap head, so it is not measured" in found.metrics.warnings
    assert found.metrics.classification.macro_auc.is_defined
    assert not export_torchscript(run, tmp_path / "model.pt").heatmap_head
    answer = Predictor(tmp_path / "model.pt").predict(np.zeros((80, 80), np.uint16))
    assert not np.any(answer.heatmap)
