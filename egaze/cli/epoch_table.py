"""How training shows its epochs: as a table at a terminal, and as lines of JSON in a pipe."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import click
from rich.console import Console, ConsoleDimensions
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from egaze.training.epoch_log import EpochLog

_GAP = 2
_TITLES = {"classification": "classifi- cation"}
_LEFT = ("run", "stage", "on")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an epoch's two rows: on training, and on the split that it is measured on."""

    title: str
    on_train: str = ""
    on_split: str = ""

    @property
    def width(self) -> int:
        return max(len(word) for word in (*self.title.split(), self.on_train, self.on_split))


class EpochPrinter:
    """Prints each epoch's log entry: as rows of a table if stdout is a terminal, else as a line of JSON."""

    def __init__(self) -> None:
        self._as_table = sys.stdout.isatty()
        self._widths: dict[str, int] = {}

    def __call__(self, entry: EpochLog, run: str = "") -> None:
        if not self._as_table:
            line = entry.to_line()
            click.echo(json.dumps({"run": run, **line} if run else line))
            return
        # Made anew, because a progress bar that is shown has put a stdout of its own in place, and terminals change.
        console = Console(file=sys.stdout, highlight=False)
        wanted = columns_of(entry, run)
        columns = fitting(wanted, console.width)
        is_new = list(self._widths) != [column.title for column in columns] or any(
            column.width > self._widths[column.title] for column in columns
        )
        if is_new:
            self._widths = {column.title: column.width for column in columns}
            if left_out := [column.title for column in wanted if column not in columns]:
                console.print(f"(too wide for this terminal: {', '.join(left_out)}; log.jsonl has them)", style="dim")
        # A number is never cut: a narrower terminal breaks the line.
        width = max(console.width, sum(self._widths.values()) + _GAP * len(columns))
        console.size = ConsoleDimensions(width, console.height)
        console.print(self._rows(columns, is_new))
        console.print(f"  {said_of_cost(entry)}", style="dim")

    def _rows(self, columns: list[Column], with_titles: bool) -> Table:
        table = Table(box=None, show_header=with_titles, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
        for column in columns:
            side: Literal["left", "right"] = "left" if column.title in _LEFT else "right"
            title = Text("\n".join(column.title.split()), justify=side)
            table.add_column(title, width=self._widths[column.title], justify=side, no_wrap=True, vertical="bottom")
        table.add_row(*(column.on_train for column in columns))
        table.add_row(*(column.on_split for column in columns))
        return table


def columns_of(entry: EpochLog, run: str = "") -> list[Column]:
    """What was learnt in an epoch, in the order in which it is shown: every term of the loss, and the metrics."""
    auc = "-" if entry.macro_auc is None else f"{entry.macro_auc:.3f}"
    terms = ["loss", *(name for name in entry.train_losses | entry.losses if name != "loss")]
    return [
        *([Column("run", run)] if run else []),
        Column("stage", entry.stage),
        Column("epoch", str(entry.epoch)),
        Column("on", "train", entry.chosen_on),
        *(
            Column(
                _TITLES.get(name, name.replace("_", " ")),
                _loss(entry.train_losses.get(name)),
                _loss(entry.losses.get(name)),
            )
            for name in terms
        ),
        Column("macro AUC", "", auc),
        *(Column(name.replace("heatmap_", "").upper(), "", f"{value:.3f}") for name, value in entry.agreement.items()),
        Column("best", "", "*" if entry.best else ""),
    ]


def fitting(columns: list[Column], width: int) -> list[Column]:
    """The columns that a terminal has room for: if not all, those without the parts of which the heatmap's loss is the
    weighted sum."""
    if sum(column.width + _GAP for column in columns) - _GAP <= width:
        return columns
    return [column for column in columns if not column.title.startswith("heatmap ")]


def said_of_cost(entry: EpochLog) -> str:
    """The epoch's learning rate and its cost, on one line."""
    said = [f"rate {entry.learning_rate:.2g}"]
    if (cost := entry.cost) is not None:
        said += [f"{cost.radiographs_per_s:.1f} radiographs/s", f"waiting {cost.waiting_frac:.1%}"]
        if cost.peak_memory_mb is not None:
            said.append(f"peak memory {cost.peak_memory_mb:.0f} MB")
        if cost.peak_device_memory_mb is not None:
            said.append(f"on the device {cost.peak_device_memory_mb:.0f} MB")
    return ", ".join([*said, f"{entry.seconds:.1f} s"])


def _loss(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
