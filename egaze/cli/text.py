"""Figures as the terminal shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from egaze.evaluation.results import MetricDefinition
    from egaze.metrics import Estimate


def figure_text(estimate: Estimate | None, digits: int = 3) -> str:
    """A figure with its interval where it has one; "-" where it is not defined."""
    if estimate is None or not estimate.is_defined:
        return "-"
    value = f"{estimate.value:.{digits}f}"
    if not estimate.has_interval:
        return value
    return f"{value} ({estimate.low:.{digits}f} to {estimate.high:.{digits}f})"


def metric_text(metric: MetricDefinition) -> str:
    """A metric's name with its unit and direction."""
    unit = f", {metric.unit}" if metric.unit else ""
    return f"{metric.title}{unit} ({'more' if metric.more_is_better else 'less'})"


def count_text(count: int, thing: str) -> str:
    """A number of things: "1 radiograph", "2 radiographs"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
