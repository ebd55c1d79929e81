"""The callbacks by which long work reports its progress; `egaze.cli.progress` draws it."""

from __future__ import annotations

from collections.abc import Callable

#: Called with the amount done and the total.
Progress = Callable[[int, int], None]

#: Called with the name of the step, the amount done and the total.
NamedProgress = Callable[[str, int, int], None]
