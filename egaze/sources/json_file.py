"""JSON files of data sets: read whole, within a limit, with errors that name the place and show no text."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egaze.errors import TableError
from egaze.serialize import JsonObject
from egaze.tables.records import shorten


def read_json(path: Path, limit_bytes: int, limit_name: str) -> Any:
    """What a JSON file holds.

    Args:
        path: a file in UTF-8.
        limit_bytes: how long it may be.
        limit_name: the environment variable that changes the limit.

    Raises:
        TableError: a file that cannot be read, is too long, is not JSON in UTF-8, or gives a field twice.
    """
    try:
        with path.open("rb") as file:
            content = file.read(limit_bytes + 1)
        if len(content) > limit_bytes:
            raise TableError(f"{path}: longer than {limit_bytes} bytes ({limit_name})")
        return json.loads(content.decode("utf-8-sig"), object_pairs_hook=_without_repeats)
    except _Repeated as error:
        raise TableError(f"{path}: field {shorten(error.args[0])} is there twice in one object") from error
    except OSError as error:
        raise TableError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise TableError(f"{path}: byte {error.start} is 0x{content[error.start]:02x}: not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise TableError(f"{path}: line {error.lineno}, column {error.colno}: not JSON: {error.msg}") from error
    except RecursionError as error:
        raise TableError(f"{path}: nested too deeply") from error
    except ValueError as error:  # a whole number of thousands of digits
        raise TableError(f"{path}: not JSON: a number of too many digits") from error


class _Repeated(Exception):
    """A field that an object has twice: which of the two is meant, nobody can tell."""


def _without_repeats(pairs: list[tuple[str, Any]]) -> JsonObject:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Repeated(next(name for name in fields if names.count(name) > 1))
    return fields


def kind_of(value: Any) -> str:
    """What a value is; its words stay in the file."""
    kinds = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "nothing"}
    return kinds.get(type(value), f"{value:.6g}" if isinstance(value, float) else "a number")


def read_numbers(where: str, name: str, values: Any) -> NDArray[np.float64]:
    """(N,) float64 of a field that is a list of finite numbers. Raises TableError, which begins with `where`."""
    if not isinstance(values, list):
        raise TableError(f"{where}, field {name!r} holds {kind_of(values)}, expected a list")
    for place, value in enumerate(values, start=1):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TableError(f"{where}, field {name!r}, value {place} is {kind_of(value)}, expected a number")
        if (isinstance(value, int) and abs(value) > 2**53) or not math.isfinite(value):
            raise TableError(f"{where}, field {name!r}, value {place} is a number out of range")
    return np.array(values, dtype=np.float64)


def refuse_number(where: str, name: str, values: NDArray[np.float64], wrong: NDArray[np.bool_], expected: str) -> None:
    """Raise TableError for the first number of a field that is wrong."""
    for place in np.flatnonzero(wrong)[:1]:
        raise TableError(f"{where}, field {name!r}, value {place + 1} is {values[place]:.6g}, expected {expected}")
