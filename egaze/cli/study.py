"""`egaze study show|verify|split`."""

from __future__ import annotations

from pathlib import Path

import click

from egaze.cli import progress
from egaze.cli.completing import STUDY
from egaze.cli.hygiene import hygiene_lines, no_images_line, note_lines, relative_line
from egaze.cli.labels import label_lines
from egaze.cli.text import count_text
from egaze.errors import StudyError

SHOWN_LEFT_OUT = 20


@click.group()
def command() -> None:
    """Show, verify or split a prepared study.

    \b
    Example:
      egaze study show study
      egaze study split study --seed 1
    """


@command.command()
@click.argument("study", type=STUDY)
def show(study: Path) -> None:
    """Print the content of a study.

    \b
    Example:
      egaze study show study
    """
    from egaze.study import open_study
    from egaze.study.splits import SPLITS

    opened = open_study(study, check_images=False)
    manifest, counts = opened.manifest, opened.manifest["counts"]
    click.echo(f"{study}: {count_text(len(opened), 'case')} of {count_text(counts['patients'], 'patient')}")
    if opened.has_images:
        click.echo(
            f"  images: {opened.image_size_px} px, fit {manifest['fit']}, presentation {manifest['presentation']}"
        )
    else:
        click.echo(f"  {no_images_line(opened)}; canvas {opened.image_size_px} px, fit {manifest['fit']}")
    click.echo(f"  gaze: {count_text(counts['with_gaze'], 'case')}, {count_text(counts['fixations'], 'fixation')}")
    if relative := relative_line(opened):
        click.echo(f"  {relative}")
    click.echo(f"  annotations: {count_text(counts['regions'], 'region')}, {count_text(counts['phrases'], 'phrase')}")
    click.echo(f"  split by patient: seed {opened.splits.seed}, ratio {':'.join(map(str, opened.splits.ratio))}")
    widths = [max(12, len(name)) for name in opened.class_names]
    header = "  ".join(f"{name:>{width}}" for name, width in zip(opened.class_names, widths, strict=True))
    click.echo(f"  {'':<12}{'cases':>8}{'gaze':>8}  {header}")
    for number, split in enumerate(SPLITS):
        in_split = opened.splits.split_index == number
        present = (opened.labels.of(in_split).answers == 1).sum(axis=0).tolist()
        per_class = "  ".join(f"{count:>{width}}" for count, width in zip(present, widths, strict=True))
        click.echo(f"  {split:<12}{int(in_split.sum()):>8}{int((in_split & opened.has_gaze).sum()):>8}  {per_class}")
    for line in label_lines(opened):
        click.echo(f"  {line}")
    for line in note_lines(opened.cases["voi"]):
        click.echo(f"  {line}")
    for source in manifest["sources"]:
        for line in hygiene_lines(source):
            click.echo(f"  {line}")
    if left_out := manifest["left_out"]:
        click.echo(f"  left out because their radiographs cannot be read: {count_text(len(left_out), 'case')}")
        for item in left_out[:SHOWN_LEFT_OUT]:
            click.echo(f"    {item['case_id']}: {item['reason']}")
        if (more := len(left_out) - SHOWN_LEFT_OUT) > 0:
            click.echo(f"    and {more} more; {opened.path / 'study.json'} lists all")


@command.command()
@click.argument("study", type=STUDY)
def verify(study: Path) -> None:
    """Recompute the digest of every file of a study.

    \b
    Example:
      egaze study verify study
    """
    from egaze.study import open_study, verify_study

    with progress.bar("verifying, bytes") as update:
        differing = verify_study(study, progress=update)
    if differing:
        raise StudyError(
            f"{study}: damaged or changed: {', '.join(differing)}; restore them, or prepare the study again"
        )
    open_study(study, check_images=False)
    click.echo(f"{study}: whole")


@command.command()
@click.argument("study", type=STUDY)
@click.option(
    "--seed",
    default=42,
    show_default=True,
    type=click.IntRange(0),
    help="Seed of the shuffle; 42 and 1 give EGD-CXR's published splits.",
)
@click.option("--ratio", default="8:1:1", show_default=True, help="Ratio of patients for train, validation and test.")
def split(study: Path, seed: int, ratio: str) -> None:
    """Split a study again, by patient. Runs that were trained with the old splits can then not be evaluated.

    \b
    Example:
      egaze study split study --seed 1
    """
    import numpy as np

    from egaze.study import split_study
    from egaze.study.splits import SPLITS

    try:
        train, validation, test = (float(share) for share in ratio.split(":"))
    except ValueError as error:
        raise click.BadParameter(f"expected three shares such as 8:1:1, got {ratio!r}", param_hint="--ratio") from error
    made = split_study(study, seed=seed, ratio=(train, validation, test))
    counts = np.bincount(made.split_index, minlength=len(SPLITS))
    click.echo(f"{study}: " + ", ".join(f"{count} {split}" for split, count in zip(SPLITS, counts, strict=True)))
