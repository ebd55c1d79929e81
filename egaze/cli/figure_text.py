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


def one_auc(classes: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Of two classes whose AUCs are one number, as softmax makes them, the second; None where there is more to say."""
    values = [item["auc"] and item["auc"]["value"] for item in classes.values()]
    if len(values) != 2 or None in values or abs(values[0] - values[1]) > 1e-9:
        return None
    return list(classes)[1]
