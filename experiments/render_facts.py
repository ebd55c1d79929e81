"""The facts of gaze on SIIM-ACR's radiographs for docs/experiments.md, and their figure, from their stored results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from render_gaze import interval

_AUCS = {
    "total_dwell": "total dwell",
    "coverage": "coverage: share of the radiograph within .05 of a point",
    "asymmetry": "asymmetry: how unevenly dwell lies left and right",
    "log_dwell_and_asymmetry": "log dwell and asymmetry together, out of five folds",
    "map": "the heatmap at 16x16 px, out of five folds",
}
_AMOUNTS = {"points": "points", "dwell_relative": "dwell, relative"}
_SHARES = {
    "dwell_in_own": "dwell in the own mask",
    "dwell_in_mirrored": "dwell in the own mask, mirrored",
    "dwell_in_others": "dwell in other radiographs' masks",
    "mask_area_frac": "the mask's share of the radiograph",
    "peak_in_own": "the heatmap peaks within .05 of the own mask",
    "peak_in_others": "the heatmap peaks within .05 of another radiograph's mask",
}
#: What was found on all 1,250 records before, elsewhere, with other code.
_FOUND_BEFORE = {
    "total_dwell": ".688 (.654 to .722)",
    "coverage": ".613",
    "asymmetry": ".727 (.692 to .763)",
    "log_dwell_and_asymmetry": ".777 (.746 to .809)",
    "dwell_in_own": ".112 (.098 to .127)",
    "dwell_in_mirrored": ".031",
    "dwell_in_others": ".037",
    "peak_in_own": ".716 (.664 to .769)",
    "peak_in_others": ".194",
    "centre_nss": "1.22",
    "centre_cc": ".58",
    "centre_kld": ".665",
    "halves_nss": "2.24",
    "halves_cc": ".76",
    "cc_of_class_means": ".976",
}


def amounts_table(result: dict[str, Any]) -> str:
    """One row a class, medians with intervals."""
    details = result["details"]
    lines = [f"| | readings | {' | '.join(f'{text}, median | 5 to 95 %' for text in _AMOUNTS.values())} |"]
    lines.append("|---|---|---|---|---|---|")
    for group, readings in details["readings"].items():
        cells = [group, f"{readings:,}"]
        for name in _AMOUNTS:
            of = details["amount"][name][group]
            cells += [f"{of['value']:.0f} ({of['low']:.0f} to {of['high']:.0f})", f"{of['p5']:.0f} to {of['p95']:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def facts_table(result: dict[str, Any]) -> str:
    """One row a figure, beside what was found before on all records."""
    details = result["details"]
    centre, halves = details["centre_bias"], details["halves"]
    rows = [(f"AUC of {text}", interval(details["classes"][name]), name) for name, text in _AUCS.items()]
    rows += [(text, interval(details["findings"][name]), name) for name, text in _SHARES.items()]
    rows += [
        ("NSS of all other readings' mean map", interval(centre["nss"], digits=2), "centre_nss"),
        ("its CC", interval(centre["cc"], digits=2), "centre_cc"),
        ("its KL", interval(centre["kld"]), "centre_kld"),
        ("CC of the two classes' mean maps", f"{centre['cc_of_class_means']:.3f}", "cc_of_class_means"),
        ("NSS of one half of a reading for the other", interval(halves["nss"], digits=2), "halves_nss"),
        ("its CC", interval(halves["cc"], digits=2), "halves_cc"),
    ]
    lines = [f"| | {details['readings']['all']:,} records | found before on 1,250 |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {text} | {cell} | {_FOUND_BEFORE.get(name, '')} |" for text, cell, name in rows)])


def draw(result: dict[str, Any], path: Path) -> None:
    """The mean map of each class, what tells the classes, and dwell in masks."""
    from matplotlib.figure import Figure

    details = result["details"]
    figure = Figure(figsize=(13, 3.4), layout="constrained")
    *maps, aucs, dwell = figure.subplots(1, 4, width_ratios=(1, 1, 1.3, 1.3))
    for axes, (name, values) in zip(maps, details["centre_bias"]["mean_maps"].items(), strict=True):
        axes.imshow(values, cmap="magma", vmin=0, interpolation="bilinear", extent=(0, 1, 1, 0))
        axes.set(xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        axes.set_title(f"mean map, {name}, {details['readings'][name]}", fontsize="medium")
    _rows(aucs, details["classes"], {name: name.replace("_", " ") for name in _AUCS}, "AUC of gaze alone")
    aucs.axvline(0.5, color="#8a8f98", linewidth=1)
    shares = {name: name.replace("_", " ") for name in ("dwell_in_own", "dwell_in_mirrored", "dwell_in_others")}
    _rows(dwell, details["findings"], {**shares, "mask_area_frac": "mask's area"}, "share of dwell")
    dwell.set_xlim(left=0)
    figure.savefig(path, dpi=110)


def _rows(axes: Any, figures: dict[str, Any], names: dict[str, str], label: str) -> None:
    for row, name in enumerate(names):
        of = figures[name]
        axes.plot([of["low"], of["high"]], [row, row], color="#2b6cb0", linewidth=2)
        axes.plot(of["value"], row, "o", color="#2b6cb0")
    axes.set_yticks(range(len(names)), names.values())
    axes.invert_yaxis()
    axes.set(xlabel=label)
