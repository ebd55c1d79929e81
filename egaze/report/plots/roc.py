"""ROC curves with confidence bands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from egaze.metrics import Estimate, RocCurve, roc_curve_band
from egaze.report.plots.plot import SERIES, Plot, unit_axis

if TYPE_CHECKING:
    from egaze.evaluation.classification import Scored
    from egaze.evaluation.results import Classification, ClassResult


def roc_curves(scored: Scored, classification: Classification) -> list[Markup]:
    """Plot the ROC curve of each class, with its confidence band over patients and the operating points.

    Classes without a curve are left out. Two classes that share one AUC have one plot, with the second's points.

    Args:
        scored: the labelled radiographs.
        classification: the evaluation's classification results.
    """
    plots, only = [], classification.one_auc_class
    for number, (name, result) in enumerate(classification.classes.items()):
        if result.auc is None or only not in (None, name):
            continue
        of_class = scored.of_class(number)
        curve = roc_curve_band(of_class.is_class, of_class.probs, of_class.patients)
        plots.append(_plot(number, classification.one_auc_title or name, name, result, result.auc, curve))
    return plots


def _plot(number: int, title: str, name: str, result: ClassResult, auc: Estimate, curve: RocCurve) -> Markup:
    said = f"AUC {auc.value:.3f}"
    if auc.has_interval:
        said += f" ({auc.low:.3f}–{auc.high:.3f})"
    plot = Plot(
        f"roc-{number}",
        title,
        f"ROC curve of {name} against the others, {result.cases} radiographs: {said}.",
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
    for point in result.operating_points or ():
        if point.sensitivity.is_defined and point.specificity.is_defined:
            sensitivity, specificity = point.sensitivity.value, point.specificity.value
            words = f"{point.name}: sensitivity {sensitivity:.2f}, specificity {specificity:.2f}"
            plot.dot(1 - specificity, sensitivity, look, 4.5, said=words)
    plot.text(1.0, 0.0, said, "figure", shift=(-6, -10), anchor="end")
    return plot.svg()
