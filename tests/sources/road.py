"""The road from a source of labels without gaze to the C++ runner, which the tests of several layouts take."""

import json

from conftest import TINY

from egaze.study import prepare_study


def take_the_road(source, folder):
    """Prepare, train, evaluate, export and predict; returns the study and the metrics of its test split."""
    from test_realdata import compare_with_runner

    from egaze.deploy import Predictor, export_torchscript
    from egaze.evaluation import evaluate
    from egaze.training import load_recipe, train

    study = prepare_study([source], folder / "study", size_px=64)
    recipe = load_recipe("encoder-only", (*(set_ for set_ in TINY if "decoder" not in set_), "stages.epochs=1"))
    run = train(study, recipe, folder / "run", device="cpu", threads=1)
    evaluate(run, threads=1)
    export_torchscript(run, folder / "model.pt")
    predictor = Predictor(folder / "model.pt")
    assert predictor.spec.class_names == source.class_names
    paths = [case.image_path for case in source.cases()[:3]]
    compare_with_runner(predictor, folder / "model.pt", paths, folder / "maps")
    return study, json.loads((folder / "run" / "evaluation" / "test" / "metrics.json").read_text(encoding="utf-8"))
