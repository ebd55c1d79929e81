"""Options that mean the same in every command that has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., object])


class Option(Protocol):
    """What `click.option` gives: a decorator of commands."""

    def __call__(self, command: Command, /) -> Command: ...


SPLITS = ("train", "validation", "test")

#: --split of a command that looks at one of them.
split_option = click.option(
    "--split", default="test", show_default=True, type=click.Choice(SPLITS), help="Whose cases are taken."
)

#: --study of a command that opens a run's study.
study_option = click.option(
    "--study",
    "study_path",
    type=click.Path(path_type=Path),
    metavar="STUDY",
    help="The run's study, if it is not where it was, as seen from the run or from the root.",
)

#: --device of a command that runs a model.
device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "cpu", "cuda"]),
    help="Where the model computes; auto is CUDA where there is a device for it.",
)

#: --threads of a command that computes on the processor.
threads_option = click.option(
    "--threads", type=click.IntRange(1), help="Threads that compute. [default: one for each processor]"
)


def workers_option(what: str) -> Option:
    """--workers of a command that does something, `what`, in several processes."""
    return click.option(
        "--workers", type=click.IntRange(1), help=f"Processes that {what}. [default: one for each processor]"
    )


def precision_option(precisions: Sequence[str], what: str) -> Option:
    """--precision of a command whose model may compute in several."""
    choice = click.Choice(precisions)
    return click.option("--precision", default="fp32", show_default=True, type=choice, help=f"What {what} computes in.")


def limit_option(default: int, what: str) -> Option:
    """--limit of a command that shows the first of many."""
    count = click.IntRange(0)
    return click.option("--limit", default=default, show_default=True, type=count, help=f"At most this many {what}.")
