"""The road from a source of independent labels to the C++ runner, which the tests of several layouts take."""

import json

from conftest import TINY

from egaze.study import prepare_study


def take_the_road(source, folder, recipe="encoder-only"):
    """Prepare, train, evaluate, export and predict; returns the study and the metrics of its test split."""
    from test_realdata import compare_with_runner

    from egaze.deploy import Predictor, export_torchscript
    from egaze.evaluation import evaluate
    from egaze.training import load_recipe, train

    study = prepare_study([source], folder / "study", size_px=64)
    tiny = [set_ for set_ in TINY if recipe != "encoder-only" or "decoder" not in set_]
    run = train(study, load_recipe(recipe, (*tiny, "stages.epochs=1")), folder / "run", device="cpu", threads=1)
    evaluate(run, threads=1)
    export_torchscript(run, folder / "model.pt")
    predictor = Predictor(folder / "model.pt")
    assert predictor.spec.class_names == source.class_names
    paths = [case.image_path for case in source.cases()[:3]]
    compare_with_runner(predictor, folder / "model.pt", paths, folder / "maps")
    return study, json.loads((folder / "run" / "evaluation" / "test" / "metrics.json").read_text(encoding="utf-8"))
