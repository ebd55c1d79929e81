"""Training recipes: everything about a run but its data and its seed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import tomli_w

from egaze.loading import Augmentation
from egaze.loading.augment import MOVING
from egaze.models import POOLINGS
from egaze.settings import require, settle_types
from egaze.targets import EgdHeatmap, FixationHeatmap, HeatmapTarget
from egaze.training.stage import Stage

HEATMAP_TARGETS = ("gaze", "egd")
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
        settle_types(self)
        require(self.pooling in POOLINGS, "pooling", f"one of {', '.join(POOLINGS)}", self.pooling)
        needs_no_maps = self.heatmap_head or self.pooling == "mean"
        require(needs_no_maps, "pooling", "mean for a model without a heatmap head", self.pooling)


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
        settle_types(self)
        require(self.kind in ORDERS, "kind", f"one of {', '.join(ORDERS)}", self.kind)
        if self.kind == "mixed":
            require(0 < self.gaze_share < 1, "gaze_share", "between 0 and 1 with kind mixed", self.gaze_share)
        else:
            require(self.gaze_share == 0, "gaze_share", f"0 with kind {self.kind}", self.gaze_share)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A training recipe.

    Attributes:
        name: of the recipe.
        description: one line.
        input_size_px: side of the model's input, a multiple of 32.
        batch_size: images a step.
        heatmap_target: what the heatmap head learns: "gaze", as `heatmap` says, or "egd", the picture that the EGD-CXR
            baseline's code makes of whole images stretched to the input, for views that leave images where they are.
        choose_on: the split that chooses the epoch: "validation", or "test", as the EGD-CXR baseline's
            code did. Figures of the split that chose are optimistic, so "test" is for reproducing others' alone.
        order: of the training cases.
        model, heatmap, augmentation: see their types.
        stages: at least one.

    Raises:
        RecipeError: a value of the wrong type or out of range, here or in a part, however the recipe is made.

    Example:
        >>> from egaze.training import Recipe
        >>> recipe = Recipe("mine", input_size_px=320, batch_size=8)
        >>> recipe.model.encoder, len(recipe.stages), recipe.trains_classifier
        ('tf_efficientnet_b0', 1, True)
    """

    name: str
    description: str = ""
    input_size_px: int = 224
    batch_size: int = 16
    heatmap_target: str = "gaze"
    choose_on: str = "validation"
    order: OrderSettings = field(default_factory=OrderSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    heatmap: FixationHeatmap = field(default_factory=FixationHeatmap)
    augmentation: Augmentation = field(default_factory=Augmentation)
    stages: tuple[Stage, ...] = field(default_factory=lambda: (Stage(),))

    def __post_init__(self) -> None:
        settle_types(self)
        _check(self)

    @property
    def target(self) -> HeatmapTarget:
        """What the heatmap head learns. It is measured against `heatmap`, whatever it learns."""
        return EgdHeatmap() if self.heatmap_target == "egd" else self.heatmap

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


def _check(recipe: Recipe) -> None:
    size_px = recipe.input_size_px
    require(32 <= size_px <= 4096 and size_px % 32 == 0, "input_size_px", "a multiple of 32 up to 4096", size_px)
    require(1 <= recipe.batch_size <= 4096, "batch_size", "1 to 4096", recipe.batch_size)
    target = recipe.heatmap_target
    require(target in HEATMAP_TARGETS, "heatmap_target", f"one of {', '.join(HEATMAP_TARGETS)}", target)
    require(recipe.choose_on in CHOOSERS, "choose_on", f"one of {', '.join(CHOOSERS)}", recipe.choose_on)
    if not recipe.target.follows_views:
        for name in MOVING:
            value = getattr(recipe.augmentation, name)
            require(not value, f"augmentation.{name}", f"0 (false) with heatmap_target {target}", value)
    require(len(recipe.stages) >= 1, "stages", "at least one", [])
    for index, stage in enumerate(recipe.stages):
        weight = stage.heatmap_weight
        answered = recipe.model.heatmap_head or weight == 0
        require(answered, f"stages[{index}].heatmap_weight", "0 for a model without a heatmap head", weight)
