"""The space of a search: which keys of a recipe it varies, and over which values."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from egaze.errors import RecipeError
from egaze.training.recipe import Recipe
from egaze.training.recipe_file import changed
from egaze.tuning.keys import key_types, require_comparable, require_same_measure

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from optuna import Trial

_RANGE, _CHOICES = ("low", "high", "log", "step"), "choices"
#: So many values of a range are tried against the limits of its key.
_TRIED = 64
_LARGEST = 2**53


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Attributes:
        low, high: whole numbers for a key of whole numbers.
        step: the distance of neighbouring values; None for any number between.
        log: whether values are drawn evenly on a logarithmic scale.
    """

    low: float
    high: float
    step: float | None = None
    log: bool = False

    def suggested(self, trial: Trial, key: str) -> int | float:
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(key, self.low, self.high, step=int(self.step or 1), log=self.log)
        return trial.suggest_float(key, self.low, self.high, step=self.step, log=self.log)

    def restored(self, value: Any) -> int | float:
        return int(value) if isinstance(self.low, int) and isinstance(self.high, int) else float(value)

    def examples(self) -> list[Any]:
        """Values all over the range, with both ends; all of them if there are few."""
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        step = self.step or (1 if whole else None)
        if step is not None:
            count = round((self.high - self.low) / step)
            steps = np.unique(np.linspace(0, count, min(count + 1, _TRIED)).round().astype(int)).tolist()
            # The second value shows a range that forgets the step that its key has.
            values = [self.low + number * step for number in sorted({*steps, 1})]
            return [int(value) for value in values] if whole else values
        spaced = np.geomspace if self.log else np.linspace
        return [self.low, *spaced(self.low, self.high, 9)[1:-1].tolist(), self.high]


@dataclass(frozen=True, slots=True)
class Choices:
    """Distinct values of any type that recipes have."""

    values: tuple[Any, ...]

    def suggested(self, trial: Trial, key: str) -> Any:
        return self.restored(trial.suggest_categorical(key, self._plain()))

    def restored(self, value: Any) -> Any:
        return self.values[self._plain().index(value)]

    def _plain(self) -> list[Any]:
        """The values as Optuna stores them: a list or a table by its text."""
        return [value if isinstance(value, (bool, int, float, str)) else json.dumps(value) for value in self.values]

    def examples(self) -> list[Any]:
        return list(self.values)


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Keys of a recipe, such as "stages.learning_rate", with the values that a search may give them."""

    dimensions: Mapping[str, Range | Choices]

    def suggested(self, trial: Trial) -> dict[str, Any]:
        """The values of a trial, those that it has been given already or new ones."""
        return {key: dimension.suggested(trial, key) for key, dimension in self.dimensions.items()}

    def stored(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a trial as a recipe takes them, from what Optuna has stored."""
        return {key: self.dimensions[key].restored(value) for key, value in values.items()}


def load_space(path: str | Path, recipe: Recipe) -> SearchSpace:
    """Read a search space from a TOML file and check it against the recipe that it varies.

    The file has a table for each key, with `low` and `high`, and `log` or `step` if wanted, or with `choices`:

        stages.learning_rate = {low = 1e-5, high = 1e-2, log = true}
        model.encoder = {choices = ["tf_efficientnet_b0", "resnet18"]}

    Raises:
        RecipeError: the file cannot be read, names a key that no recipe has, a value that the key does not take, or a
            key whose change would change what trials are compared by.

    Example:
        >>> from pathlib import Path
        >>> from egaze.training import load_recipe
        >>> from egaze.tuning import load_space
        >>> _ = Path("space.toml").write_text("model.dropout = {low = 0.0, high = 0.5}")
        >>> load_space("space.toml", load_recipe("joint")).dimensions
        {'model.dropout': Range(low=0.0, high=0.5, step=None, log=False)}
    """
    path = Path(path)
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot read the search space: {error}") from error
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"{path}: not valid TOML: {error}") from error
    kinds = key_types(recipe)
    dimensions: dict[str, Range | Choices] = {}
    for key, table in _leaves(tree, "", path):
        where = f"{path}: {key}"
        if key in dimensions:
            raise RecipeError(f"{where}: is given twice")
        if key not in kinds:
            raise RecipeError(f"{path}: {_unknown(key, recipe)}")
        dimensions[key] = _dimension(table, kinds[key], where)
    if not dimensions:
        raise RecipeError(f"{path}: names no key; give one as in: stages.learning_rate = {{low = 1e-5, high = 1e-2}}")
    _require_distinct(dimensions, path)
    require_comparable(recipe, dimensions, str(path))
    _require_taken(recipe, dimensions, path)
    return SearchSpace(dimensions)


def _leaves(tree: Mapping[str, Any], above: str, path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every table that gives values, with its key; tables above it are the levels of that key."""
    for name, table in tree.items():
        key = f"{above}.{name}" if above else name
        if not isinstance(table, dict):
            raise RecipeError(
                f"{path}: {key} must be a table, {{low = ..., high = ...}} or {{choices = [...]}}, got {table!r}"
            )
        if not table or any(not isinstance(value, dict) for value in table.values()):
            yield key, table
        else:
            yield from _leaves(table, key, path)


def _unknown(key: str, recipe: Recipe) -> str:
    known = key_types(recipe)
    first, _, rest = key.partition(".")
    number = rest.partition(".")[0]
    if first == "stages" and number.isdecimal() and int(number) >= len(recipe.stages):
        return f"there is no stage {number} for {key!r}: recipe {recipe.name!r} has {len(recipe.stages)}, from 0"
    near = get_close_matches(key, known, n=1, cutoff=0.0)
    return f"no recipe has a key {key!r}; the nearest is {near[0]!r}"


def _dimension(table: Mapping[str, Any], kind: type, where: str) -> Range | Choices:
    if _CHOICES in table:
        if set(table) != {_CHOICES}:
            raise RecipeError(f"{where}: choices and {', '.join(sorted(set(table) - {_CHOICES}))} cannot go together")
        return _choices(table[_CHOICES], where)
    if unknown := sorted(set(table) - set(_RANGE)):
        raise RecipeError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(_RANGE)} and {_CHOICES}")
    if kind not in (int, float):
        raise RecipeError(f"{where}: takes choices alone, since its values are not numbers")
    return _range(table, kind, where)


def _choices(values: Any, where: str) -> Choices:
    if not isinstance(values, list) or len(values) < 2:
        raise RecipeError(f"{where}: choices must be a list of two values or more, got {values!r}")
    if any(one == other for one, other in combinations(values, 2)):
        raise RecipeError(f"{where}: choices has a value twice: {values!r}")
    return Choices(tuple(values))


def _range(table: Mapping[str, Any], kind: type, where: str) -> Range:
    for name in ("low", "high"):
        if name not in table:
            raise RecipeError(f"{where}: {name} is missing")
    log = table.get("log", False)
    if not isinstance(log, bool):
        raise RecipeError(f"{where}: log must be true or false, got {log!r}")
    numbers = {
        name: _number(table[name], kind, f"{where}: {name}") for name in ("low", "high", "step") if name in table
    }
    low, high, step = numbers["low"], numbers["high"], numbers.get("step")
    if not low < high:
        raise RecipeError(f"{where}: low must be below high, got {low!r} and {high!r}")
    if log and (low <= 0 or step is not None):
        raise RecipeError(f"{where}: log needs a low above 0 and no step, got low {low!r} and step {step!r}")
    if step is not None:
        steps = (high - low) / step if step > 0 else 0.5
        if abs(steps - round(steps)) > 1e-6:
            raise RecipeError(f"{where}: high must be low and a number of steps, got {low!r}, {high!r}, step {step!r}")
    return Range(low, high, step, log)


def _number(value: Any, kind: type, where: str) -> float:
    allowed = (int,) if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed) or not abs(value) <= _LARGEST:
        raise RecipeError(f"{where} must be a {'whole' if kind is int else 'finite'} number, got {value!r}")
    return value if kind is int else float(value)


def _require_distinct(dimensions: Mapping[str, object], path: Path) -> None:
    """A key of all stages and the same key of one stage would both decide the latter."""
    for key in dimensions:
        first, _, rest = key.partition(".")
        every = f"{first}.{rest.partition('.')[2]}"
        if first == "stages" and rest[0].isdecimal() and every in dimensions:
            raise RecipeError(f"{path}: {every!r} is of all stages, so {key!r} cannot be given beside it")


def _require_taken(recipe: Recipe, dimensions: Mapping[str, Range | Choices], path: Path) -> None:
    """Check every dimension's values against what recipes allow.

    A value may need one of another dimension, as mixed orders need their gaze_share, so a value is refused only if the
    recipe refuses it with each value of each other dimension.
    """
    for key, dimension in dimensions.items():
        for value in dimension.examples():
            if (refusal := _refusal(recipe, {key: value})) is None:
                continue
            others = (
                {other: example, key: value}
                for other in dimensions
                if other != key
                for example in dimensions[other].examples()
            )
            if all(_refusal(recipe, values) is not None for values in others):
                raise RecipeError(f"{path}: {key} = {value!r}: {refusal}")


def _refusal(recipe: Recipe, values: Mapping[str, Any]) -> RecipeError | None:
    try:
        require_same_measure(recipe, changed(recipe, values))
    except RecipeError as error:
        return error
    return None
