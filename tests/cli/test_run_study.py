"""Runs whose study has moved, whose heads were not trained, and whose classes are two."""

import csv
import shutil
from dataclasses import replace

import polars as pl
import pytest
from click.testing import CliRunner

from egaze.cli import cli
from egaze.cli.compare import _lines
from egaze.cli.evaluate import _areas
from egaze.cli.set_metrics import set_lines
from egaze.evaluation import evaluate
from egaze.evaluation.compare import RunComparison
from egaze.evaluation.compare_results import ClassesCompared, Compared, ComparedRun, ComparisonResult
from egaze.evaluation.results import Classification, ClassResult, EvaluationResult, TrainedHeads
from egaze.metrics import Estimate
from egaze.study import open_study
from egaze.training import load_recipe, train

NAN = float("nan")
TINY = ("input_size_px=32", "model.encoder=mobilenetv3_small_050", "stages.epochs=1", "stages.monitor=loss")


def egaze(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def moved(study, tmp_path_factory):
    """A run and its study, each moved on its own."""
    folder = tmp_path_factory.mktemp("moved")
    shutil.copytree(study.path, folder / "was")
    evaluate(train(open_study(folder / "was"), load_recipe("joint", TINY), folder / "run", device="cpu"))
    (folder / "was").rename(folder / "study")
    (folder / "elsewhere").mkdir()
    (folder / "run").rename(folder / "elsewhere" / "run")
    return folder


@pytest.mark.parametrize("command", ["evaluate", "compare", "explain", "report"])
def test_study_names_the_study_of_a_run_that_was_moved_apart(moved, command, tmp_path):
    run = moved / "elsewhere" / "run"
    words = {
        "evaluate": ["evaluate", run, "--out", tmp_path / "out"],
        "compare": ["compare", run, run, "--out", tmp_path / "out"],
        "explain": ["explain", run, "--limit", "1", "--out", tmp_path / "out"],
        "report": ["report", run, "--out", tmp_path / "out.html"],
    }[command]
    lost = egaze(*words)
    assert lost.exit_code == 1 and "name it with --study" in str(lost.exception)
    assert not list(tmp_path.iterdir())
    found = egaze(*words, "--study", moved / "study")
    assert found.exit_code == 0, found.output
    assert list(tmp_path.iterdir())


@pytest.fixture
def untrained(study, tmp_path):
    return lambda head: train(
        study, load_recipe("joint", [*TINY, f"stages.{head}_weight=0"]), tmp_path / "run", device="cpu"
    )


def test_an_untrained_classifier_is_not_explained(untrained, tmp_path):
    run = untrained("classification")
    failed = egaze("explain", run.path, "--limit", "1", "--out", tmp_path / "why")
    assert failed.exit_code == 1 and "trained the classifier, and so there is no evidence" in str(failed.exception)
    assert not (tmp_path / "why").exists()


def test_an_untrained_heatmap_is_left_out_of_an_explanation(untrained, tmp_path):
    run = untrained("heatmap")
    done = egaze("explain", run.path, "--limit", "1", "--out", tmp_path / "why")
    assert done.exit_code == 0, done.output
    assert "note: no stage of the recipe trained the heatmap head, so its heatmaps are left out" in done.stdout
    with (tmp_path / "why" / "index.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["predicted"] == "" and row["grad_cam"] and not any(name.startswith("predicted_gaze") for name in row)


def two_classes(value, other):
    classes = {}
    for name, area in (("none", Estimate(value, NAN, NAN)), ("some", Estimate(other, NAN, NAN))):
        classes[name] = ClassResult(1, 9, area, auc_bca=area, auc_delong=area, average_precision=area)
    figure = Estimate(value, NAN, NAN)
    return Classification(cases=1, label_kind="exclusive", macro_auc=figure, accuracy=figure, classes=classes)


def test_two_classes_have_one_auc():
    """Softmax makes the AUCs of two classes one number; two sigmoids do not."""
    one, two = two_classes(0.667, 0.667), two_classes(0.667, 0.5)
    result = EvaluationResult(
        split="test",
        chosen_on="validation",
        optimistic=False,
        synthetic=False,
        cases=1,
        patients=9,
        folds=None,
        seeds=(0,),
        intervals="none",
        warnings=(),
        trained=TrainedHeads(classification=True, heatmap=False),
        classification=one,
        heatmap=None,
        scanpath=None,
        readers=None,
        published=(),
        runs=(),
    )
    aucs = _areas(one, ())[:2]
    assert aucs[0].split() == ["AUC", "none", "against", "some"] and aucs[1].split() == ["this", "run", "0.667"]
    assert _areas(two, ())[0].split() == ["AUC", "macro", "micro", "none", "some"]
    printed = "\n".join(set_lines(result))
    assert printed.startswith("test: 1 case of 9 patients; seed 0; ")
    assert "none against some" in printed and "macro  " not in printed and printed.count("0.667") == 2
    assert "none against some" not in "\n".join(set_lines(replace(result, classification=two)))


def test_two_classes_are_compared_by_one_auc():
    figure = Compared(0.6, 0.7, -0.1, NAN, NAN, NAN)
    run = ComparedRun("run", "joint", None, (0,), optimistic=False)
    compared = ComparisonResult(
        split="test",
        synthetic=False,
        a=run,
        b=run,
        cases=9,
        patients=9,
        intervals="none",
        warnings=(),
        classification=ClassesCompared(
            9, "exclusive", "DeLong's test", figure, {"none": figure, "some": figure}, {"none": 1.0, "some": 1.0}
        ),
        heatmap=None,
        heatmap_remark="none",
        predictions=None,
    )
    rows = _lines(RunComparison(compared, pl.DataFrame()), 0)
    assert sum("0.600" in row for row in rows) == 1 and any("none against some" in row for row in rows)
