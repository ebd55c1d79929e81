"""`egaze heatmaps`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from egaze.atomic import require_free
from egaze.cli import progress
from egaze.cli.options import SeveralValues, workers_option

if TYPE_CHECKING:
    from egaze.gaze.heatmap import Weight

# Written here and not imported, so that --help needs no matplotlib; a test compares.
_KINDS = ("heatmap", "overlay", "scanpath", "array")
# What only an animation has: parameter and option.
_PLAYBACK = {"file_format": "movie", "fps": "fps", "speed": "speed", "window_s": "window-s"}


def _kinds(_context: click.Context, _option: click.Parameter, value: str) -> list[str]:
    names = [name.strip() for name in value.split(",") if name.strip()]
    if unknown := [name for name in names if name not in _KINDS]:
        raise click.BadParameter(f"{unknown[0]!r} is not one of {', '.join(_KINDS)}.")
    return list(dict.fromkeys(names))


@click.command(cls=SeveralValues)
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="New folder.")
@click.option(
    "--cases", multiple=True, metavar="ID...", help="Only these cases; * and ? stand for any text. [default: all]"
)
@click.option("--split", "split", type=click.Choice(["train", "validation", "test"]), help="Only this split's cases.")
@click.option(
    "--kinds",
    default=",".join(_KINDS),
    show_default=True,
    callback=_kinds,
    help="What to write of a case: pictures (PNG) and the heatmap's values (float32 .npy).",
)
@click.option("--size", "size_px", type=click.IntRange(16, 4096), help="Side of the heatmap in px. [default: study's]")
@click.option(
    "--sigma-px",
    type=click.FloatRange(0.01, 4096),
    help="Standard deviation of a fixation's Gaussian. [default: 0.05 of the side, as in training]",
)
@click.option("--sigma-deg", type=click.FloatRange(0.001, 90), help="The same in degrees of visual angle.")
@click.option(
    "--weight", default="duration", show_default=True, type=click.Choice(["duration", "count"]), help="Of a fixation."
)
@click.option("--temporal", is_flag=True, help="Also an animation of gaze building up.")
@click.option(
    "--movie",
    "file_format",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "mp4", "gif"]),
    help="The animation's file; auto is MP4 where there is an ffmpeg, else GIF.",
)
@click.option("--fps", default=10, show_default=True, type=click.IntRange(1, 50), help="Frames a second.")
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.01, 1000),
    help="Seconds of reading in a second of animation.",
)
@click.option("--window-s", type=click.FloatRange(0.01, 1e6), help="Animate the gaze of the last seconds only.")
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
    """Write pictures of the readers' gaze in a study, a folder for each case.

    heatmap.png and overlay.png (on the radiograph) with a colour bar, scanpath.png (circles as large as the fixations
    were long, numbered), heatmap.npy (seconds, or fixations, per pixel), and gaze.mp4 or gaze.gif with --temporal.
    index.csv lists them. Where a table's durations are relative no picture gives them as time, and gaze that has no
    onsets either plays at a constant pace.

    \b
    Example:
      egaze heatmaps study --out pictures --split test
      egaze heatmaps study --out movies --cases 'p10*' --kinds overlay --temporal --speed 2
    """
    from egaze.pictures import HeatmapOptions, Playback, write_pictures
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
    if summary.without_gaze:
        click.echo(f"  cases without gaze left out: {summary.without_gaze}")
    if summary.without_onsets:
        click.echo(f"  cases without onsets, whose animation plays fixation after fixation: {summary.without_onsets}")
    if summary.paced:
        click.echo(f"    of them with relative durations, which show every fixation equally long: {summary.paced}")
    if summary.relative:
        click.echo(f"  cases whose durations are relative, and not shown as time: {summary.relative}")
    if opened.is_synthetic:
        click.echo("  synthetic data")
