"""What egaze is on a GPU, in one command and six minutes: python benchmarks/gpu.py --out DIR

Runs on any machine with CUDA and torch 2.7 or newer, and leaves DIR/gpu.json and DIR/gpu.txt, a page of text. Its
sections, each in a process of its own and within a budget of time:

tests       every test that needs a GPU
loader      augmented images and heatmaps into the GPU's memory against DataLoader and torchvision v2 with as many
            processes as the machine has processors; the share of a copy that a step hides
prediction  C++ and Python against eager and compiled PyTorch, TorchScript and ONNX Runtime's CUDA provider
training    steps of recipes joint and class-generators, loader included, in float32 and bfloat16, channels last,
            compiled, against the EGD-CXR baseline's model with its loader, from files and from memory, in turns

What cannot be run is named with its reason, and the rest goes on. The exit code is 1 if a result is not what it must
be. The baseline needs the package segmentation-models-pytorch, ONNX Runtime onnx and onnxruntime-gpu, tests the extra
`test`, and C++ a built egaze-run (EGAZE_RUN, or build/cpp). `--device cpu --tiny` goes the same way without a GPU, at
sizes whose figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gpu_page
import torch
from gpu_record import Record
from gpu_sections import SECTIONS, Setup
from harness import finish

#: Seconds of each section; what one leaves is given to those after it.
BUDGETS_S = {"tests": 60, "loader": 55, "prediction": 75, "training": 150}
#: A section is stopped so long after the time that it knows of.
GRACE_S = 4.0
PACKAGES = ["torch", "torchvision", "timm", "lightning-fabric", "segmentation-models-pytorch", "onnxruntime-gpu"]


def tiny(folder: Path, tests: tuple[Path, ...] | None = None) -> Setup:
    """The same way on a CPU, at sizes whose figures mean nothing."""
    return Setup(
        *("cpu", folder),
        workers=0,
        sides=(32, 64),
        radiographs=24,
        batch=4,
        batches=(1, 2),
        encoder="mobilenetv3_small_050",
        turns=1,
        steps=1,
        files=2,
        file_shape=(96, 80),
        compile_s=0.0,
        tests=tests,
    )


def described(device: str) -> dict[str, Any]:
    """What the device is, and what drives it."""
    if device == "cpu":
        return {"name": "cpu"}
    properties = torch.cuda.get_device_properties(0)
    query = ["nvidia-smi", "--query-gpu=driver_version,power.limit", "--format=csv,noheader", "--id=0"]
    smi = shutil.which("nvidia-smi")
    driver = subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip() if smi else None
    return {
        "name": properties.name,
        "memory_gb": round(properties.total_memory / 1e9, 1),
        "multiprocessors": properties.multi_processor_count,
        "compute_capability": f"{properties.major}.{properties.minor}",
        "devices": torch.cuda.device_count(),
        "driver_and_power_limit": driver,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }


@dataclass(frozen=True)
class Asked:
    """The command line."""

    out: Path
    device: str
    is_tiny: bool
    seconds: float
    sections: tuple[str, ...]
    one: str | None

    @classmethod
    def parse(cls, words: Sequence[str] | None) -> Asked:
        parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for gpu.json and gpu.txt")
        parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
        parser.add_argument("--tiny", action="store_true", help="tiny sizes, to try the command itself")
        parser.add_argument("--seconds", type=float, default=335.0, help="for all sections together")
        parser.add_argument("--sections", nargs="+", choices=list(SECTIONS), default=list(SECTIONS))
        parser.add_argument("--one", choices=list(SECTIONS), help=argparse.SUPPRESS)  # a section's own process
        asked = parser.parse_args(words)
        if asked.device == "cuda" and not torch.cuda.is_available():
            parser.error("no CUDA device is available; --device cpu --tiny goes the same way without one")
        if asked.device == "cpu" and not asked.tiny:
            parser.error("--device cpu is for --tiny alone: figures of a CPU are the other benchmarks'")
        return cls(asked.out, asked.device, asked.tiny, asked.seconds, tuple(asked.sections), asked.one)


def run_section(name: str, setup: Setup, out: Path, seconds: float) -> None:
    """Run one section here."""
    record = Record(out / f"{name}.json", seconds)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        record.run(f"section {name}", lambda: SECTIONS[name](setup, record))


def run_in_process(name: str, asked: Asked, seconds: float) -> dict[str, Any]:
    """Run one section in a process of its own, which cannot harm the others, and return what it has measured."""
    command = [sys.executable, __file__, "--one", name, "--out", str(asked.out), "--device", asked.device]
    command += ["--seconds", str(seconds), *(["--tiny"] if asked.is_tiny else [])]
    path, ended = asked.out / f"{name}.json", ""
    path.unlink(missing_ok=True)
    process = subprocess.Popen(command, start_new_session=True)
    try:
        if code := process.wait(timeout=seconds + GRACE_S):
            ended = f"its process ended with code {code}"
    except subprocess.TimeoutExpired:
        ended = f"stopped after {seconds + GRACE_S:.0f} s"
        _end(process)
    except BaseException:
        _end(process)
        raise
    empty: dict[str, Any] = {"measured": {}, "not_run": {}, "wrong": {}}
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else empty
    if ended:
        content["not_run"]["the rest of this section"] = ended
    path.unlink(missing_ok=True)
    return content


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a section's process with those that it has started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main(words: Sequence[str] | None = None) -> int:
    asked = Asked.parse(words)
    asked.out.mkdir(parents=True, exist_ok=True)
    if asked.one:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            folder = Path(name)
            setup = tiny(folder) if asked.is_tiny else Setup(asked.device, folder)
            run_section(asked.one, setup, asked.out, asked.seconds)
        return 0
    ends_s = time.monotonic() + asked.seconds
    details: dict[str, Any] = {}
    later_s = float(sum(BUDGETS_S[name] for name in asked.sections))
    for name in asked.sections:
        left_s = ends_s - time.monotonic()
        seconds = max(5.0, left_s * BUDGETS_S[name] / later_s - GRACE_S)
        later_s -= BUDGETS_S[name]
        print(f"{name}: up to {seconds:.0f} s", flush=True)
        details[name] = run_in_process(name, asked, seconds)
    device = described(asked.device)
    page = gpu_page.page(device, details)
    print(page)
    (asked.out / "gpu.txt").write_text(page, encoding="utf-8")
    finish("gpu", gpu_page.headline(details), details, PACKAGES, quick=False, folder=asked.out, device=device)
    return 1 if any(section["wrong"] for section in details.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
