"""`egaze new-table`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from egaze.cli.text import count_text


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    metavar="ROOT",
    help="A folder of radiographs: cases.csv gets a row for each.  [default: two rows that show how]",
)
def command(folder: Path, images: Path | None) -> None:
    """Write a cases.csv and a fixations.csv into the folder DIR, to fill in and to prepare.

    With --images, patient_id and label are left empty: fill in whose radiograph each is, so that no patient is on two
    splits, and the class of those that have one. Durations in no unit of time, such as counts of samples,
    stand in a column duration_relative in place of duration_s. A file that is there already is not written over.

    \b
    Example:
      egaze new-table mine
      egaze new-table mine --images /data/radiographs
      egaze prepare table mine/cases.csv --images /data/radiographs --fixations mine/fixations.csv --out study
    """
    from egaze.sources.new_table import write_new_table

    radiographs = write_new_table(folder, images)
    cases, fixations = folder / "cases.csv", folder / "fixations.csv"
    held = (
        "two radiographs to write over"
        if images is None
        else f"{count_text(radiographs, 'radiograph')}, without patient and label"
    )
    click.echo(f"cases:     {cases} ({held})")
    click.echo(f"fixations: {fixations}, for gaze in pixels and seconds")
    click.echo("           (durations in no unit of time: name their column duration_relative)")
    words = ["prepare", "table", str(cases), *([] if images is None else ["--images", str(images)])]
    click.echo(f"next:      fill in patient_id and label, then {shlex.join(['egaze', *words, '--out', 'STUDY'])}")
    click.echo(f"           with gaze also --fixations {shlex.quote(str(fixations))}")
