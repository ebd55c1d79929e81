"""What `egaze evaluate` prints of independent classes: one line per class, of which there may be many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egaze.cli.text import estimate_text, percent_text

if TYPE_CHECKING:
    from egaze.evaluation.results import Classification


def independent_lines(classification: Classification, title: str = "") -> list[str]:
    """Format the AUC and average precision of each class, with its prevalence, and of their averages."""
    names = list(classification.classes)
    width = max(20, *map(len, names)) + 4
    lines = [
        f"{'classes' + (f', {title}' if title else ''):<{width}}" + _cells("cases", "prevalence", "AUC", "precision")
    ]
    for name, item in classification.classes.items():
        cells = (estimate_text(item.auc), estimate_text(item.average_precision))
        counted = f"{item.cases} of {item.judged}"
        lines.append(f"  {name:<{width - 2}}" + _cells(counted, percent_text(item.prevalence), *cells))
    averages = (
        ("macro", classification.macro_auc, classification.macro_average_precision),
        ("macro, BCa", classification.macro_auc_bca, None),
        ("micro", classification.micro_auc, classification.micro_average_precision),
    )
    for name, auc, precision in averages:
        if auc is not None:
            lines.append(f"  {name:<{width - 2}}" + _cells("", "", estimate_text(auc), estimate_text(precision)))
    return lines


def class_calibration_lines(classification: Classification) -> list[str]:
    """Format the calibration of each independent class before and after temperature scaling."""
    found = {name: item.calibration for name, item in classification.classes.items() if item.calibration is not None}
    if not found:
        return []
    width = max(20, *map(len, found)) + 4
    lines = [
        f"{'calibration (less is better)':<{width}}"
        + f"{'temperature':>13}{'Brier':>25}{'log loss, nats':>25}{'ECE':>9}"
    ]
    for name, item in found.items():
        states = [("-", item.before)]
        if item.after is not None:
            states.append((f"{item.temperature:.3f}", item.after))
        for temperature, state in states:
            error = estimate_text(state.expected_calibration_error)
            cells = f"{temperature:>13}{estimate_text(state.brier):>25}{estimate_text(state.log_loss):>25}{error:>9}"
            lines.append(f"  {name:<{width - 2}}" + cells)
    return lines


def _cells(cases: str, prevalence: str, auc: str, precision: str) -> str:
    return f"{cases:>16}{prevalence:>12}{auc:>25}{precision:>25}"
