"""The tables and the figure of the experiment on real pairs for docs/experiments.md, from its stored results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from render_gaze import interval

_MEASURES = {"cc": "CC", "nss": "NSS", "kld": "KL", "shuffled_auc": "shuffled AUC", "information_gain": "bits"}
_BLUE, _GREY = "#2b6cb0", "#8a8f98"


def gains_table(result: dict[str, Any]) -> str:
    """One row a way of training: agreement with gaze less that of the training radiographs' mean map."""
    rows = [["way of training", "seeds", *_MEASURES.values(), "better on, by CC"]]
    for name, way in result["details"]["ways"].items():
        over = way["over_mean_map"]
        cells = [interval(over[measure], "difference", sign="+") for measure in _MEASURES]
        rows.append([f"`{name}`", str(way["seeds"]), *cells, f"{over['cc']['better_on']:.0%}"])
    return _lines(rows)


def maps_table(result: dict[str, Any]) -> str:
    """The mean maps, and the heatmaps and classes of each way."""
    details = result["details"]
    names = {"training": "mean map of the training radiographs", "all_others": "mean map of all other radiographs"}
    rows = [["map", "CC", "NSS", "KL", "median epochs", "prior's strength", "AUC of the class"]]
    for name, measures in details["mean_map"].items():
        rows.append([names[name], *(interval(measures[measure]) for measure in ("cc", "nss", "kld")), "", "", ""])
    for name, way in details["ways"].items():
        cells = [interval(way["map"][measure]) for measure in ("cc", "nss", "kld")]
        strength = "" if way["strength"] is None else f"{way['strength']:.2f}"
        epochs = ", ".join(f"{epochs:.0f}" for epochs in way["epochs"])
        rows.append([f"`{name}`", *cells, epochs, strength, interval(way["auc"], digits=2)])
    return _lines(rows)


def validation_table(result: dict[str, Any]) -> str:
    """What the default was chosen by: the candidates' agreement on validation radiographs, less the mean map's."""
    details = result["details"]
    rows = [["candidate", "CC", "NSS", "KL"]]
    for name in details["settings"]["candidates"]:
        found = details["ways"][name]["validation"]
        cells = [f"{found[measure]['value'] - found[measure]['mean_map']:+.3f}" for measure in ("cc", "nss", "kld")]
        rows.append([f"`{name}`" + (", chosen" if name == details["chosen_on_validation"] else ""), *cells])
    return _lines(rows)


def draw(result: dict[str, Any], path: Path) -> None:
    """Gains over the mean map with their intervals, by CC, NSS and KL."""
    from matplotlib.figure import Figure

    details = result["details"]
    names = list(details["ways"])
    figure = Figure(figsize=(13, 0.32 * len(names) + 1.3), layout="constrained")
    for axes, (measure, title) in zip(
        figure.subplots(1, 3, sharey=True), {"cc": "CC", "nss": "NSS", "kld": "KL, less is better"}.items(), strict=True
    ):
        for row, name in enumerate(names):
            gain = details["ways"][name]["over_mean_map"][measure]
            colour = _BLUE if name == details["chosen_on_validation"] else _GREY
            axes.plot([gain["low"], gain["high"]], [row, row], color=colour, linewidth=2)
            axes.plot(gain["difference"], row, "o", color=colour)
        axes.axvline(0, color="#c05621", linewidth=1)
        axes.set(xlabel=title)
        axes.grid(alpha=0.25, axis="x")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_yticks(range(len(names)), names)
    figure.axes[0].invert_yaxis()
    count = sum(details["radiographs"].values())
    figure.suptitle(
        f"Heatmap less the training radiographs' mean map, {count} radiographs, 95 % intervals", fontsize=10
    )
    figure.savefig(path, dpi=100)


def _lines(rows: list[list[str]]) -> str:
    heading, *others = rows
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heading, ["---"] * len(heading), *others))
