"""Figures as the terminal shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def figure_text(figure: Mapping[str, Any] | None, digits: int = 3) -> str:
    """A figure {"value", "low", "high"} with its interval where it has one; "-" where it is not defined."""
    if figure is None or figure["value"] is None:
        return "-"
    value = f"{figure['value']:.{digits}f}"
    if figure["low"] is None:
        return value
    return f"{value} ({figure['low']:.{digits}f} to {figure['high']:.{digits}f})"


def count_text(count: int, thing: str) -> str:
    """A number of things: "1 film", "2 films"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
