"""Progress bars on stderr, if it is a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


def is_shown() -> bool:
    """Whether progress bars are shown: stderr is a terminal that can redraw a line, and --quiet was not given."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not is_quiet() and speaks()


def speaks() -> bool:
    """Whether this process is the first, or the only one, of those that train together, on any computer."""
    numbers = (os.environ.get(name, "0") for name in ("RANK", "SLURM_PROCID", "NODE_RANK"))
    return all(number == "0" for number in numbers)


def is_quiet() -> bool:
    """Whether --quiet was given."""
    context = click.get_current_context(silent=True)
    return bool(context and context.find_root().obj and context.find_root().obj["quiet"])


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar for one task; yields a function of (done, total) that updates it."""
    with bars(what) as update:
        yield lambda done, total: update(what, done, total)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show what is being done, and for how long, where the amount of work is not known."""
    with bars(what):
        yield


@contextmanager
def bars(first: str = "starting") -> Iterator[Callable[[str, int, int], None]]:
    """Show one progress bar for several tasks in turn, with rate and remaining time; yields a function of
    (what, done, total) that updates it.

    Before the first task, and after the end of each, the bar moves without an amount, so that it does not seem to hang
    while what follows is computed.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[amount]}"),
        _RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not is_shown()) as progress:
        task = progress.add_task(first, total=None, amount="")
        current = ""

        def update(what: str, done: int, total: int) -> None:
            nonlocal current
            if what != current:
                # What was done before does not count for the rate.
                progress.reset(task, total=total, completed=done)
                current = what
            # A bar without a total moves, and its time goes on.
            unfinished = total if done < total else None
            progress.update(task, description=what, completed=done, total=unfinished, amount=f"{done:,}/{total:,}")

        yield update


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.3g}/s")
