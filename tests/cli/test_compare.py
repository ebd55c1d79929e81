"""`egaze train --folds --seeds`, `egaze evaluate` of a set, and `egaze compare`."""

import csv
import json

import pytest
from click.testing import CliRunner

from egaze.cli import cli
from egaze.cli.options import Numbers

TINY = ("input_size_px=32", "model.encoder=mobilenetv3_small_050", "stages.epochs=1", "batch_size=16")


def egaze(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def ok(*arguments):
    result = egaze(*arguments)
    assert result.exit_code == 0, result.output
    return result


def train(study, out, *options):
    return ok("train", study.path, "--out", out, "--device", "cpu", *(f"--set={item}" for item in TINY), *options)


@pytest.fixture(scope="module")
def folder(study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    train(study, folder / "runs", "--folds", "3", "--seeds", "1")
    return folder


@pytest.fixture(scope="module")
def evaluated(folder):
    return ok("evaluate", folder / "runs").stdout.splitlines()


def test_a_set_reports_its_progress(study, folder):
    again = train(study, folder / "runs", "--folds", "3", "--seed", "1", "--resume")
    assert again.stdout == ""
    lines = again.stderr.splitlines()
    assert len(lines) == 3 and lines[1].startswith("fold-1-seed-1: best epoch 1 of stage")
    assert lines[1].endswith("; 2 of 3 runs finished")
    fresh = train(study, folder / "seeds", "--seeds", "3-4")
    assert [json.loads(line)["run"] for line in fresh.stdout.splitlines()] == ["seed-3", "seed-4"]
    assert "1 of 2 runs finished, about 0 min to go" in fresh.stderr


def test_evaluating_a_set(folder, evaluated):
    assert evaluated[0].startswith("test: 48 cases")
    assert "3 folds, seed 1; intervals: 95 %, bootstrap over patients" in evaluated[0]
    assert any(line.startswith("  macro") and "to" in line for line in evaluated)
    runs = [line.split() for line in evaluated[-4:-1]]
    assert [row[0] for row in runs[:2]] == ["fold-0-seed-1", "fold-1-seed-1"] and 12 < int(runs[0][1]) < 20
    assert (folder / "runs" / "evaluation" / "test" / "metrics.json").exists()
    assert (folder / "runs" / "fold-0-seed-1" / "evaluation" / "test" / "metrics.json").exists()
    failed = egaze("evaluate", folder / "runs", "--split", "train")
    assert failed.exit_code == 1 and "folds train on each other's cases" in str(failed.exception)


@pytest.mark.usefixtures("evaluated")
def test_comparing_two_sets(study, folder):
    train(study, folder / "controls", "--folds", "3", "--seeds", "1", "--recipe", "encoder-only")
    ok("evaluate", folder / "controls")
    runs, controls = folder / "runs", folder / "controls"
    printed = ok("compare", runs, controls, "--out", folder / "out", "--limit", "2").stdout
    assert f"A: {runs} (joint, 3 folds, seed 1)" in printed and "encoder-only" in printed
    assert (
        "synthetic data" in printed and "A - B (95 % interval)" in printed and "were not compared with gaze" in printed
    )
    assert "they disagree on " in printed and f"written to {folder / 'out'}" in printed
    spoken = json.loads(ok("compare", runs, controls, "--json").stdout)
    assert spoken == json.loads((folder / "out" / "compare.json").read_text())
    auc = spoken["classification"]["macro_auc"]
    assert f"{auc['difference']:+.3f} ({auc['low']:+.3f} to {auc['high']:+.3f})" in printed
    with (folder / "out" / "disagreements.csv").open(newline="") as file:
        radiographs = list(csv.DictReader(file))
    assert len(radiographs) == spoken["predictions"]["disagree"]
    assert [radiograph["case_id"] for radiograph in radiographs] == [
        radiograph["case_id"] for radiograph in spoken["disagreements"]
    ]


def test_comparing_two_runs(run):
    printed = ok("compare", run.path, run.path).stdout
    assert "(joint, seed 1)" in printed and "classes by DeLong's test" in printed
    assert "CC (more)" in printed and "information gain, bits per fixation (more)" in printed
    assert "they disagree on 0 of" in printed
    assert egaze("compare", run.path, run.path / "none").exit_code == 1


def test_numbers_and_ranges():
    assert Numbers().convert("4, 0-2,7", None, None) == (4, 0, 1, 2, 7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--folds", "2"], "2 is not in the range x>=3"),
        (["--seeds", "one"], "expected numbers such as 0,1,2 or 0-4, got 'one'"),
        (["--seeds", "3-1"], "3-1 is not a range"),
        (["--seeds", "0-999999999"], "not a range of at most 10000 numbers"),
        (["--seeds", "0,0-2"], "contains a number twice"),
        (["--seeds", "1", "--seed", "1"], "give only one of them"),
    ],
)
def test_wrong_usage_is_2(options, message):
    result = egaze("train", "study", "--out", "run", *options)
    assert result.exit_code == 2 and message in result.output
