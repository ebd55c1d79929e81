"""The synthetic reader beside radiologists for docs/experiments.md, and their figure, from stored results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from render_gaze import interval

CALIBRATED = "1"
_QUARTILES = {
    "points": ("points of a reading", ""),
    "step_frac": ("step length, share of the width", ""),
    "long_steps_frac": ("steps longer than .3 of the width", ""),
    "crossings_frac": ("steps across the midline", ""),
    "revisits_frac": ("points in a place seen before and left", ""),
    "coverage_frac": ("radiograph within .05 of a point", ""),
    "asymmetry": ("how unevenly dwell lies left and right", ""),
    "dwell_upper": ("dwell in the upper third", "task"),
    "dwell_middle": ("dwell in the middle third", "task"),
    "dwell_lower": ("dwell in the lower third", "task"),
}
_VALUES = {
    "points_cv": ("CV of the number of points", ""),
    "dwell_cv": ("CV of total dwell", ""),
    "centre_nss": ("NSS of all other readings' mean map", ""),
    "halves_nss": ("NSS of one half of a reading for the other", ""),
    "auc_points": ("AUC of the number of points for a finding", ""),
    "auc_dwell": ("AUC of total dwell for a finding", ""),
    "auc_asymmetry": ("AUC of asymmetry for a finding", "task"),
}
_FINDINGS = {
    "dwell_in_own": ("dwell in the finding", "size"),
    "own_over_chance": ("its ratio to the finding's share of the radiograph", "size"),
    "own_over_mirrored": ("its ratio to dwell in the mirrored place", ""),
    "missed_frac": ("findings without a point in them", "size"),
}


def measures_table(result: dict[str, Any], reader_1: dict[str, Any]) -> str:
    """One row a measure; medians with quartiles, and values with 95 % intervals."""
    details = result["details"]
    columns = [details["real"], reader_1["details"]["measures"], details["gaze_qualities"][CALIBRATED]]
    lines = ["| | radiologists | reader 1 | reader 2 | |", "|---|---|---|---|---|"]
    for name, (text, note) in _QUARTILES.items():
        digits = 0 if name == "points" else 2
        lines.append(_row(text, [_quartiles(of["quartiles"][name], digits) for of in columns], note))
    for name, (text, note) in _VALUES.items():
        lines.append(_row(text, [interval(of["values"][name], digits=2) for of in columns], note))
    for size, said in (("all", ""), ("large", ", findings of 2 % and more")):
        for name, (text, note) in _FINDINGS.items():
            digits = 1 if "over" in name else 2
            cells = [interval(of["findings"][size][name], digits=digits) for of in columns]
            lines.append(_row(text + said, cells, note if size == "all" else ""))
    return "\n".join(lines)


def qualities_table(result: dict[str, Any]) -> str:
    """One row a quality of gaze, and one for radiologists."""
    details = result["details"]
    lines = [
        "| `--gaze-quality` | dwell in the finding | over its mirrored place | findings without a point in them | "
        "AUC of the number of points |",
        "|---|---|---|---|---|",
    ]
    for name, of in [*details["gaze_qualities"].items(), ("radiologists", details["real"])]:
        found = of["findings"]["all"]
        cells = [
            name,
            interval(found["dwell_in_own"], digits=2),
            interval(found["own_over_mirrored"], digits=1),
            interval(found["missed_frac"], digits=2),
            interval(of["values"]["auc_points"], digits=2),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(result: dict[str, Any], reader_1: dict[str, Any], path: Path) -> None:
    """The mean maps, and each measure of a reading with its quartiles."""
    from matplotlib.figure import Figure

    details = result["details"]
    columns = {
        "radiologists": details["real"],
        "reader 1": reader_1["details"]["measures"],
        "reader 2": details["gaze_qualities"][CALIBRATED],
    }
    figure = Figure(figsize=(13, 5.2), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1.2, 1))
    for axes, (name, of) in zip(above.subplots(1, len(columns)), columns.items(), strict=True):
        axes.imshow(of["mean_map"], cmap="magma", vmin=0, interpolation="bilinear", extent=(0, 1, 1, 0))
        axes.set(xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        axes.set_title(f"mean map, {name}, {of['readings']:,} readings", fontsize="medium")
    names = [name for name, (_, note) in _QUARTILES.items() if not note]
    for axes, name in zip(below.subplots(1, len(names)), names, strict=True):
        for row, (who, of) in enumerate(columns.items()):
            colour = "#2b6cb0" if who == "radiologists" else "#c05621"
            spread = of["quartiles"][name]
            axes.plot([spread["q25"], spread["q75"]], [row, row], color=colour, linewidth=2)
            axes.plot(spread["median"], row, "o", color=colour)
        axes.set_yticks(range(len(columns)), columns if name == names[0] else [""] * len(columns))
        axes.set(ylim=(len(columns) - 0.5, -0.5))
        axes.set_title(name.removesuffix("_frac").replace("_", " "), fontsize="medium")
    figure.savefig(path, dpi=110)


def _row(text: str, cells: list[str], note: str) -> str:
    return f"| {text} | {' | '.join(cells)} | {note} |"


def _quartiles(of: dict[str, float], digits: int) -> str:
    return f"{of['median']:.{digits}f} ({of['q25']:.{digits}f} to {of['q75']:.{digits}f})"
