"""Our AUCs beside the published ones."""

from __future__ import annotations

from math import floor

from markupsafe import Markup

from egaze.evaluation.results import Classification
from egaze.metrics import Estimate
from egaze.metrics.literature import Published
from egaze.report.plots.plot import Axis, Plot

_ROW, _GAP = 23, 17
_LEFT, _RIGHT, _TOP, _BOTTOM = 340, 150, 12, 44


def forest_plot(classification: Classification, published: tuple[Published, ...], ours: str = "This run") -> Markup:
    """A row a figure, grouped by class: the value as a dot, its interval as a bar, the numbers at the right.

    Args:
        classification: an evaluation's.
        published: the papers that may stand beside it.
        ours: what its own figures are called.
    """
    groups = _groups(classification, published, ours)
    figures = [figure for _, rows in groups for _, _, figure in rows]
    lows = [figure.low if figure.has_interval else figure.value for figure in figures]
    low = max(0.0, floor(min([0.5, *lows]) * 10) / 10)
    ticks = tuple(step / 10 for step in range(11) if low - 1e-9 <= step / 10)
    height = _TOP + _BOTTOM + sum(_ROW * (len(rows) + 1) + _GAP for _, rows in groups) - _GAP
    plot = Plot(
        "forest",
        "Areas under the ROC curve" + (", beside published results" if published else ""),
        " ".join(f"{name}: {source} {_text(figure)}." for name, rows in groups for source, _, figure in rows),
        Axis(low, 1.0, "AUC", ticks, 1),
        Axis(height - _BOTTOM, _TOP),
        width=840,
        height=height,
        margins=(_LEFT, _TOP, _RIGHT, _BOTTOM),
        quiet=True,
    )
    plot.line([(0.5, _TOP), (0.5, height - _BOTTOM)], "chance")
    y = float(_TOP)
    for name, rows in groups:
        plot.text(low, y + _ROW * 0.7, name, "group", shift=(-_LEFT, 0))
        y += _ROW
        for source, is_ours, figure in rows:
            _row(plot, low, y + _ROW / 2, source, is_ours, figure)
            y += _ROW
        y += _GAP
    return plot.svg(y_axis=False)


def _row(plot: Plot, low: float, y: float, source: str, is_ours: bool, figure: Estimate) -> None:
    look = "ours" if is_ours else "theirs"
    plot.text(low, y, source, look, shift=(-_LEFT + 14, 4))
    if figure.has_interval:
        plot.line([(figure.low, y), (figure.high, y)], look)
    plot.dot(figure.value, y, look, 4.5 if is_ours else 3.5, said=f"{source}: {_text(figure)}")
    plot.text(1.0, y, _text(figure), look, shift=(14, 4))


def _groups(
    classification: Classification, published: tuple[Published, ...], ours: str
) -> list[tuple[str, list[tuple[str, bool, Estimate]]]]:
    """(class, [(source, whether it is this run, figure)])."""
    own = {"macro": classification.macro_auc, **{name: item.auc for name, item in classification.classes.items()}}
    groups = []
    for key, figure in own.items():
        rows = [] if figure is None or not figure.is_defined else [(ours, True, figure)]
        rows += [
            (f"{paper.name} ({paper.source.split(',')[0]})", False, paper.auc[key])
            for paper in published
            if key in paper.auc
        ]
        if rows:
            groups.append(("Mean over the classes" if key == "macro" else key, rows))
    if (only := classification.one_auc_title) and not published:
        return [(only, rows) for _, rows in groups[:1]]
    return groups


def _text(figure: Estimate) -> str:
    if not figure.has_interval:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f} ({figure.low:.3f}–{figure.high:.3f})"
