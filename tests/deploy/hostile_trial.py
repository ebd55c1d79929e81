"""Open model files in every way, each file in its own process, and print what goes wrong.

    python hostile_trial.py PROJECT_TESTS LIBRARY RUNNER EVERY < PATHS

Prints a JSON line for each path: the path, the code, and a list of faults. It is a fault if the process is ended by a
signal, takes too long or uses too much memory, if an exception is not a ModelFileError, if the check, Python, C and
egaze-run (the entry points) disagree, or if predictions differ between them or depend on earlier predictions. RUNNER,
which takes longest to start, is tried with every EVERY-th file.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from ctypes import byref, c_void_p
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAX_MB, MAX_CPU_S, MAX_S = 1000, 10, 120  # on a busy machine, wall-clock time is long, but not processor time
AT_ONCE = 2


def main() -> None:
    tests, library, runner, every = sys.argv[1:]
    sys.path.insert(0, tests)
    import torch

    torch.set_num_threads(1)  # before any fork: threads are not inherited
    entry_points = EntryPoints(Path(library), Path(runner))
    running: dict[int, tuple[str, int, float]] = {}
    for number, path in enumerate(line.rstrip("\n") for line in sys.stdin):
        if len(running) == AT_ONCE:
            report(running)
        reading, writing = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(reading)
            try_file(entry_points, Path(path), writing, with_runner=number % int(every) == 0)
        os.close(writing)
        running[process] = path, reading, time.monotonic() + MAX_S
    while running:
        report(running)
    os._exit(0)  # skips the cleanup of torch and the library


def report(running: dict[int, tuple[str, int, float]]) -> None:
    """Wait for a process and print the result for its file."""
    while True:
        process, status = os.waitpid(-1, os.WNOHANG)
        if process:
            break
        for late, (_, _, end) in running.items():
            if time.monotonic() > end:
                os.kill(late, signal.SIGKILL)
        time.sleep(0.002)
    path, reading, _ = running.pop(process)
    with os.fdopen(reading) as pipe:
        lines = pipe.read().splitlines()
    said = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {"code": "", "faults": []}
    if status != 0:
        ended = signal.Signals(status & 0x7F).name if status & 0x7F else f"exit code {status >> 8}"
        said["faults"].append(f"the process ended by {ended} in {lines[-1] if lines else 'its beginning'}")
    print(json.dumps({"path": path, **said}), flush=True)


def try_file(entry_points: EntryPoints, path: Path, writing: int, *, with_runner: bool) -> None:
    """Try a file in the forked process, with bounded resources, and exit."""
    began_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_S, MAX_CPU_S))
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + (MAX_MB << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with os.fdopen(writing, "w", buffering=1) as pipe:
        code, faults = verdict(entry_points, path, pipe.write, with_runner=with_runner)
        took_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - began_kb) / 1024
        if took_mb > MAX_MB / 2:
            faults.append(f"took {took_mb:.0f} MB")
        pipe.write(json.dumps({"code": code, "faults": faults}) + "\n")
    os._exit(0)


@dataclass
class Outcome:
    """The result of one entry point: "ok" or a code with a message, and the predictions for the radiographs."""

    code: str = "ok"
    message: str = ""
    opened: bool = True
    answers: list[Any] = field(default_factory=list)


class EntryPoints:
    """The ways to open a model file."""

    def __init__(self, library: Path, runner: Path) -> None:
        # Imported before any fork, so that the processes do not have to.
        import numpy as np
        from deploy import c_library

        from egaze import deploy, errors

        self.np, self.c_library, self.deploy, self.error = np, c_library, deploy, errors.ModelFileError
        self.library, self.runner = c_library.CLibrary(library), runner
        ramp = np.arange(32 * 24, dtype=np.uint16).reshape(32, 24).astype(np.uint8)
        # The first radiograph again after others: its prediction must not depend on them.
        self.radiographs = [np.zeros_like(ramp), 255 - ramp // 3, ramp, np.zeros_like(ramp)]

    def check(self, path: Path) -> Outcome:
        return self._said_by(lambda outcome: self.deploy.check_model(path))

    def python(self, path: Path) -> Outcome:
        def ask(outcome: Outcome) -> None:
            outcome.opened = False
            predictor = self.deploy.Predictor(path, threads=1)
            outcome.opened = True
            for radiograph in self.radiographs:
                answer = predictor.predict(radiograph)
                outcome.answers.append((answer.class_probs, answer.heatmap))

        return self._said_by(ask)

    def c(self, path: Path) -> Outcome:
        lib, handle = self.library.lib, c_void_p()

        def failed(status: int, *, opened: bool) -> Outcome:
            return Outcome(lib.egaze_status_name(status).decode(), self.library.error(), opened)

        if status := lib.egaze_create(os.fsencode(path), byref(self.c_library.Options(None, 1, 0)), byref(handle)):
            return failed(status, opened=False)
        outcome = Outcome()
        shape = lib.egaze_heatmap_height(handle), lib.egaze_heatmap_width(handle)
        for radiograph in self.radiographs:
            probs = self.np.empty(lib.egaze_class_count(handle), self.np.float32)
            heatmap = self.np.empty(shape, self.np.float32)
            view = self.c_library.radiograph_of(radiograph)
            if status := lib.egaze_predict(handle, byref(view), 1, probs.ctypes.data, heatmap.ctypes.data):
                return failed(status, opened=True)
            outcome.answers.append((probs, heatmap))
        return outcome

    def run(self, path: Path) -> Outcome:
        image = path.with_suffix(".npy")
        self.np.save(image, self.radiographs[0])
        done = subprocess.run([self.runner, path, image], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            (said,) = json.loads(done.stdout)["predictions"]
            return Outcome(answers=[(self.np.array(list(said["class_probs"].values()), self.np.float32),)])
        if done.returncode != 1:
            return Outcome(f"exit code {done.returncode}", done.stderr)
        return Outcome("refused", done.stderr.removeprefix("egaze-run: ").removesuffix("\n"))

    def _said_by(self, ask: Callable[[Outcome], object]) -> Outcome:
        outcome = Outcome()
        try:
            ask(outcome)
        except self.error as error:
            outcome.code, outcome.message = error.code, str(error)
        except BaseException as error:
            outcome.code, outcome.message = f"untyped {type(error).__name__}", str(error)
        return outcome


def verdict(
    entry_points: EntryPoints, path: Path, note: Callable[[str], object], *, with_runner: bool
) -> tuple[str, list[str]]:
    """The code of a file, and the faults."""
    faults = []
    note("check\n")
    checked = entry_points.check(path)
    note("Python\n")
    in_python = entry_points.python(path)
    note("C\n")
    in_c = entry_points.c(path)
    for name, outcome in (("check", checked), ("Python", in_python), ("C", in_c)):
        if not (outcome.code == "ok" or outcome.code.startswith("model_")):
            faults.append(f"{name} gives {outcome.code}: {outcome.message[:200]!r}")
        if not outcome.message.isprintable() or len(outcome.message) > 1000:
            faults.append(f"{name} has a message that is not one printable line: {outcome.message[:200]!r}")
    if (in_python.code, in_python.opened) != (in_c.code, in_c.opened):
        faults.append(f"Python gives {in_python.code}, C {in_c.code}")
    if checked.code != "ok" and {(each.code, each.message) for each in (checked, in_python, in_c)} != {
        (checked.code, checked.message)
    }:
        faults.append(f"check refuses with {checked.code}, Python with {in_python.code}, C with {in_c.code}")
    if checked.code == "ok" and not (in_python.opened and in_c.opened):
        faults.append(f"check accepts a file that cannot be opened: {in_python.message or in_c.message}")
    faults += different_answers(in_python.answers, in_c.answers)
    if with_runner:
        note("egaze-run\n")
        ran = entry_points.run(path)
        if (ran.code, ran.message) != ("ok" if in_c.code == "ok" else "refused", in_c.message):
            faults.append(f"egaze-run gives {ran.code}: {ran.message}; C {in_c.code}: {in_c.message}")
        faults += different_answers(in_c.answers[:1], ran.answers)
    return in_python.code, faults


def different_answers(answers: list[Any], others: list[Any]) -> list[str]:
    faults = []
    for mine, theirs in zip(answers, others, strict=False):
        for one, other in zip(mine, theirs, strict=False):
            if not abs(one - other).max() <= 1e-5:
                faults.append(f"answers differ by {abs(one - other).max():.2g}")
            if not (one.min() >= 0 and one.max() <= 1):
                faults.append(f"answers lie in {one.min():.3g} to {one.max():.3g}")
    for all_of in (answers, others):
        if len(all_of) == 4 and any((a != b).any() for a, b in zip(all_of[0], all_of[3], strict=True)):
            faults.append("the same radiograph has another answer the second time")
    return faults


if __name__ == "__main__":
    main()
