"""What must be said beside a result."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from egaze.metrics.resampling import StatisticsWarning


@contextmanager
def noting(notes: list[str], subject: str) -> Iterator[None]:
    """Keep the block's statistical warnings as lines of `notes`, each once, and let other warnings through."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", StatisticsWarning)
        yield
    for warning in caught:
        if not issubclass(warning.category, StatisticsWarning):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
        elif (line := f"{subject}: {warning.message}") not in notes:
            notes.append(line)
