"""Detecting gaze that is not in seconds and pixels of its radiograph."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from egaze.errors import StudyError
from egaze.gaze import Fixations
from egaze.imaging.fit import is_within
from egaze.sources import Case
from egaze.study.gather import Entry

#: Positions look like fractions if at least this share lies in [0, 1]; some may lie off the screen.
_FRACTIONS = 0.9
#: Fixations last about 0.1 to 1 s and follow each other within less; milliseconds would exceed these limits by far.
_LONGEST_MEDIAN_S = 5.0
_LONGEST_GAP_S = 30.0


def strange_units(fixations: Fixations) -> str | None:
    """A message if the gaze of a case looks like units other than pixels and seconds, else None.

    It looks like fractions of the radiograph if at least 90 % of the fixations lie within 0 to 1 in x and y, and like
    milliseconds if the median duration is above 5 s or the median interval between onsets above 30 s. Relative
    durations have no unit and are not checked.
    """
    if not len(fixations):
        return None
    x_px, y_px = fixations.x_px, fixations.y_px
    within = int(((x_px >= 0) & (x_px <= 1) & (y_px >= 0) & (y_px <= 1)).sum())
    if within >= _FRACTIONS * len(fixations):
        return (
            f"{within} of {len(fixations)} fixations lie within 0 to 1 ({_ranges(fixations)}): they look like "
            "fractions of the radiograph, not pixels; multiply them by its width and height"
        )
    median_s = 0.0 if fixations.is_relative else float(np.median(fixations.duration_s))
    if median_s > _LONGEST_MEDIAN_S:
        return (
            f"half of {len(fixations)} fixations last {median_s:.4g} s or more: the durations look like milliseconds, "
            "not seconds; divide them by 1000, or give them as duration_relative if they have no unit of time"
        )
    if fixations.onset_s is not None and len(fixations) > 1:
        gap_s = float(np.median(np.diff(np.sort(fixations.onset_s))))
        if gap_s > _LONGEST_GAP_S:
            return (
                f"half of {len(fixations)} fixations begin {gap_s:.4g} s or more after the one before: the onsets look "
                "like milliseconds, not seconds; divide them by 1000"
            )
    return None


def off_radiograph(fixations: Fixations, radiograph_shape: tuple[int, int]) -> str | None:
    """A message if all fixations lie off the radiograph of shape (height, width), else None."""
    height_px, width_px = radiograph_shape
    if not len(fixations) or (is_within(fixations.x_px, width_px) & is_within(fixations.y_px, height_px)).any():
        return None
    return (
        f"all {len(fixations)} fixations lie off the radiograph of {width_px} x {height_px} px "
        f"({_ranges(fixations)}): does the gaze belong to another radiograph, or was the radiograph resized after "
        "the gaze was recorded?"
    )


def require_plausible(entries: Sequence[Entry], what: Callable[[Entry], str | None], trust_gaze: bool) -> set[str]:
    """Raise StudyError for cases for which `what` returns a message; with `trust_gaze`, return their ids instead."""
    strange = [(entry.case, said) for entry in entries if entry.case.fixations is not None and (said := what(entry))]
    if strange and not trust_gaze:
        case, said = strange[0]
        raise StudyError(
            f"{name_case(case)}: {said}{and_more(len(strange) - 1)}; --trust-gaze uses such gaze unchanged"
        )
    return {case.case_id for case, _ in strange}


def name_case(case: Case) -> str:
    """A case, and the origin of its gaze, for a message."""
    named = f"case {case.case_id!r}"
    return named if case.gaze_origin is None else f"{case.gaze_origin}: {named}"


def and_more(count: int) -> str:
    """The number of further cases to which a message applies."""
    return f"; the same holds for {count} more {'case' if count == 1 else 'cases'}" if count else ""


def _ranges(fixations: Fixations) -> str:
    spans = ((name, getattr(fixations, name)) for name in ("x_px", "y_px"))
    return ", ".join(f"{name} {values.min():.4g} to {values.max():.4g}" for name, values in spans)
