"""Limits of quality, which mark a recording and never drop it."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from egaze.gaze.quality import GazeQuality
from egaze.settings import require, settle_types

#: Successive positions that are exactly equal this often were not measured, but repeated or filtered.
_REPEATED = 0.25
#: Scales that differ by more than this share are not of the same screen and distance.
_SCALES_APART = 0.2


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """Limits beyond which a recording is marked; it is kept in any case.

    Attributes:
        max_lost_frac: of the samples that should be there.
        max_rate_off_frac: of the stated sampling rate.
        max_precision_deg: RMS-S2S.
        max_accuracy_deg: the mean error at validation targets.
        max_drift_deg: the change of the error at one target.
        min_on_picture_frac: of gaze while pictures are shown.

    Raises:
        RecipeError: a value of another type or out of range.

    Example:
        >>> from egaze.gaze import QualityLimits
        >>> QualityLimits(max_lost_frac=0.1).max_accuracy_deg
        1.0
    """

    max_lost_frac: float = 0.25
    max_rate_off_frac: float = 0.05
    max_precision_deg: float = 0.5
    max_accuracy_deg: float = 1.0
    max_drift_deg: float = 1.0
    min_on_picture_frac: float = 0.5

    def __post_init__(self) -> None:
        settle_types(self)
        for item in fields(self):
            value = getattr(self, item.name)
            require(math.isfinite(value) and value >= 0, item.name, "a finite number, 0 or more", value)
            if item.name.endswith("_frac"):
                require(value <= 1, item.name, "at most 1", value)


def quality_marks(quality: GazeQuality, limits: QualityLimits | None = None) -> list[str]:
    """The limits that a recording passes, one sentence each, with the limit's name; none is passed by what is unknown.

    Example:
        >>> import numpy as np
        >>> from egaze.gaze import GazeRecording, GazeSamples, measure_quality, quality_marks
        >>> samples = GazeSamples("left", np.arange(4) / 60, [1.0, np.nan, np.nan, 2.0], np.ones(4))
        >>> quality_marks(measure_quality(GazeRecording((samples,))))
        ['50.0 % of the samples are lost, above 25 % (max_lost_frac)']
    """
    limits = limits or QualityLimits()
    marks = []
    if quality.lost_frac > limits.max_lost_frac:
        limit = f"above {100 * limits.max_lost_frac:g} % (max_lost_frac)"
        marks.append(f"{100 * quality.lost_frac:.1f} % of the samples are lost, {limit}")
    if quality.stated_hz is not None and quality.measured_hz is not None:
        off_frac = abs(quality.measured_hz / quality.stated_hz - 1)
        if off_frac > limits.max_rate_off_frac:
            limit = f"off by more than {100 * limits.max_rate_off_frac:g} % (max_rate_off_frac)"
            marks.append(f"{quality.measured_hz:.4g} Hz measured, {quality.stated_hz:g} Hz stated: {limit}")
    for what, value, limit_deg, name in (
        ("precision (RMS-S2S)", quality.precision_rms_deg, limits.max_precision_deg, "max_precision_deg"),
        ("the error at validation targets", quality.accuracy_deg, limits.max_accuracy_deg, "max_accuracy_deg"),
        ("the drift", quality.drift_deg, limits.max_drift_deg, "max_drift_deg"),
    ):
        if value is not None and value > limit_deg:
            marks.append(f"{what} is {value:.2f} degrees, above {limit_deg:g} ({name})")
    if quality.on_picture_frac is not None and quality.on_picture_frac < limits.min_on_picture_frac:
        limit = f"below {100 * limits.min_on_picture_frac:g} % (min_on_picture_frac)"
        marks.append(f"{100 * quality.on_picture_frac:.1f} % of gaze lies on the pictures, {limit}")
    if quality.repeated_frac is not None and quality.repeated_frac > _REPEATED:
        repeated = f"{100 * quality.repeated_frac:.1f} % of successive positions are exactly equal"
        marks.append(f"{repeated}: repeated or filtered samples look more precise than the tracker is")
    own, given = quality.validated_pixels_per_degree, quality.pixels_per_degree
    if own is not None and given is not None and abs(given / own - 1) > _SCALES_APART:
        marks.append(
            f"the tracker's validation has {own:.3g} pixels per degree, and the screen as given {given:.3g}: its size "
            "or distance is wrong"
        )
    if "missing_samples" in quality.unknown:
        marks.append(quality.unknown["missing_samples"])
    return marks
