"""`egaze gaze check`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from egaze.cli.gaze_exports import REGEX, export_options, import_exports
from egaze.cli.text import count_text

if TYPE_CHECKING:
    from egaze.gaze.importing import ImportedRecording


@click.command()
@export_options
@click.option("--reader", type=REGEX, help="What of a file's name is the reader; a group is its name.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="A limit, such as max_lost_frac=0.2.")
@click.option("--out", type=click.Path(path_type=Path), metavar="PAGE.html", help="Page of pictures.  [default: none]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a file.")
def command(
    exports: tuple[Path, ...],
    reader: re.Pattern[str] | None,
    overrides: tuple[str, ...],
    out: Path | None,
    as_json: bool,
    **reading: Any,
) -> None:
    """Check the quality of recordings.

    Of each export: the sampling rate as it is, lost samples, precision (RMS-S2S) within fixations, the error at
    validation targets and its drift, where the export has them or --targets names them, blinks, and gaze on the
    pictures. A recording that passes a limit is marked; none is left out. What cannot be told is said, with the reason.
    Degrees need the screen's size and distance. docs/own-tracker.md has the measures and their sources.

    \b
    Example:
      egaze gaze check reading.asc
      egaze gaze check readings/*.asc --reader '^([a-z]+)' --screen 1920x1080,527x296mm,650mm --out quality.html
      egaze gaze check reading.asc --set max_lost_frac=0.1 --json
      egaze gaze check reading.csv --screen 1920x1080,527x296mm,650mm --targets targets.csv
    """
    from egaze.atomic import require_file
    from egaze.gaze import QualityLimits
    from egaze.settings import from_table, parse_override

    if out is not None:
        require_file(out)
    limits = from_table(QualityLimits, dict(map(parse_override, overrides)), "--set")
    readers = {} if reader is None else {path: _reader(path, reader) for path in exports}
    imported = import_exports(exports, limits=limits, **reading)
    if out is not None:
        from egaze.report import write_gaze_page

        write_gaze_page(imported, out, readers=readers, limits=limits)
    for item in imported:
        if as_json:
            click.echo(json.dumps(_facts(item, readers.get(item.path)), ensure_ascii=False))
        else:
            _print(item, readers.get(item.path))
    if not as_json:
        marked = sum(bool(item.marks) for item in imported)
        click.echo(f"{marked} of {count_text(len(imported), 'recording')} marked; none is left out")
        if out is not None:
            click.echo(f"{out}: open it in a browser")


def _reader(path: Path, reader: re.Pattern[str]) -> str:
    found = reader.search(path.name)
    if found is None:
        raise click.BadParameter(f"{path.name!r} does not match {reader.pattern!r}", param_hint="'--reader'")
    return found[1] if reader.groups else found[0]


def _facts(item: ImportedRecording, reader: str | None) -> dict[str, object]:
    from egaze.gaze.imported_files import quality_facts

    return {"file": str(item.path), "reader": reader, "format": item.format, **quality_facts(item)}


def _print(item: ImportedRecording, reader: str | None) -> None:
    of = "" if reader is None else f"reader {reader}: "
    quality = item.quality
    if quality is None:
        click.echo(f"{item.path}: {of}no samples, so that quality cannot be told")
        return
    rate = "" if quality.measured_hz is None else f" at {quality.measured_hz:.4g} Hz"
    eye = f" of the {quality.eye} eye" if quality.eye in ("left", "right") else ""
    click.echo(f"{item.path}: {of}{count_text(quality.samples, 'sample')}{rate}{eye}")
    parts = [f"{100 * quality.lost_frac:.1f} % lost", count_text(quality.blinks, "blink")]
    for what, value in (
        ("precision (RMS-S2S)", quality.precision_rms_deg),
        ("accuracy", quality.accuracy_deg),
        ("drift", quality.drift_deg),
    ):
        parts.append(f"{what} unknown" if value is None else f"{what} {value:.2f} deg")
    if quality.on_picture_frac is not None:
        parts.append(f"{100 * quality.on_picture_frac:.1f} % of gaze on the pictures")
    click.echo(f"  {', '.join(parts)}")
    for mark in item.marks:
        click.echo(f"  marked: {mark}")
    for name, reason in quality.unknown.items():
        click.echo(f"  {name}: {reason}")
