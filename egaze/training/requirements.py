"""What a study must have before a recipe is trained on it."""

from __future__ import annotations

import numpy as np

from egaze.errors import RecipeError, StudyError
from egaze.settings import require
from egaze.study import Study
from egaze.training.classification_losses import CLASSIFICATION_LOSSES
from egaze.training.cross_fit import inner_recipe, inner_splits
from egaze.training.ranks import Placement
from egaze.training.recipe import Recipe


def require_shares(recipe: Recipe, placement: Placement) -> None:
    """Check that each device gets a part of a batch.

    Raises:
        RecipeError: the batch is smaller than the number of devices.
    """
    ranks = placement.ranks
    require(recipe.batch_size >= ranks, "batch_size", f"at least {ranks}, one image per device", recipe.batch_size)


def require_trainable(study: Study, recipe: Recipe) -> None:
    """Check that a study has the cases, labels and gaze that a recipe learns from.

    Raises:
        StudyError: the study has no images, a split is empty, a class has no training case, or the gaze that the recipe
            needs is missing.
        RecipeError: the recipe's weights are not those of the study's classes, or a loss cannot learn from its labels.
    """
    study.require_images("training")
    for split in ("train", recipe.measured_on):
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
    if recipe.heatmap.prior == "mean" and not study.has_gaze[train].any():
        raise StudyError(
            f"{study.path}: no case of the train split has gaze, of which heatmap.prior mean is the mean; "
            "use --set heatmap.prior=none"
        )
    if recipe.learns_from_gaze and not study.has_gaze[train].any():
        raise StudyError(
            f"{study.path}: no case of the train split has gaze, which recipe {recipe.name!r} learns from; "
            "use --recipe encoder-only"
        )
    recipe.control.require(study)
    if recipe.class_heatmaps.is_on:
        recipe.class_heatmaps.require(study)
    require_monitors(study, recipe, recipe.measured_on, falls_back=True)
    if recipe.choose_on == "train":
        _require_inner_folds(study, recipe)


def require_monitors(study: Study, recipe: Recipe, split: str, *, falls_back: bool) -> None:
    """Check that a split has what the stages' monitors are measured on.

    `falls_back` says whether monitor "macro_auc" may be "loss" on a split on which it is undefined.
    """
    cases = study.splits.indices(split)
    answers = study.labels.of(cases).answers
    has_auc = bool(((answers == 1).any(axis=0) & (answers == 0).any(axis=0)).any())
    for index, stage in enumerate(recipe.stages):
        said = f"{study.path}: stage {stage.name!r} cannot be monitored on the {split} split: "
        if stage.monitors_heatmap and not study.has_gaze[cases].any():
            raise StudyError(f"{said}no case there has gaze, which its monitor measures")
        needs_classes = "macro_auc" in stage.monitor_weights and recipe.has_trained_classifier(index)
        if needs_classes and not has_auc and not (falls_back and stage.monitor == "macro_auc"):
            raise StudyError(f"{said}no class there has cases with and without it, so that macro_auc is undefined")


def _require_inner_folds(study: Study, recipe: Recipe) -> None:
    inner = inner_recipe(recipe)
    for fold, splits in enumerate(inner_splits(study, recipe.inner_folds)):
        of_fold = study.with_splits(splits)
        try:
            require_trainable(of_fold, inner)
            # Epochs are compared by means over the folds, which must be of one metric.
            require_monitors(of_fold, inner, "validation", falls_back=False)
        except StudyError as error:
            raise StudyError(f"inner fold {fold + 1} of {recipe.inner_folds}: {error}") from error


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
