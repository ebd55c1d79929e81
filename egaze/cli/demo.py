"""`egaze demo`."""

from __future__ import annotations

from pathlib import Path

import click

from egaze.cli import progress


@click.command()
@click.option("--out", default="demo", show_default=True, type=click.Path(path_type=Path), help="A new folder.")
@click.option("--cases", default=300, show_default=True, type=click.IntRange(30), help="Synthetic films.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of films and training.")
@click.option(
    "--runner", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The program egaze-run, if built."
)
def command(out: Path, cases: int, seed: int, runner: Path | None) -> None:
    """Go the whole road on synthetic films: synthesize, prepare, train, evaluate, explain, report, export,
    predict.

    Everything it shows is synthetic and says nothing about patients.

    \b
    Example:
      egaze demo --out demo
    """
    from egaze.demo import run_demo

    with progress.bars() as update:
        report = run_demo(out, cases=cases, seed=seed, runner=runner, say=click.echo, progress=update)
    click.echo(f"open:  {report.resolve()}")
    click.echo(
        "next:  egaze new-table TABLES --images FILMS    (your own films: DICOM, PNG or JPEG; fill the tables in)"
    )
    click.echo("       egaze prepare table TABLES/cases.csv --images FILMS --out STUDY && egaze train STUDY --out RUN")
