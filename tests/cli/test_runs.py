"""`egaze runs`: finished and unfinished runs and sets in one table and one picture."""

import json
import shutil
import sys

import pytest
from PIL import Image

from egaze.cli import main


@pytest.fixture
def egaze(monkeypatch, capsys):
    def called(*words, code=0):
        monkeypatch.setattr(sys, "argv", ["egaze", *map(str, words)])
        try:
            main()
            ended = 0
        except SystemExit as ending:
            ended = ending.code
        said = capsys.readouterr()
        assert ended == code, said.err
        return said

    return called


@pytest.fixture
def folder(run, tmp_path):
    """A finished run, one that has just begun, one in the middle, and a set."""
    for name in ("finished", "begun", "middle"):
        shutil.copytree(run.path, tmp_path / name)
    (tmp_path / "begun" / "log.jsonl").unlink()
    log = (run.path / "log.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "middle" / "log.jsonl").write_text(log[0])
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "runs.json").write_text('{"format_version": 1, "folds": null, "seeds": [3, 1, 2]}')
    for seed in (3, 1):  # the last has not begun
        shutil.copytree(run.path, tmp_path / "set" / f"seed-{seed}")
    (tmp_path / "notes").mkdir()
    return tmp_path


def test_a_table_and_a_picture(egaze, run, folder, tmp_path):
    said = egaze("runs", folder, "--out", tmp_path / "curves.png")
    head, below, *rows, written = said.out.splitlines()
    assert head.split() == ["best", "loss", "macro", "AUC", "train", "loss", "radiographs/s", "s/epoch"]
    assert below.split()[:3] == ["run", "recipe", "seed"] and written == f"written to {tmp_path / 'curves.png'}"
    by_name = {row.split()[0]: row.split() for row in rows}
    names = ["begun", "finished", "middle", "set/seed-3", "set/seed-1"]
    assert list(by_name) == [str(folder / name) for name in names]
    assert by_name[str(folder / "begun")][1:] == [
        *("joint", "1", "unfinished", run.log()[0].stage, "0/2", "macro_auc", "-", "-", "-", "-", "-", "-")
    ]
    assert by_name[str(folder / "middle")][3:6] == ["unfinished", run.log()[0].stage, "1/2"]
    best = next(entry for entry in reversed(run.log()) if entry.best)
    last = run.log()[-1]
    assert by_name[str(folder / "finished")][3:] == [
        *("finished", last.stage, "2/2", "macro_auc", str(best.epoch)),
        *(f"{best.losses['loss']:.4f}", f"{best.macro_auc:.3f}", f"{last.train_losses['loss']:.4f}"),
        *(f"{last.cost.radiographs_per_s:.1f}", f"{last.seconds:.1f}"),
    ]
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.width > 1000 and len(picture.convert("RGB").getcolors(1 << 24)) > 20


def test_json_lines(egaze, run, folder):
    lines = [json.loads(line) for line in egaze("runs", folder / "finished", folder / "set", "--json").out.splitlines()]
    assert len(lines) == 3 and lines[0]["last"] == run.log()[-1].to_line()
    assert (lines[0]["state"], lines[0]["epoch"], lines[0]["epochs"]) == ("finished", 2, 2)


def test_what_is_not_there(egaze, folder, tmp_path):
    assert "notes: not a training run" in egaze("runs", folder / "notes", code=1).err
    (folder / "notes" / "text").touch()
    assert "notes: there is no training run in it" in egaze("runs", folder / "notes", code=1).err
    assert "absent: not a training run" in egaze("runs", folder / "absent", code=1).err
    said = egaze("runs", folder, "--out", tmp_path / "curves.gif", code=1)
    assert "a picture's name ends in .png, .svg, .pdf" in said.err
    said = egaze("runs", folder / "begun", "--out", tmp_path / "curves.svg", code=1)
    assert "nothing to draw" in said.err and not (tmp_path / "curves.svg").exists()
