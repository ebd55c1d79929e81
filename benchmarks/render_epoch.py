"""The table of docs/performance.md on what an epoch of training costs."""

from __future__ import annotations

from typing import Any


def epoch_table(stored: dict[str, Any]) -> str:
    """Format a row for every setting, and how the cost grows, of the last stored run."""
    run, rows = stored["runs"][-1], stored["details"]["epochs"]
    lines = [
        "| recipe | precision | size, px | radiographs | seconds an epoch | radiographs/s | waiting | peak memory |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| `{row['recipe']}` | {row['precision']} | {row['side_px']} | {row['radiographs']:,} "
            f"| {row['seconds']:.0f} | {row['radiographs_per_s']:.1f} | {row['waiting_frac']:.1%} "
            f"| {row['peak_memory_mb']:,.0f} MB |"
        )
    machine = run["machine"]
    said = f"Measured on {run['date']} on {machine['processor']}, {machine['processors']} processors."
    load = run["headline"]["load"]
    if load > machine["processors"] + 1:
        said += (
            f" **The machine did other work at the same time** (a load of up to {load:.0f}), so that seconds and "
            "radiographs/s say how it went then, not what the code can do; memory and waiting hardly depend on it."
        )
    return "\n".join([*lines, "", said])
