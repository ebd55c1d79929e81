"""How long work says how far it is; `egaze.cli.progress` draws it."""

from __future__ import annotations

from collections.abc import Callable

#: Called with how much is done, and how much there is.
Progress = Callable[[int, int], None]

#: Called with what is being done, how much of it is done, and how much there is.
NamedProgress = Callable[[str, int, int], None]
