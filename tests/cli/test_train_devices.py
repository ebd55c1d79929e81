"""`egaze train` on two devices: ended by Ctrl-C, and gone on with by torchrun."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from egaze.training import open_run

OPTIONS = ("--device", "cpu", "--threads", "1", "--seed", "1")
SET = (
    "input_size_px=32",
    "batch_size=16",
    "model.encoder=mobilenetv3_small_050",
    "model.decoder_channels=[8,8,8]",
    "stages.epochs=100",
    "stages.patience=2",
    "stages.learning_rate=0.02",
)


@pytest.fixture
def command(study, tmp_path):
    overrides = [word for setting in SET for word in ("--set", setting)]
    return ["-m", "egaze", "train", str(study.path), "--out", str(tmp_path / "run"), *OPTIONS, *overrides]


@pytest.fixture
def environment():
    """That of a shell, in which nobody has started ranks."""
    started = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "TORCHELASTIC_RUN_ID", "SLURM_NTASKS", "SLURM_PROCID")
    return {name: value for name, value in os.environ.items() if name not in started}


def processes_of(group):
    """The processes of a group that have not ended, as Linux shows them."""
    running = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, its_group = path.read_text().rpartition(") ")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                running.append(path.parent.name)
    return running


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
def test_ctrl_c_ends_all_and_torchrun_goes_on(command, environment, tmp_path):
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment, "start_new_session": True}
    with subprocess.Popen([sys.executable, *command, "--devices", "2"], **how) as running:
        first = json.loads(running.stdout.readline())
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does, to all processes of the command
        _, said = running.communicate(timeout=60)
        assert running.returncode == 1 and said.decode().splitlines()[-1] == "egaze: interrupted"
    until_s = time.monotonic() + 10
    while left := processes_of(running.pid):
        assert time.monotonic() < until_s, left
        time.sleep(0.1)
    assert first["epoch"] == 1

    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", "2", *command, "--resume"]
    resumed = subprocess.run([sys.executable, *torchrun], capture_output=True, env=environment, timeout=300)
    assert resumed.returncode == 0, resumed.stderr
    run = open_run(tmp_path / "run")
    lines = [json.loads(line) for line in resumed.stdout.splitlines()]
    assert run.is_finished and run.facts["ranks"] == 2
    assert lines == [entry.to_line() for entry in run.log()][-len(lines) :]  # rank 0 alone speaks
    assert run.log()[0].to_line() == first
    assert resumed.stderr.decode().count(": best epoch ") == 1
