"""Counts, estimates and metrics as text for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from egaze.evaluation.gaze_results import MetricDefinition
    from egaze.metrics import Estimate


def estimate_text(estimate: Estimate | None, digits: int = 3) -> str:
    """Format an estimate with its interval, if it has one; "-" if it is undefined."""
    if estimate is None or not estimate.is_defined:
        return "-"
    value = f"{estimate.value:.{digits}f}"
    if not estimate.has_interval:
        return value
    return f"{value} ({estimate.low:.{digits}f} to {estimate.high:.{digits}f})"


def percent_text(share: float | None) -> str:
    """Format a share as a percentage; "-" if it is undefined."""
    return "-" if share is None else f"{100 * share:.1f} %"


def metric_text(metric: MetricDefinition) -> str:
    """Format a metric's title with its unit and direction."""
    unit = f", {metric.unit}" if metric.unit else ""
    return f"{metric.title}{unit} ({'more' if metric.more_is_better else 'less'})"


def count_text(count: int, thing: str) -> str:
    """Format a number of things, such as "1 case" or "2,000 cases"."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
