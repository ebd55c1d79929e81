"""Reliability diagrams: how confidence compares with accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from egaze.report.plots.plot import Plot, unit_axis

if TYPE_CHECKING:
    from egaze.evaluation.results import Calibration, CalibrationState


def reliability_diagrams(calibration: Calibration) -> list[Markup]:
    """Plot accuracy by confidence, before and after temperature scaling."""
    plots = [_plot("before", "as predicted", "s0", calibration.before)]
    if calibration.after is not None:
        plots.append(_plot("after", "after temperature scaling", "s1", calibration.after))
    return plots


def _plot(key: str, words: str, look: str, state: CalibrationState) -> Markup:
    bins = state.reliability
    error = state.expected_calibration_error.value
    described = "; ".join(
        f"at {item.mean_prob:.2f} right in {item.observed.value:.2f} of {item.cases}" for item in bins
    )
    plot = Plot(
        f"reliability-{key}",
        f"Confidence {words}",
        f"Expected calibration error {error:.3f}. {described}.",
        unit_axis("confidence of the prediction"),
        unit_axis("fraction right"),
        width=370,
        height=350,
    )
    plot.line([(0.0, 0.0), (1.0, 1.0)], "chance")
    most = max(item.cases for item in bins)
    for item in bins:
        # Bars at the bottom show the numbers of radiographs.
        plot.box(item.low + 0.01, 0.0, item.high - 0.01, 0.16 * item.cases / most, "count")
    for item in bins:
        observed = item.observed
        plot.line([(item.mean_prob, observed.low), (item.mean_prob, observed.high)], f"{look} whisker")
    plot.line([(item.mean_prob, item.observed.value) for item in bins], look)
    for item in bins:
        observed = item.observed
        said = f"{item.cases} radiographs at {item.mean_prob:.2f}: right in {observed.value:.2f}"
        plot.dot(item.mean_prob, observed.value, look, 4, said=said)
    plot.text(0.0, 1.0, f"ECE {error:.3f}", "figure", shift=(8, 14))
    return plot.svg()
