"""Choosing the number of epochs by cross-fitting within the training split.

The best of 40 epochs on ten validation radiographs is mostly the luckiest one. Here the training split is dealt into
inner folds by patient; for each, a model is trained on the others and measured on it after every epoch, and the number
of epochs of each stage is the one whose monitored value is best on average over the folds. Every training radiograph is
measured once for that choice. The model itself is then trained on the whole training split for as many epochs, under
the same learning rates, and its last epoch is kept. Neither the validation nor the test split has a part in it.

In a recipe of several stages, a stage of an inner fold starts from the weights that did best on that fold in the stage
before.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from lightning_fabric import Fabric

from egaze.atomic import write_text
from egaze.errors import RunError, StudyError
from egaze.study import Splits, Study
from egaze.training.epoch_log import EpochLog, by_stage
from egaze.training.folds import deal_parts
from egaze.training.monitor import monitored_entry
from egaze.training.ranks import from_first
from egaze.training.recipe import Recipe

CROSS_FIT = "cross-fit.json"
_FOLDER = "cross-fit"

#: Trains a recipe into a folder with the given splits, or resumes it there, and returns its log; the text says what is
#: trained.
InnerTraining = Callable[[Recipe, Path, Splits, str], list[EpochLog]]


def inner_splits(study: Study, folds: int) -> tuple[Splits, ...]:
    """Deal the training split into folds by patient: each is the validation split once, and the others train.

    All other cases are in the test split, which cross-fitting does not use.

    Raises:
        StudyError: fewer patients than folds in the training split.
    """
    train = study.splits.indices("train")
    patients = len(np.unique(study.patients[train]))
    if folds > patients:
        raise StudyError(
            f"{study.path}: inner_folds must be at most {patients}, the train split's patients, got {folds}"
        )
    part = deal_parts(study.patients[train], study.labels.of(train), folds, 0)
    split_index = np.full((folds, len(study)), 2, dtype=np.int64)
    for fold in range(folds):
        split_index[fold, train] = part == fold
    return tuple(Splits(0, (folds - 1, 1, 0), row) for row in split_index)


def inner_recipe(recipe: Recipe) -> Recipe:
    """The recipe of an inner fold: every epoch is carried out and measured on that fold."""
    stages = tuple(replace(stage, patience=0) for stage in recipe.stages)
    return replace(recipe, choose_on="validation", inner_folds=0, stages=stages)


def cross_fitted_epochs(
    fabric: Fabric, study: Study, recipe: Recipe, out: Path, train: InnerTraining
) -> tuple[int, ...]:
    """Choose the number of epochs of each stage, and write what they were chosen by to cross-fit.json.

    Args:
        fabric: of the ranks, all of which call this.
        study: with the splits of the run.
        recipe: with choose_on "train".
        out: the run's folder. Inner runs are kept in it until all are finished, and resumed.
        train: trains one inner fold, with the seed of the run.

    Raises:
        RunError: cross-fit.json is damaged.
    """
    if (found := from_first(fabric, lambda: _found(out, recipe))) is not None:
        return found
    curves: list[list[list[float]]] = [[] for _ in recipe.stages]
    inner = inner_recipe(recipe)
    for fold, splits in enumerate(inner_splits(study, recipe.inner_folds)):
        what = f"inner fold {fold + 1} of {recipe.inner_folds}"
        log = train(inner, out / _FOLDER / f"fold-{fold}", splits, what)
        for index, of_stage in enumerate(by_stage(log)):
            curves[index].append([monitored_entry(inner, index, entry) for entry in of_stage])
    means = [np.mean(of_stage, axis=0) for of_stage in curves]
    epochs = tuple(int(np.argmax(mean)) + 1 for mean in means)
    content = {
        "inner_folds": recipe.inner_folds,
        "stages": [
            {"name": stage.name, "epochs": chosen, "monitored": of_stage, "monitored_mean": mean.tolist()}
            for stage, chosen, of_stage, mean in zip(recipe.stages, epochs, curves, means, strict=True)
        ],
    }

    def write() -> None:
        write_text(out / CROSS_FIT, json.dumps(content, indent=2) + "\n")
        shutil.rmtree(out / _FOLDER)

    from_first(fabric, write)
    return epochs


def _found(out: Path, recipe: Recipe) -> tuple[int, ...] | None:
    if not (out / CROSS_FIT).exists():
        return None
    shutil.rmtree(out / _FOLDER, ignore_errors=True)  # a kill may have left it
    return _read(out / CROSS_FIT, recipe)


def _read(path: Path, recipe: Recipe) -> tuple[int, ...]:
    try:
        epochs = tuple(stage["epochs"] for stage in json.loads(path.read_text(encoding="utf-8"))["stages"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: damaged: {(str(error).splitlines() or [''])[0]}; train again") from error
    sound = len(epochs) == len(recipe.stages) and all(
        type(chosen) is int and 1 <= chosen <= stage.epochs for chosen, stage in zip(epochs, recipe.stages, strict=True)
    )
    if not sound:
        raise RunError(f"{path}: damaged: {list(epochs)} are not epochs of the recipe's stages; train again")
    return epochs
