"""An option that takes several whole numbers: `0,1,2`, or `0-4`."""

from __future__ import annotations

import re
from typing import Any

import click

_MOST = 10_000


class Numbers(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click alone
    """Whole numbers and ranges of them, both ends among them, as a tuple in the order given."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        numbers: list[int] = []
        for part in value.split(","):
            found = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9}))?\s*", part, re.ASCII)
            if found is None:
                self.fail(f"expected numbers such as 0,1,2 or 0-4, got {value!r}", param, ctx)
            first, last = int(found[1]), int(found[2] or found[1])
            if not first <= last < first + _MOST:
                self.fail(f"{part.strip()} is not a range of at most {_MOST} numbers", param, ctx)
            numbers += range(first, last + 1)
        if len(set(numbers)) != len(numbers):
            self.fail(f"{value!r} names a number twice", param, ctx)
        return tuple(numbers)
