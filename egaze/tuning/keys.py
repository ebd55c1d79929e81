"""The keys of recipes, and which of them a search may vary so that its trials can be compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import is_dataclass
from typing import Any, get_type_hints

from egaze.errors import RecipeError
from egaze.training.recipe import Recipe
from egaze.training.stage import Stage

# What says how a trial is scored, or nothing about it.
_FIXED = ("name", "description", "choose_on", "inner_folds")
# The loss that a monitor may be made of.
_OF_LOSS = (
    "classification_weight",
    "heatmap_weight",
    "classification_loss",
    "class_weights",
    "heatmap_losses",
    "heatmap_loss_weights",
)
# What predicted heatmaps are compared with, and the loss of the heatmap head too.
_OF_HEATMAP = ("heatmap.sigma_frac", "heatmap.weight")
_OF_TARGET = (*_OF_HEATMAP, "heatmap_target", "egd_sigma_px", "class_heatmaps", "input_size_px")


def key_types(recipe: Recipe) -> dict[str, Any]:
    """The keys of recipes, with dots between levels, and the types of their values.

    Keys of stages are there for all stages together and for each stage of the recipe: "stages.epochs" and
    "stages.0.epochs".
    """
    found = _of(Recipe, "")
    del found["stages"]
    for place in ("stages", *(f"stages.{index}" for index in range(len(recipe.stages)))):
        found |= _of(Stage, f"{place}.")
    return found


def _of(kind: Any, prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, hint in get_type_hints(kind).items():
        found |= _of(hint, f"{prefix}{name}.") if is_dataclass(hint) else {f"{prefix}{name}": hint}
    return found


def require_comparable(recipe: Recipe, keys: Iterable[str], where: str) -> None:
    """Check that trials which differ in these keys only are scored alike: by one metric, of one meaning, on validation.

    Raises:
        RecipeError: they are not; the message names the key.
    """
    if recipe.choose_on != "validation":
        raise RecipeError(
            f"recipe {recipe.name!r}: a search compares trials on validation, and this recipe chooses its epoch on "
            f"{recipe.choose_on}; use --set choose_on=validation --set inner_folds=0"
        )
    monitor, measured = recipe.stages[-1].monitor, _measured(recipe)
    for key in keys:
        name = key.rpartition(".")[2] if key.startswith("stages.") else key
        if name in _FIXED or name == "monitor":
            raise RecipeError(
                f"{where}: {key} cannot be searched: it is not what trials differ in, or how they are scored"
            )
        of_loss = name in _OF_LOSS or name.startswith(_OF_TARGET)
        if "loss" in measured and of_loss:
            raise RecipeError(
                f"{where}: {key} cannot be searched with the monitor {monitor!r}: it changes what the loss is, so "
                "that losses of trials do not compare; use --set stages.monitor=macro_auc or a heatmap's metric"
            )
        if any(metric.startswith("heatmap_") for metric in measured) and name in _OF_HEATMAP:
            raise RecipeError(
                f"{where}: {key} cannot be searched with the monitor {monitor!r}: it changes the heatmap of gaze "
                "that predictions are compared with"
            )


def require_same_measure(recipe: Recipe, varied: Recipe) -> None:
    """Raise RecipeError unless a varied recipe is measured as the recipe is.

    Without a trained classifier, the loss takes the place of macro_auc.
    """
    if _measured(varied) != _measured(recipe):
        raise RecipeError("with it no stage trains the classifier, so that macro_auc could not be measured")


def _measured(recipe: Recipe) -> set[str]:
    """The metrics by which the last stage's epochs are compared, and trials with them."""
    if recipe.stages[-1].monitor == "macro_auc" and not recipe.has_trained_classifier(len(recipe.stages) - 1):
        return {"loss"}
    return set(recipe.stages[-1].monitor_weights)
