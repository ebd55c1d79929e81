"""A run's best model as one TorchScript file."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from egaze.atomic import write_file
from egaze.deploy import torchscript
from egaze.deploy.archive import digest, members_of, write_archive
from egaze.deploy.signature import SIGNATURE_NAME, read_signing_key, sign_digest
from egaze.deploy.spec import (
    DEFAULT_LIMITS,
    PRECISIONS,
    SPEC_NAME,
    ModelLimits,
    ModelSpec,
    Thresholds,
    check_model,
    format_version,
)
from egaze.errors import EgazeError, ModelFileError
from egaze.imaging import Canvas
from egaze.labels import LabelKind
from egaze.models import DualHeadUNet
from egaze.training.recipe import Recipe


class TrainedModel(Protocol):
    """What a file is exported from: a `Run`, or a model that somebody has shared (`egaze.sharing`).

    Attributes:
        path: its folder.
        recipe: the recipe by which it was trained.
        class_names, label_kind: what it tells apart.
        class_probs: "softmax" or "sigmoid"; see `DualHeadUNet.predictions`.
        canvas: the canvas of its radiographs.
        training_split_sha256: digest of the ids of the cases that it learnt from.
    """

    @property
    def path(self) -> Path: ...
    @property
    def recipe(self) -> Recipe: ...
    @property
    def class_names(self) -> tuple[str, ...]: ...
    @property
    def label_kind(self) -> LabelKind: ...
    @property
    def class_probs(self) -> str: ...
    @property
    def canvas(self) -> Canvas: ...
    @property
    def training_split_sha256(self) -> str: ...
    def load_model(self) -> DualHeadUNet:
        """Load the model, on the CPU and in evaluation mode."""
        ...


class ExportedModel(nn.Module):
    """The module that is exported; it turns the model's logits into predictions.

    Args:
        model: the trained model.
        class_probs: "softmax" or "sigmoid"; see `DualHeadUNet.predictions`.
        has_heatmap: whether the heatmap head was trained; otherwise the heatmap is zeros, and classes have none.
    """

    def __init__(self, model: DualHeadUNet, class_probs: str = "softmax", *, has_heatmap: bool = True) -> None:
        super().__init__()
        self.model = model
        self.class_probs = class_probs
        self.has_heatmap = has_heatmap

    @property
    def has_class_heatmaps(self) -> bool:
        """Whether a heatmap of each class is the third result."""
        return self.has_heatmap and self.model.pooling == "class-heatmaps"

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Map (N, 1, H, W) float32 in [0, 1] to predictions in [0, 1].

        They are (N, C) probabilities, the (N, 1, H, W) heatmap and, if the model has them, (N, C, H, W) class heatmaps.
        """
        predictions = self.model.predictions(self.model(image), self.class_probs)
        heatmap = predictions.heatmap
        if not self.has_heatmap:
            heatmap = image.new_zeros((image.shape[0], 1, image.shape[2], image.shape[3]))
        if predictions.class_heatmaps is None or not self.has_class_heatmaps:
            return predictions.class_probs, heatmap
        return predictions.class_probs, heatmap, predictions.class_heatmaps


def export_torchscript(
    run: TrainedModel,
    path: str | Path,
    *,
    precision: str = "fp32",
    sign: str | Path | None = None,
    thresholds: Thresholds | None = None,
    limits: ModelLimits = DEFAULT_LIMITS,
) -> ModelSpec:
    """Write a run's best model as a TorchScript archive with its spec; the file is replaced whole.

    `forward(image)` takes (N, 1, H, W) float32 in [0, 1], any N, and gives (N, C) class probabilities and the
    (N, 1, H, W) heatmap in [0, 1] (zeros from a model without a heatmap head that was trained). A model with one
    heatmap per class also gives those, (N, C, H, W). Normalisation is inside. The same run exported by the same torch
    gives the same bytes.

    Args:
        run: a run with a checkpoint, or another trained model.
        path: the file to write.
        precision: "fp32", or "bf16": weights and activations have bfloat16's 8 bits of precision, and the file has half
            to three quarters of the size. The image and its first convolution stay float32, and so do depthwise
            convolutions with their squeeze and excitation.
        sign: a PEM file with an Ed25519 private key, by which the file is signed.
        thresholds: thresholds of the class probabilities that the file is to carry.
        limits: how large the program may be. Whoever loads a file that exceeds the defaults must raise them too.

    Raises:
        RunError: the run has no checkpoint yet, or its recipe trains no classifier.
        EgazeError: an unknown precision, a key that cannot be used, a model that `check` would refuse, or a file that
            cannot be written.

    Example:
        >>> from egaze import export_torchscript
        >>> from egaze.training import open_run
        >>> spec = export_torchscript(open_run("run"), "exported.pt")
        >>> spec.recipe, spec.precision, spec.input_shape, len(spec.model_sha256)
        ('joint', 'fp32', (64, 64), 64)
    """
    if precision not in PRECISIONS:
        raise EgazeError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    key = None if sign is None else read_signing_key(sign)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    run.recipe.require_classifier(run.path, "an exported model predicts class probabilities")
    class_probs, canvas = run.class_probs, run.canvas
    has_heatmap = run.recipe.model.heatmap_head and run.recipe.trains_heatmap
    exported = ExportedModel(run.load_model(), class_probs, has_heatmap=has_heatmap)
    size_px = run.recipe.input_size_px
    members = members_of(torchscript.script(exported, dtype, input_shape=(size_px, size_px)))
    spec = ModelSpec(
        format_version=format_version(class_heatmaps=exported.has_class_heatmaps),
        egaze_version=version("egaze"),
        torch_version=torch.__version__.partition("+")[0],
        recipe=run.recipe.name,
        precision=precision,
        presentation=canvas.presentation,
        fit=canvas.fit,
        canvas_height_px=canvas.height_px,
        canvas_width_px=canvas.width_px,
        input_height_px=size_px,
        input_width_px=size_px,
        class_names=run.class_names,
        label_kind=run.label_kind,
        heatmap_head=has_heatmap,
        class_heatmaps=exported.has_class_heatmaps,
        training_split_sha256=run.training_split_sha256,
        class_probs=class_probs,
        threshold_rule="" if thresholds is None else thresholds.rule,
        thresholds=() if thresholds is None else thresholds.values,
        model_sha256="0" * 64,
    )
    spec_member = f"extra/{SPEC_NAME}"
    members[spec_member] = spec.to_json()
    spec = replace(spec, model_sha256=digest(members))
    members[spec_member] = spec.to_json()
    if key is not None:
        members[SIGNATURE_NAME] = sign_digest(key, spec.model_sha256)

    def write(partial: Path) -> None:
        write_archive(partial, members)
        try:
            check_model(partial, limits=limits)
        except ModelFileError as error:
            why = str(error).removeprefix(f"{partial}: ")
            raise EgazeError(f"{path}: this model cannot be exported: {why}") from error

    write_file(Path(path), write)
    return spec
