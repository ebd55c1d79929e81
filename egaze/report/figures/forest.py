"""Our AUCs beside the published ones."""

from __future__ import annotations

from math import floor
from typing import Any

from markupsafe import Markup

from egaze.report.figures.plot import Axis, Plot
from egaze.report.figures.roc import one_auc_words

_ROW, _GAP = 23, 17
_LEFT, _RIGHT, _TOP, _BOTTOM = 340, 150, 12, 44


def forest_plot(metrics: dict[str, Any], ours: str = "This run") -> Markup:
    """A row a figure, grouped by class: the value as a dot, its interval as a bar, the numbers at the right.

    Args:
        metrics: an evaluation's, with its classification.
        ours: what its own figures are called.
    """
    groups = _groups(metrics, ours)
    figures = [figure for _, rows in groups for _, _, figure in rows]
    lows = [figure["value"] if figure["low"] is None else figure["low"] for figure in figures]
    low = max(0.0, floor(min([0.5, *lows]) * 10) / 10)
    ticks = tuple(step / 10 for step in range(11) if low - 1e-9 <= step / 10)
    height = _TOP + _BOTTOM + sum(_ROW * (len(rows) + 1) + _GAP for _, rows in groups) - _GAP
    plot = Plot(
        "forest",
        "Areas under the ROC curve" + (", beside published results" if metrics["published"] else ""),
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
        for source, ours, figure in rows:
            _row(plot, low, y + _ROW / 2, source, ours, figure)
            y += _ROW
        y += _GAP
    return plot.svg(y_axis=False)


def _row(plot: Plot, low: float, y: float, source: str, ours: bool, figure: dict[str, float | None]) -> None:
    look = "ours" if ours else "theirs"
    plot.text(low, y, source, look, shift=(-_LEFT + 14, 4))
    if figure["low"] is not None:
        plot.line([(figure["low"], y), (figure["high"], y)], look)
    plot.dot(figure["value"], y, look, 4.5 if ours else 3.5, said=f"{source}: {_text(figure)}")
    plot.text(1.0, y, _text(figure), look, shift=(14, 4))


def _groups(metrics: dict[str, Any], ours: str) -> list[tuple[str, list[tuple[str, bool, dict[str, float | None]]]]]:
    """(class, [(source, whether it is this run, figure)])."""
    classification = metrics["classification"]
    own = {"macro": classification["macro_auc"]}
    own |= {name: facts["auc"] for name, facts in classification["classes"].items()}
    groups = []
    for key, figure in own.items():
        rows = [(ours, True, figure)] if _known(figure) else []
        for paper in metrics["published"]:
            if _known(auc := paper["auc"].get(key)):
                rows.append((f"{paper['name']} ({paper['source'].split(',')[0]})", False, auc))
        if rows:
            groups.append(("Mean over the classes" if key == "macro" else key, rows))
    if (only := one_auc_words(classification)) and not metrics["published"]:
        return [(only, rows) for _, rows in groups[:1]]
    return groups


def _known(figure: dict[str, float | None] | None) -> bool:
    return figure is not None and figure["value"] is not None


def _text(figure: dict[str, float | None]) -> str:
    if figure["low"] is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} ({figure['low']:.3f}–{figure['high']:.3f})"
