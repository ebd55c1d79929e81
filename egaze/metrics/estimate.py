"""A metric's value with its interval, a paired difference, and the rule for values that are not defined.

Where the data do not define a metric, its functions return NaN and a `StatisticsWarning` says why; `recording` turns
the warnings into lines beside a result.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class StatisticsWarning(UserWarning):
    """A value that is not defined, or whose sample is too small or too regular for it to mean much."""


def warn(message: str) -> None:
    """Issue a StatisticsWarning that points to the caller of the function that calls this."""
    warnings.warn(message, StatisticsWarning, stacklevel=3)


def undefined(reason: str) -> float:
    """NaN, once a StatisticsWarning has given the reason; it points where `warn` does."""
    warnings.warn(reason, StatisticsWarning, stacklevel=3)
    return math.nan


@contextmanager
def noting(notes: list[str], subject: str) -> Iterator[None]:
    """Append the statistical warnings of a block to `notes`, each as one line "SUBJECT: WARNING" and only once.

    Other warnings are issued as usual.

    Example:
        >>> from egaze.metrics import wilson_ci
        >>> notes = []
        >>> with noting(notes, "readers"):
        ...     share = wilson_ci(0, 0)
        >>> share.value, notes
        (nan, ['readers: a proportion of no cases is not defined'])
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", StatisticsWarning)
        yield
    for warning in caught:
        if not issubclass(warning.category, StatisticsWarning):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
        elif (line := f"{subject}: {warning.message}") not in notes:
            notes.append(line)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric's value and its interval.

    Attributes:
        value: NaN where the metric is not defined.
        low, high: the interval's bounds; NaN where there is no interval.
    """

    value: float
    low: float = math.nan
    high: float = math.nan

    @property
    def is_defined(self) -> bool:
        """Whether there is a value, with or without an interval."""
        return math.isfinite(self.value)

    @property
    def has_interval(self) -> bool:
        """Whether both bounds are defined."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}-{self.high:.3f})"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A paired difference. Every attribute is NaN where it is not defined.

    Attributes:
        difference: the first minus the second.
        low, high: the interval's bounds.
        p_value: two-sided, in [0, 1], of the hypothesis that there is no difference.
    """

    difference: float
    low: float = math.nan
    high: float = math.nan
    p_value: float = math.nan
