"""`egaze compare`."""

from __future__ import annotations

import json
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import click

from egaze.atomic import require_folder
from egaze.cli import progress
from egaze.cli.completing import RUN
from egaze.cli.options import limit_option, split_option, study_option
from egaze.cli.table import Row, show
from egaze.cli.text import count_text, metric_text

if TYPE_CHECKING:
    import polars as pl

    from egaze.evaluation.compare import RunComparison
    from egaze.evaluation.compare_results import Compared, ComparedRun, PredictionsCompared


@click.command()
@click.argument("run_a", type=RUN)
@click.argument("run_b", type=RUN)
@split_option
@limit_option(20, "printed cases on which they disagree")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with all radiographs they disagree on.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for compare.json and disagreements.csv.")
@study_option
def command(
    run_a: Path, run_b: Path, split: str, limit: int, as_json: bool, out: Path | None, study_path: Path | None
) -> None:
    """Compare two evaluated runs, or two sets of runs, on the same radiographs.

    Prints differences in AUC and in agreement of their heatmaps with gaze, with 95 % intervals and p-values, and the
    radiographs on which they disagree.

    \b
    Example:
      egaze compare run control
      egaze compare runs controls --out comparison
    """
    if out is not None:
        require_folder(out)
    from egaze.evaluation import compare, write_comparison
    from egaze.training import is_run_set, open_run, open_run_set

    a, b = (
        open_run_set(path, study=study_path) if is_run_set(path) else open_run(path, study=study_path)
        for path in (run_a, run_b)
    )
    with progress.waiting("comparing"):
        found = compare(a, b, split=split)
    if out is not None:
        write_comparison(found, out)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2))
        return
    show(_lines(found, limit))
    if out is not None:
        click.echo(f"written to {out}")


def _lines(found: RunComparison, limit: int) -> list[str]:
    result = found.result
    lines = [f"A: {_described(result.a)}", f"B: {_described(result.b)}"]
    lines.append(
        f"{result.split}: {count_text(result.cases, 'case')} of {count_text(result.patients, 'patient')}; "
        f"intervals: {result.intervals}"
    )
    for name, run in (("A", result.a), ("B", result.b)):
        if run.optimistic:
            lines.append(f"{name}'s epoch was chosen on these radiographs, so its results are optimistic")
    if result.synthetic:
        lines.append("synthetic data: these results say nothing about patients")
    lines += [f"note: {line}" for line in result.warnings]
    if (classification := result.classification) is not None:
        if (one_auc := classification.one_auc) is not None:
            lines += [_header("AUC"), _row(" against ".join(classification.classes), one_auc)]
        else:
            rows = {"macro": classification.macro_auc, **classification.classes}
            lines.append(_header("AUC", "p (Holm)"))
            lines += [
                _row(name, compared, _holm(classification.holm_p_values.get(name))) for name, compared in rows.items()
            ]
        lines.append(f"  (p: two-sided, for no difference; classes by {classification.classes_by})")
    if (heatmap := result.heatmap) is None:
        lines.append(f"heatmap against gaze: {result.heatmap_remark}")
    else:
        lines.append(_header(f"heatmaps and gaze, {count_text(heatmap.cases, 'case')} (what is better)"))
        lines += [
            _row(metric_text(metric), heatmap.metrics[name], digits=metric.digits)
            for name, metric in heatmap.definitions.items()
        ]
    if result.predictions is None:
        return lines
    return lines + _radiographs(result.predictions, found.disagreements, limit)


def _described(run: ComparedRun) -> str:
    folds = f", {run.folds} folds" if run.folds else ""
    plural = "s" if len(run.seeds) > 1 else ""
    return f"{run.run} ({run.recipe}{folds}, seed{plural} {', '.join(map(str, run.seeds))})"


def _header(what: str, *more: str) -> Row:
    return _cells(what, "A", "B", "A - B (95 % interval)", "p", *more)


def _cells(title: str, *cells: str) -> Row:
    return Row(title, cells, width=44, cell=(8, 8, 32, 9, 11)[: len(cells)])


def _row(name: str, compared: Compared | None, *more: str, digits: int = 3) -> Row:
    if compared is None:
        return _cells(f"  {name}", "-", "-", "-", "-", *more)
    difference = f"{compared.difference:+.{digits}f}"
    if compared.has_interval:
        difference += f" ({compared.low:+.{digits}f} to {compared.high:+.{digits}f})"
    p_value = f"{compared.p_value:.2g}" if isfinite(compared.p_value) else "-"
    a, b = f"{compared.a:.{digits}f}", f"{compared.b:.{digits}f}"
    return _cells(f"  {name}", a, b, difference, p_value, *more)


def _holm(p_value: float | None) -> str:
    if p_value is None:
        return ""
    return f"{p_value:.2g}" if isfinite(p_value) else "-"


def _radiographs(compared: PredictionsCompared, disagreements: pl.DataFrame, limit: int) -> list[str]:
    lines = [
        f"they disagree on {compared.disagree} of {count_text(compared.agree + compared.disagree, 'radiograph')}: "
        f"only A is right on {compared.only_a_right}, only B on {compared.only_b_right}, neither on "
        f"{compared.neither_right}; {compared.without_label} without a label"
    ]
    shown = disagreements.head(limit)
    if shown.is_empty():
        return lines
    cells = [("radiograph", "label", "A predicts", "B predicts")]
    for radiograph in shown.iter_rows(named=True):
        given = [f"{radiograph[f'prediction_{which}']} {radiograph[f'prob_{which}']:.2f}" for which in ("a", "b")]
        cells.append((radiograph["case_id"], radiograph["label"] or "-", *given))
    width, *widths = (max(map(len, column)) + 2 for column in zip(*cells, strict=True))
    lines += [Row(f"  {case_id}", row, width=width, cell=widths) for case_id, *row in cells]
    if (more := len(disagreements) - len(shown)) > 0:
        lines.append(f"  and {more} more; --out writes all of them")
    return lines
