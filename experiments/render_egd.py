"""The table of docs/experiments.md that leads from joint to egd-baseline, from stored results."""

from __future__ import annotations

from typing import Any

from render_gaze import interval

#: What each part becomes, in words.
_PARTS = {
    "augmentation": "no augmentation",
    "target": "the luminance of a heatmap picture as the target",
    "losses": "BCE alone for the heatmap and for each class, weights .583 and .417",
    "dropout": "dropout .5 instead of .2, stochastic depth .2",
    "batch": "batches of 32 instead of 16",
    "optimiser": "Adam without weight decay, gradients clipped by value",
    "schedule": "its schedule, with rates up to .009",
    "decoder": "its decoder of full resolution: `egd-baseline`",
}
_NOT_RUN = "not run"
_BESIDE = {
    "encoder-only": "`encoder-only`",
    "egd-baseline-no-gaze": "`egd-baseline` without the heatmap's loss",
    "egd-baseline-150-px": "`egd-baseline` with a blur of 150 px, as it was",
}


def table(result: dict[str, Any]) -> str:
    """Format one row per part in the order in which they are changed, then the runs beside the path."""
    details = result["details"]
    rows, steps, alone = details["variants"], details["steps"], details["alone"]
    lines = [
        "| changed to egd-baseline's | macro AUC, with all above | less the row above | less `joint` | seeds | "
        "alone, less `joint` | seeds |",
        "|---|---|---|---|---|---|---|",
        f"| nothing: `joint` | {_auc(rows['joint'])} | | | {rows['joint']['seeds']} | | |",
    ]
    for number, (part, words) in enumerate(_PARTS.items(), start=1):
        name = "egd-baseline" if number == len(_PARTS) else f"path-{number}-{part}"
        only = alone.get(name if part == "augmentation" else f"only-{part}")
        cells = [
            words,
            _auc(rows.get(name)),
            _difference(steps.get(name)),
            _difference(details["whole"].get(name)),
            str(rows[name]["seeds"]) if name in rows else "",
            "" if part == "target" else _difference(only),
            str(only["seeds"]) if only else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        f"| beside: {words} | {_auc(rows.get(name))} | | | {rows[name]['seeds'] if name in rows else ''} | | |"
        for name, words in _BESIDE.items()
    ]
    return "\n".join(lines)


def _auc(row: dict[str, Any] | None) -> str:
    return interval(row["auc"]["macro"]) if row else _NOT_RUN


def _difference(item: dict[str, Any] | None) -> str:
    return interval(item, "difference", sign="+") if item else _NOT_RUN
