"""`egaze compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from egaze.atomic import require_folder
from egaze.cli.figure_text import count_text
from egaze.cli.run_study import study_option

if TYPE_CHECKING:
    import polars as pl

    from egaze.evaluation.compare import RunComparison

_AGREEMENT = (
    ("cc", "CC (more is better)"),
    ("kld", "KL, nats (less)"),
    ("nss", "NSS, standard deviations (more)"),
    ("shuffled_auc", "shuffled AUC (more)"),
)


@click.command()
@click.argument("run_a", type=click.Path(path_type=Path))
@click.argument("run_b", type=click.Path(path_type=Path))
@click.option("--split", default="test", show_default=True, type=click.Choice(["train", "validation", "test"]))
@click.option("--films", default=20, show_default=True, type=click.IntRange(0), help="Films to print, at most.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with every film they disagree on.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for compare.json and disagreements.csv.")
@study_option
def command(
    run_a: Path, run_b: Path, split: str, films: int, as_json: bool, out: Path | None, study_path: Path | None
) -> None:
    """Compare two evaluated runs, or two sets of runs, on the same films: differences of their AUCs and of their maps'
    agreement with gaze, with 95 % intervals and p-values, and the films on which they disagree.

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
    found = compare(a, b, split=split)
    if out is not None:
        write_comparison(found, out)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2))
        return
    for line in _lines(found, films):
        click.echo(line)
    if out is not None:
        click.echo(f"written to {out}")


def _lines(found: RunComparison, films: int) -> list[str]:
    facts = found.facts
    lines = [f"{name.upper()}: {_described(facts[name])}" for name in ("a", "b")]
    lines.append(
        f"{facts['split']}: {count_text(facts['cases'], 'case')} of {count_text(facts['patients'], 'patient')}; "
        f"intervals: {facts['intervals']}"
    )
    for name in ("a", "b"):
        if facts[name]["optimistic"]:
            lines.append(f"{name.upper()}'s epoch was chosen on these films, so its figures are optimistic")
    if facts["synthetic"]:
        lines.append("synthetic data: these figures say nothing about patients")
    lines += [f"note: {line}" for line in facts["warnings"]]
    if (classification := facts["classification"]) is None:
        if facts["answers"] is not None:
            lines.append("classification: fewer than two classes have a case here")
    else:
        lines.append(_header("AUC"))
        classes = classification["classes"]
        rows = {"macro": classification["macro_auc"], **classes}
        if _is_one_auc(list(classes.values())):
            rows = {" against ".join(classes): list(classes.values())[1]}
        lines += [_row(name, figure) for name, figure in rows.items()]
        lines.append(f"  (p: of no difference, two-sided; classes by {classification['classes_by']})")
    if (heatmap := facts["heatmap"]) is None:
        lines.append(f"heatmap against gaze: {facts['heatmap_remark']}")
    else:
        lines.append(_header(f"map against gaze, {count_text(heatmap['cases'], 'case')}"))
        lines += [_row(name, heatmap[key]) for key, name in _AGREEMENT]
    if facts["answers"] is None:
        return lines
    return lines + _films(facts["answers"], found.disagreements, films)


def _is_one_auc(classes: list[dict[str, float | None] | None]) -> bool:
    """Whether two classes are told apart by one number each of A and of B, as softmax makes them."""
    if len(classes) != 2 or None in classes:
        return False
    one, other = classes
    return all(abs(one[side] - other[side]) < 1e-9 for side in ("a", "b"))  # type: ignore[index, operator]


def _described(facts: dict[str, Any]) -> str:
    folds = f", {facts['folds']} folds" if facts["folds"] else ""
    plural = "s" if len(facts["seeds"]) > 1 else ""
    return f"{facts['run']} ({facts['recipe']}{folds}, seed{plural} {', '.join(map(str, facts['seeds']))})"


def _header(what: str) -> str:
    return f"{what:<34}{'A':>8}{'B':>8}{'A - B (95 % interval)':>32}{'p':>9}"


def _row(name: str, figure: dict[str, float | None] | None) -> str:
    if figure is None:
        return f"  {name:<32}{'-':>8}{'-':>8}{'-':>32}{'-':>9}"
    interval = "" if figure["low"] is None else f" ({figure['low']:+.3f} to {figure['high']:+.3f})"
    difference = f"{figure['difference']:+.3f}{interval}"
    p_value = "-" if figure["p_value"] is None else f"{figure['p_value']:.2g}"
    return f"  {name:<32}{figure['a']:>8.3f}{figure['b']:>8.3f}{difference:>32}{p_value:>9}"


def _films(answers: dict[str, int], disagreements: pl.DataFrame, films: int) -> list[str]:
    lines = [
        f"they disagree on {answers['disagree']} of {count_text(answers['agree'] + answers['disagree'], 'film')}: "
        f"A alone is right on {answers['only_a_right']}, B alone on {answers['only_b_right']}, neither on "
        f"{answers['neither_right']}; {answers['without_label']} without a label"
    ]
    shown = disagreements.head(films)
    if shown.is_empty():
        return lines
    cells = [("film", "label", "A answers", "B answers")]
    for film in shown.iter_rows(named=True):
        given = [f"{film[f'answer_{which}']} {film[f'prob_{which}']:.2f}" for which in ("a", "b")]
        cells.append((film["case_id"], film["label"] or "-", *given))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines += ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
    if (more := len(disagreements) - len(shown)) > 0:
        lines.append(f"  and {more} more; --out writes all")
    return lines
