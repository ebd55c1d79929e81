"""Precision within fixations: how far samples scatter while the eye rests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egaze.errors import GazeError
from egaze.gaze.detecting import with_detected_fixations
from egaze.gaze.recording import Eye, GazeRecording, GazeSamples, RecordedFixations
from egaze.gaze.screen import Screen
from egaze.gaze.summary import chosen_fixations

#: Fixations with fewer pairs of successive samples say little.
_FEWEST_PAIRS = 3


@dataclass(frozen=True, slots=True)
class Precision:
    """Medians over fixations; None without fixations, in pixels or, without the screen's scale, in degrees.

    Attributes:
        rms_deg, rms_px: RMS-S2S, the root mean square distance of successive samples.
        sd_deg: the standard deviation of positions, of both axes together.
        fixations: how many the medians are of.
        repeated_frac: the share of successive positions, in fixations or not, that are exactly equal.
    """

    rms_deg: float | None
    rms_px: float | None
    sd_deg: float | None
    fixations: int
    repeated_frac: float | None


def fixations_for_precision(recording: GazeRecording, eye: Eye, unknown: dict[str, str]) -> RecordedFixations | None:
    """The recording's fixations of an eye, or those that `adaptive` finds; None, and the reason, without either."""
    own = {item.eye: item for item in recording.fixations}
    if (found := own.get(eye) or own.get("both") or chosen_fixations(recording)) is not None and len(found):
        return found
    try:
        return with_detected_fixations(recording, eye=eye)[0].fixations[0]
    except GazeError as error:
        unknown["precision_rms_deg"] = f"the export has no fixations, and none can be found: {error}"
        return None


def measure_precision(
    samples: GazeSamples, fixations: RecordedFixations | None, screen: Screen, longest_step_s: float
) -> Precision:
    """Measure precision within fixations (Holmqvist, Nystrom and Mulvey, ETRA 2012, sections 3.2 and 3.3).

    Args:
        samples: of one eye, in pixels for a result.
        fixations: on the same clock.
        screen: whose scale turns pixels into degrees.
        longest_step_s: samples further apart do not follow each other.
    """
    x, y, time_s = samples.x, samples.y, samples.time_s
    follow = np.isfinite(x[1:] - x[:-1]) & np.isfinite(y[1:] - y[:-1]) & (np.diff(time_s) <= longest_step_s)
    pairs = int(follow.sum())
    equal = follow & (x[1:] == x[:-1]) & (y[1:] == y[:-1])
    repeated_frac = int(equal.sum()) / pairs if pairs else None
    if fixations is None or samples.unit != "px":
        return Precision(None, None, None, 0, repeated_frac)
    of = _fixation_of(time_s, fixations)
    together = follow & (of[1:] == of[:-1]) & (of[1:] >= 0)
    count = np.bincount(of[1:][together], minlength=len(fixations))
    enough = count >= _FEWEST_PAIRS
    if not enough.any():
        return Precision(None, None, None, 0, repeated_frac)

    def rms(scale: tuple[float, float]) -> float:
        squared = ((x[1:] - x[:-1]) / scale[0]) ** 2 + ((y[1:] - y[:-1]) / scale[1]) ** 2
        total = np.bincount(of[1:][together], squared[together], minlength=len(fixations))
        return float(np.median(np.sqrt(total[enough] / count[enough])))

    rms_px = rms((1.0, 1.0))
    across, down = screen.pixels_per_degree, screen.pixels_per_degree_down
    if across is None or down is None:
        return Precision(None, rms_px, None, int(enough.sum()), repeated_frac)
    inside = (of >= 0) & samples.is_valid
    variance = _variances(of[inside], x[inside] / across, len(fixations))
    variance += _variances(of[inside], y[inside] / down, len(fixations))
    sd_deg = float(np.median(np.sqrt(variance[enough])))
    return Precision(rms((across, down)), rms_px, sd_deg, int(enough.sum()), repeated_frac)


def _fixation_of(time_s: NDArray[np.float64], fixations: RecordedFixations) -> NDArray[np.int64]:
    """(N,) the fixation in which each sample is, or -1."""
    of = np.searchsorted(fixations.onset_s, time_s, side="right") - 1
    end_s = np.append(fixations.onset_s + fixations.duration_s, -np.inf)  # that of -1, before the first one
    return np.where((of >= 0) & (time_s < end_s[of]), of, -1)


def _variances(of: NDArray[np.int64], values: NDArray[np.float64], fixations: int) -> NDArray[np.float64]:
    """(F,) the variance of the values of each fixation, 0 without any."""
    count = np.maximum(np.bincount(of, minlength=fixations), 1)
    mean = np.bincount(of, values, minlength=fixations) / count
    variance: NDArray[np.float64] = np.bincount(of, (values - mean[of]) ** 2, minlength=fixations) / count
    return variance
