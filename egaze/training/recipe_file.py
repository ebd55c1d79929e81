"""Recipes in TOML files: egaze's own, those of other packages, and the user's."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egaze.errors import RecipeError
from egaze.registry import Registry
from egaze.settings import from_table, parse_override
from egaze.training.recipe import Recipe

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from importlib.abc import Traversable


def _own() -> dict[str, Traversable]:
    files = (resources.files("egaze.training") / "recipes").iterdir()
    return {file.name[:-5]: file for file in sorted(files, key=lambda file: file.name) if file.name.endswith(".toml")}


#: TOML files (objects with `read_text`) by the recipe's name; other packages add theirs as `egaze.recipes`.
RECIPES: Registry[Traversable] = Registry(
    "egaze.recipes", "recipe", _own(), fits=lambda item: callable(getattr(item, "read_text", None))
)


def recipe_names() -> list[str]:
    """List the recipes that `load_recipe` knows by name: egaze's and those of other installed packages."""
    return list(RECIPES)


def load_recipe(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Load a recipe by its name or from a TOML file.

    Args:
        name_or_path: one of `recipe_names()`, or a path that ends in .toml.
        overrides: changes to the recipe as "key=value", with dots between levels and values as in TOML, in which text
            needs no quotes: "model.encoder=resnet18", "stages.0.epochs=5". Without a number, as in "stages.epochs=5",
            a change applies to all stages.

    Raises:
        RecipeError: there is no such recipe, the file is not TOML, a key is unknown, or a value has the wrong type or
            is out of range; the message names the key.

    Example:
        >>> from egaze.training import load_recipe
        >>> recipe = load_recipe("joint", ["model.encoder=resnet18", "stages.epochs=5"])
        >>> recipe.model.encoder, [stage.epochs for stage in recipe.stages]
        ('resnet18', [5])
    """
    text, where = _read(name_or_path)
    try:
        tree = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"{where}: not valid TOML: {error}") from error
    for override in overrides:
        _override(tree, override)
    if "name" not in tree:
        raise RecipeError(f"{where}: key 'name' is missing")
    recipe: Recipe = from_table(Recipe, tree, where)
    return recipe


def changed(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe with other values of some keys, which are written as those of `load_recipe`'s overrides.

    Raises:
        RecipeError: a key is unknown, or a value has the wrong type or is out of range; the message names the key.
    """
    tree = tomllib.loads(recipe.to_toml())
    for key, value in values.items():
        _set(tree, key, value, key)
    made: Recipe = from_table(Recipe, tree, f"recipe {recipe.name}")
    return made


def _read(name_or_path: str | Path) -> tuple[str, str]:
    if str(name_or_path).endswith(".toml"):
        path = Path(name_or_path)
        try:
            return path.read_text(encoding="utf-8"), str(path)
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"{path}: cannot read the recipe: {error}") from error
    name = str(name_or_path)
    if name not in RECIPES:
        raise RecipeError(f"no recipe {name!r}; use one of {', '.join(RECIPES)}, or a path that ends in .toml")
    return RECIPES[name].read_text(encoding="utf-8"), f"recipe {name}"


def _override(tree: dict[str, Any], override: str) -> None:
    key, value = parse_override(override)
    _set(tree, key, value, f"--set {override}")


def _set(tree: dict[str, Any], key: str, value: Any, said: str) -> None:  # any TOML, before the recipe checks it
    *path, last = key.split(".")
    nodes: list[Any] = [tree]
    for step in path:
        nodes = [child for node in nodes for child in _children(node, step, said)]
    for table in [table for node in nodes for table in (node if isinstance(node, list) else [node])]:
        if not isinstance(table, dict):
            raise RecipeError(f"{said}: {'.'.join(path)!r} has no keys")
        table[last] = value


def _children(node: Any, step: str, said: str) -> list[Any]:
    if isinstance(node, list) and step.isdecimal():
        if int(step) >= len(node):
            raise RecipeError(f"{said}: there is no item {step}, only {len(node)} items from 0")
        return [node[int(step)]]
    if isinstance(node, dict):
        return [node.setdefault(step, {})]
    raise RecipeError(f"{said}: there is no key {step!r}")
