"""Gaze that does not look like seconds and pixels of its radiograph."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from egaze.errors import StudyError
from egaze.gaze import Fixations
from egaze.imaging.fit import is_within
from egaze.sources import Case
from egaze.study.gather import Entry

#: So many of a case's fixations lie within 0 to 1 when they are fractions: trackers give some beside the screen.
_FRACTIONS = 0.9
#: A fixation lasts some .1 to 1 s, and the next one follows in less; the same in milliseconds is far beyond these.
_LONGEST_MEDIAN_S = 5.0
_LONGEST_GAP_S = 30.0


def strange_units(fixations: Fixations) -> str | None:
    """What units other than pixels and seconds a case's gaze looks like, and what to do; None when it looks well.

    At least nine of ten fixations within 0..1 in x and y look like fractions of the radiograph; a median duration above
    5 s, or onsets that are more than 30 s apart in the median, like milliseconds. Relative durations are in no unit, so
    they look like none.
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
            "not seconds; divide them by 1000, or give them as duration_relative where they are in no unit of time"
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
    """What to say when every fixation lies off the radiograph of (height, width); None when one lies on it."""
    height_px, width_px = radiograph_shape
    if not len(fixations) or (is_within(fixations.x_px, width_px) & is_within(fixations.y_px, height_px)).any():
        return None
    return (
        f"all of {len(fixations)} fixations lie off the radiograph of {width_px} x {height_px} px "
        f"({_ranges(fixations)}): is it another radiograph's gaze, or was the radiograph resized after the "
        "gaze was recorded?"
    )


def require_plausible(entries: Sequence[Entry], what: Callable[[Entry], str | None], trust_gaze: bool) -> set[str]:
    """Raise StudyError when `what` has something to say of a case, unless gaze is trusted; returns those cases."""
    strange = [(entry.case, said) for entry in entries if entry.case.fixations is not None and (said := what(entry))]
    if strange and not trust_gaze:
        case, said = strange[0]
        raise StudyError(
            f"{name_case(case)}: {said}{and_more(len(strange) - 1)}; --trust-gaze takes such gaze as it stands"
        )
    return {case.case_id for case, _ in strange}


def name_case(case: Case) -> str:
    """A case, and where its gaze stands, for a message."""
    named = f"case {case.case_id!r}"
    return named if case.gaze_origin is None else f"{case.gaze_origin}: {named}"


def and_more(count: int) -> str:
    """How many cases a message is about besides the first."""
    return f"; so it is in {count} more {'case' if count == 1 else 'cases'}" if count else ""


def _ranges(fixations: Fixations) -> str:
    spans = ((name, getattr(fixations, name)) for name in ("x_px", "y_px"))
    return ", ".join(f"{name} {values.min():.4g} to {values.max():.4g}" for name, values in spans)
