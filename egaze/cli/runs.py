"""`egaze runs`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from egaze.atomic import require_file
from egaze.cli.completing import RUN
from egaze.errors import RunError

if TYPE_CHECKING:
    from egaze.training import Run

_GAP = 2
_LEFT = ("run", "recipe", "state", "stage", "monitor")
# What a narrow terminal does without, in this order.
_DISPENSABLE = (
    "s/epoch\nnow",
    "radiographs/s\nnow",
    "monitor",
    "train loss\nnow",
    "recipe",
    "stage",
    "seed",
    "loss\nthen",
)


@click.command()
@click.argument("folders", nargs=-1, required=True, type=RUN, metavar="DIR...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per run instead of the table.")
@click.option("--out", type=click.Path(path_type=Path), metavar="PICTURE", help="Draw curves: .png, .svg or .pdf.")
def command(folders: tuple[Path, ...], as_json: bool, out: Path | None) -> None:
    """Show several runs together, whether they are finished or still train.

    Each DIR is a run, a set of runs, or a folder with runs and sets in it. The table has how far each run has come, its
    best epoch so far with what was measured then, and what its last epoch cost. The picture has every loss, metric,
    learning rate and cost over the epochs, one colour per run: dashed on training, solid on the split that chooses.

    \b
    Example:
      egaze runs run control
      egaze runs runs --out curves.png
    """
    from egaze.report.run_curves import require_picture, write_run_curves

    if out is not None:
        require_picture(out)
        require_file(out)
    runs = dict(_runs(folders))
    described = [_described(name, run) for name, run in runs.items()]
    if out is not None:
        write_run_curves({name: run.log() for name, run in runs.items()}, out)
    if as_json:
        for run in described:
            click.echo(json.dumps(run))
    else:
        _print(described)
    if out is not None:
        click.echo(f"written to {out}", err=as_json)


def _runs(folders: Sequence[Path]) -> Iterator[tuple[str, Run]]:
    """The runs in the folders by their paths. Raises RunError where there is none."""
    from egaze.training import is_run_set, open_run, open_run_set
    from egaze.training.run import FACTS

    for folder in folders:
        inner = sorted(folder.iterdir()) if folder.is_dir() and not (folder / FACTS).is_file() else []
        if is_run_set(folder):
            found = [member.path for member in open_run_set(folder).members if member.path.exists()]
        elif inner:
            singles = [path for path in inner if (path / FACTS).is_file()]
            sets = [path for path in inner if is_run_set(path)]
            found = [
                *singles,
                *(member.path for path in sets for member in open_run_set(path).members if member.path.exists()),
            ]
            if not found:
                raise RunError(f"{folder}: there is no training run in it")
        else:
            found = [folder]
        for path in found:
            yield str(path), open_run(path)


def _described(name: str, run: Run) -> dict[str, Any]:
    log = run.log()
    best = next((entry for entry in reversed(log) if entry.best), None)
    last = log[-1] if log else None
    stage = next((stage for stage in run.recipe.stages if last and stage.name == last.stage), run.recipe.stages[0])
    described: dict[str, Any] = {
        "run": name,
        "recipe": run.recipe.name,
        "seed": run.facts["seed"],
        "state": "finished" if run.is_finished else "unfinished",
        "stage": stage.name,
        "epoch": last.epoch if last else 0,
        "epochs": stage.epochs,
        "monitor": stage.monitor,
        "best": None if best is None else best.to_line(),
        "last": None if last is None else last.to_line(),
    }
    return described


def _print(runs: Sequence[dict[str, Any]]) -> None:
    columns = _columns(runs)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 10_000  # lines of a pipe are not broken
    left_out: list[str] = []
    for title in _DISPENSABLE:
        if sum(map(_width, columns.items())) - _GAP > console.width:
            left_out.append(title.replace("\n", " "))
            del columns[title]
    # No word and no number is broken: a terminal that is narrower still breaks the line.
    console.width = max(console.width, sum(map(_width, columns.items())))
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
    for title in columns:
        table.add_column(title, justify="left" if title in _LEFT else "right", no_wrap=True, vertical="bottom")
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    console.print(table)
    if left_out:
        click.echo(f"(too wide for this terminal: {', '.join(left_out)}; --json has them)")


def _columns(runs: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """The texts of each column by its title."""
    rows = []
    for run in runs:
        best, last = run["best"] or {}, run["last"] or {}
        rows.append(
            {
                "run": run["run"],
                "recipe": run["recipe"],
                "seed": str(run["seed"]),
                "state": run["state"],
                "stage": run["stage"],
                "epoch": f"{run['epoch']}/{run['epochs']}",
                "monitor": run["monitor"] if isinstance(run["monitor"], str) else " + ".join(run["monitor"]),
                "best\nepoch": str(best.get("epoch", "-")),
                "loss\nthen": _measured(best, "_loss", 4),
                "macro AUC\nthen": _measured(best, "_macro_auc", 3),
                "train loss\nnow": _text(last.get("train_loss"), 4),
                "radiographs/s\nnow": _text(last.get("radiographs_per_s"), 1),
                "s/epoch\nnow": _text(last.get("seconds"), 1),
            }
        )
    return {title: [row[title] for row in rows] for title in rows[0]}


def _width(column: tuple[str, Sequence[str]]) -> int:
    title, texts = column
    return max(map(cell_len, (*title.split("\n"), *texts))) + _GAP


def _measured(line: dict[str, Any], ending: str, digits: int) -> str:
    """What was measured on the split that chooses."""
    values = [value for key, value in line.items() if key.endswith(ending) and not key.startswith("train_")]
    return _text(values[0] if values else None, digits)


def _text(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
