"""`egaze gaze import`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from egaze.cli import progress
from egaze.cli.completing import METHODS, registered
from egaze.cli.gaze_exports import export_options, import_exports, method_settings
from egaze.cli.text import count_text

if TYPE_CHECKING:
    from egaze.gaze.importing import ImportedRecording


@click.command()
@export_options
@click.option(
    "--detect",
    metavar="METHOD",
    shell_complete=registered("egaze.fixation_methods", METHODS),
    help="Find the fixations in the samples: adaptive, ivt or idt.",
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="A setting of the method, such as ivt's.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder for the files.  [default: none]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a file.")
def command(
    exports: tuple[Path, ...],
    detect: str | None,
    overrides: tuple[str, ...],
    out: Path | None,
    as_json: bool,
    **reading: Any,
) -> None:
    """Read exports of eye trackers.

    Formats are told from the content: Tobii Pro Lab, Studio, SDK and Glasses, Gazepoint, EyeLink ASC, SMI BeGaze, Pupil
    Labs, and BIDS; a mapping file describes any other table. docs/own-tracker.md shows the way to a study.

    With --out, DIR gets NAME.samples.parquet and NAME.fixations.parquet for each export, recordings.json, the page
    quality.html of `egaze gaze check` and, if it is known where the pictures lay on the screen, fixations.csv with the
    fixations in pixels of the radiographs. The fixations are those of the export. With --detect, they are found in the
    samples instead, by degrees of visual angle, so that the screen's size and distance must be known; docs/fixations.md
    has the methods and their settings.

    \b
    Example:
      egaze gaze import reading.asc
      egaze gaze import reading.csv --screen 1920x1080,527x296mm,650mm --picture 405,108,1110x865 --out gaze
      egaze gaze import raw.tsv --screen 1920x1080,527x296mm,650mm --detect adaptive --set min_duration_ms=80
      egaze gaze import *.asc --pictures shown.csv --case-name '{file}-{picture}' --out gaze
      egaze prepare table cases.csv --fixations gaze/fixations.csv --out study
    """
    from egaze.atomic import require_folder
    from egaze.gaze import QualityLimits
    from egaze.gaze.imported_files import facts_of, write_imported

    if overrides and detect is None:
        raise click.UsageError("--set needs --detect METHOD, whose settings it changes")
    settings = None if detect is None else method_settings(detect, overrides)
    if out is not None:
        require_folder(out)
    imported = import_exports(exports, detect=detect, settings=settings, **reading)
    written = []
    if out is not None:
        from egaze.report import write_gaze_page

        written = write_imported(imported, out)
        written.append(write_gaze_page(imported, out / "quality.html", readers={}, limits=QualityLimits()))
    for item in imported:
        if as_json:
            click.echo(json.dumps(facts_of(item), ensure_ascii=False))
        else:
            _print(item)
    if written and not as_json:
        click.echo(f"{out}: {', '.join(path.name for path in written)}")


def _print(item: ImportedRecording) -> None:
    summary = item.summary
    parts = []
    if summary.samples:
        rate = "" if summary.rate_hz is None else f" at {summary.rate_hz:.4g} Hz"
        parts.append(f"{count_text(summary.samples, 'sample')}{rate}, {summary.valid:,} valid")
    parts.append(f"{summary.duration_s:.3f} s")
    of = f" of the {summary.eye} eye" if summary.eye in ("left", "right") else ""
    by = "" if item.detected is None else f", found by {item.detected.method}"
    parts.append(f"{count_text(summary.fixations, 'fixation')}{of}{by}")
    if item.fixations_on_pictures is not None:
        cases = item.fixations_on_pictures["case_id"].n_unique()
        parts.append(f"{len(item.fixations_on_pictures):,} on {count_text(cases, 'picture')}")
    click.echo(f"{item.path}: {item.format}: {', '.join(parts)}")
    if item.check is not None and item.check.positions:
        click.echo(f"  {100 * item.check.on_picture_frac:.1f} % of gaze while pictures are shown lies on them")
    if not progress.is_quiet():
        for note in summary.notes:
            click.echo(f"  {note}")
