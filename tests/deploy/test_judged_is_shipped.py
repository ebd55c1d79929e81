"""What `evaluate` judged is what `Predictor` and egaze-run answer for the same radiograph files."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest
import torch

from egaze.deploy import Predictor, export_torchscript
from egaze.evaluation import evaluate
from egaze.imaging import Canvas, read_stored, to_input
from egaze.loading import DeviceLoader, RadiographLoader
from egaze.sources import EgdCxr
from egaze.study import prepare_study
from egaze.targets import FixationHeatmap
from egaze.training import load_recipe, train
from egaze.training.checkpoint import load_checkpoint, save_checkpoint

INPUT_PX = 128
SIZES_PX = [96, 128, 160, 200, 224, 256, 300]
RECIPE = ("input_size_px=128", "model.encoder=resnet10t", "stages.epochs=1", "stages.patience=0", "batch_size=12")


@pytest.fixture(scope="module")
def sharp_twin(tmp_path_factory):
    """Radiographs with as much detail as a file holds, so that how they are made smaller shows."""
    from egaze.sources.synthetic import synthesize

    return synthesize(tmp_path_factory.mktemp("twin") / "out", cases=40, seed=3, long_side_px=400)


def sharpened(run):
    """The run with a classifier whose answers differ from radiograph to radiograph, as a long training's would."""
    state = load_checkpoint(run.path / "best.pt")
    for name, values in state["model"].items():
        if name.startswith("classifier") and name.endswith("weight"):
            values.mul_(50)
    save_checkpoint(run.path / "best.pt", state)
    return run


@pytest.mark.parametrize(("size_px", "fit"), [*((size, "stretch") for size in SIZES_PX), (200, "letterbox")])
def test_evaluate_predictor_and_the_runner_agree(sharp_twin, runner, tmp_path, size_px, fit, caplog):
    study = prepare_study([EgdCxr(sharp_twin.tables, sharp_twin.images)], tmp_path / "study", size_px=size_px, fit=fit)
    run = sharpened(train(study, load_recipe("joint", RECIPE), tmp_path / "run", seed=1))
    assert ("enlarged to the model's input of 128 px" in caplog.text) == (size_px < INPUT_PX)
    evaluation = evaluate(run)
    export_torchscript(run, tmp_path / "model.pt")
    predictor = Predictor(tmp_path / "model.pt")
    assert predictor.spec.canvas == study.canvas and predictor.spec.input_shape == (INPUT_PX, INPUT_PX)

    rows = evaluation.predictions
    judged = rows.select(f"prob_{name}" for name in run.class_names).to_numpy()
    assert judged.std(axis=0).max() > 0.02  # else agreement would say nothing
    radiographs = {path.stem: path for path in sharp_twin.images.rglob("*.dcm")}
    paths = [radiographs[case_id] for case_id in rows["case_id"]]
    answers = list(predictor.predict_files(paths))
    np.testing.assert_allclose(np.stack([answer.class_probs for answer in answers]), judged, rtol=0, atol=1e-5)
    alone = predictor.predict(paths[0])
    np.testing.assert_array_equal(alone.heatmap, answers[0].heatmap)

    loader = DeviceLoader(study, rows["case_index"].to_numpy(), batch_size=4, size_px=INPUT_PX, target=None, threads=2)
    model = run.load_model()
    with torch.inference_mode():
        # How a radiograph is brought to the input shows in the answers; else agreement would say nothing either.
        (at_once,) = RadiographLoader(
            paths, (INPUT_PX, INPUT_PX), canvas=Canvas.square(INPUT_PX, fit), batch_size=len(paths)
        )
        other = model.predictions(model(at_once.image), run.recipe.stages[-1].class_probs).class_probs.numpy()
        assert size_px % INPUT_PX == 0 or np.abs(other - judged).max() > 3e-5
        heatmaps = torch.cat([model(batch.image).heatmap_logits.sigmoid()[:, 0] for batch in loader]).numpy()
    np.testing.assert_allclose(np.stack([answer.heatmap for answer in answers]), heatmaps, rtol=0, atol=1e-5)

    command = [runner, tmp_path / "model.pt", *paths, "--out", tmp_path / "out", "--batch", "5"]
    done = subprocess.run(command, capture_output=True, text=True)
    said = json.loads(done.stdout)["predictions"]
    if "error" in said[0] and "DCMTK" in said[0]["error"]:
        pytest.skip(said[0]["error"])
    assert done.returncode == 0, done.stderr
    in_cpp = np.array([list(answer["class_probs"].values()) for answer in said])
    np.testing.assert_allclose(in_cpp, judged, rtol=0, atol=1e-5)
    in_cpp = np.stack([np.load(answer["heatmap_npy"]) for answer in said])
    np.testing.assert_allclose(in_cpp, heatmaps, rtol=0, atol=1e-5)


def test_every_interface_gives_a_model_the_same_image(sharp_twin, tmp_path):
    study = prepare_study([EgdCxr(sharp_twin.tables, sharp_twin.images)], tmp_path / "study", size_px=200)
    radiographs = {path.stem: path for path in sharp_twin.images.rglob("*.dcm")}
    cases = np.arange(8)
    paths = [radiographs[study.case_ids[case]] for case in cases]
    loaders = [
        torch.cat([batch.image for batch in loader])[:, 0].numpy()
        for loader in (
            DeviceLoader(study, cases, batch_size=3, size_px=INPUT_PX, target=FixationHeatmap(), threads=2),
            RadiographLoader(paths, (INPUT_PX, INPUT_PX), canvas=Canvas.square(200), batch_size=5, threads=2),
        )
    ]
    alone = [to_input(Canvas.square(200).place(read_stored(path)), (INPUT_PX, INPUT_PX)) for path in paths]
    for images in loaders:
        np.testing.assert_array_equal(images, np.stack(alone))
