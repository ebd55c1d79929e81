"""The settings of the methods that find fixations, in degrees of visual angle and milliseconds."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from egaze.settings import require, settle_types

#: Of this length or longer no setting in milliseconds means anything.
_LONGEST_MS = 60_000.0


@dataclass(frozen=True, slots=True)
class CommonSettings:
    """What every method does with samples and with the fixations that it finds.

    Attributes:
        min_duration_ms: shorter fixations are dropped, above 0.
        merge_gap_ms: fixations at most this far apart in time,
        merge_distance_deg: and whose positions are at most this far apart, are one; 0 merges none.
        max_gap_ms: a longer time without a position separates fixations; a shorter one is bridged, unless the gaze
            moved meanwhile.
        loss_margin_ms: positions nearer than this to a longer loss are not used, because the eyelid covers the pupil
            in part.
        blink_max_ms: the longest loss that counts as a blink.

    Raises:
        RecipeError: a value of another type or out of range.
    """

    min_duration_ms: float = 60.0
    merge_gap_ms: float = 75.0
    merge_distance_deg: float = 0.0
    max_gap_ms: float = 75.0
    loss_margin_ms: float = 40.0
    blink_max_ms: float = 500.0

    def __post_init__(self) -> None:
        settle_types(self)
        for item in fields(self):
            value = getattr(self, item.name)
            require(math.isfinite(value) and value >= 0, item.name, "a finite number, 0 or more", value)
            if item.name.endswith("_ms"):
                require(value <= _LONGEST_MS, item.name, f"at most {_LONGEST_MS:g}", value)
        for name in self._above_zero():
            require(getattr(self, name) > 0, name, "above 0", getattr(self, name))

    def _above_zero(self) -> tuple[str, ...]:
        return ("min_duration_ms", "max_gap_ms")


@dataclass(frozen=True, slots=True)
class IdtSettings(CommonSettings):
    """Settings of I-DT, identification by dispersion (Salvucci and Goldberg 2000), with their defaults.

    Attributes:
        max_dispersion_deg: of a fixation: the range of its samples along x plus that along y.
    """

    min_duration_ms: float = 100.0
    max_dispersion_deg: float = 1.0

    def _above_zero(self) -> tuple[str, ...]:
        return ("min_duration_ms", "max_gap_ms", "max_dispersion_deg")


@dataclass(frozen=True, slots=True)
class IvtSettings(CommonSettings):
    """Settings of I-VT, identification by velocity (Salvucci and Goldberg 2000), with the defaults of Tobii's filter
    (Olsen 2012).

    Attributes:
        window_ms: the time over which velocity is measured, at least three samples.
        threshold_deg_s: samples below this velocity are of fixations.
    """

    merge_distance_deg: float = 0.5
    window_ms: float = 20.0
    threshold_deg_s: float = 30.0

    def _above_zero(self) -> tuple[str, ...]:
        return ("min_duration_ms", "max_gap_ms", "window_ms", "threshold_deg_s")


@dataclass(frozen=True, slots=True)
class AdaptiveSettings(CommonSettings):
    """Settings of the adaptive velocity method, after Nystrom and Holmqvist (2010).

    Attributes:
        window_ms: the time over which velocity is measured, at least three samples.
        max_window_ms: the time over which it is measured at most, where noise demands more.
        smallest_saccade_deg: the saccade for which the window is made as wide as noise demands.
        peak_sd: the peak velocity of a saccade, in standard deviations of velocity's noise along one axis.
        onset_sd: the velocity at its ends, likewise; at most `peak_sd`.
        min_peak_deg_s: the peak velocity of a saccade where there is next to no noise.
    """

    window_ms: float = 20.0
    max_window_ms: float = 120.0
    smallest_saccade_deg: float = 1.0
    peak_sd: float = 4.25
    onset_sd: float = 3.0
    min_peak_deg_s: float = 20.0

    def __post_init__(self) -> None:
        CommonSettings.__post_init__(self)
        require(self.onset_sd <= self.peak_sd, "onset_sd", f"at most peak_sd, {self.peak_sd:g},", self.onset_sd)

    def _above_zero(self) -> tuple[str, ...]:
        own = ("window_ms", "max_window_ms", "smallest_saccade_deg", "peak_sd", "onset_sd", "min_peak_deg_s")
        return ("min_duration_ms", "max_gap_ms", *own)
