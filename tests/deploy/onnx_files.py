"""Small ONNX files for tests, changed by the official `onnx` package and sealed without egaze's own code."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import onnx
from deploy.scripted_models import make_model, save_model
from torch import nn

from egaze.deploy.onnx.export import converted
from egaze.deploy.spec import DEFAULT_LIMITS

SHAPE = (32, 24)
SPEC, SIGNATURE = "egaze_spec", "egaze_signature"


def small_file(module: nn.Module | None = None) -> bytes:
    """A sound ONNX file of three classes."""
    with tempfile.TemporaryDirectory() as folder:
        program = save_model(Path(folder) / "model.pt", make_model(module, shape=SHAPE))
        return converted(program, None, DEFAULT_LIMITS)[1]


def parsed(content: bytes) -> onnx.ModelProto:
    return onnx.ModelProto.FromString(content)


def spec_of(model: onnx.ModelProto) -> dict[str, object]:
    (text,) = (entry.value for entry in model.metadata_props if entry.key == SPEC)
    return json.loads(text)


def sealed(model: onnx.ModelProto, spec: dict[str, object] | str | None = None) -> bytes:
    """The file of a model with the right digest; `spec` replaces its spec."""
    given = spec_of(model) if spec is None else spec
    text = given if isinstance(given, str) else json.dumps({**given, "model_sha256": "0" * 64}, indent=2)
    (entry,) = (entry for entry in model.metadata_props if entry.key == SPEC)
    entry.value = text
    found = hashlib.sha256(model.SerializeToString()).hexdigest()
    entry.value = text.replace("0" * 64, found) if text.count("0" * 64) == 1 else replaced_last(text, found)
    return model.SerializeToString()


def replaced_last(text: str, found: str) -> str:
    """The digest stands after its key; that of the training split may be zeros too."""
    head, key, tail = text.rpartition('"model_sha256"')
    return head + key + tail.replace("0" * 64, found)


def changed(content: bytes, change: Callable[[onnx.ModelProto], object]) -> bytes:
    """A file after a change, with the right digest."""
    model = parsed(content)
    change(model)
    return sealed(model)


def resealed(raw: bytes) -> bytes:
    """Bytes that need be no message, with the digest of what they are in the place of the one in them."""
    at = raw.rindex(b'"model_sha256"')
    start = raw.index(b'"', raw.index(b":", at)) + 1
    empty = raw[:start] + b"0" * 64 + raw[start + 64 :]
    return empty[:start] + hashlib.sha256(empty).hexdigest().encode() + empty[start + 64 :]
