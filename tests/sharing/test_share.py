"""A run's model in a folder for others, and the model file that they make of it."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import TINY
from huggingface_hub import ModelCard

from egaze.cli import cli
from egaze.deploy import Predictor, export_run
from egaze.errors import EgazeError, RunError
from egaze.evaluation import evaluate, open_evaluation
from egaze.serialize import to_json
from egaze.sharing import fetch_model, open_shared, share_run
from egaze.training import load_recipe, open_run, train


@pytest.mark.parametrize("name", ["model.pt", "model.onnx"])
def test_the_model_file_is_that_of_the_run(name, run, shared_folder, tmp_path):
    if name.endswith(".onnx"):
        pytest.importorskip("onnxruntime")
    spec = fetch_model(open_shared(shared_folder), tmp_path / name)
    own = export_run(run, tmp_path / f"own-{name}")
    assert spec == own and (tmp_path / name).read_bytes() == (tmp_path / f"own-{name}").read_bytes()


def test_predictions_are_the_same_to_the_bit(twin, model_file, shared_folder, tmp_path):
    done = CliRunner().invoke(cli, ["fetch", str(shared_folder), str(tmp_path / "model.pt")])
    assert done.exit_code == 0 and "normal, chf, pneumonia; 64x64 px input, fp32" in done.stdout, done.output
    fetched, own = Predictor(tmp_path / "model.pt"), Predictor(model_file)
    for radiograph in sorted(twin.images.rglob("*.dcm"))[:3]:
        ours, theirs = own.predict(radiograph), fetched.predict(radiograph)
        np.testing.assert_array_equal(theirs.class_probs, ours.class_probs)
        np.testing.assert_array_equal(theirs.heatmap, ours.heatmap)


def test_the_folder_tells_what_the_evaluation_and_the_report_say(run, shared_folder):
    spec = json.loads((shared_folder / "spec.json").read_text())
    assert spec["training_split_sha256"] == run.facts["training_split_sha256"]
    assert spec["class_names"] == ["normal", "chf", "pneumonia"] and spec["canvas"]["height_px"] == 64
    metrics = open_evaluation(run.path / "evaluation" / "test").metrics
    stored = json.loads((shared_folder / "metrics.json").read_text())
    assert stored["classification"]["macro_auc"] == to_json(metrics.classification.macro_auc)
    card = (shared_folder / "README.md").read_text()
    auc = metrics.classification.macro_auc
    assert f"| AUC, mean of the classes | {auc.value:.3f} | {auc.low:.3f} to {auc.high:.3f} |" in card
    for said in ("| Training split digest | SHA-256 ", "synthetic", "not a medical", "| CC of heatmaps with gaze |"):
        assert said in card
    assert str(run.path) not in card and run.facts["study"] not in card


def test_the_card_begins_with_the_header_that_the_hub_reads(run, shared_folder):
    data = ModelCard.load(shared_folder / "README.md").data
    assert data.license == "cc-by-4.0" and data.library_name == "egaze"
    (result,) = data.eval_results
    metrics = open_evaluation(run.path / "evaluation" / "test").metrics
    assert result.metric_type == "roc_auc" and result.metric_value == metrics.classification.macro_auc.value
    assert "synthetic" in result.dataset_name and result.dataset_split == "test"


def test_nothing_shared_names_a_case_or_a_place(run, study, shared_folder):
    words = {*study.case_ids, str(study.path), str(run.path), *study.cases["reader_id"].drop_nulls()} - {""}
    for path in shared_folder.iterdir():
        content = path.read_bytes()
        assert [word for word in words if len(word) > 3 and word.encode() in content] == []


def test_a_model_of_independent_classes_with_their_heatmaps(findings_run, twin, tmp_path):
    evaluate(findings_run, threads=1)
    shared = open_shared(share_run(findings_run, tmp_path / "shared"))
    assert shared.label_kind == "independent" and shared.class_probs == "sigmoid"
    spec = fetch_model(shared, tmp_path / "model.pt")
    own = export_run(findings_run, tmp_path / "own.pt")
    assert spec == own and spec.class_heatmaps
    radiograph = next(twin.images.rglob("*.dcm"))
    ours, theirs = (
        Predictor(tmp_path / name, class_heatmaps=True).predict(radiograph) for name in ("own.pt", "model.pt")
    )
    np.testing.assert_array_equal(theirs.class_heatmaps, ours.class_heatmaps)
    assert "no licence" in (tmp_path / "shared" / "README.md").read_text()


def test_a_run_with_its_epochs_chosen_by_cross_fitting_and_a_prior(study, tmp_path):
    recipe = load_recipe(
        "joint",
        (*TINY, "input_size_px=32", "stages.epochs=1", "choose_on=train", "inner_folds=2", "heatmap.prior=mean"),
    )
    run = train(study, recipe, tmp_path / "run", device="cpu", threads=2)
    evaluate(run, threads=1)
    fetch_model(open_shared(share_run(run, tmp_path / "shared")), tmp_path / "model.pt")
    export_run(run, tmp_path / "own.pt")
    assert (tmp_path / "model.pt").read_bytes() == (tmp_path / "own.pt").read_bytes()


def test_a_set_of_runs_is_refused_and_one_of_its_runs_says_that_it_is_one(cross_validated, tmp_path):
    done = CliRunner().invoke(cli, ["share", str(cross_validated.path), "--to", str(tmp_path / "shared")])
    assert isinstance(done.exception, RunError) and str(done.exception).endswith("fold-0-seed-0")
    assert "is several models" in str(done.exception) and not (tmp_path / "shared").exists()
    share_run(open_run(cross_validated.members[0].path), tmp_path / "one")
    assert "one run of a set of runs" in (tmp_path / "one" / "README.md").read_text()


@pytest.fixture
def copied(run, tmp_path):
    """A run that may be damaged."""
    shutil.copytree(run.path, tmp_path / "run")
    return open_run(tmp_path / "run", study=run.open_study().path)


def test_an_evaluation_of_other_weights_is_refused(copied, tmp_path):
    predictions = copied.path / "evaluation" / "test" / "predictions.parquet"
    table = open_evaluation(predictions.parent).predictions
    table.with_columns(prob_chf=table["prob_chf"] + 0.03).write_parquet(predictions)
    with pytest.raises(RunError, match="of other weights than the run's; run `egaze evaluate` again"):
        share_run(copied, tmp_path / "shared")
    assert not (tmp_path / "shared").exists()


def test_a_run_that_is_not_ready_is_refused(copied, tmp_path):
    with pytest.raises(RunError, match="not evaluated yet"):
        share_run(copied, tmp_path / "shared", split="validation")
    log = copied.path / "log.jsonl"
    log.write_text(log.read_text().splitlines()[0] + "\n")
    with pytest.raises(RunError, match="not finished"):
        share_run(copied, tmp_path / "shared")
    heatmaps_only = replace(
        copied.recipe, stages=tuple(replace(s, classification_weight=0) for s in copied.recipe.stages)
    )
    with pytest.raises(RunError, match="trained the classifier"):
        share_run(replace(copied, recipe=heatmaps_only), tmp_path / "shared")


def test_a_folder_that_holds_something_is_left_alone(run, tmp_path):
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(EgazeError, match="already exists"):
        share_run(run, tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"
