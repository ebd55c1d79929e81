"""The fixations that a method found, with everything that they depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egaze.gaze.fixations import Fixations
from egaze.serialize import JsonObject


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """Times longer than `max_gap_ms` without a position.

    Attributes:
        onset_s: (L,) float64, the last position before, or the first sample.
        duration_s: (L,) float64, to the next position, or the last sample.
        lost_samples: (L,) int64, 0 where the recording paused.
        is_blink: (L,) bool: samples were lost for at most `blink_max_ms`, with gaze before and after.
    """

    onset_s: NDArray[np.float64]
    duration_s: NDArray[np.float64]
    lost_samples: NDArray[np.int64]
    is_blink: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.onset_s)


@dataclass(frozen=True, slots=True, eq=False)
class DetectedFixations:
    """F fixations in time order, and what they depend on.

    Attributes:
        onset_s: (F,) float64, the time of the first sample.
        duration_s: (F,) float64, to the end of the interval of the last sample.
        x_px, y_px: (F,) float64, the mean of the samples.
        begin, end: (F,) int64, samples begin to end - 1 of the signal.
        samples: (F,) int64, how many of them have a position and were used.
        dispersion_deg: (F,) float64, the range of the samples along x plus that along y.
        rms_deg: (F,) float64, the root mean square of their distances from the mean.
        losses: times without a position.
        method: the name in `FIXATION_METHODS`.
        settings: all settings of the method, by name.
        facts: what the method found in the signal: the sampling interval and rate, noise, and thresholds of velocity
            that follow from it; None where the method has no such value.

    Example:
        >>> import numpy as np
        >>> from egaze.gaze.events import GazeSignal, detect_fixations
        >>> time_s = np.arange(300) / 300
        >>> signal = GazeSignal(time_s, np.where(time_s < 0.5, 4.0, 9.0), np.zeros(300), (1, 1))
        >>> found = detect_fixations(signal, "ivt")
        >>> len(found), found.x_px.tolist(), found.settings["threshold_deg_s"]
        (2, [4.0, 9.0], 30.0)
    """

    onset_s: NDArray[np.float64]
    duration_s: NDArray[np.float64]
    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    samples: NDArray[np.int64]
    dispersion_deg: NDArray[np.float64]
    rms_deg: NDArray[np.float64]
    losses: Losses
    method: str
    settings: Mapping[str, Any]
    facts: Mapping[str, float | None]

    def __len__(self) -> int:
        return len(self.onset_s)

    @property
    def dwell_s(self) -> float:
        """The sum of all durations."""
        return float(self.duration_s.sum())

    def record(self) -> JsonObject:
        """Method, settings and facts as a table for JSON, to be kept with the fixations."""
        return {"method": self.method, "settings": dict(self.settings), "facts": dict(self.facts)}

    def as_fixations(self) -> Fixations:
        """The fixations in the pixels of the signal, with onsets since the first of them.

        A fixation's onset is kept to a float32; on the clock of a tracker it would lose milliseconds.
        """
        since_first_s = self.onset_s - self.onset_s[0] if len(self) else self.onset_s
        x_px, y_px, duration_s, onset_s = (
            values.astype(np.float32) for values in (self.x_px, self.y_px, self.duration_s, since_first_s)
        )
        return Fixations(x_px, y_px, duration_s, onset_s)
