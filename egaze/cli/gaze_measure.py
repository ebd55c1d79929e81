"""`egaze gaze measure`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from egaze.atomic import new_files, require_folder
from egaze.cli import progress
from egaze.cli.completing import STUDY
from egaze.cli.table import Row, show
from egaze.cli.text import count_text, estimate_text
from egaze.errors import StudyError

if TYPE_CHECKING:
    from egaze.evaluation.gaze_measures import GazeMeasures

VERSION = 1


@click.command()
@click.argument("study", type=STUDY)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the tables.")
@click.option("--grid", default="4x4", show_default=True, help="Rows and columns of the grid over each radiograph.")
def command(study: Path, out: Path, grid: str) -> None:
    """Measure a study's gaze, without any model.

    \b
    readings.csv:    one row per case, which is one reader on one radiograph: fixations, dwell, saccades,
                     K coefficient, coverage, entropies over a grid.
    regions.csv:     one row per reading and region: dwell, entries, revisits, first entry.
    transitions.csv: steps from region to region.
    pairs.csv:       how alike two readers looked at one radiograph: MultiMatch, edit similarity.
    means.json:      means with 95 % intervals over patients, and over readers and patients.

    \b
    Example:
      egaze gaze measure study --out measures
      egaze gaze measure study --out measures --grid 3x2
    """
    require_folder(out)
    from egaze.evaluation.gaze_measures import measure_gaze
    from egaze.serialize import write_json
    from egaze.study import open_study

    cells = re.fullmatch(r"([1-9]\d{0,2})x([1-9]\d{0,2})", grid, re.ASCII)
    if cells is None:
        raise click.BadParameter(f"expected rows and columns such as 4x4, got {grid!r}", param_hint="--grid")
    with progress.bar("checking images.npy, bytes") as checked:
        opened = open_study(study, progress=checked)
    if not opened.has_gaze.any():
        raise StudyError(f"{study}: no case has gaze; prepare a source that has some, such as a table with --fixations")
    try:
        with progress.waiting("measuring"):
            measures = measure_gaze(opened, rows=int(cells[1]), columns=int(cells[2]))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--grid") from error
    with new_files(out) as folder:
        for name in ("readings", "regions", "transitions", "pairs"):
            getattr(measures, name).write_csv(folder / f"{name}.csv")
        facts = {"study": opened.digest(), "grid": grid, "notes": list(measures.notes)}
        write_json(folder / "means.json", VERSION, {"means": measures.means}, **facts)
    show(_lines(measures))
    click.echo(f"written to {out}")


def _lines(measures: GazeMeasures) -> list[str]:
    from egaze.evaluation.gaze_measures import READING_MEASURES

    lines = [
        f"{count_text(len(measures.readings), 'reading')}, {count_text(len(measures.regions), 'row')} of regions, "
        f"{count_text(len(measures.pairs), 'pair')} of readings of one radiograph; means with 95 % intervals",
        Row("", ["over patients", "over readers and patients"], width=26, cell=30),
    ]
    for name, mean in measures.means.items():
        cells = [estimate_text(mean.over_patients), estimate_text(mean.over_readers_and_patients)]
        lines.append(Row(f"  {name}", cells, width=26, cell=30, note=READING_MEASURES[name]))
    return lines + [f"note: {note}" for note in measures.notes]
