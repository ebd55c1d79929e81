"""Independent labels, from tables to the runner: the same answers, one probability for each class, on every road."""

import csv
import io
import json
import math
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from deploy.c_library import CPredictor
from deploy.reading import requires
from deploy.running import run

from egaze.cli import cli
from egaze.deploy import Predictor, check_model
from egaze.evaluation import open_evaluation
from egaze.study import open_study

CLASSES = ["chf", "opacity", "odd"]
SMALL = ("input_size_px=64", "batch_size=16", "model.encoder=mobilenetv3_small_050", "stages.epochs=1")


def invoke(*words, code=0):
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == code, (done.output, done.exception)
    return done


def test_from_tables_to_the_runner(twin, findings_tables, runner, formats, c_library, tmp_path):
    study, trained, model = (tmp_path / name for name in ("study", "run", "model.pt"))
    tables = ("table", findings_tables / "cases.csv", "--labels", findings_tables / "findings.csv")
    gaze = ("--fixations", findings_tables / "fixations.csv", "--images", twin.images)
    invoke("prepare", *tables, *gaze, "--uncertain", "soft", "--size", 64, "--out", study)
    changes = [word for change in SMALL for word in ("--set", change)]
    invoke("train", study, "--out", trained, "--recipe", "class-generators", *changes, "--device", "cpu")
    done = invoke("export", trained, model, "--thresholds", "youden", code=1)
    assert "not evaluated yet" in str(done.exception)
    invoke("evaluate", trained)
    invoke("export", trained, model, "--thresholds", "youden")

    spec = check_model(model)
    points = open_evaluation(trained / "evaluation" / "test").metrics.classification.classes
    chosen = [item.operating_points and item.operating_points[0].thresholds[0] for item in points.values()]
    assert (spec.label_kind, spec.class_probs, list(spec.class_names)) == ("independent", "sigmoid", CLASSES)
    assert spec.threshold_rule == "Youden, chosen on validation" and list(spec.thresholds) == chosen
    assert any(threshold is not None for threshold in chosen)

    requires(formats, "dicom")
    # Files as the runner reads them, in the order of the evaluated cases.
    opened, evaluated = open_study(study), open_evaluation(trained / "evaluation" / "test").predictions
    rows = csv.reader((findings_tables / "cases.csv").read_text().splitlines())
    places = {row[0]: row[1] for row in rows}
    files = []
    for case_index in evaluated["case_index"]:
        files.append(tmp_path / f"{case_index}.dcm")
        shutil.copy(twin.images / places[opened.case_ids[case_index]], files[-1])
    expected = evaluated.select(f"prob_{name}" for name in CLASSES).to_numpy()
    done = json.loads(run(runner, model, *files, "--thresholds").stdout)
    assert done["label_kind"] == "independent" and done["threshold_rule"] == spec.threshold_rule
    assert list(done["thresholds"].values()) == [None if value is None else pytest.approx(value) for value in chosen]
    found = np.array([list(item["class_probs"].values()) for item in done["predictions"]])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert abs(found.sum(axis=1) - 1).max() > 0.01  # sigmoids
    above = [[None if t is None else p >= t for p, t in zip(row, chosen, strict=True)] for row in found]
    assert [list(item["above_threshold"].values()) for item in done["predictions"]] == above

    rows = list(csv.DictReader(io.StringIO(run(runner, model, *files, "--csv", "--thresholds").stdout)))
    cells = [[row[f"above_threshold_{name}"] for name in CLASSES] for row in rows]
    assert cells == [["" if item is None else str(int(item)) for item in row] for row in above]
    ours = json.loads(invoke("predict", model, *files, "--thresholds", "--json", "--device", "cpu").stdout)
    assert {key: value for key, value in ours.items() if key != "predictions"} == {
        "model": str(model),
        "class_names": CLASSES,
        "label_kind": "independent",
        "threshold_rule": spec.threshold_rule,
        "thresholds": dict(zip(CLASSES, chosen, strict=True)),
    }
    assert [list(item["above_threshold"].values()) for item in ours["predictions"]] == above
    assert spec.class_heatmaps  # of the recipe class-generators
    prediction = Predictor(model, "cpu", class_heatmaps=True).predict(files[0])
    assert list(prediction.above_thresholds()) == above[0]
    words = ("--class-heatmaps", "--out", tmp_path / "out")
    (said,) = json.loads(run(runner, model, files[0], *words).stdout)["predictions"]
    assert list(said["class_heatmap_pngs"]) == CLASSES
    np.testing.assert_allclose(np.load(said["class_heatmaps_npy"]), prediction.class_heatmaps, rtol=0, atol=1e-5)

    predictor = CPredictor(c_library, model)
    lib, handle = c_library.lib, predictor.handle
    assert lib.egaze_label_kind(handle) == b"independent"
    assert lib.egaze_threshold_rule(handle).decode() == spec.threshold_rule
    of_c = [lib.egaze_class_threshold(handle, number) for number in range(4)]
    assert [None if math.isnan(value) else value for value in of_c] == [*chosen, None]
    predictor.close()


def test_thresholds_are_applied_only_where_the_file_carries_them(model_file, runner, c_library, tmp_path):
    radiograph = tmp_path / "radiograph.npy"
    np.save(radiograph, np.zeros((64, 64), np.uint8))
    assert check_model(model_file).thresholds == () and check_model(model_file).label_kind == "exclusive"
    done = run(runner, model_file, radiograph, "--thresholds", code=1)
    assert "carries no thresholds" in done.stderr and not done.stdout
    said = invoke("predict", model_file, radiograph, "--thresholds", "--device", "cpu", code=1)
    assert "carries no thresholds" in str(said.exception)
    assert "above_threshold" not in run(runner, model_file, radiograph).stdout
    predictor = CPredictor(c_library, model_file)
    assert c_library.lib.egaze_label_kind(predictor.handle) == b"exclusive"
    assert c_library.lib.egaze_threshold_rule(predictor.handle) == b""
    assert math.isnan(c_library.lib.egaze_class_threshold(predictor.handle, 0))
    predictor.close()


def test_thresholds_of_exclusive_classes(run, tmp_path):  # the fixture of a trained run
    invoke("export", run.path, tmp_path / "model.pt", "--thresholds", "specificity")
    spec = check_model(tmp_path / "model.pt")
    assert spec.threshold_rule == "specificity 0.9, chosen on validation" and len(spec.thresholds) == 3
    done = invoke("export", run.path, tmp_path / "m", "--format", "npz", "--thresholds", "youden", code=1)
    assert "no export format" in str(done.exception)
