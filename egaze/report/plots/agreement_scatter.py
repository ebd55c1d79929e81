"""A scatter plot of each radiograph's agreement with gaze against that of the centre bias."""

from __future__ import annotations

import polars as pl
from markupsafe import Markup

from egaze.report.plots.plot import Axis, Plot


def agreement_scatter(predictions: pl.DataFrame) -> Markup | None:
    """Plot one dot per radiograph: the centre bias's CC on the x axis, the predicted heatmap's on the y axis.

    Returns None if no radiograph has both.
    """
    if not {"cc", "centre_cc"} <= set(predictions.columns):
        return None
    radiographs = predictions.select("case_id", "cc", "centre_cc").drop_nulls()
    if radiographs.is_empty():
        return None
    better = radiographs.filter(pl.col("cc") > pl.col("centre_cc")).height
    both = [*radiographs["cc"], *radiographs["centre_cc"]]
    x = Axis.around(both, "CC of the centre bias")
    y = Axis(x.low, x.high, "CC of the predicted heatmap", x.ticks, x.decimals)
    plot = Plot(
        "agreement",
        "Agreement with gaze of each radiograph",
        f"The predicted heatmap agrees better than the centre bias on {better} of {radiographs.height} radiographs.",
        x,
        y,
        width=380,
        height=360,
        margins=(52, 30, 14, 44),
    )
    plot.line([(x.low, x.low), (x.high, x.high)], "chance")
    for case_id, own, centre in radiographs.iter_rows():
        look = "s0 faded" if own > centre else "s1 faded"
        plot.dot(centre, own, look, 4, said=f"{case_id}: predicted {own:.2f}, centre bias {centre:.2f}")
    plot.text(
        x.high, x.low, f"better on {better} of {radiographs.height} radiographs", "label", shift=(-4, -8), anchor="end"
    )
    return plot.svg()
