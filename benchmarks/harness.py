"""Shared by the benchmarks: timing with warm-up and repeats, a description of the machine, and storing results."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results"
KEPT_RUNS = 10
#: The C++ runner; EGAZE_RUN names another.
RUNNER = Path(os.environ.get("EGAZE_RUN") or RESULTS.parent.parent / "build" / "cpp" / "csrc" / "runner" / "egaze-run")

#: Returns one sample of the seconds per call.
Sampler = Callable[[], float]


def arguments(description: str) -> argparse.Namespace:
    """Parse the options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="under 50 s on two processors; writes nothing")
    return parser.parse_args()


def one_thread_for_rivals() -> None:
    """Restart this program with the other libraries limited to one thread, and with the kernels that they choose by
    themselves. They read the environment when they are loaded."""
    wanted = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    for forced in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        wanted.pop(forced, None)
    if wanted != dict(os.environ):
        os.execve(sys.executable, [sys.executable, *sys.argv], wanted)


def timed(function: Callable[[], Any], *, repeats: int, warmup: int = 1, at_least_s: float = 0.002) -> dict[str, float]:
    """Return the median and quartiles of the seconds per call, over `repeats` samples of at least `at_least_s` each."""
    for _ in range(warmup):
        function()
    sample = per_call(function, at_least_s=at_least_s)
    return quartiles([sample() for _ in range(repeats)])


def per_call(function: Callable[[], Any], *, at_least_s: float = 0.02) -> Sampler:
    """Return a sampler of the seconds per call, averaged over enough calls to last `at_least_s`.

    The function is called twice here, to warm up and to determine the number of calls.
    """
    function()
    started = time.perf_counter()
    function()
    calls = max(1, int(at_least_s / max(time.perf_counter() - started, 1e-9)))

    def sample() -> float:
        started = time.perf_counter()
        for _ in range(calls):
            function()
        return (time.perf_counter() - started) / calls

    return sample


@dataclass
class Turns:
    """Times of alternatives that took turns: each turn times every one once, so that they share slowdowns."""

    seconds: dict[str, list[float]]

    def median(self, name: str) -> float:
        return float(np.median(self.seconds[name]))

    def ratio(self, rival: str, ours: str) -> float:
        """Return the median over the turns of the alternative's time divided by ours."""
        return rounded(float(np.median(np.divide(self.seconds[rival], self.seconds[ours]))))

    def details(self) -> dict[str, dict[str, float]]:
        return {name: quartiles(values) for name, values in self.seconds.items()}


def take_turns(samplers: Mapping[str, Sampler], turns: int) -> Turns:
    """Call every sampler once per turn."""
    result = Turns({name: [] for name in samplers})
    for _ in range(turns):
        for name, sample in samplers.items():
            result.seconds[name].append(sample())
    return result


def quartiles(seconds: Sequence[float]) -> dict[str, float]:
    low, median, high = np.quantile(seconds, [0.25, 0.5, 0.75])
    return {
        "median_s": float(median),
        "quartile_low_s": float(low),
        "quartile_high_s": float(high),
        "repeats": len(seconds),
    }


def machine(*packages: str) -> dict[str, Any]:
    """Describe the machine and the libraries that results depend on."""
    from egaze import _core

    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "simd": _core.simd_level(),
        "versions": {name: _version(name) for name in ("egaze", "numpy", *packages)},
        "commit": _commit(),
    }


def finish(
    name: str,
    headline: dict[str, float],
    details: dict[str, Any],
    packages: list[str],
    *,
    quick: bool,
    folder: Path | None = None,
    device: dict[str, Any] | None = None,
) -> None:
    """Add this run to NAME.json in `folder` (benchmarks/results if None), unless quick, and print the headline figures
    as the last line.

    The file keeps the date, machine and headline of the last `KEPT_RUNS` runs, oldest first, and the details of the
    last. The documents quote the worst of them. `device` describes the GPU that the figures are of.
    """
    if not quick:
        folder = RESULTS if folder is None else folder
        folder.mkdir(exist_ok=True)
        path = folder / f"{name}.json"
        earlier = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
        today = datetime.now(timezone.utc).date().isoformat()
        run = {
            "date": today,
            "headline": headline,
            "machine": {**machine(*packages), **({"device": device} if device else {})},
        }
        content = {"runs": [*earlier, run][-KEPT_RUNS:], "details": details}
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(headline))


def rounded(value: float) -> float:
    """Round to three significant digits; the noise does not justify more."""
    return float(f"{value:.3g}")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None
