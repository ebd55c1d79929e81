"""Tiny exported models for the C++ side's tests, made without the package's own exporter."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
import zipfile
from pathlib import Path

import torch
from torch import Tensor, nn

from egaze.imaging import FitGeometry

SPEC_NAME = "egaze_spec.json"
CLASS_NAMES = ["normal", "chf", "pneumonia"]


class TinyDualHead(nn.Module):
    """The promised signature: (N,1,H,W) in [0, 1] to class probabilities and a heatmap of the same size."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.SiLU(), nn.Conv2d(8, 8, 3, padding=1), nn.SiLU()
        )
        self.dropout = nn.Dropout(0.5)
        self.classifier = nn.Linear(8, classes)
        self.heatmap = nn.Conv2d(8, 1, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(image * 4.0 - 2.0)
        logits = self.classifier(self.dropout(features.mean([2, 3])))
        return logits.softmax(1), self.heatmap(features).sigmoid()


def make_model(module: nn.Module | None = None, seed: int = 0) -> torch.jit.ScriptModule:
    torch.manual_seed(seed)
    if module is None:
        module = TinyDualHead()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.mul_(3.0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.script` is deprecated", FutureWarning)
        return torch.jit.script(module.eval())


def save_model(path: Path, model: torch.jit.ScriptModule, **changes: object) -> Path:
    """Write the archive with a spec; `changes` replace or (None) remove the spec's fields."""
    spec: dict[str, object] = {
        "format_version": 1,
        "egaze_version": "0.1.0",
        "torch_version": torch.__version__.split("+")[0],
        "recipe": "joint",
        "precision": "fp32",
        "presentation": "voi",
        "fit": "stretch",
        "input_height_px": 32,
        "input_width_px": 24,
        "class_names": CLASS_NAMES,
        "heatmap_head": True,
        "training_split_sha256": "0" * 64,
        "a_later_versions_key": {"is": ["ignored"]},
    }
    archive = _saved(model)
    spec["model_sha256"] = model_sha256(archive)
    spec.update(changes)
    path.write_bytes(with_spec(archive, {key: value for key, value in spec.items() if value is not None}))
    return path


def _saved(model: torch.jit.ScriptModule) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.save` is deprecated", FutureWarning)
        torch.jit.save(model, buffer)
    return buffer.getvalue()


def with_spec(archive: bytes, spec: object) -> bytes:
    """Add the spec. torch's `_extra_files` would change another member, the serialization id, with it."""
    buffer = io.BytesIO(archive)
    with zipfile.ZipFile(buffer, "a") as file:
        top = file.namelist()[0].split("/", 1)[0]
        file.writestr(f"{top}/extra/{SPEC_NAME}", spec if isinstance(spec, bytes) else json.dumps(spec))
    return buffer.getvalue()


def model_sha256(archive: bytes) -> str:
    """SHA-256 over every member but the spec, by name: name, NUL, length as 8 bytes little endian, content."""
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        members = {info.filename.split("/", 1)[1]: file.read(info) for info in file.infolist()}
    members.pop(f"extra/{SPEC_NAME}", None)
    digest = hashlib.sha256()
    for name in sorted(members, key=str.encode):
        digest.update(name.encode() + b"\0" + len(members[name]).to_bytes(8, "little") + members[name])
    return digest.hexdigest()


def expected(model: torch.jit.ScriptModule, pixels, fit: str = "stretch", canvas: tuple[int, int] = (32, 24)):
    """The same preprocessing and the same module in Python: (class_probs, heatmap) as numpy arrays."""
    image = torch.from_numpy(FitGeometry.of(pixels.shape, canvas, fit).place(pixels))[None, None]
    with torch.inference_mode():
        class_probs, heatmap = model(image)
    return class_probs[0].numpy(), heatmap[0, 0].numpy()
