"""What a study must have before a recipe is trained on it."""

from __future__ import annotations

import numpy as np

from egaze.errors import RecipeError, StudyError
from egaze.study import Study
from egaze.training.classification_losses import CLASSIFICATION_LOSSES
from egaze.training.recipe import Recipe


def require_trainable(study: Study, recipe: Recipe) -> None:
    """Check that a study has the cases, labels and gaze that a recipe learns from.

    Raises:
        StudyError: a split is empty, a class has no training case, or the gaze that the recipe needs is missing.
        RecipeError: the recipe's weights are not those of the study's classes, or a loss cannot learn from its labels.
    """
    for split in ("train", recipe.choose_on):
        study.splits.indices(split)
    recipe.target.require(study)
    train = study.splits.indices("train")
    if recipe.order.kind == "class-balanced" and not study.labels.of(train).known.any():
        raise StudyError(f"{study.path}: no case of the train split has a label, which order.kind class-balanced needs")
    _require_weights(study, recipe)
    with_gaze = int(study.has_gaze[train].sum())
    if recipe.order.kind == "mixed" and not 0 < with_gaze < len(train):
        raise StudyError(
            f"{study.path}: {with_gaze} of {len(train)} cases of the train split have gaze; order.kind mixed needs "
            "cases with gaze and cases without"
        )
    if recipe.trains_classifier:
        if len(study.class_names) < 2 and study.labels.kind == "exclusive":
            raise StudyError(
                f"{study.path}: a classifier needs at least two classes; the study has "
                f"{', '.join(study.class_names) or 'none'}"
            )
        targets = study.labels.of(train).targets
        for learnt, which in ((targets > 0.5, "case"), (targets < 0.5, "case without it")):
            if not (has_case := learnt.any(axis=0)).all():
                missing = study.class_names[int(np.argmin(has_case))]
                raise StudyError(f"{study.path}: class {missing!r} has no {which} in the train split")
    if recipe.learns_from_gaze and not study.has_gaze[train].any():
        raise StudyError(
            f"{study.path}: no case of the train split has gaze, which recipe {recipe.name!r} learns from; "
            "use --recipe encoder-only"
        )
    recipe.control.require(study)


def _require_weights(study: Study, recipe: Recipe) -> None:
    """Check the recipe's weights of classes and its losses against the study's labels."""
    labels, listed = study.labels, ", ".join(study.class_names)
    classes, groups = len(study.class_names), labels.groups.shape[1]
    if recipe.order.kind == "class-weighted" and (given := len(recipe.order.class_weights)) != groups:
        without = "" if groups == classes else ", then cases without any"
        raise RecipeError(f"order.class_weights must be {groups} numbers, for {listed}{without}; got {given}")
    for index, stage in enumerate(recipe.stages):
        if (given := len(stage.class_weights)) not in (0, classes):
            raise RecipeError(f"stages[{index}].class_weights must be {classes} numbers, for {listed}; got {given}")
        loss = CLASSIFICATION_LOSSES[stage.classification_loss]
        if labels.kind == "independent" and stage.classification_weight > 0 and loss.of_each is None:
            raise RecipeError(
                f"stages[{index}].classification_loss {stage.classification_loss!r} learns from exclusive labels "
                f"alone, and those of {study.path} are independent"
            )
