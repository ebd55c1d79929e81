"""The spec of an exported model, read from a file that has been checked."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from os import PathLike
from typing import Any, NamedTuple

from egaze import _core
from egaze.deploy.signature import require_trusted
from egaze.errors import ModelFileError
from egaze.imaging import Canvas
from egaze.labels import LabelKind

#: The newest version is that of files with class heatmaps; others keep the oldest, which older releases read.
_OLDEST_VERSION, _NEWEST_VERSION = 4, 5
SPEC_NAME = "egaze_spec.json"
PRECISIONS = ("fp32", "bf16")


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The contents of "egaze_spec.json" in an exported model file, or of "egaze_spec" in the metadata of an ONNX file.

    Attributes:
        format_version: version of the file's format: 5 of a file with class heatmaps, 4 of others.
        egaze_version, torch_version: the versions that exported the model.
        recipe: the recipe's name.
        precision: "fp32" or "bf16", the type in which most layers compute; images and predictions are float32 in both.
        presentation: how radiograph pixels become [0, 1]; see `read_radiograph`.
        fit: "stretch" or "letterbox": how a radiograph is placed on the canvas.
        canvas_height_px, canvas_width_px: size of the canvas on which a radiograph is placed first, that of the study's
            images.
        input_height_px, input_width_px: size of the model's input, to which the canvas is resized.
        class_names: names of the classes, in the order of the probabilities.
        label_kind: "exclusive": a radiograph has one of the classes; "independent": any number of them.
        heatmap_head: whether the model predicts heatmaps; otherwise they are zeros.
        class_heatmaps: whether the model also predicts a heatmap of each class.
        training_split_sha256: digest of the ids of the cases on which the model was trained.
        class_probs: "softmax": the probabilities sum to 1; "sigmoid": each class has a probability of its own.
        threshold_rule: how `thresholds` were chosen, such as "Youden, chosen on validation"; empty without any.
        thresholds: one for each class, None where it could not be chosen; empty if the file has none. Probabilities do
            not depend on them: they are for `Prediction.above_thresholds`.
        model_sha256: digest of the file's contents; see `egaze.deploy.archive.digest`, and for ONNX docs/onnx.md.
    """

    format_version: int
    egaze_version: str
    torch_version: str
    recipe: str
    precision: str
    presentation: str
    fit: str
    canvas_height_px: int
    canvas_width_px: int
    input_height_px: int
    input_width_px: int
    class_names: tuple[str, ...]
    label_kind: LabelKind
    heatmap_head: bool
    class_heatmaps: bool
    training_split_sha256: str
    class_probs: str
    threshold_rule: str
    thresholds: tuple[float | None, ...]
    model_sha256: str

    @property
    def canvas(self) -> Canvas:
        """The canvas on which a radiograph is placed."""
        return Canvas(self.canvas_height_px, self.canvas_width_px, self.fit, self.presentation)

    @property
    def input_shape(self) -> tuple[int, int]:
        """(height, width) of the model's input in pixels."""
        return self.input_height_px, self.input_width_px

    def to_json(self) -> bytes:
        """The member "egaze_spec.json"; a file without class heatmaps does not mention them."""
        fields = asdict(self)
        if not self.class_heatmaps:
            del fields["class_heatmaps"]
        return json.dumps(fields, indent=2).encode()


def format_version(*, class_heatmaps: bool) -> int:
    """The version of the format of a file that is written."""
    return _NEWEST_VERSION if class_heatmaps else _OLDEST_VERSION


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Thresholds of class probabilities that a model file carries.

    Attributes:
        rule: how they were chosen, and on what, such as "Youden, chosen on validation".
        values: one for each class, None where it could not be chosen.
    """

    rule: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """How large the program of a model file may be; a larger one is refused before any of it runs.

    The names and defaults are those of C++'s `egaze::ModelLimits`, C's `egaze_model_limits` and the command line's
    `--model-limit`. docs/model-file.md says how much room the defaults leave.

    Attributes:
        nodes: operators, 1 to 1,000,000; one that returns k tensors counts as k.
        nesting: nested calls in the program's text, 1 to 256.
        bytes_at_work: memory that the tensors of one image need at the same time, not counting the weights, 1 to 2^50.
        multiplications: for one image, 1 to 10^18; each element of a result counts as at least one.

    Raises:
        ValueError: a limit that is not a whole number in its range.

    Example:
        >>> from egaze.deploy import ModelLimits
        >>> ModelLimits(bytes_at_work=1 << 30).nodes
        20000
    """

    nodes: int = 20_000
    nesting: int = 64
    bytes_at_work: int = 4 << 30
    multiplications: int = 8_000_000_000_000

    def __post_init__(self) -> None:
        for name, _, largest in _core.model_limits():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= largest:
                raise ValueError(f"{name} must be a whole number from 1 to {largest}, got {value!r}")


#: The limits of `check_model` and `Predictor` unless others are given.
DEFAULT_LIMITS = ModelLimits()


class ProgramProof(NamedTuple):
    """The results of proving a model's program.

    Attributes:
        nodes, bytes_at_work, multiplications: how much the program needs of each limit; see `ModelLimits`.
        seconds: the time that the proof took.
    """

    nodes: int
    bytes_at_work: int
    multiplications: int
    seconds: float


class CheckedModel(NamedTuple):
    """A model file that has been checked.

    Attributes:
        spec: the model's spec.
        content: the whole file, in which the program is what the check wrote from its own graph.
        signature: the file's signature, if there is one; see `egaze.deploy.signature`.
        proof: the results of proving the program.
    """

    spec: ModelSpec
    content: bytes
    signature: bytes | None
    proof: ProgramProof


def is_onnx(path: str | PathLike[str]) -> bool:
    """Whether a path's suffix says that the model file is one of ONNX; every other one is of TorchScript."""
    return os.fspath(path).lower().endswith(".onnx")


def check_model(
    path: str | PathLike[str], trust: Iterable[str | PathLike[str]] = (), limits: ModelLimits = DEFAULT_LIMITS
) -> ModelSpec:
    """Check that an exported model file is sound, without loading any part of it.

    Checks the file's layout, the spec's format version and values, the digest over all contents, that tensors lie
    within the file, and that the program is a straight line of allowed operators whose every value has a type and
    a shape that follow from the spec, within the limits. The suffix .onnx says that the file is one of ONNX.

    Args:
        path: the model file.
        trust: PEM files of Ed25519 public keys. With any, one of them must have signed the model.
        limits: how large its program may be.

    Raises:
        ModelFileError: the file does not exist or fails a check; its `code` says which.
        EgazeError: a key that cannot be read.

    Example:
        >>> from egaze.deploy import check_model
        >>> spec = check_model("model.pt")
        >>> spec.class_names, spec.fit, spec.input_shape
        (('normal', 'chf', 'pneumonia'), 'stretch', (64, 64))
    """
    return read_model(path, trust, limits).spec


def read_model(
    path: str | PathLike[str], trust: Iterable[str | PathLike[str]] = (), limits: ModelLimits = DEFAULT_LIMITS
) -> CheckedModel:
    """Check a model file as `check_model` does; return its spec and contents, with the program that was proved."""
    checked = checked_model(lambda: _core.read_model(os.fsencode(path), **asdict(limits)))
    require_trusted(path, checked.signature, checked.spec.model_sha256, trust)
    return checked


def checked_model(check: Callable[[], tuple[Any, bytes, bytes | None, Any]]) -> CheckedModel:
    """What a function of `_core` says of a model file, whose signature has not been verified.

    Raises:
        ModelFileError: the file fails the check.
    """
    try:
        fields, content, signature, proof = check()
    except _core.ModelError as error:
        code, message = error.args
        raise ModelFileError(message.decode(errors="replace"), code) from None
    return CheckedModel(ModelSpec(**fields), content, signature, ProgramProof(**proof))
