"""ROC curves with confidence bands."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from egaze.evaluation.figures import one_auc
from egaze.metrics import RocCurve, roc_curve_band
from egaze.report.figures.plot import SERIES, Plot, unit_axis


def roc_curves(
    labels: NDArray[np.int64],
    class_probs: NDArray[np.float64],
    patients: NDArray[np.int64],
    classification: dict[str, Any],
) -> list[Markup]:
    """A chart a class that has a curve: the curve, its band over patients, and the operating points.

    Two classes that have one AUC, one against the other, have one chart, with the second's points.

    Args:
        labels: (N,) class numbers of the labelled films.
        class_probs: (N, C).
        patients: (N,).
        classification: the metrics'.
    """
    charts, only = [], one_auc(classification["classes"])
    for number, (name, facts) in enumerate(classification["classes"].items()):
        if facts["auc"] is None or only not in (None, name):
            continue
        curve = roc_curve_band((labels == number).astype(np.int64), class_probs[:, number], patients)
        charts.append(_chart(number, one_auc_words(classification) or name, name, facts, curve))
    return charts


def one_auc_words(classification: dict[str, Any] | None) -> str | None:
    """Of two classes that have one AUC, one against the other; None where there is more to say."""
    if classification is None or one_auc(classification["classes"]) is None:
        return None
    return " against ".join(classification["classes"])


def _chart(number: int, title: str, name: str, facts: dict[str, Any], curve: RocCurve) -> Markup:
    auc = facts["auc"]
    said = f"AUC {auc['value']:.3f}"
    if auc["low"] is not None:
        said += f" ({auc['low']:.3f}–{auc['high']:.3f})"
    plot = Plot(
        f"roc-{number}",
        title,
        f"ROC curve of {name} against the others, {facts['cases']} films: {said}.",
        unit_axis("1 − specificity"),
        unit_axis("sensitivity"),
        width=370,
        height=350,
    )
    look = f"s{number % SERIES}"
    known = np.isfinite(curve.band_low)
    across, low, high = curve.band_fall_out[known], curve.band_low[known], curve.band_high[known]
    plot.area([*zip(across, high, strict=True), *zip(across[::-1], low[::-1], strict=True)], look)
    plot.line([(0.0, 0.0), (1.0, 1.0)], "chance")
    plot.line(list(zip(curve.fall_out, curve.sensitivity, strict=True)), look)
    for point in facts.get("operating_points") or ():
        sensitivity, specificity = point["sensitivity"]["value"], point["specificity"]["value"]
        if sensitivity is not None and specificity is not None:
            words = f"{point['name']}: sensitivity {sensitivity:.2f}, specificity {specificity:.2f}"
            plot.dot(1 - specificity, sensitivity, look, 4.5, said=words)
    plot.text(1.0, 0.0, said, "figure", shift=(-6, -10), anchor="end")
    return plot.svg()
