"""Options of commands that make DICOM objects of predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from egaze.cli.options import Command

if TYPE_CHECKING:
    from egaze.dicom_objects import ObjectOptions

#: Those of `egaze.dicom_objects.KINDS`, which are not loaded for --help.
_KINDS = ("sc", "seg", "pm", "sr")

#: --dicom-out of a command that writes files.
dicom_out_option = click.option(
    "--dicom-out", type=click.Path(path_type=Path), metavar="DIR", help="Folder for DICOM objects of the predictions."
)


def dicom_options(command: Command) -> Command:
    """Add --dicom and --dicom-threshold to a command."""
    kinds = click.option(
        "--dicom",
        multiple=True,
        type=click.Choice(_KINDS),
        help="A kind of DICOM object; can be repeated: sc, a Secondary Capture of the heatmap on the radiograph with a "
        "colour bar; seg, a segmentation of the heatmap above a threshold; pm, a parametric map of the heatmap; sr, a "
        "structured report of the probabilities (TID 1500). All but sc need: pip install 'egaze[dicom]'. [default: sc]",
    )
    threshold = click.option(
        "--dicom-threshold",
        "dicom_threshold_frac",
        type=click.FloatRange(0, 1, min_open=True),
        metavar="FRACTION",
        help="Of a segmentation: the share of the heatmap's peak from which on a pixel is inside. [default: 0.5]",
    )
    return kinds(threshold(command))


def object_options(kinds: tuple[str, ...], threshold_frac: float | None) -> ObjectOptions:
    """The options as they were given, a kind that is given twice counting once."""
    from egaze.dicom_objects import ObjectOptions

    given = ObjectOptions() if not kinds else ObjectOptions(tuple(dict.fromkeys(kinds)))
    return given if threshold_frac is None else ObjectOptions(given.kinds, threshold_frac)
