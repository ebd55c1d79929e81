"""What a recording holds, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egaze.gaze.recording import Eye, GazeRecording, GazeSamples, Plane, RecordedFixations

#: Where an export does not say when it paused, a gap this long is one if it is as long as this many samples, too.
_PAUSE_S, _PAUSE_SAMPLES = 1.0, 10.0
#: A measured sampling rate that differs from the stated one by more than this share is noted.
_RATE_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class RecordingSummary:
    """A recording in numbers.

    Attributes:
        samples: the number of samples in time; those of two eyes at one time count once.
        valid: samples with a position of at least one eye.
        valid_by_eye: samples with a position of each eye, or of both combined.
        duration_s: recorded time, without the pauses between blocks; of fixations alone, from the first to the last.
        span_s: time from the first sample to the last, with pauses.
        rate_hz: samples per second of recorded time as stated by the export, else as measured; None without samples.
        measured_hz: samples per second of recorded time; None without samples.
        eye: the eye whose fixations count.
        fixations: of that eye.
        fixations_by_eye: fixations of each eye in the export.
        messages: the number of messages.
        plane: where the positions lie.
        notes: the recording's, and what the numbers say.
    """

    samples: int
    valid: int
    valid_by_eye: dict[str, int]
    duration_s: float
    span_s: float
    rate_hz: float | None
    measured_hz: float | None
    eye: Eye | None
    fixations: int
    fixations_by_eye: dict[str, int]
    messages: int
    plane: Plane
    notes: tuple[str, ...]


def summarize_recording(recording: GazeRecording, eye: Eye | None = None) -> RecordingSummary:
    """Count what a recording holds.

    Args:
        recording: as read.
        eye: whose fixations count; None chooses as `chosen_fixations` does.

    Raises:
        ValueError: the recording has no fixations of that eye, but of others.

    Example:
        >>> from egaze.gaze import GazeRecording, GazeSamples, summarize_recording
        >>> samples = GazeSamples("left", [0.0, 0.002, 0.004], [1.0, float("nan"), 2.0], [1.0, 2.0, 3.0])
        >>> found = summarize_recording(GazeRecording((samples,)))
        >>> found.samples, found.valid, found.duration_s, found.rate_hz
        (3, 2, 0.004, 500.0)
    """
    fixations = chosen_fixations(recording, eye)
    notes = list(recording.notes)
    by_eye: dict[str, int] = {item.eye: int(item.is_valid.sum()) for item in recording.samples}
    count, valid, duration_s, span_s, measured_hz = 0, 0, 0.0, 0.0, None
    if recording.samples:
        time_s = recording.samples[0].time_s
        count = len(time_s)
        valid = int(np.logical_or.reduce([item.is_valid for item in recording.samples]).sum())
        begins, ends = continuous_blocks(recording, time_s, notes)
        duration_s = float((time_s[ends - 1] - time_s[begins]).sum())
        span_s = float(time_s[-1] - time_s[0])
        measured_hz = float((count - len(begins)) / duration_s) if duration_s > 0 else None
    elif fixations is not None and len(fixations):
        span_s = float((fixations.onset_s + fixations.duration_s).max() - fixations.onset_s[0])
        duration_s = span_s
    stated_hz = recording.sampling_hz
    if stated_hz is not None and measured_hz is not None and abs(measured_hz / stated_hz - 1) > _RATE_TOLERANCE:
        notes.append(
            f"the export states {stated_hz:g} Hz and has {measured_hz:.4g} samples per second: samples are missing"
        )
    return RecordingSummary(
        samples=count,
        valid=valid,
        valid_by_eye=by_eye,
        duration_s=duration_s,
        span_s=span_s,
        rate_hz=(stated_hz or measured_hz) if recording.samples else None,
        measured_hz=measured_hz,
        eye=None if fixations is None else fixations.eye,
        fixations=0 if fixations is None else len(fixations),
        fixations_by_eye={item.eye: len(item) for item in recording.fixations},
        messages=len(recording.messages),
        plane=recording.plane,
        notes=tuple(notes),
    )


def chosen_fixations(recording: GazeRecording, eye: Eye | None = None) -> RecordedFixations | None:
    """The fixations of one eye: the one asked for, or both eyes' combined, or the eye that has more; None without any.

    Raises:
        ValueError: there are fixations, and none of that eye.
    """
    if not recording.fixations:
        return None
    by_eye = {item.eye: item for item in recording.fixations}
    if eye is not None:
        if eye not in by_eye:
            raise ValueError(f"has no fixations of eye {eye!r}, but of {', '.join(by_eye)}")
        return by_eye[eye]
    return by_eye.get("both") or max(recording.fixations, key=len)


def chosen_samples(recording: GazeRecording, eye: Eye | None = None) -> GazeSamples | None:
    """The samples of one eye, chosen as `chosen_fixations` does, by the number of valid ones; None without any."""
    by_eye = {item.eye: item for item in recording.samples}
    if eye is not None and eye in by_eye:
        return by_eye[eye]
    return by_eye.get("both") or max(recording.samples, key=lambda item: int(item.is_valid.sum()), default=None)


def continuous_blocks(
    recording: GazeRecording, time_s: NDArray[np.float64], notes: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first sample of each block of continuous recording, and one past its last one."""
    if recording.blocks_s:
        begins = np.unique(np.searchsorted(time_s, [begin_s for begin_s, _ in recording.blocks_s]))
        begins = np.unique(np.append(begins[begins < len(time_s)], 0))
    else:
        steps_s = np.diff(time_s)
        usual_s = float(np.median(steps_s)) if len(steps_s) else 0.0
        pauses = np.flatnonzero(steps_s > max(_PAUSE_S, _PAUSE_SAMPLES * usual_s))
        if len(pauses):
            notes.append(
                f"{len(pauses)} gap{'s' if len(pauses) > 1 else ''} of {steps_s[pauses].min():.3g} s or more count as "
                "pauses of the recording"
            )
        begins = np.append(0, pauses + 1)
    return begins, np.append(begins[1:], len(time_s))
