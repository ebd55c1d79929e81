"""`egaze report`."""

from __future__ import annotations

from pathlib import Path

import click

from egaze.atomic import require_file
from egaze.cli import progress
from egaze.cli.completing import RUN
from egaze.cli.options import limit_option, split_option, study_option


@click.command()
@click.argument("run", type=RUN)
@click.option("--out", type=click.Path(path_type=Path), help="The HTML file. [default: RUN/report.html]")
@split_option
@study_option
@limit_option(200, "radiographs in the gallery")
@click.option(
    "--radiograph-px",
    default=1024,
    show_default=True,
    type=click.IntRange(32, 8192),
    help="Largest longest side of a radiograph, which is never enlarged. Each takes at most 80 kB up to 512 px and "
    "320 kB at 1024, and a third more in the page.",
)
@click.option(
    "--radiographs-from",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of original radiographs, CASE_ID.dcm or another extension, shown instead of the study's images.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    help="For a set: the seed whose runs are shown. [default: its first]",
)
def command(
    run: Path,
    out: Path | None,
    split: str,
    study_path: Path | None,
    limit: int,
    radiograph_px: int,
    radiographs_from: Path | None,
    seed: int | None,
) -> None:
    """Write the report of an evaluated run, or set of runs, as one HTML file that needs no network.

    The report of a set has pooled results and those of each run; each radiograph is predicted by the run that tests it.

    \b
    Example:
      egaze report run --out report.html
      egaze report run --radiograph-px 2048 --radiographs-from originals
      egaze report runs
    """
    require_file(out or run / "report.html")
    from egaze.report import write_report
    from egaze.training import is_run_set, open_run, open_run_set

    source = open_run_set(run, study=study_path) if is_run_set(run) else open_run(run, study=study_path)
    if seed is not None and not is_run_set(run):
        raise click.UsageError("--seed is for a set of runs; this is a single run.")
    with progress.bar("explaining") as update:
        written = write_report(
            source,
            out or run / "report.html",
            split=split,
            limit=limit,
            radiograph_px=radiograph_px,
            radiographs_from=radiographs_from,
            seed=seed,
            progress=update,
        )
    click.echo(f"{written}: {written.stat().st_size / 1e6:.1f} MB; open it in a browser")
