"""How well fixations are found, for docs/fixations.md, from the stored results."""

from __future__ import annotations

from typing import Any

_NAMES = {
    "adaptive": "adaptive, the default",
    "ivt": "I-VT, 30 deg/s",
    "idt": "I-DT, 1 deg",
    "adaptive, hard": "adaptive, saccades from 1 deg, fixations from 100 ms",
}


def labelled_table(result: dict[str, Any]) -> str:
    """One row a method: the F1 of each recording, and how many fixations were found of those labelled."""
    rows = result["details"]["labelled"]
    recordings = next(iter(rows.values()))
    heads = [f"{name}, {int(item['labelled'])} labelled" for name, item in recordings.items()]
    lines = [f"| F1 (found) | {' | '.join(heads)} | ends off by, ms |", "|---|" + "---|" * (len(heads) + 1)]
    for name, of in rows.items():
        cells = [f"{item['f1']:.3f} ({int(item['found'])})" for item in of.values()]
        worst = max(max(item["onset_error_ms"], item["end_error_ms"]) for item in of.values())
        lines.append(f"| {name} | {' | '.join(cells)} | {worst:.0f} |")
    return "\n".join(lines)


def simulated_table(result: dict[str, Any]) -> str:
    """One row a method and noise: the F1 at each rate."""
    rows = result["details"]["simulated"]
    rates = next(iter(next(iter(rows.values())).values()))
    lines = [f"| F1 | noise, deg | {' | '.join(f'{rate} Hz' for rate in rates)} |", "|---|---|" + "---|" * len(rates)]
    for name, noises in rows.items():
        for noise, of in noises.items():
            lines.append(f"| {_NAMES[name]} | {noise} | {' | '.join(f'{value:.3f}' for value in of.values())} |")
    return "\n".join(lines)
