"""What `egaze prepare` and `egaze study show` say of films that cannot be read."""

import io
import json
import re
import time

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from rich.console import Console

from egaze.cli import cli, progress
from egaze.errors import StudyError


@pytest.fixture
def prepare(tmp_path):
    """Prepares a table of 30 films, of which so many are missing; returns what the command gave."""

    def run(missing, *options):
        folder = tmp_path / "files" / "p10000032"
        folder.mkdir(parents=True)
        lines = ["case_id,image,patient_id,label"]
        for number in range(30):
            if number >= missing:
                Image.fromarray(np.full((20, 20), number, np.uint8)).save(folder / f"{number}.png")
            lines.append(f"case{number},files/p10000032/{number}.png,10000032,a")
        (tmp_path / "cases.csv").write_text("\n".join(lines) + "\n")
        words = ["prepare", "table", tmp_path / "cases.csv", "--out", tmp_path / "study", "--workers", 1, *options]
        return CliRunner().invoke(cli, [str(word) for word in words])

    return run


def test_all_well(prepare):
    done = prepare(0)
    assert done.exit_code == 0 and done.stderr == ""
    assert "30 cases of 1 patient, 30 with a label, 0 with gaze (0 fixations), 0 regions, 0 phrases" in done.stdout


def test_a_few_are_listed_with_their_paths(prepare, tmp_path):
    done = prepare(2)
    assert done.exit_code == 0 and "28 cases" in done.stdout and "case0" not in done.stdout
    lines = done.stderr.splitlines()
    assert lines[0] == "egaze: 2 cases are left out, which have films that cannot be read:" and len(lines) == 3
    assert lines[1].startswith(f"  case0: {tmp_path / 'files' / 'p10000032' / '0.png'}: ")
    shown = CliRunner().invoke(cli, ["study", "show", str(tmp_path / "study")]).stdout
    assert "left out, their films could not be read: 2 cases" in shown and "case1: cannot open the film" in shown
    assert "beside them: 0 regions, 0 phrases" in shown
    # The terminal is for who mends the films; the study goes to others.
    assert "p10000032" not in shown and "p10000032" not in (tmp_path / "study" / "study.json").read_text()


def test_many_are_listed_in_part(prepare, tmp_path):
    done = prepare(25)
    assert done.exit_code == 0 and len(done.stderr.splitlines()) == 22
    assert done.stderr.endswith("  and 5 more; the study's study.json lists all, without paths\n")
    assert len(json.loads((tmp_path / "study" / "study.json").read_text())["left_out"]) == 25
    shown = CliRunner().invoke(cli, ["study", "show", str(tmp_path / "study")]).stdout
    assert shown.endswith(f"    and 5 more; {tmp_path / 'study' / 'study.json'} lists all\n")


def test_strict(prepare, tmp_path):
    done = prepare(23, "--strict")
    assert isinstance(done.exception, StudyError) and "23 of 30 films cannot be read" in str(done.exception)
    lines = done.stderr.splitlines()
    assert lines[0] == "egaze: 23 cases have films that cannot be read:" and lines[-1] == "  and 3 more"
    assert not (tmp_path / "study").exists() and (tmp_path / ".study.partial").is_dir()


def test_the_bar_tells_rate_and_time_left_of_what_is_done_now(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(progress, "is_shown", lambda: True)
    monkeypatch.setattr(progress, "Console", lambda stderr: Console(file=shown, force_terminal=True, width=200))
    with progress.bar("reading films") as update:
        update(5000, 10_000)
        for done in range(5001, 5011):
            update(done, 10_000)
            time.sleep(0.05)
    last = re.findall(r"5010/10000\D+([\d.]+)/s.*?(\d+:\d\d:\d\d)", re.sub(r"\x1b\[[^m]*m", "", shown.getvalue()))[-1]
    # Some 20 a second; an earlier run's 5000 do not count.
    assert 2 < float(last[0]) < 21 and last[1] == "0:00:00"


@pytest.mark.parametrize(
    "words",
    [
        "--out study table a/cases.csv --fixations a/gaze.csv --classes x,y table b/cases.csv --size 32",
        "table a/cases.csv --fixations a/gaze.csv --strict --classes=x,y --out study table b/cases.csv --size=32",
        "--strict table --classes x,y --fixations a/gaze.csv a/cases.csv --size 32 table b/cases.csv --out study",
    ],
)
def test_options_stand_in_any_order(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    for name, label in (("a", "x"), ("b", "y")):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "film.npy", np.zeros((9, 9), np.uint8))
        (tmp_path / name / "cases.csv").write_text(f"case_id,image,patient_id,label\n{name},film.npy,p,{label}\n")
    (tmp_path / "a" / "gaze.csv").write_text("case_id,x_px,y_px,duration_s\na,3,4,0.5\n")
    done = CliRunner().invoke(cli, ["prepare", *words.split()])
    assert done.exit_code == 0, done.output
    manifest = json.loads((tmp_path / "study" / "study.json").read_text())
    assert manifest["class_names"] == ["x", "y"] and manifest["counts"]["fixations"] == 1
    assert manifest["image_size_px"] == 32


@pytest.mark.parametrize("words", ["table --help", "egd-cxr -h", "--help", "reflacx --gaze g --help"])
def test_help_needs_nothing_else(words):
    done = CliRunner().invoke(cli, ["prepare", *words.split()])
    assert done.exit_code == 0 and "Example:" in done.stdout, done.output
