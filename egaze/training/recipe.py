"""Training recipes: everything that defines a training run except its data and its seed."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import tomli_w

from egaze.errors import RunError
from egaze.loading import Augmentation
from egaze.loading.augment import MOVING
from egaze.models import POOLINGS
from egaze.settings import require, settle_types
from egaze.targets import (
    BatchTarget,
    ClassHeatmaps,
    ClassHeatmapTarget,
    EgdHeatmap,
    FixationHeatmap,
    GazeControl,
    HeatmapTarget,
)
from egaze.targets.egd import SIGMA_PX
from egaze.training.stage import Stage

HEATMAP_TARGETS = ("gaze", "egd")
CHOOSERS = ("validation", "test", "train")
ORDERS = ("shuffled", "class-balanced", "class-weighted", "mixed")
PRIORS = ("none", "mean")


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """The model's settings; see `DualHeadUNet`."""

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
class HeatmapSettings(FixationHeatmap):
    """The heatmap that gaze becomes, and what the model knows of it before it sees a radiograph.

    Attributes:
        sigma_frac, weight: see `FixationHeatmap`.
        prior: "none", or "mean": the heatmap head starts from the mean target map of the training split, which is part
            of the model, and learns how strongly to keep to it; see `egaze.models.heatmap_prior`.
    """

    prior: str = "none"

    def __post_init__(self) -> None:
        FixationHeatmap.__post_init__(self)
        require(self.prior in PRIORS, "prior", f"one of {', '.join(PRIORS)}", self.prior)

    @property
    def target(self) -> FixationHeatmap:
        """The heatmap alone."""
        return FixationHeatmap(self.sigma_frac, self.weight)


@dataclass(frozen=True, slots=True)
class OrderSettings:
    """Which training cases an epoch contains; every epoch has as many samples as there are training cases.

    Attributes:
        kind: "shuffled": each case once. "class-balanced": cases drawn with replacement, each class equally often;
            cases without a label keep their share. "class-weighted": cases drawn with replacement, in proportion to the
            weight of their class. "mixed": cases with and without gaze in a fixed ratio in every
            batch.
        gaze_share: the fraction of cases with gaze if `kind` is "mixed", between 0 and 1; otherwise 0.
        class_weights: if `kind` is "class-weighted", one weight for each class in the order of the study's and, of
            independent labels, a last one for cases without any; see `egaze.loading.class_weighted`. Otherwise empty.
    """

    kind: str = "shuffled"
    gaze_share: float = 0.0
    class_weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        settle_types(self)
        require(self.kind in ORDERS, "kind", f"one of {', '.join(ORDERS)}", self.kind)
        if self.kind == "mixed":
            require(0 < self.gaze_share < 1, "gaze_share", "between 0 and 1 with kind mixed", self.gaze_share)
        else:
            require(self.gaze_share == 0, "gaze_share", f"0 with kind {self.kind}", self.gaze_share)
        weights = self.class_weights
        if self.kind == "class-weighted":
            sound = all(0 <= weight < math.inf for weight in weights) and max(weights, default=0) > 0
            require(sound, "class_weights", "one number per class, not negative and not all 0", list(weights))
        else:
            require(not weights, "class_weights", f"empty with kind {self.kind}", list(weights))


@dataclass(frozen=True, slots=True)
class Recipe:
    """A training recipe.

    Attributes:
        name: the recipe's name.
        description: a description of one line.
        input_size_px: side of the model's input, a multiple of 32.
        batch_size: images per batch, of all devices together.
        batches_per_step: the batches whose gradients are accumulated for one step, as if they were one; batch norms
            still see one batch at a time.
        average_decay: how much an exponential moving average of the weights keeps at each step, such as 0.999; less
            in the first steps. The average is then what is measured, kept and exported. 0 for none.
        compile: whether `torch.compile` compiles the model for training, which takes a minute and needs a C++ compiler
            on the CPU. It draws the same random numbers, and rounds otherwise.
        checkpoint_steps: within an epoch, last.pt is written after so many steps too; 0 for its end alone. It does not
            change what is learned.
        heatmap_target: what the heatmap head is trained on. "gaze" is the heatmap that `heatmap` describes. "egd" is
            the heatmap of the EGD-CXR baseline's code, which needs radiographs fitted by stretch and an augmentation
            that does not move the image.
        egd_sigma_px: with heatmap_target "egd", the standard deviation of its Gaussians in pixels of the radiograph, as
            the code has it; scale it with radiographs that are smaller than EGD-CXR's. Otherwise 150.
        choose_on: the split that chooses the epoch: "validation", or "test" as in the EGD-CXR baseline's code. Metrics
            on the split that chose are optimistic, so use "test" only to reproduce published results. "train" chooses
            the number of epochs by cross-fitting within the training split, for studies whose validation split is
            small; see `egaze.training.cross_fit`.
        inner_folds: the number of folds of the training split with choose_on "train", 2 to 20; otherwise 0.
        order: which training cases an epoch contains, and in which order.
        model: see `ModelSettings`.
        heatmap: see `HeatmapSettings`.
        control: which gaze the targets of the training split are made of, by default the radiograph's own; see
            `GazeControl`.
        class_heatmaps: in a model with one map per class, what teaches the maps; see `ClassHeatmaps`.
        augmentation: see `Augmentation`.
        stages: one or more, carried out in order.

    Raises:
        RecipeError: a value here or in a part has the wrong type or is out of range, however the recipe is made.

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
    batches_per_step: int = 1
    average_decay: float = 0.0
    compile: bool = False
    checkpoint_steps: int = 0
    heatmap_target: str = "gaze"
    egd_sigma_px: float = SIGMA_PX
    choose_on: str = "validation"
    inner_folds: int = 0
    order: OrderSettings = field(default_factory=OrderSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    heatmap: HeatmapSettings = field(default_factory=HeatmapSettings)
    control: GazeControl = field(default_factory=GazeControl)
    class_heatmaps: ClassHeatmaps = field(default_factory=ClassHeatmaps)
    augmentation: Augmentation = field(default_factory=Augmentation)
    stages: tuple[Stage, ...] = field(default_factory=lambda: (Stage(),))

    def __post_init__(self) -> None:
        settle_types(self)
        _check(self)

    @property
    def target(self) -> HeatmapTarget:
        """The target that the heatmap head is trained on, without the control. Evaluation always compares with
        `heatmap`."""
        return EgdHeatmap(self.egd_sigma_px) if self.heatmap_target == "egd" else self.heatmap.target

    @property
    def batch_target(self) -> BatchTarget:
        """What batches hold for the heatmap head, without the control: `target`, and the heatmaps of single classes."""
        return (
            ClassHeatmapTarget(self.heatmap.target, self.class_heatmaps) if self.class_heatmaps.is_on else self.target
        )

    @property
    def trained_towards(self) -> str:
        """What the heatmap head is trained on: `heatmap_target`, or what `class_heatmaps` or the control puts in its
        place, in words."""
        if self.class_heatmaps.is_on:
            return self.class_heatmaps.words
        if not self.control.is_on:
            return self.heatmap_target
        return self.control.words + (", as the egd target" if self.heatmap_target == "egd" else "")

    @property
    def learns_from_gaze(self) -> bool:
        """Whether any stage has a loss that gaze decides."""
        by_maps = self.class_heatmaps.gaze != "none"
        return any((by_maps and stage.heatmap_weight > 0) or stage.alignment_weight > 0 for stage in self.stages)

    @property
    def measured_on(self) -> str:
        """The split on which each epoch is measured for the log; unless `choose_on` is "train" it also chooses."""
        return "validation" if self.choose_on == "train" else self.choose_on

    @property
    def trains_classifier(self) -> bool:
        """Whether any stage trains the classifier; without one, class probabilities are meaningless."""
        return any(stage.classification_weight > 0 for stage in self.stages)

    def require_classifier(self, path: Path, why: str) -> None:
        """Raise RunError for the folder `path`, whose recipe it is, if no stage trains the classifier."""
        if not self.trains_classifier:
            raise RunError(f"{path}: no stage of recipe {self.name!r} trained the classifier, and {why}")

    @property
    def trains_heatmap(self) -> bool:
        """Whether any stage trains the heatmap head on gaze."""
        return any(stage.heatmap_weight > 0 for stage in self.stages)

    @property
    def leaves_unused(self) -> bool:
        """Whether a stage trains a part that has no part in its loss: a decoder that neither learns nor pools."""
        is_apart = self.model.heatmap_head and self.model.pooling == "mean"
        return is_apart and any("decoder" in stage.parts and stage.heatmap_weight == 0 for stage in self.stages)

    def has_trained_classifier(self, index: int) -> bool:
        """Whether the classifier is trained by the stage of that index or by one before."""
        return any(stage.classification_weight > 0 for stage in self.stages[: index + 1])

    def without_paths(self) -> Recipe:
        """Return the recipe in a form fit to publish: a weights file is reduced to its name."""
        return replace(self, model=replace(self.model, weights=Path(self.model.weights).name))

    def to_toml(self) -> str:
        """Return the whole recipe as TOML, defaults included."""
        return tomli_w.dumps(asdict(self))


def _check(recipe: Recipe) -> None:
    size_px = recipe.input_size_px
    require(32 <= size_px <= 4096 and size_px % 32 == 0, "input_size_px", "a multiple of 32 up to 4096", size_px)
    require(1 <= recipe.batch_size <= 4096, "batch_size", "1 to 4096", recipe.batch_size)
    require(1 <= recipe.batches_per_step <= 4096, "batches_per_step", "1 to 4096", recipe.batches_per_step)
    require(0 <= recipe.average_decay < 1, "average_decay", "at least 0 and below 1", recipe.average_decay)
    require(recipe.checkpoint_steps >= 0, "checkpoint_steps", "not negative", recipe.checkpoint_steps)
    target = recipe.heatmap_target
    require(target in HEATMAP_TARGETS, "heatmap_target", f"one of {', '.join(HEATMAP_TARGETS)}", target)
    require(recipe.choose_on in CHOOSERS, "choose_on", f"one of {', '.join(CHOOSERS)}", recipe.choose_on)
    if target != "egd":
        own_px = recipe.egd_sigma_px
        require(own_px == SIGMA_PX, "egd_sigma_px", f"{SIGMA_PX:g} with heatmap_target {target}", own_px)
    if recipe.choose_on == "train":
        require(2 <= recipe.inner_folds <= 20, "inner_folds", "2 to 20 with choose_on train", recipe.inner_folds)
    else:
        require(recipe.inner_folds == 0, "inner_folds", f"0 with choose_on {recipe.choose_on}", recipe.inner_folds)
    if not recipe.target.follows_views:
        for name in MOVING:
            value = getattr(recipe.augmentation, name)
            require(not value, f"augmentation.{name}", f"0 (false) with heatmap_target {target}", value)
    require(len(recipe.stages) >= 1, "stages", "at least one", [])
    prior = recipe.heatmap.prior
    require(
        prior == "none" or recipe.model.heatmap_head, "heatmap.prior", "none for a model without a heatmap head", prior
    )
    for index, stage in enumerate(recipe.stages):
        weight = stage.heatmap_weight
        has_head = recipe.model.heatmap_head or weight == 0
        require(has_head, f"stages[{index}].heatmap_weight", "0 for a model without a heatmap head", weight)
        _check_monitor(recipe, index)
        # The alignment needs gradients of gradients, which a compiled model does not have.
        compiles = not (recipe.compile and recipe.stages[index].alignment_weight)
        require(compiles, "compile", "false with an alignment_weight above 0", recipe.compile)
    if not recipe.learns_from_gaze:
        why = "for a recipe that does not learn from gaze"
        require(recipe.control.gaze == "own", "control.gaze", f"own {why}", recipe.control.gaze)
        fixations_frac = recipe.control.fixations_frac
        require(fixations_frac == 1, "control.fixations_frac", f"1 {why}", fixations_frac)
    if recipe.class_heatmaps.is_on:
        _check_class_heatmaps(recipe)
    if recipe.heatmap.prior == "mean":
        # Dealing gaze among radiographs leaves its mean as it is; these would get gaze back by the prior.
        allowed = recipe.control.gaze != "uniform" and recipe.control.fixations_frac == 1
        require(allowed, "heatmap.prior", "none with a control of less gaze or none", recipe.heatmap.prior)


def _check_class_heatmaps(recipe: Recipe) -> None:
    """Settings with which the heatmaps of single classes can be taught, and are."""
    with_maps = f"with class_heatmaps that are taught by {recipe.class_heatmaps.words}"
    pooling, target = recipe.model.pooling, recipe.heatmap_target
    require(pooling == "class-heatmaps", "model.pooling", f"class-heatmaps {with_maps}", pooling)
    require(target == "gaze", "heatmap_target", f"gaze {with_maps}", target)
    require(
        recipe.trains_heatmap,
        "class_heatmaps",
        "left out in a recipe that trains no heatmap",
        recipe.class_heatmaps.words,
    )
    # A control says which gaze teaches, and what else teaches would hide what it shows.
    require(not recipe.control.is_on, "control", f"left out {with_maps}", recipe.control.words)
    if recipe.class_heatmaps.gaze == "none":
        require(recipe.heatmap.prior == "none", "heatmap.prior", f"none {with_maps}", recipe.heatmap.prior)
        for index, stage in enumerate(recipe.stages):
            weight = stage.alignment_weight
            require(weight == 0, f"stages[{index}].alignment_weight", f"0 {with_maps}", weight)


def _check_monitor(recipe: Recipe, index: int) -> None:
    """A stage's monitor is of heads that the recipe trains."""
    monitor, key = recipe.stages[index].monitor, f"stages[{index}].monitor"
    heatmap = recipe.trains_heatmap or not recipe.stages[index].monitors_heatmap
    require(heatmap, key, "without heatmap metrics in a recipe that trains no heatmap", monitor)
    if isinstance(monitor, dict) and "macro_auc" in monitor:
        trained = recipe.has_trained_classifier(index)
        require(trained, key, "without macro_auc before a stage has trained the classifier", monitor)
