"""Validation of settings: frozen dataclasses that check the types and ranges of their values."""

from __future__ import annotations

import sys
from dataclasses import fields
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from egaze.errors import EgazeError, RecipeError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def settle_types(part: Any) -> None:
    """Check the values of a dataclass against the types of its fields; to be called in its `__post_init__`.

    Lists become tuples, integers become floats if the field is a float, and tables (dictionaries) become the dataclass
    of the field.

    Raises:
        RecipeError: a value of another type; the message begins with the name of the field.
    """
    for name, hint in get_type_hints(type(part)).items():
        object.__setattr__(part, name, _typed(hint, getattr(part, name), name))


def require(holds: bool, key: str, expected: str, value: object) -> None:
    """Raise RecipeError, "KEY must be EXPECTED, got VALUE", unless `holds`."""
    if not holds:
        raise RecipeError(f"{key} must be {expected}, got {value!r}")


def from_table(kind: type, table: Any, where: str, *, separator: str = ": ") -> Any:
    """A settings dataclass from a TOML table.

    Args:
        kind: the dataclass.
        table: the parsed TOML value.
        where: the position of the table, which begins every message.
        separator: what separates the position from a key in a message.

    Raises:
        RecipeError: not a table, an unknown key, or a value that the dataclass refuses.
    """
    if not isinstance(table, dict):
        raise RecipeError(f"{where}: expected a table, got {table!r}")
    hints = get_type_hints(kind)
    known = [item.name for item in fields(kind)]
    for key in table:
        if key not in known:
            raise RecipeError(f"{where}: unknown key {key!r}; known are {', '.join(known)}")
    values = {key: _typed(hints[key], value, f"{where}: {key}") for key, value in table.items()}
    try:
        return kind(**values)
    except (EgazeError, ValueError) as error:
        raise RecipeError(f"{where}{separator}{error}") from error


def parse_override(override: str) -> tuple[str, Any]:
    """The key and the value of "key=value", the value as in TOML, in which text needs no quotes.

    Raises:
        RecipeError: there is no key or no equals sign.
    """
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise RecipeError(f"--set {override}: expected key=value")
    try:
        return key.strip(), tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return key.strip(), text


def _typed(hint: Any, value: Any, where: str) -> Any:
    if get_origin(hint) is UnionType:
        kinds = get_args(hint)
        hint = next((kind for kind in kinds if isinstance(value, get_origin(kind) or kind)), kinds[0])
    if get_origin(hint) is dict:
        if not isinstance(value, dict):
            raise RecipeError(f"{where} must be a table, got {value!r}")
        return {key: _typed(get_args(hint)[1], item, f"{where}.{key}") for key, item in value.items()}
    if get_origin(hint) is tuple:
        if not isinstance(value, (list, tuple)):
            raise RecipeError(f"{where} must be a list, got {value!r}")
        return tuple(_typed(get_args(hint)[0], item, f"{where}[{index}]") for index, item in enumerate(value))
    if hasattr(hint, "__dataclass_fields__"):
        return value if isinstance(value, hint) else from_table(hint, value, where, separator=".")
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise RecipeError(f"{where} must be of type {hint.__name__}, got {value!r}")
    return value
