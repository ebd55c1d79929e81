"""The gaze experiment's tables for docs/experiments.md and its plot docs/gaze_helps.png, from stored results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_CONTROL = "encoder-only"
_CONTROLLED = "class-generators"
_LEARNT = {
    _CONTROLLED: "own gaze",
    "same-class": "gaze on other radiographs of the same class",
    "other-class": "gaze on radiographs of other classes",
    "uniform": "a uniform map",
    "centre-bias": "the centre-bias map",
    "50-percent": "half of the own fixations",
    "10-percent": "a tenth of the own fixations",
}
_BLUE, _GREY, _ORANGE = "#2b6cb0", "#8a8f98", "#c05621"


def reader_line(result: dict[str, Any]) -> str:
    """Say by which synthetic reader the gaze is; results of before it had a version are of the first."""
    settings = result["details"]["settings"]
    version = settings.get("twin_reader_version", 1)
    quality = settings.get("twin_gaze_quality")
    return f"Gaze is by readers of version {version}{'' if quality is None else f', of quality {quality:g}'}."


def table(result: dict[str, Any]) -> str:
    """Format one row per recipe, every metric with its interval."""
    details = result["details"]
    lines = [
        "| recipe | macro AUC | gain over `encoder-only` | CHF | pneumonia | CC | NSS | peak in finding | "
        "Grad-CAM's peak in finding |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in details["recipes"].items():
        has_map = "map" in row
        cells = [
            f"`{name}`",
            interval(row["auc"]["macro"]),
            interval(row["auc_gain"]["macro"], "difference", sign="+") if has_map else "",
            interval(row["auc"]["CHF"]),
            interval(row["auc"]["pneumonia"]),
            interval(row["map"]["cc"], digits=2) if has_map else "",
            interval(row["map"]["nss"], digits=2) if has_map else "",
            interval(row["map_peak_in_finding"]["all"], digits=2) if has_map else "",
            interval(row["gradcam_peak_in_finding"]["all"], digits=2),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    centre = details["centre_bias"]
    lines.append(
        f"| centre-bias map | | | | | {interval(centre['cc'], digits=2)} | {interval(centre['nss'], digits=2)} | "
        f"{centre['peak_in_finding']:.2f} | |"
    )
    return "\n".join(lines)


def controls_table(result: dict[str, Any]) -> str:
    """Format one row per control of gaze, beside the recipe that learns from the radiograph's own."""
    details = result["details"]
    lines = [
        f"| `{_CONTROLLED}` learns from | macro AUC | gain over `encoder-only` | AUC less that with own gaze | CC | "
        "NSS | peak in finding |",
        "|---|---|---|---|---|---|---|",
    ]
    rows = {_CONTROLLED: details["recipes"][_CONTROLLED], **details.get("controls", {})}
    for name, row in rows.items():
        lost = row.get("auc_less_own_gaze")
        cells = [
            _LEARNT.get(name.removeprefix(f"{_CONTROLLED}-"), name),
            interval(row["auc"]["macro"]),
            interval(row["auc_gain"]["macro"], "difference", sign="+"),
            interval(lost["macro"], "difference", sign="+") if lost else "",
            interval(row["map"]["cc"], digits=2),
            interval(row["map"]["nss"], digits=2),
            interval(row["map_peak_in_finding"]["all"], digits=2),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    if len(rows) == 1:
        lines.append("| the controls have not been run yet | | | | | | |")
    return "\n".join(lines)


def curve_table(result: dict[str, Any]) -> str:
    """Format one row per number of training radiographs."""
    curve, best = result["details"]["learning_curve"], result["details"]["best_recipe_by_validation"]
    lines = [
        f"| training radiographs | `{_CONTROL}` | `{best}` | gain | radiographs that `{_CONTROL}` needs for as much |",
        "|---|---|---|---|---|",
    ]
    for radiographs, row in curve["rows"].items():
        worth = curve["worth"][radiographs]
        needs = worth["control_needs_radiographs"]
        cells = [
            radiographs,
            interval(row[_CONTROL]["auc"]["macro"]),
            interval(row[best]["auc"]["macro"]),
            interval(row[best]["auc_gain"]["macro"], "difference", sign="+"),
            f"more than {worth['control_needs_more_than']}" if needs is None else f"{needs:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def qualities_table(result: dict[str, Any]) -> str:
    """Format one row per quality of gaze."""
    details, best = result["details"], result["details"]["best_recipe_by_validation"]
    lines = [
        f"| gaze | `--gaze-quality` | macro AUC of `{best}` | gain over `{_CONTROL}` | gain, pneumonia | CC | "
        "centre-bias map's CC | peak in finding |",
        "|---|---|---|---|---|---|---|---|",
    ]
    # Results of before the synthetic reader had a quality have none.
    for name, row in details.get("gaze_qualities", {}).items():
        cells = [
            name,
            f"{row['gaze_quality']:g}",
            interval(row["auc"]["macro"]),
            interval(row["auc_gain"]["macro"], "difference", sign="+"),
            interval(row["auc_gain"]["pneumonia"], "difference", sign="+"),
            interval(row["map"]["cc"], digits=2),
            interval(row["centre_bias"]["cc"], digits=2),
            interval(row["map_peak_in_finding"]["all"], digits=2),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(result: dict[str, Any], path: Path) -> None:
    """Plot AUCs, agreement with gaze, peaks in findings, and the learning curve."""
    from matplotlib.figure import Figure

    details, best = result["details"], result["details"]["best_recipe_by_validation"]
    names = list(details["recipes"])
    figure = Figure(figsize=(15, 3.8), layout="constrained")
    auc, agreement, peak, curve = figure.subplots(1, 4, width_ratios=(1.1, 1, 1, 1.1))
    _rows(auc, names, [details["recipes"][name]["auc"]["macro"] for name in names], best)
    auc.set(xlabel="macro AUC, test", title="What the radiograph shows")
    auc.set_yticks(range(len(names)), names)
    auc.invert_yaxis()

    mapped = [name for name in names if "map" in details["recipes"][name]]
    centre = details["centre_bias"]
    _rows(
        agreement,
        [*mapped, "Grad-CAM of control", "centre-bias map"],
        [
            *(details["recipes"][name]["map"]["cc"] for name in mapped),
            details["recipes"][_CONTROL]["gradcam"]["cc"],
            centre["cc"],
        ],
        best,
    )
    agreement.set(xlabel="CC with gaze", title="Maps like gaze")
    _rows(
        peak,
        [*mapped, "Grad-CAM of control", "centre-bias map"],
        [
            *(details["recipes"][name]["map_peak_in_finding"]["all"] for name in mapped),
            details["recipes"][_CONTROL]["gradcam_peak_in_finding"]["all"],
            {"value": centre["peak_in_finding"], "low": centre["peak_in_finding"], "high": centre["peak_in_finding"]},
        ],
        best,
    )
    peak.set(xlabel="share of radiographs with a finding", title="Peak in the true finding")
    for plot in (agreement, peak):
        plot.set_yticks(range(len(mapped) + 2), [*mapped, "Grad-CAM of control", "centre-bias map"])
        plot.invert_yaxis()

    for recipe, colour in ((_CONTROL, _GREY), (best, _BLUE)):
        rows = details["learning_curve"]["rows"]
        radiographs = [int(count) for count in rows]
        figures = [row[recipe]["auc"]["macro"] for row in rows.values()]
        curve.plot(radiographs, [item["value"] for item in figures], marker="o", color=colour, label=recipe)
        curve.fill_between(
            radiographs,
            [item["low"] for item in figures],
            [item["high"] for item in figures],
            color=colour,
            alpha=0.15,
            linewidth=0,
        )
    curve.set_xscale("log")
    curve.set_xticks(radiographs, [str(count) for count in radiographs])
    curve.minorticks_off()
    curve.set(xlabel="training radiographs", ylabel="macro AUC, test", title="What gaze is worth")
    curve.legend(frameon=False, loc="lower right")
    for plot in figure.axes:
        plot.grid(alpha=0.25, axis="x" if plot is not curve else "both")
        plot.spines[["top", "right"]].set_visible(False)
    figure.suptitle("Synthetic radiographs and synthetic gaze; 95 % intervals over seeds and patients", fontsize=10)
    figure.savefig(path, dpi=90)


def _rows(plot: Any, names: list[str], figures: list[dict[str, float]], best: str) -> None:
    for row, (name, item) in enumerate(zip(names, figures, strict=True)):
        colour = _BLUE if name == best else _ORANGE if "centre" in name or "Grad" in name else _GREY
        plot.plot([item["low"], item["high"]], [row, row], color=colour, linewidth=2)
        plot.plot(item["value"], row, "o", color=colour)


def interval(item: dict[str, float], key: str = "value", *, digits: int = 3, sign: str = "") -> str:
    """Format a value with its interval."""
    return f"{item[key]:{sign}.{digits}f} ({item['low']:{sign}.{digits}f} to {item['high']:{sign}.{digits}f})"
