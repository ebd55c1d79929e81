"""Real radiographs without gaze and real gaze without labels, mixed, from tables to the C++ runner."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from egaze.deploy import Predictor, export_torchscript
from egaze.evaluation import evaluate
from egaze.sources import Table
from egaze.study import prepare_study
from egaze.training import load_recipe, train

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def radiographs(real_data, tmp_path_factory):
    """nih_cxr as a table: normal against the CHF proxy, no gaze."""
    folder = tmp_path_factory.mktemp("nih")
    rows = pl.read_csv(real_data / "nih_cxr" / "labels.csv").filter(
        pl.col("class3_proxy").is_in(["normal", "chf_proxy"])
    )
    for image in rows["image"]:
        shutil.copy(real_data / "nih_cxr" / "png512" / image, folder)
    rows.select(case_id="image", image="image", patient_id="patient_id", label="class3_proxy").write_csv(
        folder / "cases.csv"
    )
    return folder


@pytest.fixture(scope="module")
def scenes(real_data, tmp_path_factory):
    """osie_gaze as a table: one viewer's gaze on natural images, no labels."""
    folder = tmp_path_factory.mktemp("osie")
    stimuli = sorted((real_data / "osie_gaze" / "stimuli").iterdir())
    for stimulus in stimuli:
        shutil.copy(stimulus, folder)
    names = [stimulus.name for stimulus in stimuli]
    pl.DataFrame({"case_id": names, "image": names, "patient_id": names}).write_csv(folder / "cases.csv")
    gaze = pl.read_csv(real_data / "osie_gaze" / "fixations.csv").filter(
        pl.col("image").is_in(names) & (pl.col("subject") == 1)
    )
    # Their pixels count from 1.
    gaze.select(
        case_id="image",
        x_px=pl.col("x_px") - 1,
        y_px=pl.col("y_px") - 1,
        duration_s=pl.col("duration_ms") / 1000,
    ).write_csv(folder / "fixations.csv")
    return folder


def test_the_road(radiographs, scenes, tmp_path):
    sources = [
        Table(radiographs / "cases.csv", class_names=["normal", "chf_proxy"]),
        Table(scenes / "cases.csv", scenes / "fixations.csv"),
    ]
    study = prepare_study(sources, tmp_path / "study", size_px=64, workers=2)
    counts = study.manifest["counts"]
    assert counts["with_label"] == 85 and counts["with_gaze"] == 100 and counts["cases"] == 185
    assert not study.is_synthetic

    tiny = ["input_size_px=64", "model.encoder=mobilenetv3_small_050", "stages.epochs=2"]
    run = train(study, load_recipe("joint", tiny), tmp_path / "run", device="cpu")
    first, last = run.log()
    # Each head learns from what is there.
    assert last.train_losses["heatmap"] < first.train_losses["heatmap"]
    assert np.isfinite(last.train_losses["classification"])

    metrics = evaluate(run).metrics
    assert metrics.classification.cases + metrics.heatmap.cases == metrics.cases

    export_torchscript(run, tmp_path / "model.pt")
    predictor = Predictor(tmp_path / "model.pt")
    paths = sorted(radiographs.glob("*.png"))[:6]
    assert {tuple(predictor.predict(path).class_names) for path in paths} == {("normal", "chf_proxy")}
    compare_with_runner(predictor, tmp_path / "model.pt", paths, tmp_path / "maps")


def compare_with_runner(predictor, model, paths, out):
    runner = Path(os.environ.get("EGAZE_RUN", Path(__file__).parents[1] / "build/cpp/csrc/runner/egaze-run"))
    if not runner.is_file():
        assert os.environ.get("EGAZE_REQUIRE_RUNNER") != "1", f"{runner} has not been built"
        pytest.skip(f"{runner} has not been built; `make test` builds it")
    formats = subprocess.run([runner, "--formats"], capture_output=True, text=True, check=True).stdout
    if "png: yes" not in formats:
        pytest.skip(f"this build of egaze-run does not read PNG radiographs: {formats}")
    done = subprocess.run([runner, model, *paths, "--out", out], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for path, answer in zip(paths, json.loads(done.stdout)["predictions"], strict=True):
        expected = predictor.predict(path)
        found = [answer["class_probs"][name] for name in expected.class_names]
        np.testing.assert_allclose(found, expected.class_probs, atol=1e-5)
        if "heatmap_npy" not in answer:  # the model has no heatmap head
            assert not expected.heatmap.any()
            continue
        np.testing.assert_allclose(np.load(answer["heatmap_npy"]), expected.heatmap, atol=1e-5)
