"""The program as a user runs it, in a process of its own where that matters."""

import json
import os
import re
import shutil
import subprocess
import sys

import click
import numpy as np
import pytest
from click.testing import CliRunner

from egaze.cli import COMMANDS, cli, main


def egaze(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "egaze", *map(str, arguments)], capture_output=True, text=True, **options
    )


def sub_commands():
    for name in COMMANDS:
        command = cli.get_command(None, name)
        yield (name,)
        yield from ((name, sub) for sub in (command.list_commands(None) if isinstance(command, click.Group) else ()))


@pytest.mark.parametrize("path", [(), *sub_commands()], ids=" ".join)
def test_every_command_explains_itself_with_an_example(path):
    result = CliRunner().invoke(cli, [*path, "--help"])
    assert result.exit_code == 0
    examples = result.output.partition("Example:")[2]
    assert " ".join(["egaze", *path[:1]]) in examples


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["train"],
        ["train", "study"],
        ["train", "study", "--out", "run", "--device", "abacus"],
        ["prepare", "egd-cxr", "--out", "study"],
        ["prepare", "table", "cases.csv"],
        ["prepare", "--out", "study"],
        ["prepare", "dicom", "--out", "study"],
        ["prepare", "table", "cases.csv", "--out", "study", "--size", "7"],
        ["study", "split", "study", "--ratio", "lots"],
        ["evaluate", "run", "--split", "exam"],
        ["predict", "model.pt"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2(arguments):
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2, result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prepare", "table", "none.csv", "--out", "study"], "none.csv: no such table"),
        (
            ["prepare", "egd-cxr", "--gaze", ".", "--images", ".", "--out", "study"],
            "master_sheet.csv and fixations.csv are missing",
        ),
        (
            ["train", "none", "--out", "run"],
            "none: not a prepared study: study.json is missing; `egaze prepare` makes one",
        ),
        (["evaluate", "none"], "none: not a training run (run.json is missing); `egaze train` makes one"),
        (["check", "none.pt"], "none.pt: no such file"),
        (["predict", "none.pt", "radiograph.png"], "none.pt: no such file"),
    ],
)
def test_a_failure_is_1_with_one_line(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["egaze", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    assert ended.value.code == 1 and printed.out == ""
    assert printed.err.startswith("egaze: error: ") and message in printed.err
    assert printed.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_version():
    done = egaze("--version")
    assert done.returncode == 0 and re.fullmatch(r"egaze, version \d+\.\d+\.\d+\n", done.stdout)


def test_study_commands(study):
    shown = CliRunner().invoke(cli, ["study", "show", str(study.path)]).output
    assert "48 cases" in shown and "pneumonia" in shown and "calibration card" in shown
    assert "whole" in CliRunner().invoke(cli, ["study", "verify", str(study.path)]).output


def test_a_damaged_study_fails_verification(study, tmp_path):
    import shutil

    shutil.copytree(study.path, tmp_path / "study")
    with (tmp_path / "study" / "images.npy").open("ab") as file:
        file.write(b"x")
    done = egaze("study", "verify", tmp_path / "study")
    assert done.returncode == 1 and "damaged or changed: images.npy" in done.stderr


def test_all_commands_from_radiographs_to_predictions(twin, tmp_path, monkeypatch):
    """prepare, split, train, evaluate, report, export, check, predict."""
    monkeypatch.chdir(tmp_path)

    def ok(*arguments):
        done = CliRunner().invoke(cli, [*map(str, arguments)])
        assert done.exit_code == 0, done.output
        return done.stdout

    prepared = ok(
        *("prepare", "egd-cxr", "--gaze", twin.tables, "--images", twin.images, "--out", "study", "--size", "48"),
        *("--workers", "1"),
    )
    assert "48 cases" in prepared and "calibration card" in prepared
    assert "test" in ok("study", "split", "study", "--seed", "42")
    tiny = ("input_size_px=32", "model.encoder=mobilenetv3_small_050", "stages.epochs=1")
    lines = ok("train", "study", "--out", "run", *(f"--set={item}" for item in tiny)).splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1]
    evaluated = ok("evaluate", "run")
    assert "synthetic data" in evaluated and "centre bias" in evaluated
    assert "Watanabe et al. 2022" not in evaluated  # published results are on EGD-CXR's own radiographs
    assert re.search(r"KL divergence, nats .* heatmap, sigma 1\.6 px of 32, weight \w+\n", evaluated)
    assert re.search(r"NSS, standard deviations .* fixations on 32 x 32 px\n", evaluated)
    assert "report.html" in ok("report", "run")
    assert (tmp_path / "run" / "report.html").stat().st_size > 10_000
    assert "normal, chf, pneumonia" in ok("export", "run", "model.pt")
    assert "have the digest" in ok("check", "model.pt")
    radiographs = sorted(twin.images.rglob("*.dcm"))[:2]
    np.save(tmp_path / "radiograph.npy", np.zeros((20, 30), np.uint16))
    printed = json.loads(ok("predict", "model.pt", *radiographs, "radiograph.npy", "--json", "--out", "maps"))
    assert len(printed["predictions"]) == 3
    for prediction in printed["predictions"]:
        assert sum(prediction["class_probs"].values()) == pytest.approx(1, abs=1e-5)
        assert np.load(prediction["heatmap_npy"]).shape == (32, 32)
    bad = egaze("predict", "model.pt", "none.png", radiographs[0], cwd=tmp_path)
    assert bad.returncode == 1 and "none.png" in bad.stderr and radiographs[0].name in bad.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_errors_of_the_system_are_one_line(tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "egaze", "new-table", tmp_path / "mine"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1 and done.stderr == "egaze: error: No space left on device\n"


@pytest.mark.parametrize(
    "words", [["evaluate", "NAME"], ["train", "NAME", "--out", "run"], ["train", "s", "--out", "NAME"]]
)
def test_a_name_that_is_not_utf_8_is_refused_where_tables_are_in_the_folder(words):
    said = CliRunner().invoke(cli, [os.fsdecode(b"r\xfcn") if word == "NAME" else word for word in words])
    assert said.exit_code == 2 and r"b'r\xfcn' is no name in UTF-8" in said.output and "rename it" in said.output


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such file names")
def test_a_model_file_may_have_any_name(model_file, tmp_path):
    odd = tmp_path / os.fsdecode(b"r\xfcn.pt")
    shutil.copy(model_file, odd)
    np.save(tmp_path / "radiograph.npy", np.arange(64, dtype=np.uint16).reshape(8, 8))
    for words in (["check", odd], ["predict", odd, tmp_path / "radiograph.npy"]):
        assert CliRunner().invoke(cli, list(map(str, words))).exit_code == 0
