"""What is trained on real pairs: ways of training, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

CONTROL = "encoder-only"
ENCODER = "tf_efficientnet_lite0"


@dataclass(frozen=True, slots=True)
class Way:
    """A way of training.

    Attributes:
        name: shown in tables.
        recipe: the recipe's name.
        encoder: "none", "imagenet" or "nih": the encoder's first weights.
        changes: to the recipe.
        shuffled: whether training radiographs have each other's gaze: the control of what gaze teaches.
        seeds: number of seeds.
    """

    name: str
    recipe: str
    encoder: str = "imagenet"
    changes: tuple[str, ...] = ()
    shuffled: bool = False
    seeds: int = 5


@dataclass(frozen=True, slots=True)
class Trial:
    """A way of training, the fold that is tested, the seed, and the number of training radiographs; None for all."""

    way: Way
    fold: int
    seed: int
    radiographs: int | None = None

    @property
    def name(self) -> str:
        count = "" if self.radiographs is None else f"-of-{self.radiographs}"
        return f"{self.way.name.replace(' ', '-').replace(',', '')}{count}-fold{self.fold}-seed{self.seed}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The sizes of the experiment.

    Attributes:
        ways: the ways of training that are compared.
        candidates: names of those among which the validation radiographs choose.
        choose_by: what they choose by, "cc" of heatmaps with gaze or macro "auc".
        folds: number of folds.
        size_px: side of the images.
        common: changes to every recipe.
        curve: numbers of training radiographs of the learning curve of the control and the chosen way.
        nih_epochs, nih_radiographs: of the training on nih_cxr's labels; None for all radiographs.
        resamples: number of bootstrap resamples.
    """

    ways: tuple[Way, ...]
    candidates: tuple[str, ...]
    choose_by: str = "cc"
    folds: int = 5
    size_px: int = 160
    common: tuple[str, ...] = ()
    curve: tuple[int, ...] = ()
    nih_epochs: int = 2
    nih_radiographs: int | None = None
    resamples: int = 10_000

    def trials(self) -> Iterator[Trial]:
        """All trials, way by way."""
        for way in self.ways:
            yield from (Trial(way, fold, seed) for seed in range(way.seeds) for fold in range(self.folds))

    def curve_trials(self, chosen: str) -> Iterator[Trial]:
        """The trials of the learning curve: the control and the chosen way on fewer training radiographs."""
        for way in self.ways:
            if way.name in (CONTROL, chosen):
                for radiographs in self.curve:
                    yield from (
                        Trial(way, fold, seed, radiographs) for seed in range(way.seeds) for fold in range(self.folds)
                    )


_ON_VALIDATION = ("choose_on=validation", "inner_folds=0")
_NOT_FROZEN = ('stages.0.parts=["encoder", "decoder"]', "stages.0.learning_rate=1e-3")
_SUM = "stages.monitor={macro_auc=1,heatmap_cc=1}"
# The recipes as they are, but for batches and epochs that suit 18 training radiographs.
_FEW = ("batch_size=6", "stages.epochs=10")
_FEW_IN_STAGES = ("batch_size=6", "stages.0.epochs=4", "stages.1.epochs=1", "stages.2.epochs=5")

#: 30 radiographs: 18 train, 6 validate and 6 are tested in each fold.
SMALL = Plan(
    ways=(
        Way("small-gaze", "small-gaze", seeds=1),
        Way("small-gaze, validated", "small-gaze", changes=_ON_VALIDATION, seeds=3),
        Way("small-gaze, no prior", "small-gaze", changes=("heatmap.prior=none", *_ON_VALIDATION), seeds=1),
        Way("joint", "joint", changes=_FEW, seeds=1),
        Way("class-generators", "class-generators", changes=_FEW, seeds=1),
        Way("generator-first", "generator-first", changes=_FEW_IN_STAGES, seeds=1),
        Way("small-gaze, no weights", "small-gaze", "none", _ON_VALIDATION, seeds=1),
    ),
    # The ways whose epochs are not chosen by CC on the validation radiographs, which would flatter them there.
    candidates=("small-gaze", "joint", "generator-first", "class-generators"),
)
#: Ways that take another hour; with them the same figures are made of all.
MORE = replace(
    SMALL,
    ways=(
        *SMALL.ways,
        Way("small-gaze, nih encoder", "small-gaze", "nih", _ON_VALIDATION, seeds=1),
        Way("joint, prior", "joint", changes=(*_FEW, "heatmap.prior=mean", _SUM), seeds=1),
        Way("small-gaze, not frozen", "small-gaze", changes=(*_NOT_FROZEN, *_ON_VALIDATION), seeds=1),
        Way("small-gaze, shuffled", "small-gaze", changes=_ON_VALIDATION, shuffled=True, seeds=1),
    ),
)
_TINY = ("model.decoder_channels=[8, 8, 8]", "stages.epochs=1", "batch_size=9")
QUICK = Plan(
    ways=(
        Way("small-gaze", "small-gaze", changes=("inner_folds=2",), seeds=1),
        Way("joint", "joint", "nih", seeds=1),
        Way("small-gaze, shuffled", "small-gaze", "none", _ON_VALIDATION, shuffled=True, seeds=1),
    ),
    candidates=("small-gaze", "joint"),
    folds=3,
    size_px=64,
    common=_TINY,
    nih_epochs=1,
    nih_radiographs=4,
    resamples=200,
)

_GENERATORS = ("generator-first", "class-generators")
#: A study of its own: the recipes as they are shipped, at their size.
PUBLICATION = Plan(
    ways=(
        Way(CONTROL, CONTROL),
        Way("joint", "joint"),
        *(Way(name, name) for name in _GENERATORS),
        *(Way(f"{name}, prior", name, changes=("heatmap.prior=mean",)) for name in ("joint", *_GENERATORS)),
        *(Way(f"{name}, shuffled", name, shuffled=True) for name in ("joint", *_GENERATORS)),
        Way("small-gaze", "small-gaze"),
    ),
    candidates=("joint", *_GENERATORS, *(f"{name}, prior" for name in ("joint", *_GENERATORS))),
    choose_by="auc",
    size_px=224,
    curve=(60, 125, 250, 500),
)
QUICK_PUBLICATION = Plan(
    ways=(
        Way(CONTROL, CONTROL, seeds=2),
        Way("joint", "joint", changes=("model.decoder_channels=[8, 8, 8]",), seeds=2),
        Way("joint, shuffled", "joint", changes=("model.decoder_channels=[8, 8, 8]",), shuffled=True, seeds=2),
    ),
    candidates=("joint",),
    choose_by="auc",
    folds=3,
    size_px=64,
    common=("stages.epochs=1", "batch_size=9"),
    curve=(10,),
    resamples=200,
)
