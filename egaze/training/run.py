"""A training run's folder.

recipe.toml   the resolved recipe
run.json      study, digests, seed, versions
log.jsonl     one line an epoch
splits.json    the run's own split, where it has one in place of the study's
best.pt       weights of the epoch that validation chose
last.pt       everything a resume needs
"""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, cast

import torch
from torch import Tensor

from egaze.atomic import write_file
from egaze.errors import RunError, StudyError
from egaze.models import DualHeadUNet
from egaze.study import Study, open_study
from egaze.study.layout import MANIFEST, SPLITS_JSON, Counts, sha256_file
from egaze.study.splits import load_splits
from egaze.training.recipe import ModelSettings, Recipe
from egaze.training.recipe_file import load_recipe

FORMAT_VERSION = 2
RECIPE, FACTS, LOG, BEST, LAST = "recipe.toml", "run.json", "log.jsonl", "best.pt", "last.pt"
#: Says that a folder holds a set of runs; see `egaze.training.run_set`.
SET = "runs.json"


#: What torch keeps of an optimizer or a scaler.
StateDict = dict[str, Any]
#: A line of log.jsonl; which losses it has, by name, is the recipe's choice.
LogLine = dict[str, Any]


class RunFacts(TypedDict):
    """run.json."""

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


class ProgressState(TypedDict):
    """How far a run has come; see `egaze.training.train`."""

    stage: int
    epoch: int
    best: list[float] | None
    best_epoch: int


class Checkpoint(TypedDict, total=False):
    """What best.pt ("model" and "epoch") and last.pt (all but "epoch") hold."""

    model: dict[str, Tensor]
    epoch: int
    optimizer: StateDict
    scaler: StateDict
    progress: ProgressState
    log_lines: int


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A training run on disk.

    Attributes:
        path: its folder.
        recipe: the resolved recipe.
        facts: run.json.
        study_path: where the study is, if not where it was.

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

    def open_study(self) -> Study:
        """The study the run was trained on, split as the run was.

        It is looked for in `study_path` alone where that is given, or else where it was and, as seen from the run's
        folder, where it was when the run began: so the two can be moved together.

        Raises:
            StudyError: it is gone, or does not fit the run's own split.
            RunError: it has changed.
        """
        study = self._find_study()
        if study.digest() != self.facts["study_sha256"]:
            raise RunError(
                f"{self.path}: the study {study.path} is not the one this run was trained on any more; if that "
                "lies elsewhere, name it with --study"
            )
        own = (self.path / SPLITS_JSON).exists()
        if own:
            study = study.with_splits(load_splits(self.path, study.cases))
        if study.splits.digest(study.case_ids) != self.facts["training_split_sha256"]:
            if own:
                raise RunError(f"{self.path / SPLITS_JSON}: not the split that this run was trained on")
            raise RunError(f"{self.path}: the study {study.path} has been split anew since this run was trained")
        return study

    def _find_study(self) -> Study:
        """Of the places where the study may be the first that holds it, or else the first."""
        places = [self.study_path] if self.study_path else [Path(self.facts["study"])]
        if self.study_path is None and (beside := self.facts.get("study_from_run")):
            places.append(self.path.resolve() / beside)
        found = [place for place in places if (place / MANIFEST).is_file()]
        if not found:
            looked = " and ".join(str(Path(os.path.normpath(place))) for place in dict.fromkeys(places))
            raise StudyError(f"{looked}: not a prepared study; if {self.path}'s lies elsewhere, name it with --study")
        own = (place for place in found if sha256_file(place / MANIFEST) == self.facts["study_sha256"])
        return open_study(Path(os.path.normpath(next(own, found[0]))))

    def require_classifier(self, why: str) -> None:
        """Raise RunError where no stage of the recipe trained the classifier, whose answers then say nothing."""
        if not self.recipe.trains_classifier:
            raise RunError(f"{self.path}: no stage of recipe {self.recipe.name!r} trained the classifier, and {why}")

    def log(self) -> list[LogLine]:
        """The epochs' lines, in order."""
        text = (self.path / LOG).read_text(encoding="utf-8") if (self.path / LOG).exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    @property
    def is_finished(self) -> bool:
        """Whether the last stage has had its last epoch, or its patience has run out."""
        lines = self.log()
        begins = [number for number, line in enumerate(lines) if line["epoch"] == 1]
        if len(begins) < len(self.recipe.stages):
            return False
        stage, lines = self.recipe.stages[-1], lines[begins[-1] :]
        best = max((line["epoch"] for line in lines if line["best"]), default=0)
        return len(lines) >= stage.epochs or 0 < stage.patience <= len(lines) - best

    def load_model(self) -> DualHeadUNet:
        """The best epoch's model, on the CPU and in evaluation mode. Raises RunError when there is none yet."""
        model = build_model(self.recipe.model, len(self.class_names), weights="none")
        state = load_checkpoint(self.path / BEST)
        try:
            model.load_state_dict(state["model"])
        except (KeyError, RuntimeError, TypeError) as error:
            raise RunError(f"{self.path / BEST}: does not fit the run's recipe") from error
        return model.eval()


def open_run(path: str | Path, *, study: str | Path | None = None) -> Run:
    """Open a folder that `train` wrote; `study` says where its study is now. Raises RunError for anything else.

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
        several = ", but a set of them: name one of its folders" if (path / SET).exists() else ""
        raise RunError(f"{path}: not a training run{several}: {FACTS} is missing") from error
    except (OSError, ValueError) as error:
        raise RunError(f"{path / FACTS}: cannot be read: {error}") from error
    if not isinstance(facts, dict) or facts.get("format_version") != FORMAT_VERSION:
        raise RunError(f"{path / FACTS}: not a run of format version {FORMAT_VERSION}; train again with this egaze")
    return Run(path, load_recipe(path / RECIPE), cast(RunFacts, facts), None if study is None else Path(study))


def build_model(settings: ModelSettings, classes: int, *, weights: str | None = None) -> DualHeadUNet:
    """The recipe's model; `weights` overrides where they come from."""
    return DualHeadUNet(
        settings.encoder,
        classes,
        weights=settings.weights if weights is None else weights,
        heatmap_head=settings.heatmap_head,
        decoder_stride=settings.decoder_stride,
        decoder_channels=settings.decoder_channels,
        dropout=settings.dropout,
        pooling=settings.pooling,
        drop_path=settings.drop_path,
    )


def save_checkpoint(path: Path, state: Checkpoint) -> None:
    """Write tensors and plain values; the file is replaced whole. Raises EgazeError where the disk has no room."""
    content = io.BytesIO()  # torch's own writer hides what the system says, and may end the process
    torch.save(state, content)
    write_file(path, lambda partial: partial.write_bytes(content.getbuffer()))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read tensors and plain values, nothing that runs. Raises RunError when missing or damaged."""
    try:
        state: Checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise RunError(f"{path.parent}: has no {path.name} yet: no epoch has been finished") from error
    except Exception as error:
        raise RunError(f"{path}: damaged checkpoint ({type(error).__name__})") from error
    return state
