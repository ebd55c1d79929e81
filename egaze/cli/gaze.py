"""`egaze gaze`: gaze recorded with one's own tracker, and measures of a study's gaze."""

from __future__ import annotations

import importlib

import click

#: Subcommands with their help; a subcommand's module is imported only when it is used.
COMMANDS = {
    "import": "Read exports of eye trackers: samples and fixations, and fixations on radiographs for `prepare table`.",
    "measure": "Measure a study's gaze: scanpaths, areas, regions, and how alike readers look.",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"egaze.cli.gaze_{name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_LazyGroup)
def command() -> None:
    """Read gaze that your own tracker recorded, and measure a study's gaze.

    \b
    Example:
      egaze gaze import reading.asc
      egaze gaze import readings/*.tsv --radiograph 2544x3056 --out gaze
      egaze gaze measure study --out measures
    """
