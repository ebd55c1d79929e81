"""A group of commands whose modules are imported only when they are used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class LazyGroup(click.Group):
    """A group whose command "a-b" is the `command` of the module PREFIX + "a_b".

    To be derived from, with both attributes set.

    Attributes:
        module_prefix: PREFIX, such as "egaze.cli.".
        commands_help: one line of help by command, in the order in which they are shown.
    """

    module_prefix: str
    commands_help: Mapping[str, str]

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands_help)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.commands_help:
            return None
        module = importlib.import_module(self.module_prefix + name.replace("-", "_"))
        command: click.Command = module.command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        commands = [
            CompletionItem(name, help=said) for name, said in self.commands_help.items() if name.startswith(incomplete)
        ]
        return commands + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.commands_help.items()))
