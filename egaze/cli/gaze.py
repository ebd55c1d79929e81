"""`egaze gaze`: gaze recorded with one's own tracker, and measures of a study's gaze."""

from __future__ import annotations

import click

from egaze.cli.lazy_group import LazyGroup

#: Subcommands with their help; a subcommand's module is imported only when it is used.
COMMANDS = {
    "check": "Check the quality of recordings: lost samples, precision, accuracy, drift, blinks, gaze on the pictures.",
    "import": "Read exports of eye trackers: samples and fixations, and fixations on radiographs for `prepare table`.",
    "measure": "Measure a study's gaze: scanpaths, areas, regions, and how alike readers look.",
}


class _Commands(LazyGroup):
    module_prefix = "egaze.cli.gaze_"
    commands_help = COMMANDS


@click.group(cls=_Commands)
def command() -> None:
    """Read gaze that your own tracker recorded, and measure a study's gaze.

    \b
    Example:
      egaze gaze import reading.asc
      egaze gaze import readings/*.tsv --radiograph 2544x3056 --out gaze
      egaze gaze check readings/*.tsv --out quality.html
      egaze gaze measure study --out measures
    """
