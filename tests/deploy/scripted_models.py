"""Tiny models and model files for tests, made without egaze's exporter."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from egaze.deploy.straight_line import straighten
from egaze.imaging import Canvas, to_input

SPEC_NAME = "egaze_spec.json"
PROGRAM = "code/__torch__/egaze.py"
CLASS_NAMES = ["normal", "chf", "pneumonia"]


class TinyDualHead(nn.Module):
    """Maps (N, 1, H, W) images in [0, 1] to class probabilities and a heatmap of the same size."""

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


def make_model(
    module: nn.Module | None = None, seed: int = 0, shape: tuple[int, int] = (32, 24)
) -> torch.jit.ScriptModule:
    """Return a frozen module whose program is a straight line, for images of the shape."""
    torch.manual_seed(seed)
    if module is None:
        module = TinyDualHead()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.mul_(3.0)
    image = torch.rand(1, 1, *shape)
    with quiet(), torch.no_grad():
        frozen = torch.jit.freeze(torch.jit.trace(module.eval(), image.expand(2, -1, -1, -1), check_trace=False))
        straighten(frozen.graph, image)
    return frozen


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated", FutureWarning)
        warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated", DeprecationWarning)
        yield


def save_model(path: Path, model: torch.jit.ScriptModule, **changes: object) -> Path:
    """Write the archive with a spec; `changes` replace or (None) remove the spec's fields."""
    path.write_bytes(packed(members_of(model), **changes))
    return path


def members_of(model: torch.jit.ScriptModule) -> dict[str, bytes]:
    """Return a frozen model's members without the top folder, with the class name of the file format."""
    buffer = io.BytesIO()
    with quiet():
        torch.jit.save(model, buffer)
    with zipfile.ZipFile(buffer) as file:
        members = {name.split("/", 1)[1]: file.read(name) for name in file.namelist()}
    (code,) = (name for name in members if name.startswith("code/") and name.endswith(".py"))
    text = members[code].decode()
    name = text.split("(", 1)[0].removeprefix("class ")
    module = code.removeprefix("code/").removesuffix(".py").replace("/", ".")
    text = text.replace(f"class {name}(", "class Model(", 1).replace(f"{module}.{name}", "__torch__.egaze.Model")
    kept = {key: value for key, value in members.items() if not key.startswith(("code/", ".data/serial"))}
    pickled = b"\x80\x02c__torch__.egaze\nModel\nq\x00)\x81}(ubq\x01."
    return {**kept, "code/__torch__/egaze.py": text.encode(), "data.pkl": pickled}


def packed(members: dict[str, bytes], **changes: object) -> bytes:
    """Return an archive of the members and a matching spec with `changes`."""
    spec: dict[str, object] = {
        "format_version": 4,
        "egaze_version": "0.1.0",
        "torch_version": torch.__version__.split("+")[0],
        "recipe": "joint",
        "precision": "fp32",
        "presentation": "voi",
        "fit": "stretch",
        "canvas_height_px": 32,
        "canvas_width_px": 24,
        "input_height_px": 32,
        "input_width_px": 24,
        "class_names": CLASS_NAMES,
        "heatmap_head": True,
        "training_split_sha256": "0" * 64,
        "label_kind": "exclusive",
        "class_probs": "softmax",
        "threshold_rule": "",
        "thresholds": [],
        "a_later_versions_key": {"is": ["ignored"]},
        "model_sha256": "0" * 64,
    }
    spec = {key: value for key, value in {**spec, **changes}.items() if value is not None}
    for side in ("height", "width"):
        # Unless a canvas is given, it has the size of the model's input.
        if spec.get(f"input_{side}_px") in range(1, 4097):
            spec[f"canvas_{side}_px"] = changes.get(f"canvas_{side}_px", spec[f"input_{side}_px"])
    sha = model_sha256({**members, f"extra/{SPEC_NAME}": json.dumps(spec).encode()})
    if "model_sha256" not in changes:
        spec["model_sha256"] = sha
    return zipped({**members, f"extra/{SPEC_NAME}": json.dumps(spec).encode()})


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in sorted(members.items()):
            file.writestr(zipfile.ZipInfo(f"egaze/{name}"), content)
    return buffer.getvalue()


def model_sha256(members: dict[str, bytes]) -> str:
    """Return the digest of a model file, written independently of `egaze.deploy.archive.digest`."""
    digest = hashlib.sha256()
    for name in sorted(members.keys() - {"signature"}, key=str.encode):
        digest.update(name.encode() + b"\0" + len(members[name]).to_bytes(8, "little") + members[name])
    return digest.hexdigest()


def read_spec(path: Path) -> dict[str, object]:
    with zipfile.ZipFile(path) as file:
        (name,) = (name for name in file.namelist() if name.endswith(SPEC_NAME))
        return json.loads(file.read(name))


def expected(model: torch.jit.ScriptModule, pixels, fit: str = "stretch", canvas: tuple[int, int] = (32, 24)):
    """Return (class_probs, heatmap) of the same preprocessing and the same module in Python, as numpy arrays."""
    square = Canvas(*canvas, fit).place(pixels)
    image = torch.from_numpy(to_input(square, canvas))[None, None]
    with torch.inference_mode():
        class_probs, heatmap = model(image)
    return class_probs[0].numpy(), heatmap[0, 0].numpy()
