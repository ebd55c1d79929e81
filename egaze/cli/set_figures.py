"""What `egaze evaluate` prints of a set of runs."""

from __future__ import annotations

from typing import Any

from egaze.cli.figure_text import count_text, figure_text

_AGREEMENT = (
    ("cc", "CC (more is better)"),
    ("kld", "KL, nats (less)"),
    ("nss", "NSS, s.d. (more)"),
    ("shuffled_auc", "shuffled AUC (more)"),
)


def set_lines(metrics: dict[str, Any]) -> list[str]:
    """A table of the set's figures, and a line of each run's."""
    from egaze.evaluation.figures import one_auc

    folds = f"{metrics['folds']} folds, " if metrics["folds"] else ""
    lines = [
        f"{metrics['split']}: {count_text(metrics['cases'], 'case')} of {count_text(metrics['patients'], 'patient')}; "
        f"{folds}{'seed' if len(metrics['seeds']) == 1 else 'seeds'} {', '.join(map(str, metrics['seeds']))}; "
        f"intervals: {metrics['intervals']}"
    ]
    if metrics["optimistic"]:
        lines.append(f"chosen on {metrics['split']}: epochs were chosen on these films, so the figures are optimistic")
    if metrics["synthetic"]:
        lines.append("synthetic data: these figures say nothing about patients")
    if (classification := metrics["classification"]) is not None:
        lines.append(f"AUC{'':<19}{'mean over seeds':>25}")
        classes = classification["classes"]
        if one_auc(classes) is not None:
            lines.append(f"  {' against '.join(classes):<20}{figure_text(classification['macro_auc']):>25}")
        else:
            lines.append(f"  {'macro':<20}{figure_text(classification['macro_auc']):>25}")
            lines += [f"  {name:<20}{figure_text(item['auc']):>25}" for name, item in classes.items()]
        for paper in metrics["published"]:
            lines.append(f"  {paper['name']}, {paper['source']}: macro {figure_text(paper['auc']['macro'])}")
        lines.append(f"accuracy{'':<14}{figure_text(classification['accuracy']):>25}")
    if (heatmap := metrics["heatmap"]) is not None:
        lines.append(
            f"heatmap against gaze: {count_text(heatmap['cases'], 'case')}, {heatmap['size_px']} px, "
            f"sigma {heatmap['target']['sigma_frac']} of the side, weight {heatmap['target']['weight']}"
        )
        lines.append(f"  {'':<20}{'predicted':>25}{'centre bias':>25}{'difference':>26}")
        for key, name in _AGREEMENT:
            cells = f"{figure_text(heatmap[key]):>25}{figure_text(heatmap['centre_bias'][key]):>25}"
            lines.append(f"  {name:<20}{cells}{figure_text(heatmap['over_centre_bias'][key]):>26}")
    lines.append(f"{'runs':<22}{'cases':>8}{'macro AUC':>12}{'CC':>8}")
    lines += [
        f"  {run['run']:<20}{run['cases']:>8}{_number(run['macro_auc']):>12}{_number(run['cc']):>8}"
        for run in metrics["runs"]
    ]
    return lines + [f"note: {line}" for line in metrics["warnings"]]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
