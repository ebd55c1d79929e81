"""Where the study of a run is."""

from __future__ import annotations

from pathlib import Path

import click

#: Adds --study to a command that opens a run's study.
study_option = click.option(
    "--study",
    "study_path",
    type=click.Path(path_type=Path),
    metavar="STUDY",
    help="The run's study, if it is not where it was, as seen from the run or from the root.",
)
