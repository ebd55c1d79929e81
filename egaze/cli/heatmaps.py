"""`egaze heatmaps`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from egaze.atomic import require_free
from egaze.cli import progress
from egaze.cli.completing import STUDY, parts_of
from egaze.cli.hygiene import no_images_line
from egaze.cli.options import SeveralValues, workers_option

if TYPE_CHECKING:
    from egaze.gaze.heatmap import Weight

# Repeated here rather than imported, so that --help does not load matplotlib; a test compares the two.
_KINDS = ("heatmap", "overlay", "scanpath", "array")
# Parameters and options that apply to animations only.
_PLAYBACK = {"file_format": "movie", "fps": "fps", "speed": "speed", "window_s": "window-s"}


def _kinds(_context: click.Context, _option: click.Parameter, value: str) -> list[str]:
    names = [name.strip() for name in value.split(",") if name.strip()]
    if unknown := [name for name in names if name not in _KINDS]:
        raise click.BadParameter(f"{unknown[0]!r} is not one of {', '.join(_KINDS)}.")
    return list(dict.fromkeys(names))


@click.command(cls=SeveralValues)
@click.argument("study", type=STUDY)
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="New folder.")
@click.option("--cases", multiple=True, metavar="ID...", help="Only these cases; * and ? are wildcards. [default: all]")
@click.option("--split", "split", type=click.Choice(["train", "validation", "test"]), help="Only this split's cases.")
@click.option(
    "--kinds",
    default=",".join(_KINDS),
    show_default=True,
    callback=_kinds,
    shell_complete=parts_of(_KINDS),
    help="What to write for each case: pictures (PNG) and the heatmap's values (float32 .npy). A study without images "
    "has no overlay.",
)
@click.option(
    "--size", "size_px", type=click.IntRange(16, 4096), help="Side of the heatmap in px. [default: the study's]"
)
@click.option(
    "--sigma-px",
    type=click.FloatRange(0.01, 4096),
    help="Standard deviation of a fixation's Gaussian. [default: 0.05 of the side, as in training]",
)
@click.option("--sigma-deg", type=click.FloatRange(0.001, 90), help="The same, in degrees of visual angle.")
@click.option(
    "--weight",
    default="duration",
    show_default=True,
    type=click.Choice(["duration", "count"]),
    help="Fixation weight.",
)
@click.option("--temporal", is_flag=True, help="Also write an animation of the gaze over time.")
@click.option(
    "--movie",
    "file_format",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "mp4", "gif"]),
    help="Format of the animation; auto is MP4 if ffmpeg is available, else GIF.",
)
@click.option("--fps", default=10, show_default=True, type=click.IntRange(1, 50), help="Frames per second.")
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.01, 1000),
    help="Seconds of the reading per second of animation.",
)
@click.option("--window-s", type=click.FloatRange(0.01, 1e6), help="Show only the gaze of the last WINDOW_S seconds.")
@workers_option("draw")
@click.pass_context
def command(
    context: click.Context,
    study: Path,
    out: Path,
    cases: tuple[str, ...],
    split: str | None,
    kinds: list[str],
    size_px: int | None,
    sigma_px: float | None,
    sigma_deg: float | None,
    weight: Weight,
    temporal: bool,
    file_format: str,
    fps: int,
    speed: float,
    window_s: float | None,
    workers: int | None,
) -> None:
    """Draw the readers' gaze in a study, in one folder per case.

    Each folder has heatmap.png and overlay.png (on the radiograph) with a colour bar, scanpath.png (numbered circles
    that grow with the fixations' durations), heatmap.npy (seconds, or fixations, per pixel), and with --temporal
    gaze.mp4 or gaze.gif. index.csv lists all files. Relative durations are never shown as time; without onsets, too,
    their animation plays at a constant pace.

    \b
    Example:
      egaze heatmaps study --out pictures --split test
      egaze heatmaps study --out movies --cases 'p10*' --kinds overlay --temporal --speed 2
    """
    from egaze.pictures import HeatmapOptions, Playback, possible_kinds, write_pictures
    from egaze.study import open_study
    from egaze.study.choose import choose_cases

    if sigma_px is not None and sigma_deg is not None:
        raise click.UsageError("Give one of --sigma-px and --sigma-deg.")
    given = [name for name in _PLAYBACK if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given and not temporal:
        raise click.UsageError(f"--{_PLAYBACK[given[0]]} needs --temporal.")
    require_free(out)
    with progress.bar("checking images.npy, bytes") as checked:
        opened = open_study(study, progress=checked)
    if context.get_parameter_source("kinds") is not ParameterSource.COMMANDLINE:
        kinds = list(possible_kinds(opened))
    with progress.bar("drawing") as update:
        summary = write_pictures(
            opened,
            out,
            choose_cases(opened, cases, split).tolist(),
            options=HeatmapOptions(size_px, sigma_px, sigma_deg, weight),
            kinds=kinds,
            playback=Playback(fps, speed, window_s, file_format) if temporal else None,
            workers=workers or os.cpu_count() or 1,
            progress=update,
        )
    written = ", ".join([*kinds, *([summary.animation] if summary.animation else [])])
    click.echo(
        f"{out}: {summary.cases} case{'' if summary.cases == 1 else 's'} ({written}), listed in {out / 'index.csv'}"
    )
    if not opened.has_images:
        click.echo(f"  {no_images_line(opened)}; pictures show gaze on plain grey, and there is no overlay")
    if summary.without_gaze:
        click.echo(f"  cases without gaze left out: {summary.without_gaze}")
    if summary.without_onsets:
        click.echo(f"  cases without onsets, whose fixations are played one after the other: {summary.without_onsets}")
    if summary.paced:
        click.echo(f"    of these, cases with relative durations, played at a constant pace: {summary.paced}")
    if summary.relative:
        click.echo(f"  cases with relative durations, which are not shown as time: {summary.relative}")
    if opened.is_synthetic:
        click.echo("  synthetic data")
