"""`egaze synthesize`: write a synthetic twin of a real data set."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from egaze.atomic import require_free
from egaze.cli import progress
from egaze.cli.options import workers_option

FULL_SIZE_PX = 3056
MAX_GAZE_QUALITY = 4
_TRACKERS = ("tobii", "gazepoint", "eyelink", "bids", "pupil")
_TWINS = ("egd-cxr", "reflacx", "siim-gaze", "nih-cxr14", "chexpert", "mimic-cxr", "vindr-cxr", "table")
_LAYOUTS = (*_TWINS, *_TRACKERS)


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--cases", type=click.IntRange(min=1), required=True, help="Number of radiographs.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed; it decides every byte.")
@click.option(
    "--layout", type=click.Choice(_LAYOUTS), default=_LAYOUTS[0], show_default=True, help="Layout of the data set."
)
@click.option(
    "--difficulty",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="From 0, obvious signs, to 1, faint signs.",
)
@click.option(
    "--gaze-quality",
    type=click.FloatRange(0, MAX_GAZE_QUALITY),
    default=1.0,
    show_default=True,
    help="How much gaze tells of findings: 0 nothing, 1 as much as radiologists' gaze, 4 nearly all.",
)
@click.option(
    "--long-side-px",
    type=click.IntRange(64, FULL_SIZE_PX),
    default=1024,
    show_default=True,
    help="Longer side of a radiograph.",
)
@click.option(
    "--full-size", is_flag=True, help=f"Radiographs as large as the real ones: --long-side-px {FULL_SIZE_PX}."
)
@click.option("--eye-gaze", is_flag=True, help="Also eye_gaze.csv, the tracker's 60 Hz samples (egd-cxr only).")
@workers_option("make radiographs")
def command(
    out: Path,
    cases: int,
    seed: int,
    layout: str,
    difficulty: float,
    gaze_quality: float,
    long_side_px: int,
    full_size: bool,
    eye_gaze: bool,
    workers: int | None,
) -> None:
    """Write phantom chest radiographs with simulated radiologists' gaze to the new folder OUT.

    The radiographs are computed and show no person. The tables have the columns and the irregularities of the real data
    sets, so that preparing those can be tested on them. The masks of the true findings are included for evaluation
    only. The last five layouts are exports of eye trackers as a laboratory has them: samples of both eyes with blinks,
    losses and the format's own traps, for `egaze gaze import`; true_fixations.csv has the fixations in them. Readers
    differ in pace and thoroughness; SYNTHETIC.txt names the version of the reader, and figures of studies
    made with different versions cannot be compared.

    \b
    Example:
      egaze synthesize twin --cases 300 --seed 1
      egaze prepare egd-cxr --gaze twin/gaze --images twin/images --out study
      egaze synthesize lab --cases 20 --layout eyelink
      egaze synthesize several --cases 300 --layout reflacx
    """
    require_free(out)
    from egaze.sources.synthetic import synthesize

    with progress.bar("radiographs") as update:
        summary = synthesize(
            out,
            cases=cases,
            seed=seed,
            layout=layout,
            difficulty=difficulty,
            gaze_quality=gaze_quality,
            long_side_px=FULL_SIZE_PX if full_size else long_side_px,
            eye_gaze=eye_gaze,
            workers=workers or os.cpu_count() or 1,
            progress=update,
        )
    counts = ", ".join(f"{count} {label}" for label, count in summary.radiographs.items())
    click.echo(f"{cases} synthetic radiographs ({counts}) of {summary.patients} patients in {summary.out}")
    click.echo(f"tables:   {summary.tables}")
    click.echo(f"images:   {summary.images}")
    click.echo(f"findings: {summary.findings} (for evaluation only)")
    if layout in _TRACKERS:
        _say_import(layout, summary.out)
        return
    if layout == "table":
        # Options come first, because a chained command takes none after its argument.
        words = ["prepare", "table", "--fixations", f"{summary.tables / 'fixations.csv'}"]
        words += [f"{summary.tables / 'cases.csv'}"]
    elif layout == "siim-gaze":
        words = ["prepare", layout, "--gaze", f"{summary.tables / 'cxr_gaze_data.json'}"]
        words += ["--images", f"{summary.images}", "--masks", f"{summary.tables / 'train-rle.csv'}"]
    elif layout == "mimic-cxr":
        words = ["prepare", layout, "--tables", f"{summary.tables}", "--images", f"{summary.images}"]
        words += ["--labels", "chexpert", "--egd-cxr", f"{summary.out / 'gaze'}"]
    elif layout in ("nih-cxr14", "chexpert", "vindr-cxr"):
        words = ["prepare", layout, "--tables", f"{summary.tables}", "--images", f"{summary.images}"]
    else:
        words = ["prepare", layout, "--gaze", f"{summary.tables}", "--images", f"{summary.images}"]
    click.echo(f"next:     {shlex.join(['egaze', *words, '--out', 'STUDY'])}")


def _say_import(layout: str, out: Path) -> None:
    """The commands from exports to a study; the shell, not a quote, completes the exports' names."""
    from egaze.sources.synthetic.trackers import TRACKER_LAYOUTS, import_words

    *options, exports = import_words(TRACKER_LAYOUTS[layout], out)
    folder, pattern = shlex.quote(f"{out / 'exports'}"), exports.removeprefix(f"{out / 'exports'}/")
    click.echo(f"exports:  {out / 'exports'}")
    click.echo(f"next:     egaze gaze import {folder}/{pattern} {shlex.join([*options, '--out', 'GAZE'])}")
    table = shlex.join(["egaze", "prepare", "table", "--fixations", "GAZE/fixations.csv", f"{out / 'cases.csv'}"])
    click.echo(f"then:     {table} --out STUDY")
