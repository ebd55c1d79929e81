"""Results to JSON and back: a frozen dataclass becomes an object with one key per field.

A number that is not defined is NaN in Python and null in the file. Reading checks every key and value against the types
of the fields, so that no further checks are needed.
"""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from egaze.errors import EgazeError, RunError

#: A JSON object as `json` reads and writes it; Python has no more precise type for its values.
JsonObject = dict[str, Any]

T = TypeVar("T")

_VERSION = "format_version"


def to_json(value: object) -> Any:
    """Convert a value to what `json.dumps` accepts: dataclasses become objects, tuples lists, and NaN null.

    Raises:
        ValueError: an infinite number, or a value of a type that JSON does not have.

    Example:
        >>> from egaze.metrics import Estimate
        >>> to_json({"auc": Estimate(0.75, 0.5, 1.0), "seeds": (0, 1), "temperature": float("nan")})
        {'auc': {'value': 0.75, 'low': 0.5, 'high': 1.0}, 'seeds': [0, 1], 'temperature': None}
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if math.isinf(value):
            raise ValueError("JSON has no infinite numbers")
        return None if math.isnan(value) else value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    raise ValueError(f"JSON has no {type(value).__name__}")


def from_json(kind: type[T], data: object) -> T:
    """Convert the result of `to_json` back to a dataclass.

    Its fields may have the types str, bool, int, float, Literal, `X | None`, `tuple[X, ...]`, `dict[str, X]`, and
    dataclasses of these.

    Raises:
        ValueError: a missing or unknown key, or a value of another type; the message names the key.

    Example:
        >>> from egaze.metrics import Estimate
        >>> from_json(Estimate, {"value": 0.75, "low": None, "high": None})
        Estimate(value=0.75, low=nan, high=nan)
    """
    return _read(kind, data, "")  # type: ignore[no-any-return]  # `_read` has checked it


def write_json(path: Path, version: int, value: object, **more: object) -> None:
    """Write a dataclass as a JSON file with its format version and, beside its fields, the keys of `more`."""
    content = {_VERSION: version, **to_json(value), **to_json(more)}
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path, version: int, kind: type[T], *, remedy: str) -> T:
    """Read a file that `write_json` wrote without `more`.

    Args:
        path: the file.
        version: the format version that is supported.
        kind: the dataclass.
        remedy: what the user can do about a file that cannot be read, such as "evaluate again".

    Raises:
        FileNotFoundError: there is no such file.
        RunError: the file is not JSON, has another format version, or its keys and values do not match `kind`.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path}: damaged: {(str(error).splitlines() or [''])[0]}; {remedy}") from error
    found = content.pop(_VERSION, None) if isinstance(content, dict) else None
    if found != version or isinstance(found, bool):
        raise RunError(f"{path}: format version {found!r}, this egaze reads {version}: {remedy}")
    try:
        return from_json(kind, content)
    except ValueError as error:
        raise RunError(f"{path}: {error}; {remedy}") from error


def _read(kind: Any, data: Any, key: str) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        (inner,) = (arg for arg in args if arg is not NoneType)
        return None if data is None else _read(inner, data, key)
    if origin is Literal:
        if data not in args or isinstance(data, bool):
            raise _wrong(key, " or ".join(map(repr, args)), data)
        return data
    if origin is tuple:
        if not isinstance(data, list):
            raise _wrong(key, "a list", data)
        return tuple(_read(args[0], item, f"{key}[{place}]") for place, item in enumerate(data))
    if origin is dict:
        if not isinstance(data, dict):
            raise _wrong(key, "an object", data)
        return {name: _read(args[1], item, _under(key, name)) for name, item in data.items()}
    if is_dataclass(kind):
        return _read_fields(kind, data, key)
    if kind is float:
        if data is None:
            return math.nan
        if isinstance(data, bool) or not isinstance(data, (int, float)) or not math.isfinite(data):
            raise _wrong(key, "a finite number or null", data)
        return float(data)
    if not isinstance(data, kind) or (kind is int and isinstance(data, bool)):
        raise _wrong(key, {str: "a string", bool: "true or false", int: "a whole number"}[kind], data)
    return data


def _read_fields(kind: Any, data: Any, key: str) -> Any:
    if not isinstance(data, dict):
        raise _wrong(key, "an object", data)
    hints = _hints(kind)
    names = [field.name for field in fields(kind)]
    for name in names:
        if name not in data:
            raise ValueError(f"key {_under(key, name)!r} is missing")
    for name in data:
        if name not in names:
            raise ValueError(f"key {_under(key, name)!r} is not known")
    values = {name: _read(hints[name], data[name], _under(key, name)) for name in names}
    try:
        return kind(**values)
    except (EgazeError, ValueError) as error:
        raise ValueError(f"key {key!r}: {error}") from error


@cache
def _hints(kind: type) -> dict[str, Any]:  # what typing returns
    return get_type_hints(kind)


def _under(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _wrong(key: str, expected: str, found: object) -> ValueError:
    said = repr(found)
    return ValueError(f"key {key!r} must be {expected}, got {said if len(said) <= 60 else said[:57] + '...'}")
