"""What `egaze evaluate` prints for a set of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egaze.cli.independent import independent_lines
from egaze.cli.table import Row
from egaze.cli.text import count_text, estimate_text, metric_text

if TYPE_CHECKING:
    from egaze.evaluation.gaze_results import MapAgreement
    from egaze.evaluation.results import Classification, EvaluationResult
    from egaze.metrics.literature import Published


def set_lines(result: EvaluationResult) -> list[str]:
    """Format the set's results as tables, with one line per run."""
    folds = f"{result.folds} folds, " if result.folds else ""
    lines = [
        f"{result.split}: {count_text(result.cases, 'case')} of {count_text(result.patients, 'patient')}; "
        f"{folds}{'seed' if len(result.seeds) == 1 else 'seeds'} {', '.join(map(str, result.seeds))}; "
        f"intervals: {result.intervals}"
    ]
    if result.optimistic:
        lines.append(
            f"chosen on {result.split}: epochs were chosen on these radiographs, so the results are optimistic"
        )
    if result.synthetic:
        lines.append("synthetic data: these results say nothing about patients")
    if result.classification is not None:
        lines += _classes(result.classification, result.published)
    if result.heatmap is not None:
        lines += _agreement(result.heatmap)
    lines.append(f"{'runs':<22}{'cases':>8}{'macro AUC':>12}{'CC':>8}")
    lines += [f"  {run.run:<20}{run.cases:>8}{_number(run.macro_auc):>12}{_number(run.cc):>8}" for run in result.runs]
    return lines + [f"note: {line}" for line in result.warnings]


def _classes(classification: Classification, published: tuple[Published, ...]) -> list[str]:
    if classification.label_kind == "independent":
        return independent_lines(classification, title="mean over seeds")
    lines: list[str] = [Row("AUC", ["mean over seeds"], width=22)]
    macro = estimate_text(classification.macro_auc)
    if classification.one_auc_title is not None:
        lines.append(Row(f"  {classification.one_auc_title}", [macro], width=22))
    else:
        lines.append(Row("  macro", [macro], width=22))
        lines += [
            Row(f"  {name}", [estimate_text(item.auc)], width=22) for name, item in classification.classes.items()
        ]
    lines += [f"  {paper.name}, {paper.source}: macro {estimate_text(paper.auc.get('macro'))}" for paper in published]
    lines.append(Row("accuracy", [estimate_text(classification.accuracy)], width=22))
    return lines


def _agreement(heatmap: MapAgreement) -> list[str]:
    lines = [
        f"heatmap against gaze: {count_text(heatmap.cases, 'case')}, {heatmap.size_px} px, "
        f"sigma {heatmap.target.sigma_frac} of the side, weight {heatmap.target.weight}",
        Row("", ["predicted", "centre bias", "difference"], width=44, cell=27),
    ]
    for name, metric in heatmap.definitions.items():
        estimates = (heatmap.predicted[name], heatmap.centre_bias[name], heatmap.over_centre_bias[name])
        cells = [estimate_text(item, metric.digits) for item in estimates]
        lines.append(Row(f"  {metric_text(metric)}", cells, width=44, cell=27))
    return lines


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
