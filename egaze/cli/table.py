"""Rows of tables: one line each in a pipe or a file; at a terminal, as many columns side by side as it has room for."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence

import click


class Row(str):
    """A row's line of text, which also knows its parts.

    Args:
        title: on the left; a title that is not indented begins a table.
        cells: on the right of their columns.
        width: of the title's column.
        cell: the width of every cell, or of each.
        note: after the cells.

    Example:
        >>> from egaze.cli.table import Row
        >>> Row("  chf", ["0.5", "0.7"], width=8, cell=5)
        '  chf     0.5  0.7'
    """

    name: str
    cells: tuple[str, ...]
    width: int
    widths: tuple[int, ...]
    note: str

    def __new__(
        cls, title: str, cells: Iterable[str], *, width: int, cell: int | Sequence[int] = 25, note: str = ""
    ) -> Row:
        cells = tuple(cells)
        widths = (cell,) * len(cells) if isinstance(cell, int) else tuple(cell)
        texts = (f"{text:>{of}}" for text, of in zip(cells, widths, strict=True))
        self = super().__new__(cls, f"{title:<{width}}{''.join(texts)}" + (f"  {note}" if note else ""))
        self.name, self.cells, self.width, self.widths, self.note = title, cells, width, widths, note
        return self


def show(lines: Iterable[str]) -> None:
    """Print lines, at a terminal so that no word and no number is broken at its edge."""
    for line in fitted(lines, shutil.get_terminal_size().columns) if sys.stdout.isatty() else lines:
        click.echo(line)


def fitted(lines: Iterable[str], width: int) -> Iterator[str]:
    """Yield lines of at most `width` characters: tables part by part, each with its titles; text broken at words."""
    table: list[Row] = []
    for line in lines:
        goes_on = isinstance(line, Row) and line.name.startswith(" ")
        if table and not (goes_on and isinstance(line, Row) and line.widths == table[0].widths):
            yield from _parts(table, width)
            table = []
        if isinstance(line, Row):
            table.append(line)
        else:
            yield from _broken(line, width)
    yield from _parts(table, width)


def _parts(table: Sequence[Row], width: int) -> Iterator[str]:
    if max(map(len, table), default=0) <= width:
        yield from table
        return
    names = max(len(row.name) for row in table)
    widths = [max(map(len, column)) + 2 for column in zip(*(row.cells for row in table), strict=True)]
    begin = 0
    while begin < len(widths):
        end = begin + 1
        while end < len(widths) and names + sum(widths[begin : end + 1]) <= width:
            end += 1
        for row in table:
            yield Row(row.name, row.cells[begin:end], width=names, cell=widths[begin:end]).rstrip()
            if end == len(widths) and row.note:
                yield from _broken(f"    {row.note}", width)
        begin = end


def _broken(line: str, width: int) -> Iterator[str]:
    if len(line) <= width:
        yield line
        return
    indent = " " * (len(line) - len(line.lstrip()))
    yield from textwrap.wrap(
        line.strip(),
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
