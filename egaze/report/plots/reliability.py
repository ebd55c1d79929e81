"""Whether confidence is borne out."""

from __future__ import annotations

from markupsafe import Markup

from egaze.evaluation.results import Calibration, CalibrationState
from egaze.report.plots.plot import Plot, unit_axis


def reliability_diagrams(calibration: Calibration) -> list[Markup]:
    """How often the answer was right by how sure the model was, before and after temperature scaling."""
    charts = [_chart("before", "as predicted", "s0", calibration.before)]
    if calibration.after is not None:
        charts.append(_chart("after", "after temperature scaling", "s1", calibration.after))
    return charts


def _chart(key: str, words: str, look: str, state: CalibrationState) -> Markup:
    bins = state.reliability
    error = state.expected_calibration_error.value
    described = "; ".join(
        f"at {item.mean_prob:.2f} right in {item.observed.value:.2f} of {item.cases}" for item in bins
    )
    plot = Plot(
        f"reliability-{key}",
        f"Confidence {words}",
        f"Expected calibration error {error:.3f}. {described}.",
        unit_axis("confidence of the answer"),
        unit_axis("share right"),
        width=370,
        height=350,
    )
    plot.line([(0.0, 0.0), (1.0, 1.0)], "chance")
    most = max(item.cases for item in bins)
    for item in bins:
        # At the foot, how many radiographs there are.
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
