"""Training recipes: a TOML file that says everything about a run but its data and its seed."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import tomli_w

from egaze.errors import EgazeError, RecipeError
from egaze.loading import Augmentation, HeatmapTarget
from egaze.models import POOLINGS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CLASSIFICATION_LOSSES = ("cross-entropy", "bce-one-hot")
HEATMAP_LOSSES = ("bce", "dice", "kl", "cc")
OPTIMIZERS = ("adamw", "adam")
HEATMAP_TARGETS = ("gaze", "egd")
SCHEDULES = ("cosine", "constant", "egd")
PARTS = ("encoder", "decoder", "classifier")
MONITORS = ("macro_auc", "loss")
CHOOSERS = ("validation", "test")
ORDERS = ("shuffled", "class-balanced", "mixed")


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """See `DualHeadUNet`."""

    encoder: str = "tf_efficientnet_b0"
    weights: str = "none"
    heatmap_head: bool = True
    decoder_stride: int = 4
    decoder_channels: tuple[int, ...] = (128, 64, 32)
    dropout: float = 0.2
    pooling: str = "mean"
    drop_path: float = 0.0

    def __post_init__(self) -> None:
        _settle_types(self)
        _require(self.pooling in POOLINGS, "pooling", f"one of {', '.join(POOLINGS)}", self.pooling)
        needs_no_maps = self.heatmap_head or self.pooling == "mean"
        _require(needs_no_maps, "pooling", "mean for a model without a heatmap head", self.pooling)


@dataclass(frozen=True, slots=True)
class OrderSettings:
    """Which training cases an epoch holds; an epoch is as long as there are cases.

    Attributes:
        kind: "shuffled", each case once; "class-balanced", drawn with replacement, each class equally often (cases
            without a label keep their share); or "mixed", cases with and without gaze in a set ratio in every batch.
        gaze_share: of cases with gaze, between 0 and 1, with kind "mixed"; 0 with any other.
    """

    kind: str = "shuffled"
    gaze_share: float = 0.0

    def __post_init__(self) -> None:
        _settle_types(self)
        _require(self.kind in ORDERS, "kind", f"one of {', '.join(ORDERS)}", self.kind)
        if self.kind == "mixed":
            _require(0 < self.gaze_share < 1, "gaze_share", "between 0 and 1 with kind mixed", self.gaze_share)
        else:
            _require(self.gaze_share == 0, "gaze_share", f"0 with kind {self.kind}", self.gaze_share)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stretch of training; stages run in order, each from the best weights of the one before.

    Attributes:
        name: shown in the log.
        epochs: at most this many.
        parts: what is trained, among encoder, decoder, classifier.
        classification_weight, heatmap_weight: of the two losses.
        alignment_weight: of 1 - the correlation of the label's Grad-CAM and the gaze heatmap, over the samples with
            both; of training alone, so that validation's loss is without it.
        classification_loss: "cross-entropy", or "bce-one-hot" as the EGD-CXR baseline's code.
        heatmap_losses: the terms of the heatmap loss, which are added, each at most once.
        heatmap_loss_weights: of these terms, one each; all 1 when empty.
        optimizer: "adamw", or "adam", whose weight decay is part of the gradient.
        learning_rate, weight_decay: of the optimiser; biases and norms do not decay.
        schedule: what follows the warm-up: "cosine" falls to 1 % of the rate, "constant" stays. "egd" is the EGD-CXR
            baseline's, without warm-up: in epoch e = 0, 1, ... the rate is lr * (lr + (1 - lr) * t / 2^c), where t
            rises in a line from 0 to 1 and falls back in each cycle c = 0, 1, ..., so it begins at lr squared.
        warmup_epochs: the rate rises in a line over these.
        half_cycle_epochs: of schedule "egd", from a cycle's least rate to its peak; 0 with any other.
        clip_norm: gradients are scaled to at most this norm; 0 leaves them.
        clip_value: each gradient is cut to at most this size; 0 leaves them. Not both.
        patience: stop after this many epochs without a better validation; 0 never stops early.
        monitor: what validation chooses by: "macro_auc" (by "loss" where it is not defined) or "loss".
    """

    name: str = "all"
    epochs: int = 40
    parts: tuple[str, ...] = PARTS
    classification_weight: float = 1.0
    heatmap_weight: float = 1.0
    alignment_weight: float = 0.0
    classification_loss: str = "cross-entropy"
    heatmap_losses: tuple[str, ...] = ("bce",)
    heatmap_loss_weights: tuple[float, ...] = ()
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    schedule: str = "cosine"
    warmup_epochs: int = 2
    half_cycle_epochs: int = 0
    clip_norm: float = 1.0
    clip_value: float = 0.0
    patience: int = 15
    monitor: str = "macro_auc"

    def __post_init__(self) -> None:
        _settle_types(self)
        _check_stage(self)

    @property
    def class_probs(self) -> str:
        """How logits become probabilities: as the classification loss fits them, by "softmax" or, where each class
        is learnt against the others on its own, by "sigmoid"."""
        return "sigmoid" if self.classification_loss == "bce-one-hot" else "softmax"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A training recipe.

    Attributes:
        name: of the recipe.
        description: one line.
        input_size_px: side of the model's input, a multiple of 32.
        batch_size: films a step.
        heatmap_target: what the heatmap head learns: "gaze", as `heatmap` says, or "egd", the picture that the EGD-CXR
            baseline's code makes of whole films stretched to the input, for views that leave films where they are.
        choose_on: the side of the split that chooses the epoch: "validation", or "test", as the EGD-CXR baseline's
            code did. Figures of the side that chose are optimistic, so "test" is for reproducing others' alone.
        order: of the training cases.
        model, heatmap, augmentation: see their types.
        stages: at least one.

    Raises:
        RecipeError: a value of the wrong type or out of range, here or in a part, however the recipe is made.
    """

    name: str
    description: str = ""
    input_size_px: int = 224
    batch_size: int = 16
    heatmap_target: str = "gaze"
    choose_on: str = "validation"
    order: OrderSettings = field(default_factory=OrderSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    heatmap: HeatmapTarget = field(default_factory=HeatmapTarget)
    augmentation: Augmentation = field(default_factory=Augmentation)
    stages: tuple[Stage, ...] = field(default_factory=lambda: (Stage(),))

    def __post_init__(self) -> None:
        _settle_types(self)
        _check(self)

    @property
    def trains_classifier(self) -> bool:
        """Whether any stage teaches the classes: probabilities of a model that never was taught say nothing."""
        return any(stage.classification_weight > 0 for stage in self.stages)

    @property
    def trains_heatmap(self) -> bool:
        """Whether any stage teaches the heatmap head with gaze."""
        return any(stage.heatmap_weight > 0 for stage in self.stages)

    def without_paths(self) -> Recipe:
        """The recipe to show and to give away: of a weights file its name alone."""
        return replace(self, model=replace(self.model, weights=Path(self.model.weights).name))

    def to_toml(self) -> str:
        """The whole recipe, defaults written out."""
        return tomli_w.dumps(asdict(self))


def recipe_names() -> list[str]:
    """The recipes that come with egaze."""
    return sorted(item.name[:-5] for item in _folder().iterdir() if item.name.endswith(".toml"))


def load_recipe(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Load a recipe by its name or from a TOML file.

    Args:
        name_or_path: one of `recipe_names()`, or a path that ends in .toml.
        overrides: "key=value" with dots between the levels and values as in TOML (text needs no quotes):
            "model.encoder=resnet18", "stages.0.epochs=5"; without a number, "stages.epochs=5" holds for all.

    Raises:
        RecipeError: no such recipe, not TOML, an unknown key, or a value of the wrong type or out of range; the
            message names the key.
    """
    text, where = _read(name_or_path)
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{where}: not valid TOML: {error}") from error
    for override in overrides:
        _override(tree, override)
    return _build(Recipe, tree, where)


def _folder() -> Any:
    return resources.files("egaze.training") / "recipes"


def _read(name_or_path: str | Path) -> tuple[str, str]:
    if str(name_or_path).endswith(".toml"):
        path = Path(name_or_path)
        try:
            return path.read_text(encoding="utf-8"), str(path)
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"{path}: cannot read the recipe: {error}") from error
    if name_or_path not in recipe_names():
        known = ", ".join(recipe_names())
        raise RecipeError(f"no recipe {str(name_or_path)!r}; there are {known}, or give a .toml file")
    return (_folder() / f"{name_or_path}.toml").read_text(encoding="utf-8"), f"recipe {name_or_path}"


def _override(tree: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise RecipeError(f"--set {override}: expected key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *path, last = key.strip().split(".")
    nodes: list[Any] = [tree]
    for step in path:
        nodes = [child for node in nodes for child in _children(node, step, override)]
    for table in [table for node in nodes for table in (node if isinstance(node, list) else [node])]:
        if not isinstance(table, dict):
            raise RecipeError(f"--set {override}: {'.'.join(path)!r} holds no keys")
        table[last] = value


def _children(node: Any, step: str, override: str) -> list[Any]:
    if isinstance(node, list) and step.isdecimal():
        if int(step) >= len(node):
            raise RecipeError(f"--set {override}: there is no number {step}, only {len(node)}")
        return [node[int(step)]]
    if isinstance(node, dict):
        return [node.setdefault(step, {})]
    raise RecipeError(f"--set {override}: no key {step!r}")


def _build(kind: type, tree: Any, where: str) -> Any:
    """A dataclass from a table, every value checked against the field's type."""
    if not isinstance(tree, dict):
        raise RecipeError(f"{where}: expected a table, got {tree!r}")
    hints = get_type_hints(kind)
    known = [item.name for item in fields(kind)]
    for key in tree:
        if key not in known:
            raise RecipeError(f"{where}: unknown key {key!r}; known are {', '.join(known)}")
    values = {key: _value(hints[key], value, f"{where}: {key}") for key, value in tree.items()}
    if kind is Recipe and "name" not in tree:
        raise RecipeError(f"{where}: key 'name' is missing")
    try:
        return kind(**values)
    except (EgazeError, ValueError) as error:
        raise RecipeError(f"{where}{': ' if kind is Recipe else '.'}{error}") from error


def _value(hint: Any, value: Any, where: str) -> Any:
    if get_origin(hint) is tuple:
        if not isinstance(value, (list, tuple)):
            raise RecipeError(f"{where} must be a list, got {value!r}")
        return tuple(_value(get_args(hint)[0], item, f"{where}[{index}]") for index, item in enumerate(value))
    if hasattr(hint, "__dataclass_fields__"):
        return value if isinstance(value, hint) else _build(hint, value, where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise RecipeError(f"{where} must be of type {hint.__name__}, got {value!r}")
    return value


def _settle_types(part: Any) -> None:
    """Refuse values of other types than the fields'; lists become tuples, and whole numbers floats where due."""
    for name, hint in get_type_hints(type(part)).items():
        object.__setattr__(part, name, _value(hint, getattr(part, name), name))


def _require(holds: bool, key: str, expected: str, value: object) -> None:
    if not holds:
        raise RecipeError(f"{key} must be {expected}, got {value!r}")


def _check(recipe: Recipe) -> None:
    size_px = recipe.input_size_px
    _require(32 <= size_px <= 4096 and size_px % 32 == 0, "input_size_px", "a multiple of 32 up to 4096", size_px)
    _require(1 <= recipe.batch_size <= 4096, "batch_size", "1 to 4096", recipe.batch_size)
    target = recipe.heatmap_target
    _require(target in HEATMAP_TARGETS, "heatmap_target", f"one of {', '.join(HEATMAP_TARGETS)}", target)
    _require(recipe.choose_on in CHOOSERS, "choose_on", f"one of {', '.join(CHOOSERS)}", recipe.choose_on)
    heatmap = recipe.heatmap
    _require(heatmap.weight in ("duration", "count"), "heatmap.weight", "duration or count", heatmap.weight)
    _require(0 < heatmap.sigma_frac <= 1, "heatmap.sigma_frac", "in (0, 1]", heatmap.sigma_frac)
    for part in ("heatmap", "augmentation"):
        for name, hint in get_type_hints(type(getattr(recipe, part))).items():
            _value(hint, getattr(getattr(recipe, part), name), f"{part}.{name}")
    if target == "egd":
        for name in ("rotation_deg", "zoom", "shift_frac", "shear_deg", "mirror"):
            value = getattr(recipe.augmentation, name)
            _require(not value, f"augmentation.{name}", "0 (false) with heatmap_target egd", value)
    _require(len(recipe.stages) >= 1, "stages", "at least one", [])
    for index, stage in enumerate(recipe.stages):
        weight = stage.heatmap_weight
        answered = recipe.model.heatmap_head or weight == 0
        _require(answered, f"stages[{index}].heatmap_weight", "0 for a model without a heatmap head", weight)


def _check_stage(stage: Stage) -> None:
    _require(stage.epochs >= 1, "epochs", "at least 1", stage.epochs)
    for part in stage.parts:
        _require(part in PARTS, "parts", f"among {', '.join(PARTS)}", part)
    _require(len(stage.parts) >= 1, "parts", "at least one part", [])
    for loss in stage.heatmap_losses:
        _require(loss in HEATMAP_LOSSES, "heatmap_losses", f"among {', '.join(HEATMAP_LOSSES)}", loss)
    losses, term_weights = stage.heatmap_losses, stage.heatmap_loss_weights
    _require(len(set(losses)) == len(losses), "heatmap_losses", "without repetition", list(losses))
    _require(
        len(term_weights) in (0, len(losses)) and all(0 < weight < math.inf for weight in term_weights),
        "heatmap_loss_weights",
        f"empty, or {len(losses)} numbers above 0",
        list(term_weights),
    )
    _require(
        stage.classification_loss in CLASSIFICATION_LOSSES,
        "classification_loss",
        f"one of {', '.join(CLASSIFICATION_LOSSES)}",
        stage.classification_loss,
    )
    weights = stage.classification_weight, stage.heatmap_weight
    sound = min(weights) >= 0 and 0 < sum(weights) < math.inf
    _require(sound, "classification_weight and heatmap_weight", "not negative and not all 0", weights)
    alignment_weight = stage.alignment_weight
    _require(0 <= alignment_weight < math.inf, "alignment_weight", "not negative", alignment_weight)
    aimless = stage.classification_weight == 0 < alignment_weight
    _require(not aimless, "alignment_weight", "0 where classification_weight is 0", alignment_weight)
    if stage.heatmap_weight > 0:
        _require(len(stage.heatmap_losses) >= 1, "heatmap_losses", "at least one loss", [])
    _check_optimizer(stage)
    _require(stage.patience >= 0, "patience", "not negative", stage.patience)
    _require(stage.monitor in MONITORS, "monitor", f"one of {', '.join(MONITORS)}", stage.monitor)


def _check_optimizer(stage: Stage) -> None:
    _require(stage.optimizer in OPTIMIZERS, "optimizer", f"one of {', '.join(OPTIMIZERS)}", stage.optimizer)
    _require(stage.learning_rate > 0, "learning_rate", "above 0", stage.learning_rate)
    _require(stage.weight_decay >= 0, "weight_decay", "not negative", stage.weight_decay)
    _require(stage.schedule in SCHEDULES, "schedule", f"one of {', '.join(SCHEDULES)}", stage.schedule)
    warmup_epochs, half_cycle_epochs = stage.warmup_epochs, stage.half_cycle_epochs
    _require(warmup_epochs >= 0, "warmup_epochs", "not negative", warmup_epochs)
    if stage.schedule == "egd":
        _require(warmup_epochs == 0, "warmup_epochs", "0 with schedule egd", warmup_epochs)
        _require(half_cycle_epochs >= 1, "half_cycle_epochs", "at least 1 with schedule egd", half_cycle_epochs)
        _require(stage.learning_rate <= 1, "learning_rate", "at most 1 with schedule egd", stage.learning_rate)
    else:
        _require(
            half_cycle_epochs == 0,
            "half_cycle_epochs",
            f"0 with schedule {stage.schedule}",
            half_cycle_epochs,
        )
    _require(stage.clip_norm >= 0, "clip_norm", "not negative", stage.clip_norm)
    _require(stage.clip_value >= 0, "clip_value", "not negative", stage.clip_value)
    both = stage.clip_norm > 0 < stage.clip_value
    _require(not both, "clip_norm", "0 where clip_value is above 0", stage.clip_norm)
