import os
import signal
import socket
import subprocess
import sys

import pytest
from training.tiny_runs import Stop, same, stop, weights

from egaze.errors import EgazeError, RunError
from egaze.training import lock, train, train_set
from egaze.training.lock import only_process_in

HOLD = """
import runpy, sys, time
with runpy.run_path(sys.argv[1])["only_process_in"](__import__("pathlib").Path(sys.argv[2])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process, which holds a folder as a training does."""
    (tmp_path / "run").mkdir()
    holding = subprocess.Popen([sys.executable, "-c", HOLD, lock.__file__, tmp_path / "run"], stdout=subprocess.PIPE)
    assert holding.stdout.readline().strip() == b"held"
    yield holding
    holding.kill()
    holding.wait()
    holding.stdout.close()


def test_a_second_process_is_told_which_is_the_first(holder, tmp_path):
    for _ in range(2):  # the refused one leaves the first its lock
        with (
            pytest.raises(RunError, match=rf"run: process {holder.pid} on this computer trains here now"),
            only_process_in(tmp_path / "run"),
        ):
            pass


def test_a_killed_process_frees_its_lock(holder, tmp_path):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "run" / lock.HOLDER).exists()
    with only_process_in(tmp_path / "run"):
        pass
    assert not list((tmp_path / "run").iterdir())


def test_the_computer_is_named_if_it_is_another(holder, tmp_path, monkeypatch):
    there = socket.gethostname()
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    with pytest.raises(RunError, match=rf"process {holder.pid} on '{there}'"), only_process_in(tmp_path / "run"):
        pass


@pytest.mark.parametrize("begins", ["train", "resume", "train_set"])
def test_a_run_is_trained_by_one_process_at_a_time(begins, run, study, tiny_recipe, tmp_path):
    """A second training begins in the midst of the first, in each of the ways in which one can."""
    how = {"device": "cpu", "threads": 1}
    out = tmp_path / "run"
    refused = []

    def second(*_):
        with pytest.raises(RunError, match=f"process {os.getpid()} on this computer trains here now"):
            if begins == "train_set":
                train_set(study, tiny_recipe, out, seeds=(1,), resume=True, **how)
            else:
                train(study, tiny_recipe, out, seed=1, resume=True, **how)
        refused.append(begins)

    if begins == "train_set":
        trained = train_set(study, tiny_recipe, out, seeds=(1,), **how, on_epoch=second).runs()[0]
    elif begins == "train":
        trained = train(study, tiny_recipe, out, seed=1, **how, on_epoch=second)
    else:
        with pytest.raises(Stop):
            train(study, tiny_recipe, out, seed=1, **how, on_epoch=stop)
        trained = train(study, tiny_recipe, out, seed=1, **how, resume=True, on_epoch=second)
    assert refused and same(weights(trained), weights(run))
    assert not list(out.glob(".*"))


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch, caplog):
    class NoLock(lock.FileLock):
        def acquire(self, *_, **__):
            raise NotImplementedError

    monkeypatch.setattr(lock, "FileLock", NoLock)
    with only_process_in(tmp_path):
        assert "has no locks: do not train here with two processes at once" in caplog.text


def test_a_folder_that_cannot_be_written(tmp_path, permissions):
    tmp_path.chmod(0o555)
    with pytest.raises(EgazeError, match="cannot write: Permission denied"), only_process_in(tmp_path):
        pass
    tmp_path.chmod(0o755)
