"""The twin from its files to the C++ runner."""

import json

import numpy as np
import pytest

from egaze.sources import SiimGaze
from egaze.study import prepare_study


def test_the_road(siim_twin, tmp_path):
    pytest.importorskip("torch")
    from test_realdata import compare_with_runner

    from egaze.deploy import Predictor, export_torchscript
    from egaze.evaluation import evaluate
    from egaze.training import load_recipe, train

    source = SiimGaze(siim_twin.tables / "cxr_gaze_data.json", siim_twin.images, siim_twin.tables / "train-rle.csv")
    study = prepare_study([source], tmp_path / "study", size_px=64)
    assert study.class_names == ("normal", "pneumothorax") and study.is_relative.all()
    tiny = ["input_size_px=64", "model.encoder=mobilenetv3_small_050", "stages.epochs=1"]
    run = train(study, load_recipe("joint", tiny), tmp_path / "run", device="cpu")
    evaluate(run, split="train")
    metrics = json.loads((tmp_path / "run" / "evaluation" / "train" / "metrics.json").read_text(encoding="utf-8"))
    (region,) = metrics["scanpath"]["regions"].values()
    assert list(metrics["scanpath"]["regions"]) == ["Pneumothorax"] and region["cases"] == region["cases_relative"]
    assert np.isfinite(region["dwell_frac"]["value"])
    export_torchscript(run, tmp_path / "model.pt")
    paths = [case.image_path for case in source.cases()[:3]]
    compare_with_runner(Predictor(tmp_path / "model.pt"), tmp_path / "model.pt", paths, tmp_path / "maps")
