"""What `egaze evaluate` prints of independent classes: one line per class, of which there may be many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egaze.cli.table import Row
from egaze.cli.text import estimate_text, percent_text

if TYPE_CHECKING:
    from egaze.evaluation.results import Classification


def independent_lines(classification: Classification, title: str = "") -> list[str]:
    """Format the AUC and average precision of each class, with its prevalence, and of their averages."""
    names = list(classification.classes)
    width = max(20, *map(len, names)) + 4
    lines: list[str] = [
        _row(f"classes{f', {title}' if title else ''}", width, "cases", "prevalence", "AUC", "precision"),
    ]
    for name, item in classification.classes.items():
        cells = (estimate_text(item.auc), estimate_text(item.average_precision))
        counted = f"{item.cases} of {item.judged}"
        lines.append(_row(f"  {name}", width, counted, percent_text(item.prevalence), *cells))
    averages = (
        ("macro", classification.macro_auc, classification.macro_average_precision),
        ("macro, BCa", classification.macro_auc_bca, None),
        ("micro", classification.micro_auc, classification.micro_average_precision),
    )
    for name, auc, precision in averages:
        if auc is not None:
            lines.append(_row(f"  {name}", width, "", "", estimate_text(auc), estimate_text(precision)))
    return lines


def class_calibration_lines(classification: Classification) -> list[str]:
    """Format the calibration of each independent class before and after temperature scaling."""
    found = {name: item.calibration for name, item in classification.classes.items() if item.calibration is not None}
    if not found:
        return []
    width = max(20, *map(len, found)) + 4
    columns = (13, 25, 25, 9)
    titles = ("temperature", "Brier", "log loss, nats", "ECE")
    lines: list[str] = [Row("calibration (less is better)", titles, width=width, cell=columns)]
    for name, item in found.items():
        states = [("-", item.before)]
        if item.after is not None:
            states.append((f"{item.temperature:.3f}", item.after))
        for temperature, state in states:
            estimates = (state.brier, state.log_loss, state.expected_calibration_error)
            lines.append(Row(f"  {name}", (temperature, *map(estimate_text, estimates)), width=width, cell=columns))
    return lines


def _row(title: str, width: int, *cells: str) -> Row:
    return Row(title, cells, width=width, cell=(16, 12, 25, 25))
