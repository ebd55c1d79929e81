"""What `egaze train` prints of each epoch."""

from __future__ import annotations

import json
import sys

import click

from egaze.serialize import JsonObject


class EpochPrinter:
    """Prints an epoch's log line: a row of a table where stdout is a terminal, or else a JSON object a line."""

    def __init__(self) -> None:
        self._as_table, self._begun = sys.stdout.isatty(), False

    def __call__(self, line: JsonObject, run: str = "") -> None:
        if not self._as_table:
            click.echo(json.dumps({"run": run, **line} if run else line))
            return
        split = next(name.removesuffix("_macro_auc") for name in line if name.endswith("_macro_auc"))
        if not self._begun:
            self._begun = True
            titles = ("epoch", "rate", "train loss", f"{split} loss", "macro AUC", "seconds", "best")
            click.echo(_row("run, stage" if run else "stage", titles))
        auc = line[f"{split}_macro_auc"]
        cells = (
            str(line["epoch"]),
            f"{line['learning_rate']:.2g}",
            f"{line['train_loss']:.4f}",
            f"{line[f'{split}_loss']:.4f}",
            "-" if auc is None else f"{auc:.3f}",
            f"{line['seconds']:.1f}",
            "*" if line["best"] else "",
        )
        click.echo(_row(f"{run}, {line['stage']}" if run else line["stage"], cells))


def _row(name: str, cells: tuple[str, ...]) -> str:
    return (f"{name:<24}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, _WIDTHS, strict=True))).rstrip()


_WIDTHS = (6, 10, 12, 17, 11, 9, 6)
