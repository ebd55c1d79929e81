"""EyeLink's messages about validations and drift checks (EyeLink 1000 User Manual, "Calibration messages").

`!CAL VALIDATION HV9 R RIGHT GOOD ERROR 0.38 avg. 0.69 max OFFSET 0.24 deg. 6.9,5.4 pix.` has the mean error at all
targets, `VALIDATE R 4POINT 1 RIGHT at 512,65 OFFSET 0.05 deg. 1.4,-1.2 pix.` that at one target, and `DRIFTCORRECT R
RIGHT at 512,384 OFFSET 0.39 deg. -9.8,9.6 pix.` that of a drift check.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from egaze.gaze.recording import Message
from egaze.gaze.validation import TargetOffset, TrackerValidation

_NUMBER = r"(-?\d+(?:\.\d+)?)"
_SUMMARY = re.compile(rf"!CAL VALIDATION .*?\b(LEFT|RIGHT)\s+\S+\s+ERROR {_NUMBER} avg\. {_NUMBER} max")
_TARGET = re.compile(
    rf"(VALIDATE|DRIFTCORRECT) .*?\b(LEFT|RIGHT)\s+at {_NUMBER},{_NUMBER}\s+"
    rf"OFFSET {_NUMBER} deg\.\s+{_NUMBER},{_NUMBER} pix"
)
_EYES: dict[str, Literal["left", "right"]] = {"LEFT": "left", "RIGHT": "right"}


def eyelink_validations(messages: Sequence[Message]) -> tuple[TrackerValidation, ...]:
    """The validations and drift checks that messages tell of, in their order; aborted ones have no numbers."""
    found: list[TrackerValidation] = []
    for message in messages:
        if summary := _SUMMARY.search(message.text):
            mean_deg, max_deg = float(summary[2]), float(summary[3])
            found.append(TrackerValidation(message.time_s, _EYES[summary[1]], "validation", mean_deg, max_deg))
        elif target := _TARGET.search(message.text):
            eye, (x, y, offset_deg, across, down) = _EYES[target[2]], (float(target[part]) for part in range(3, 8))
            offset = TargetOffset(x, y, across, down, abs(offset_deg))
            if target[1] == "DRIFTCORRECT":
                found.append(TrackerValidation(message.time_s, eye, "drift check", abs(offset_deg), None, (offset,)))
                continue
            of = next((n for n in reversed(range(len(found))) if _is_of(found[n], message, eye)), None)
            if of is not None:
                found[of] = replace(found[of], targets=(*found[of].targets, offset))
    return tuple(found)


def _is_of(validation: TrackerValidation, message: Message, eye: str) -> bool:
    return validation.kind == "validation" and validation.eye == eye and validation.time_s == message.time_s
