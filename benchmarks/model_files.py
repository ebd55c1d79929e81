"""Models as files, as `egaze export` writes them and as ONNX, and egaze-run with them: for benchmarks of prediction."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import torch
from harness import RUNNER

from egaze.deploy import torchscript
from egaze.deploy.archive import digest, members_of, write_archive
from egaze.deploy.export import ExportedModel
from egaze.deploy.onnx.export import converted
from egaze.deploy.spec import DEFAULT_LIMITS, SPEC_NAME, check_model
from egaze.models import DualHeadUNet

SIZE_PX = 224
CLASSES = ["normal", "chf", "pneumonia"]


def export(model: DualHeadUNet, path: Path, precision: str, size_px: int = SIZE_PX) -> Path:
    """Write a model as `egaze export` does, without a run."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    members = members_of(torchscript.script(ExportedModel(model, "softmax"), dtype, input_shape=(size_px, size_px)))
    spec = {
        "format_version": 4, "egaze_version": "0", "torch_version": torch.__version__.partition("+")[0],
        "recipe": "joint", "precision": precision, "presentation": "voi", "fit": "stretch",
        "canvas_height_px": size_px, "canvas_width_px": size_px, "input_height_px": size_px,
        "input_width_px": size_px, "class_names": CLASSES, "heatmap_head": True,
        "training_split_sha256": "0" * 64, "class_probs": "softmax", "model_sha256": "0" * 64,
        "label_kind": "exclusive", "threshold_rule": "", "thresholds": [],
    }  # fmt: skip
    member = f"extra/{SPEC_NAME}"
    members[member] = json.dumps(spec).encode()
    members[member] = json.dumps({**spec, "model_sha256": digest(members)}).encode()
    write_archive(path, members)
    check_model(path)
    return path


def export_onnx(torchscript_file: Path, path: Path) -> Path:
    """Write the model of a TorchScript file in float32 as `egaze export` writes ONNX."""
    path.write_bytes(converted(torchscript_file, None, DEFAULT_LIMITS)[1])
    return path


def bench(model: Path, radiograph: Path, threads: int, batch: int, repeats: int, *more: str) -> dict[str, Any]:
    options = ["--threads", str(threads), "--batch", str(batch), "--bench", str(repeats), *more]
    return json.loads(run_runner(model, radiograph, *options))


def run_runner(*words: object) -> str:
    return subprocess.run([RUNNER, *map(str, words)], capture_output=True, text=True, check=True).stdout
