"""Names of a package that are imported when they are first used, because torch and what stands on it load slowly."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make a package's `__getattr__` and `__dir__`.

    Args:
        package: its `__name__`.
        homes: the module of each name, relative to the package.

    Example:
        >>> from egaze.lazy_names import lazy_names
        >>> get, _ = lazy_names("egaze", {"Fixations": "gaze"})
        >>> get("Fixations").__name__
        'Fixations'
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return get, names
