"""Progress bars on stderr, where somebody is looking."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


def is_shown() -> bool:
    """Whether stderr is a terminal and the user did not ask for quiet."""
    return sys.stderr.isatty() and not is_quiet()


def is_quiet() -> bool:
    """Whether the user asked for results and errors only."""
    context = click.get_current_context(silent=True)
    return bool(context and context.find_root().obj and context.find_root().obj["quiet"])


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for one thing; yields a callable of (done, total)."""
    with bars() as update:
        yield lambda done, total: update(what, done, total)


@contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """One bar that says what it counts at the moment, how fast it goes and how long it will take; yields a callable
    of (what, done, total).
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not is_shown()) as progress:
        task = progress.add_task("", total=None)
        current = ""

        def update(what: str, done: int, total: int) -> None:
            nonlocal current
            if what != current:
                # What is there already was not done just now, and says nothing of the rate.
                progress.reset(task, total=total, completed=done)
                current = what
            progress.update(task, description=what, completed=done, total=total)

        yield update


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.3g}/s")
