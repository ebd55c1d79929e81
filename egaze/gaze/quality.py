"""The quality of a recording: how much is lost, how precise and how accurate it is and validations.

The measures are those of Holmqvist, Nystrom and Mulvey, "Eye tracker data quality: what it is and how to measure it"
(ETRA 2012), which Holmqvist et al., "Eye tracking: empirical foundations for a minimal reporting guideline" (Behavior
Research Methods 2023), ask every study to report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from egaze.gaze.events import CommonSettings
from egaze.gaze.map_check import MapCheck
from egaze.gaze.precision import fixations_for_precision, measure_precision
from egaze.gaze.recording import Eye, GazeRecording, GazeSamples
from egaze.gaze.shown_picture import ShownPicture, picture_at
from egaze.gaze.summary import chosen_samples, continuous_blocks
from egaze.gaze.validation import TrackerValidation, accuracy_deg, drift_px, pixels_per_degree

#: Samples are missing where the next one comes after more than this many usual intervals, or, where more than a tenth
#: do and the rate is not stated, so that times may be rounded, this many mean ones.
_MISSING, _MISSING_IF_ROUNDED, _ROUNDED_FRAC = 1.5, 2.5, 0.1
_PAUSE_STEPS = 10
#: Shorter losses are no blinks, but noise of the tracker; `CommonSettings.blink_max_ms` is the longest blink.
_SHORTEST_BLINK_S = 0.05
_LONGEST_BLINK_S = CommonSettings().blink_max_ms / 1e3


@dataclass(frozen=True, slots=True)
class GazeQuality:
    """The quality of one recording's samples; what cannot be told is None, and `unknown` says why.

    Attributes:
        eye: whose samples are measured.
        samples: how many the export has.
        expected_samples: how many it would have at the usual interval, without the pauses between blocks.
        lost_frac: the share of those that are not there or have no position of this eye (data loss).
        lost_frac_by_eye: the same for each eye of the export.
        stated_hz, measured_hz: the sampling rate that the export states, and 1 over the mean interval of samples that
            follow each other.
        interval_sd_ms: the standard deviation of the intervals of samples that follow each other.
        blinks: losses of 50 to 500 ms with gaze before and after.
        blinks_per_min: of recorded time.
        longest_loss_s: the longest time without a position within a block.
        precision_rms_deg: the median over fixations of the root mean square distance of successive samples (RMS-S2S).
        precision_sd_deg: the median over fixations of the standard deviation of positions, of both axes together.
        precision_rms_px: the first one in pixels of the screen.
        precision_fixations: the number of fixations of which the medians are.
        repeated_frac: the share of successive positions that are exactly equal.
        accuracy_deg, accuracy_max_deg: the mean and largest error at the targets of the worst validation that holds, of
            the tracker's own and those at given targets.
        drift_deg: the largest change of the error at one target.
        validated_pixels_per_degree: by which the tracker's software turned its errors into degrees.
        pixels_per_degree: by the screen's size and distance.
        shown_s: time in which pictures with a known place were shown and samples recorded.
        on_picture_s: time with gaze on them.
        on_picture_frac: the share of gaze on them, of the gaze while they were shown.
        unknown: why a measure is None, by its name.

    Example:
        >>> from egaze.gaze import GazeRecording, GazeSamples, measure_quality
        >>> found = measure_quality(GazeRecording((GazeSamples("left", [0.0, 0.5], [1.0, 1.0], [2.0, 2.0]),)))
        >>> found.accuracy_deg, found.unknown["accuracy_deg"]
        (None, 'the export has no validation of this eye')
    """

    eye: Eye
    samples: int
    expected_samples: int
    lost_frac: float
    lost_frac_by_eye: dict[str, float]
    stated_hz: float | None
    measured_hz: float | None
    interval_sd_ms: float | None
    blinks: int
    blinks_per_min: float | None
    longest_loss_s: float
    precision_rms_deg: float | None
    precision_sd_deg: float | None
    precision_rms_px: float | None
    precision_fixations: int
    repeated_frac: float | None
    accuracy_deg: float | None
    accuracy_max_deg: float | None
    drift_deg: float | None
    validated_pixels_per_degree: float | None
    pixels_per_degree: float | None
    shown_s: float | None
    on_picture_s: float | None
    on_picture_frac: float | None
    unknown: dict[str, str] = field(default_factory=dict)


def measure_quality(
    recording: GazeRecording,
    pictures: Sequence[ShownPicture] = (),
    check: MapCheck | None = None,
    *,
    eye: Eye | None = None,
) -> GazeQuality | None:
    """Measure the quality of a recording's samples; None if it has none.

    Precision is measured within the fixations of the recording or, where it has none, those that `adaptive` finds, so
    that saccades do not count as noise.

    Args:
        recording: in pixels of the screen, if possible.
        pictures: apart and in time order.
        check: of the map to these pictures.
        eye: whose samples are measured; None chooses as `chosen_samples` does.

    Example:
        >>> import numpy as np
        >>> from egaze.gaze import GazeRecording, GazeSamples, Screen, measure_quality
        >>> time_s = np.arange(500) / 500
        >>> x_px = 900 + np.where(np.arange(500) % 2, 2.0, -2.0)
        >>> x_px[100:150] = np.nan
        >>> samples = GazeSamples("left", time_s, x_px, np.full(500, 540.0))
        >>> screen = Screen(1920, 1080, 527.0, 296.0, distance_mm=650.0)
        >>> found = measure_quality(GazeRecording((samples,), screen=screen))
        >>> round(found.measured_hz), round(found.lost_frac, 6), found.blinks, found.precision_rms_px
        (500, 0.1, 1, 4.0)
    """
    samples = chosen_samples(recording, eye)
    if samples is None or not len(samples):
        return None
    unknown: dict[str, str] = {}
    begins, ends = continuous_blocks(recording, samples.time_s, [])
    steps_s = np.delete(np.diff(samples.time_s), begins[1:] - 1)
    usual_s, longest_step_s = _usual_s(steps_s, recording.sampling_hz, unknown)
    expected = len(samples) + _missing(steps_s, usual_s, longest_step_s)
    lost_by_eye: dict[str, float] = {item.eye: 1 - int(item.is_valid.sum()) / expected for item in recording.samples}
    recorded_s = float((samples.time_s[ends - 1] - samples.time_s[begins]).sum())
    blinks, longest_s = _losses(samples, begins, ends, usual_s)
    fixations = fixations_for_precision(recording, samples.eye, unknown)
    precision = measure_precision(samples, fixations, recording.screen, longest_step_s)
    accuracy = _accuracy(recording, samples, unknown)
    is_placed = check is not None and check.positions > 0
    if not is_placed:
        unknown["on_picture_frac"] = "where the pictures lay on the screen is unknown, or none was shown"
    if precision.rms_px is not None and precision.rms_deg is None:
        unknown["precision_rms_deg"] = (
            "the screen's pixels, visible size or distance is unknown (--screen WxH,WxHmm,Dmm)"
        )
    near_s = steps_s[steps_s <= longest_step_s]
    return GazeQuality(
        eye=samples.eye,
        samples=len(samples),
        expected_samples=expected,
        lost_frac=lost_by_eye[samples.eye],
        lost_frac_by_eye=lost_by_eye,
        stated_hz=recording.sampling_hz,
        measured_hz=float(1 / near_s.mean()) if near_s.any() else None,
        interval_sd_ms=float(near_s.std()) * 1e3 if len(near_s) else None,
        blinks=blinks,
        blinks_per_min=60 * blinks / recorded_s if recorded_s > 0 else None,
        longest_loss_s=longest_s,
        precision_rms_deg=precision.rms_deg,
        precision_sd_deg=precision.sd_deg,
        precision_rms_px=precision.rms_px,
        precision_fixations=precision.fixations,
        repeated_frac=precision.repeated_frac,
        accuracy_deg=None if accuracy is None else accuracy[0],
        accuracy_max_deg=None if accuracy is None else accuracy[1],
        drift_deg=_drift_deg(recording, samples.eye, unknown),
        validated_pixels_per_degree=pixels_per_degree(recording.validations),
        pixels_per_degree=recording.screen.pixels_per_degree,
        shown_s=usual_s * _shown(samples, pictures, gazed=False) if is_placed else None,
        on_picture_s=usual_s * _shown(samples, pictures, gazed=True) if is_placed else None,
        on_picture_frac=check.on_picture_frac if check is not None and is_placed else None,
        unknown=unknown,
    )


def rounded_quality(quality: GazeQuality) -> dict[str, object]:
    """Quality for a JSON file: its attributes, with numbers rounded to six digits behind the point."""
    measures = asdict(quality)
    return measures | {name: round(value, 6) for name, value in measures.items() if isinstance(value, float)}


def _usual_s(steps_s: NDArray[np.float64], stated_hz: float | None, unknown: dict[str, str]) -> tuple[float, float]:
    """The interval of samples, and the longest step between two that follow each other."""
    if not steps_s.any():
        unknown["measured_hz"] = "fewer than two samples at different times"
        return 0.0, 0.0
    usual_s = float(np.median(steps_s)) or float(steps_s.mean())
    if stated_hz is not None and 1 / _MISSING < usual_s * stated_hz < _MISSING:
        return 1 / stated_hz, _MISSING / stated_hz
    if (share := float((steps_s > _MISSING * usual_s).mean())) <= _ROUNDED_FRAC:
        return usual_s, _MISSING * usual_s
    usual_s = float(steps_s[steps_s <= _PAUSE_STEPS * usual_s].mean())
    unknown["missing_samples"] = (
        f"{100 * share:.0f} % of the intervals are longer than {_MISSING:g} of the median and the export states no "
        "rate, so that times may be rounded or single samples missing"
    )
    return usual_s, _MISSING_IF_ROUNDED * usual_s


def _missing(steps_s: NDArray[np.float64], usual_s: float, longest_step_s: float) -> int:
    """How many samples are not in the export."""
    return int((np.rint(steps_s[steps_s > longest_step_s] / usual_s) - 1).sum()) if usual_s else 0


def _losses(
    samples: GazeSamples, begins: NDArray[np.int64], ends: NDArray[np.int64], usual_s: float
) -> tuple[int, float]:
    """The number of blinks, and the longest time without a position within a block."""
    blinks, longest_s = 0, 0.0
    valid = samples.is_valid
    for begin, end in zip(begins, ends, strict=True):
        time_s = samples.time_s[begin:end]
        seen_s = time_s[valid[begin:end]]
        # From the last position before to the first one after, less the interval that any two positions have.
        gaps_s = np.diff(np.concatenate([time_s[:1] - usual_s, seen_s, time_s[-1:] + usual_s])) - usual_s
        longest_s = max(longest_s, float(gaps_s.max()))
        within_s = gaps_s[1:-1] if len(seen_s) else gaps_s[:0]
        slack_s = usual_s / 2
        blinks += int(((within_s >= _SHORTEST_BLINK_S - slack_s) & (within_s <= _LONGEST_BLINK_S + slack_s)).sum())
    return blinks, max(longest_s, 0.0) if longest_s > usual_s / 2 else 0.0


def _accuracy(
    recording: GazeRecording, samples: GazeSamples, unknown: dict[str, str]
) -> tuple[float, float | None] | None:
    found = accuracy_deg(_of_eye(recording, samples.eye), samples.time_s)
    if found is None:
        unknown["accuracy_deg"] = "the export has no validation of this eye"
    return found


def _drift_deg(recording: GazeRecording, eye: Eye, unknown: dict[str, str]) -> float | None:
    """Pixels become degrees by the validations' own two units or, where they have one, by the screen."""
    validations = _of_eye(recording, eye)
    change_px = drift_px(validations)
    if change_px is None:
        unknown["drift_deg"] = "no target was measured twice"
        return None
    scale = pixels_per_degree(validations) or recording.screen.pixels_per_degree
    if scale is None:
        unknown["drift_deg"] = "the screen's pixels, visible size or distance is unknown (--screen WxH,WxHmm,Dmm)"
        return None
    return change_px / scale


def _of_eye(recording: GazeRecording, eye: Eye) -> list[TrackerValidation]:
    """The validations of an eye; of all eyes where samples are of both or of an unknown one."""
    return [item for item in recording.validations if eye not in ("left", "right") or item.eye in (eye, "both")]


def _shown(samples: GazeSamples, pictures: Sequence[ShownPicture], *, gazed: bool) -> int:
    """How many samples were taken while a picture with a known place was shown; with `gazed`, those on it."""
    index = picture_at(pictures, samples.time_s)
    count = 0
    for place in np.unique(index[index >= 0]):
        if pictures[place].has_place:
            chosen = index == place
            shows = pictures[place].shows(samples.x[chosen], samples.y[chosen])
            count += int(shows.sum()) if gazed else int(chosen.sum())
    return count
