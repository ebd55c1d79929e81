"""The folder in which a model is shared.

model.safetensors  the weights, by the names of the parts of `DualHeadUNet`
spec.json          what they belong to: `SharedSpec`
recipe.toml        the resolved recipe, without paths
metrics.json       the evaluation, with intervals; see `egaze.evaluation.stored`
README.md          the model card, beginning with the header that model hubs read
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from egaze.errors import EgazeError, SharedModelError
from egaze.imaging import Canvas
from egaze.labels import LabelKind
from egaze.models import DualHeadUNet
from egaze.sharing.weights import load_shared_weights
from egaze.training.recipe import Recipe
from egaze.training.run import build_model

FORMAT_VERSION = 1
WEIGHTS, SPEC, RECIPE, METRICS, CARD = "model.safetensors", "spec.json", "recipe.toml", "metrics.json", "README.md"
#: All files of a shared model.
FILES = (WEIGHTS, SPEC, RECIPE, METRICS, CARD)
#: The files whose digests the spec has: people add to a model card.
DIGESTED = (WEIGHTS, RECIPE, METRICS)


@dataclass(frozen=True, slots=True)
class SharedSpec:
    """The content of spec.json, which has no path and names no case.

    Attributes:
        egaze_version, torch_version: the versions that shared the model.
        class_names: names of the classes, in the order of the probabilities.
        label_kind: "exclusive": a radiograph has one of the classes; "independent": any number of them.
        canvas: the canvas on which a radiograph is placed before it is resized to the recipe's `input_size_px`.
        seed: of the training.
        training_split_sha256: digest of the ids of the cases on which the model was trained.
        study_sha256: digest of the study's manifest.
        encoder_weights_sha256: digest of the file that the encoder's initial weights came from; empty without one.
        files_sha256: digest of each file of `DIGESTED`.

    Raises:
        ValueError: no class, a class twice, or other files than these.
    """

    egaze_version: str
    torch_version: str
    class_names: tuple[str, ...]
    label_kind: LabelKind
    canvas: Canvas
    seed: int
    training_split_sha256: str
    study_sha256: str
    encoder_weights_sha256: str
    files_sha256: dict[str, str]

    def __post_init__(self) -> None:
        if not self.class_names or len(set(self.class_names)) < len(self.class_names):
            raise ValueError("class_names must name each class once, and at least one")
        if set(self.files_sha256) != set(DIGESTED):
            raise ValueError(f"files_sha256 must have the digests of {', '.join(DIGESTED)}")


@dataclass(frozen=True, slots=True, eq=False)
class SharedModel:
    """A shared model; `export_torchscript` and `export_onnx` take it as they take a run.

    Attributes:
        path: its folder.
        recipe: the recipe by which it was trained.
        spec: the content of spec.json.
        other_files: names in the folder that are not files of a shared model, and are not read.
    """

    path: Path
    recipe: Recipe
    spec: SharedSpec
    other_files: tuple[str, ...]

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.spec.class_names

    @property
    def label_kind(self) -> LabelKind:
        return self.spec.label_kind

    @property
    def class_probs(self) -> str:
        """How the model's logits become probabilities: "softmax" or "sigmoid"."""
        return self.recipe.stages[-1].class_probs(self.label_kind)

    @property
    def canvas(self) -> Canvas:
        return self.spec.canvas

    @property
    def training_split_sha256(self) -> str:
        return self.spec.training_split_sha256

    def load_model(self) -> DualHeadUNet:
        """Load the model, on the CPU and in evaluation mode.

        Raises:
            SharedModelError: the weights are damaged, or are not those of the recipe's model.
        """
        return load_shared_weights(self.path / WEIGHTS, self._build)

    def _build(self) -> DualHeadUNet:
        settings, prior = self.recipe.model, self.recipe.heatmap.prior
        try:
            return build_model(settings, len(self.class_names), weights="none", prior=prior)
        except (EgazeError, RuntimeError) as error:  # torch's, of sizes that no tensor can have
            raise SharedModelError(f"{self.path / RECIPE}: {str(error).splitlines()[0]}") from error
