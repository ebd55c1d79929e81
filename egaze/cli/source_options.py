"""Options that the sources of `egaze prepare` share, and what their commands do with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from egaze.atomic import require_file
from egaze.cli import progress

if TYPE_CHECKING:
    from egaze.sources import Reflacx, VindrCxr

list_radiographs_option = click.option(
    "--list-radiographs",
    is_flag=True,
    help="Only print the paths of the radiographs that the tables need, one per line, to download them.",
)
no_images_option = click.option(
    "--no-images",
    is_flag=True,
    help="Only gaze, labels and regions, without radiographs: to measure and draw gaze. Nothing can be trained on it.",
)
classes_option = click.option("--classes", help="Some of the findings, in order, separated by commas. [default: all]")
readers_table_option = click.option(
    "--readers-table",
    type=click.Path(path_type=Path),
    metavar="READERS.csv",
    help="Also write the labels of each reader to this table, for `egaze evaluate --readers`.",
)


def names_of(classes: str | None) -> list[str] | None:
    """The names in a list separated by commas; None without a list."""
    return None if classes is None else [name.strip() for name in classes.split(",") if name.strip()]


def require_writable(readers_table: Path | None) -> None:
    """Check, before tables are read, that the table of readers can be written, if one is asked for."""
    if readers_table is not None:
        require_file(readers_table)


def write_readers(source: Reflacx | VindrCxr, readers_table: Path | None) -> None:
    """Write the labels of each reader, if a table is asked for."""
    if readers_table is not None:
        from egaze.sources.label_table import write_readings

        write_readings(readers_table, source.readings, source.class_names)


def say(notes: Sequence[str]) -> None:
    """Print what a source tells whoever prepares it."""
    if not progress.is_quiet():
        for note in notes:
            click.echo(note)


def images_or_none(images: Path | None, no_images: bool) -> Path | None:
    """The folder of radiographs, None with --no-images. Raises click's usage error for both, or neither."""
    require_one(images, no_images)
    return None if no_images else required(images, "--images", "--no-images")


def require_one(images: Path | None, no_images: bool) -> None:
    """Raise click's usage error for a folder of radiographs together with --no-images."""
    if no_images and images is not None:
        raise click.UsageError("Give one of --images and --no-images.", ctx=click.get_current_context())


def required(value: Path | None, *options: str) -> Path:
    """Raise click's usage error if an option, or one of several, is missing that only --list-radiographs does not
    need."""
    if value is None:
        missing = " or ".join(f"'{option}'" for option in options)
        raise click.UsageError(f"Missing option {missing}.", ctx=click.get_current_context())
    return value
