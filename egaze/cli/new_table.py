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
    help="A folder of radiographs, for each of which cases.csv gets a row.  [default: two example rows]",
)
def command(folder: Path, images: Path | None) -> None:
    """Write templates of cases.csv and fixations.csv into the folder DIR, to be filled in and prepared.

    With --images, patient_id and label are left empty. Fill in each radiograph's patient, so that no patient is in two
    splits, and its class if it has one. Durations without a unit of time, such as counts of samples, go into a column
    duration_relative instead of duration_s. Existing files are not overwritten.

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
        "two example rows to replace"
        if images is None
        else f"{count_text(radiographs, 'radiograph')}, without patient and label"
    )
    click.echo(f"cases:     {cases} ({held})")
    click.echo(f"fixations: {fixations}, for gaze in pixels and seconds")
    click.echo("           (for durations without a unit of time, name the column duration_relative)")
    words = ["prepare", "table", str(cases), *([] if images is None else ["--images", str(images)])]
    click.echo(f"next:      fill in patient_id and label, then {shlex.join(['egaze', *words, '--out', 'STUDY'])}")
    click.echo(f"           with gaze, add --fixations {shlex.quote(str(fixations))}")
