"""`egaze demo`."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click

from egaze.atomic import require_free
from egaze.cli import progress


@click.command()
@click.option("--out", default="demo", show_default=True, type=click.Path(path_type=Path), help="A new folder.")
@click.option("--cases", default=300, show_default=True, type=click.IntRange(30), help="Number of radiographs.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of radiographs and training.")
@click.option(
    "--runner", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The program egaze-run, if built."
)
def command(out: Path, cases: int, seed: int, runner: Path | None) -> None:
    """Run everything on synthetic radiographs: synthesize, prepare, train, evaluate, explain, report, export, predict.

    All results are synthetic and say nothing about patients.

    \b
    Example:
      egaze demo --out demo
    """
    require_free(out)
    from egaze.demo import run_demo

    with progress.bars() as update:
        report = run_demo(out, cases=cases, seed=seed, runner=runner, say=click.echo, progress=update)
    egaze, model = _typed(Path(sys.argv[0])), _typed(out / "model.pt")
    click.echo(f"open in a browser: {report.resolve()}")
    click.echo(
        f"predict your own radiograph, with a model trained on phantoms only: {egaze} predict {model} RADIOGRAPH"
    )
    click.echo(
        "prepare your own radiographs and gaze, listed in a table: "
        f"{egaze} new-table mine && {egaze} prepare table mine/cases.csv --fixations mine/fixations.csv --out study"
    )


def _typed(path: Path) -> str:
    """Return a path as it would be typed in the current folder."""
    absolute = Path(os.path.abspath(path))
    return shlex.quote(str(absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else path))
