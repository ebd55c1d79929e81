"""`egaze completion`."""

from __future__ import annotations

import os
import re

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

# Click's own script takes bash's words, which end at = and :, so that values of KEY=VALUE could not be completed.
_BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' type value
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(env COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete "$1")
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class _Bash(BashComplete):
    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_LINE"]
        words = split_arg_string(line)
        incomplete = "" if line[-1:].isspace() else words.pop()
        return words[1:], incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """What bash puts in the place of its own last word, which may begin within the word that is completed."""
        typed = re.search(r"\S*$", os.environ["COMP_LINE"])
        breaks = [char for char in "=:" if char in os.environ.get("COMP_WORDBREAKS", "=:")]
        value = item.value
        if item.type == "plain":
            kept = max((typed[0].rfind(char) + 1 for char in breaks), default=0) if typed else 0
            value = re.sub(r"([^\w@%+=:,./~-])", r"\\\1", value[kept:])
        return f"{item.type},{value}"


class _Zsh(ZshComplete):
    # Without a space after a key, whose value follows.
    source_template = ZshComplete.source_template.replace(
        "compadd -U -V unsorted -a", 'compadd -U -V unsorted -S "${${completions[1]:#*=}:+ }" -a'
    )


class _Fish(FishComplete):
    # Values and what is said of them may have commas.
    source_template = FishComplete.source_template.replace('string split ","', 'string split -m 1 ","')


_SHELLS = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}


def use_own_scripts() -> None:
    """Let click complete by the classes above."""
    for name, kind in _SHELLS.items():
        add_completion_class(kind, name)


@click.command()
@click.argument("shell", type=click.Choice(list(_SHELLS)))
def command(shell: str) -> None:
    """Print the script that lets a shell complete egaze's commands, options and values.

    Completed are commands and options; studies, runs and model files among the files that are there; recipes, their
    keys and the values of these, encoders included; data sets, tracker formats and fixation methods.

    \b
    bash, in ~/.bashrc:                       eval "$(egaze completion bash)"
    zsh, in ~/.zshrc, after compinit:         eval "$(egaze completion zsh)"
    fish, once:  egaze completion fish > ~/.config/fish/completions/egaze.fish

    \b
    Example:
      eval "$(egaze completion bash)"
      egaze train st<TAB> --set model.encoder=resnet<TAB>
    """
    from egaze.cli import cli

    click.echo(_SHELLS[shell](cli, {}, "egaze", "_EGAZE_COMPLETE").source())
