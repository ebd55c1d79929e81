"""Agreement of found events, such as fixations, with known ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egaze.metrics.estimate import undefined


@dataclass(frozen=True, slots=True)
class EventAgreement:
    """How well found events agree with known ones.

    Attributes:
        known, found: the numbers of events.
        matched: how many known events a found one matches; at most one each.
        f1: 2 matched / (known + found), in [0, 1]; NaN if there is no event at all.
        onset_error_s, end_error_s: the median absolute distance of matched events' onsets and ends; NaN without a
            match.
    """

    known: int
    found: int
    matched: int
    f1: float
    onset_error_s: float
    end_error_s: float


def event_agreement(
    known_onset_s: ArrayLike,
    known_duration_s: ArrayLike,
    found_onset_s: ArrayLike,
    found_duration_s: ArrayLike,
    *,
    min_overlap_frac: float = 0.5,
) -> EventAgreement:
    """Match found events with known ones by their overlap in time.

    Two events match if their intersection is more than `min_overlap_frac` of their union. With a half or more, no event
    can match two. The F1 of events is that of Hooge et al. (Behavior Research Methods 2018) with the criterion of
    Startsev et al. (Behavior Research Methods 2019).

    Args:
        known_onset_s, known_duration_s: (K,) events in time order that do not overlap; durations above 0.
        found_onset_s, found_duration_s: (F,) likewise.
        min_overlap_frac: at least 0.5 and below 1.

    Warns:
        StatisticsWarning: no event at all, so that the F1 is NaN.

    Raises:
        ValueError: shapes that differ, events out of order or overlapping, a duration that is not positive, or an
            overlap out of range.

    Example:
        >>> from egaze.metrics import event_agreement
        >>> agreement = event_agreement([0.0, 1.0], [0.8, 0.5], [0.1, 1.0, 1.3], [0.7, 0.2, 0.2])
        >>> agreement.matched, agreement.f1
        (1, 0.4)
    """
    if not 0.5 <= min_overlap_frac < 1:
        raise ValueError(f"min_overlap_frac must be at least 0.5 and below 1, got {min_overlap_frac}")
    known = _intervals("known", known_onset_s, known_duration_s)
    found = _intervals("found", found_onset_s, found_duration_s)
    pairs = _matches(known, found, min_overlap_frac)
    events = len(known) + len(found)
    errors_s = np.abs(known[pairs[:, 0]] - found[pairs[:, 1]])
    onset_error_s, end_error_s = np.median(errors_s, axis=0) if len(pairs) else (np.nan, np.nan)
    return EventAgreement(
        known=len(known),
        found=len(found),
        matched=len(pairs),
        f1=2 * len(pairs) / events if events else undefined("an F1 of no events is not defined"),
        onset_error_s=float(onset_error_s),
        end_error_s=float(end_error_s),
    )


def _intervals(name: str, onset_s: ArrayLike, duration_s: ArrayLike) -> NDArray[np.float64]:
    """(N, 2) onsets and ends."""
    onset, duration = np.asarray(onset_s, dtype=np.float64), np.asarray(duration_s, dtype=np.float64)
    if onset.ndim != 1 or onset.shape != duration.shape:
        raise ValueError(f"{name} events must be (N,) onsets and durations, got {onset.shape} and {duration.shape}")
    if not (np.isfinite(onset) & np.isfinite(duration) & (duration > 0)).all():
        raise ValueError(f"{name} events must have finite onsets and durations above 0")
    intervals = np.stack([onset, onset + duration], axis=1)
    # An end is a sum, which rounding may move past the next onset.
    if (overlaps := intervals[1:, 0] < intervals[:-1, 1] - 1e-6).any():
        raise ValueError(f"{name} event {int(np.argmax(overlaps)) + 1} begins before the one before it ends")
    return intervals


def _matches(known: NDArray[np.float64], found: NDArray[np.float64], min_overlap_frac: float) -> NDArray[np.int64]:
    """(M, 2) the numbers of events that match."""
    pairs = []
    i = j = 0
    while i < len(known) and j < len(found):
        shared_s = min(known[i, 1], found[j, 1]) - max(known[i, 0], found[j, 0])
        union_s = max(known[i, 1], found[j, 1]) - min(known[i, 0], found[j, 0])
        if shared_s > min_overlap_frac * union_s:
            pairs.append((i, j))
        if known[i, 1] <= found[j, 1]:
            i += 1
        else:
            j += 1
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)
