"""A training run's folder.

recipe.toml   the resolved recipe
run.json      study, digests, seed, versions
log.jsonl     one line per epoch; see `EpochLog`
splits.json   only in a run with splits of its own, which replace the study's
control.csv   only in a run under a control of gaze: which gaze each training case learns from
class-heatmaps.csv  only in a run with class_heatmaps: which training cases teach a single class, and by what
cross-fit.json  only with choose_on "train": the inner folds' metrics by epoch, and the number of epochs chosen by them
best.pt       weights of the best epoch
last.pt       everything that resuming needs; best.pt and log.jsonl are made from it
tensorboard/  only with the logger tensorboard: its event files
mlflow-run-id only with the logger mlflow: the run's id in MLflow's store
previous.pt   only in a run that has not finished: the last.pt of one epoch before
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, cast

from egaze.errors import RunError, StudyError
from egaze.imaging import Canvas
from egaze.labels import LabelKind
from egaze.models import DualHeadUNet
from egaze.study import Study, open_study
from egaze.study.layout import MANIFEST, SPLITS_JSON, Counts, LabelFacts, sha256_file
from egaze.study.splits import load_splits
from egaze.training.checkpoint import load_checkpoint
from egaze.training.epoch_log import EpochLog
from egaze.training.recipe import ModelSettings, Recipe
from egaze.training.recipe_file import load_recipe

FORMAT_VERSION = 2
RECIPE, FACTS, LOG = "recipe.toml", "run.json", "log.jsonl"
BEST, LAST, PREVIOUS = "best.pt", "last.pt", "previous.pt"
CONTROL = "control.csv"
CLASS_HEATMAPS = "class-heatmaps.csv"
#: The file that marks a folder as a set of runs; see `egaze.training.run_set`.
SET = "runs.json"


class _Since(TypedDict, total=False):
    labels: LabelFacts
    compute_threads: int
    ranks: int
    global_batch_size: int
    sync_batch_norm: bool


class RunFacts(_Since):
    """run.json; runs from before egaze knew them lack `labels`, `compute_threads`, or the last three."""

    format_version: int
    study: str
    study_from_run: str
    study_sha256: str
    training_split_sha256: str
    class_names: list[str]
    presentation: str
    fit: str
    image_size_px: int
    seed: int
    chosen_on: str
    precision: str
    encoder_weights_sha256: str
    counts: Counts
    versions: dict[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A training run on disk.

    Attributes:
        path: its folder.
        recipe: the resolved recipe.
        facts: the content of run.json.
        study_path: the study's folder, if it has moved since training.

    Example:
        >>> from egaze.training import open_run
        >>> run = open_run("run", study="study")
        >>> run.recipe.name, run.recipe.input_size_px
        ('joint', 64)
        >>> len(run.open_study())
        48
    """

    path: Path
    recipe: Recipe
    facts: RunFacts
    study_path: Path | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self.facts["class_names"])

    @property
    def label_kind(self) -> LabelKind:
        """What the labels are that it learnt from; before egaze recorded it, all were exclusive."""
        labels = self.facts.get("labels")
        return "exclusive" if labels is None else labels["kind"]

    @property
    def class_probs(self) -> str:
        """How the model's logits become probabilities: "softmax" or "sigmoid"."""
        return self.recipe.stages[-1].class_probs(self.label_kind)

    @property
    def canvas(self) -> Canvas:
        """The canvas of the study that it learnt from. Raises RunError if run.json describes none."""
        try:
            return Canvas.square(self.facts["image_size_px"], self.facts["fit"], self.facts["presentation"])
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"{self.path / FACTS}: damaged: {error}") from error

    @property
    def training_split_sha256(self) -> str:
        """Digest of the ids of the cases that it learnt from."""
        return self.facts["training_split_sha256"]

    def open_study(self) -> Study:
        """Open the study that the run was trained on, with the splits that it was trained with.

        If `study_path` is given, the study must be there. Otherwise it is searched where it was during training, first
        by its absolute path, then relative to the run's folder, so that the two can be moved together.

        Raises:
            StudyError: the study is not there, has no images, or does not fit the run's own splits.
            RunError: the study or its splits have changed since training.
        """
        study = self._find_study()
        study.require_images(f"the run {self.path}")
        if study.digest() != self.facts["study_sha256"]:
            raise RunError(
                f"{self.path}: the study {study.path} is no longer the one that this run was trained on; if that one "
                "is elsewhere, name it with --study"
            )
        own = (self.path / SPLITS_JSON).exists()
        if own:
            study = study.with_splits(load_splits(self.path, study.cases))
        if study.splits.digest(study.case_ids) != self.facts["training_split_sha256"]:
            if own:
                raise RunError(f"{self.path / SPLITS_JSON}: not the splits that this run was trained with")
            raise RunError(
                f"{self.path}: the splits of study {study.path} have changed since this run was trained; split it as "
                "they were (`egaze study split`), or train again"
            )
        return study

    def _find_study(self) -> Study:
        """Open the study in the first place that holds the run's; if none does, in the first that holds any study."""
        places = [self.study_path] if self.study_path else [Path(self.facts["study"])]
        if self.study_path is None and (beside := self.facts.get("study_from_run")):
            places.append(self.path.resolve() / beside)
        found = [place for place in places if (place / MANIFEST).is_file()]
        if not found:
            looked = " and ".join(str(Path(os.path.normpath(place))) for place in dict.fromkeys(places))
            raise StudyError(
                f"{looked}: not a prepared study; if the study of {self.path} is elsewhere, name it with --study"
            )
        own = (place for place in found if sha256_file(place / MANIFEST) == self.facts["study_sha256"])
        return open_study(Path(os.path.normpath(next(own, found[0]))))

    def require_classifier(self, why: str) -> None:
        """Raise RunError if no stage of the recipe trained the classifier: its predictions would be meaningless."""
        self.recipe.require_classifier(self.path, why)

    def log(self) -> list[EpochLog]:
        """Read the log of all finished epochs, in order. Raises RunError if it is damaged."""
        path = self.path / LOG
        entries = []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines() if path.exists() else (), start=1):
            try:
                entries.append(EpochLog.from_line(json.loads(line)))
            except ValueError as error:
                raise RunError(f"{path}: line {number}: damaged log: {error}") from error
        return entries

    @property
    def is_finished(self) -> bool:
        """Whether the last stage has trained all of its epochs, or has stopped early."""
        log = self.log()
        starts = [index for index, entry in enumerate(log) if entry.epoch == 1]
        if len(starts) < len(self.recipe.stages):
            return False
        stage, log = self.recipe.stages[-1], log[starts[-1] :]
        if self.recipe.choose_on == "train":
            return log[-1].best
        best = max((entry.epoch for entry in log if entry.best), default=0)
        return len(log) >= stage.epochs or 0 < stage.patience <= len(log) - best

    @property
    def digest(self) -> str:
        """SHA-256 of what decides the run's results: its recipe, data, seed and precision. Checkpoints name it."""
        facts: dict[str, Any] = dict(self.facts)
        names = ("study_sha256", "training_split_sha256", "seed", "precision", "compute_threads")
        decisive = json.dumps([facts.get(name) for name in names])
        return hashlib.sha256((self.path / RECIPE).read_bytes() + decisive.encode()).hexdigest()

    def load_checkpoint(self, name: str) -> Any:
        """Read one of the run's checkpoints. Raises RunError if it is missing, damaged, or of another run."""
        state = load_checkpoint(self.path / name)
        if state.get("run", self.digest) != self.digest:
            raise RunError(f"{self.path / name}: this checkpoint is of another run than {FACTS} beside it")
        return state

    def load_model(self) -> DualHeadUNet:
        """Load the best epoch's model, on the CPU and in evaluation mode. Raises RunError if no epoch is finished."""
        model = build_model(self.recipe.model, len(self.class_names), weights="none", prior=self.recipe.heatmap.prior)
        try:
            state = self.load_checkpoint(BEST)
        except RunError as error:
            if not (self.path / LAST).exists():
                raise
            raise RunError(f"{error}; training with --resume makes it again from {LAST}") from error
        try:
            model.load_state_dict(state["model"])
        except (KeyError, RuntimeError, TypeError) as error:
            raise RunError(f"{self.path / BEST}: the weights do not fit the run's recipe") from error
        return model.eval()


def open_run(path: str | Path, *, study: str | Path | None = None) -> Run:
    """Open a folder that `train` wrote.

    Args:
        path: the run's folder.
        study: the study's folder, if it has moved since training.

    Raises:
        RunError: the folder is not a run, or is damaged.

    Example:
        >>> from egaze.training import open_run
        >>> run = open_run("run", study="study")
        >>> run.is_finished, run.class_names, len(run.log())
        (True, ('normal', 'chf', 'pneumonia'), 2)
        >>> model = run.load_model()
    """
    path = Path(path)
    try:
        facts = json.loads((path / FACTS).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if (path / SET).exists():
            raise RunError(f"{path}: not a training run but a set of runs: name one of its folders") from error
        raise RunError(f"{path}: not a training run ({FACTS} is missing); `egaze train` makes one") from error
    except (OSError, ValueError) as error:
        raise RunError(f"{path / FACTS}: cannot be read: {error}") from error
    if not isinstance(facts, dict) or facts.get("format_version") != FORMAT_VERSION:
        raise RunError(f"{path / FACTS}: not a run of format version {FORMAT_VERSION}; train again with this egaze")
    return Run(path, load_recipe(path / RECIPE), cast(RunFacts, facts), None if study is None else Path(study))


def build_model(
    settings: ModelSettings, classes: int, *, weights: str | None = None, prior: str = "none"
) -> DualHeadUNet:
    """Build the recipe's model; `weights` overrides the recipe's source of encoder weights.

    `prior` is the recipe's `heatmap.prior`; the mean map itself is part of the model's state.
    """
    return DualHeadUNet(
        settings.encoder,
        classes,
        weights=settings.weights if weights is None else weights,
        heatmap_head=settings.heatmap_head,
        heatmap_prior=prior == "mean",
        decoder_stride=settings.decoder_stride,
        decoder_channels=settings.decoder_channels,
        dropout=settings.dropout,
        pooling=settings.pooling,
        drop_path=settings.drop_path,
    )
