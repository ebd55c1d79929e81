"""`egaze report`."""

from __future__ import annotations

from pathlib import Path

import click

from egaze.cli import progress
from egaze.cli.run_study import study_option


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="The HTML file. [default: RUN/report.html]")
@click.option("--split", default="test", show_default=True, type=click.Choice(["train", "validation", "test"]))
@study_option
@click.option("--films", default=200, show_default=True, type=click.IntRange(0), help="Films in the gallery.")
def command(run: Path, out: Path | None, split: str, study_path: Path | None, films: int) -> None:
    """Write an evaluated run's report as one HTML file that needs no network.

    \b
    Example:
      egaze report run --out report.html
    """
    from egaze.report import write_report
    from egaze.training import open_run

    with progress.bar("explaining") as update:
        written = write_report(
            open_run(run, study=study_path), out or run / "report.html", split=split, films=films, progress=update
        )
    click.echo(f"{written}: {written.stat().st_size / 1e6:.1f} MB, open it in a browser")
