"""A run that is killed at any write, and then resumed, equals one that was not."""

import shutil
import sys
from contextlib import contextmanager
from dataclasses import replace

import pytest
from training.tiny_runs import same

from egaze.deploy import export_torchscript
from egaze.training import open_run, train
from egaze.training.checkpoint import load_checkpoint

HOW = {"seed": 1, "device": "cpu", "threads": 1}
WRITES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree"}

# A hook of the interpreter cannot be taken away again, so that there is one, which asks this.
_watching = []


def _before_a_write(event, arguments):
    if _watching and event in WRITES:
        callback = _watching.pop()
        try:
            callback()
        finally:
            _watching.append(callback)


sys.addaudithook(_before_a_write)


@contextmanager
def left_by_kills(folder, at):
    """Copies of the folder as SIGKILL would leave it before each write in it, and after the last.

    What lies in hidden folders is of outputs that are being written; it makes no further copy.
    """
    seen, copies = set(), []

    def copy():
        if not folder.exists():
            return
        state = frozenset((path.name, path.stat().st_ino, path.stat().st_size) for path in folder.glob("[!.]*"))
        if state not in seen:
            seen.add(state)
            copies.append(shutil.copytree(folder, at / str(len(copies))))

    _watching.append(copy)
    try:
        yield copies
    finally:
        _watching.remove(copy)
    copy()


@pytest.fixture(scope="module")
def in_stages(tiny_recipe):
    """Two stages; in the first epoch of the second a new best model takes the place of the first's."""
    stage = replace(tiny_recipe.stages[0], name="first", epochs=1, monitor="loss")
    stages = (stage, replace(stage, name="second", epochs=2, parts=("classifier",), heatmap_weight=0.0))
    return replace(tiny_recipe, input_size_px=32, batch_size=16, stages=stages)


@pytest.fixture(scope="module")
def killed(study, in_stages, tmp_path_factory):
    """A run, and what kills would have left of it."""
    folder = tmp_path_factory.mktemp("killed")
    with left_by_kills(folder / "run", folder) as copies:
        run = train(study, in_stages, folder / "run", **HOW)
    return run, copies


def log_of(run):
    return [replace(entry, seconds=0) for entry in run.log()]


def test_a_kill_at_any_write_changes_nothing(killed, study, in_stages, tmp_path):
    run, copies = killed
    # Before the first epoch; in each epoch after the writing of last.pt, best.pt and the log, from the second on also
    # between the renames that replace last.pt; at the end.
    assert len(copies) >= 1 + 3 + 4 + 4
    assert {entry.stage for entry in run.log() if entry.best} == {"first", "second"}
    left = set()
    for copy in copies:
        left.add(frozenset(path.name for path in copy.iterdir()))
        resumed = train(study, in_stages, copy, **HOW, resume=True)
        assert log_of(resumed) == log_of(run), copy
        assert (copy / "best.pt").read_bytes() == (run.path / "best.pt").read_bytes(), copy
        assert same(load_checkpoint(copy / "last.pt")["model"], load_checkpoint(run.path / "last.pt")["model"])
        assert {path.name for path in copy.iterdir()} == {path.name for path in run.path.iterdir()}
    export_torchscript(run, tmp_path / "whole.pt")
    export_torchscript(open_run(copies[len(copies) // 2]), tmp_path / "resumed.pt")
    assert (tmp_path / "resumed.pt").read_bytes() == (tmp_path / "whole.pt").read_bytes()
    assert any("previous.pt" in names and "last.pt" not in names for names in left)


def test_a_run_counts_as_finished_only_when_all_of_it_is_written(killed):
    run, copies = killed
    finished = [copy for copy in copies if open_run(copy).is_finished]
    assert finished and copies[-1] in finished
    for copy in finished:
        assert (copy / "best.pt").read_bytes() == (run.path / "best.pt").read_bytes()
