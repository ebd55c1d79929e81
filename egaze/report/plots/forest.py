"""A forest plot of a run's AUCs and the published ones."""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING

from markupsafe import Markup

from egaze.metrics import Estimate
from egaze.metrics.literature import Published
from egaze.report.plots.plot import Axis, Plot

if TYPE_CHECKING:
    from egaze.evaluation.results import Classification

_ROW, _GAP = 23, 17
_LEFT, _RIGHT, _TOP, _BOTTOM = 340, 150, 12, 44


def forest_plot(classification: Classification, published: tuple[Published, ...], ours: str = "This run") -> Markup:
    """Plot one row per AUC, grouped by class: the value as a dot, its interval as a bar, and both as text.

    Args:
        classification: the evaluation's classification results.
        published: published results on the same split.
        ours: the label of the evaluation's own rows.
    """
    groups = _groups(classification, published, ours)
    areas = [area for _, rows in groups for _, _, area in rows]
    lows = [area.low if area.has_interval else area.value for area in areas]
    low = max(0.0, floor(min([0.5, *lows]) * 10) / 10)
    ticks = tuple(step / 10 for step in range(11) if low - 1e-9 <= step / 10)
    height = _TOP + _BOTTOM + sum(_ROW * (len(rows) + 1) + _GAP for _, rows in groups) - _GAP
    plot = Plot(
        "forest",
        "Areas under the ROC curve" + (" and published results" if published else ""),
        " ".join(f"{name}: {source} {_text(area)}." for name, rows in groups for source, _, area in rows),
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
        for source, is_ours, area in rows:
            _row(plot, low, y + _ROW / 2, source, is_ours, area)
            y += _ROW
        y += _GAP
    return plot.svg(y_axis=False)


def _row(plot: Plot, low: float, y: float, source: str, is_ours: bool, area: Estimate) -> None:
    look = "ours" if is_ours else "theirs"
    plot.text(low, y, source, look, shift=(-_LEFT + 14, 4))
    if area.has_interval:
        plot.line([(area.low, y), (area.high, y)], look)
    plot.dot(area.value, y, look, 4.5 if is_ours else 3.5, said=f"{source}: {_text(area)}")
    plot.text(1.0, y, _text(area), look, shift=(14, 4))


def _groups(
    classification: Classification, published: tuple[Published, ...], ours: str
) -> list[tuple[str, list[tuple[str, bool, Estimate]]]]:
    """Return rows grouped by class: source, whether it is this run, and AUC."""
    own = {"macro": classification.macro_auc, **{name: item.auc for name, item in classification.classes.items()}}
    groups = []
    for key, area in own.items():
        rows = [] if area is None or not area.is_defined else [(ours, True, area)]
        rows += [
            (f"{paper.name} ({paper.source.split(',')[0]})", False, paper.auc[key])
            for paper in published
            if key in paper.auc
        ]
        if rows:
            groups.append(("Mean over the classes" if key == "macro" else _titled(key, classification), rows))
    if (only := classification.one_auc_title) and not published:
        return [(only, rows) for _, rows in groups[:1]]
    return groups


def _titled(name: str, classification: Classification) -> str:
    """The class's name, of independent classes with its prevalence."""
    result = classification.classes[name]
    if classification.label_kind == "exclusive" or result.prevalence is None:
        return name
    return f"{name}, {result.cases} of {result.judged} ({100 * result.prevalence:.0f} %)"


def _text(area: Estimate) -> str:
    if not area.has_interval:
        return f"{area.value:.3f}"
    return f"{area.value:.3f} ({area.low:.3f}–{area.high:.3f})"
