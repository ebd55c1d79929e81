"""What a tracker's software measured at targets: validations and drift checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

#: A calibration's own error is that of the points it was fitted to, so it says less than a validation's.
ValidationKind = Literal["validation", "drift check", "calibration"]

#: Smaller offsets are rounded too much to tell the scale.
_LEAST_DEG = 0.1


@dataclass(frozen=True, slots=True)
class TargetOffset:
    """The gaze at one target: where the target was on the screen, and how far off the gaze, in pixels and degrees.

    Example:
        >>> from egaze.gaze import TargetOffset
        >>> TargetOffset(512, 65, 1.4, -1.2, offset_deg=0.05).offset_x_px
        1.4
    """

    x_px: float
    y_px: float
    offset_x_px: float
    offset_y_px: float
    offset_deg: float | None = None


@dataclass(frozen=True, slots=True)
class TrackerValidation:
    """The error of gaze at targets that a person was asked to look at.

    Attributes:
        time_s: on the tracker's clock; None if the export does not say.
        eye: "left", "right", or "both" for a mean.
        kind: how it was measured.
        mean_deg, max_deg: the mean and the largest error, in degrees of visual angle; None if unknown.
        targets: the single targets, where the export has them.

    Raises:
        ValueError: an error that is negative or not finite.

    Example:
        >>> from egaze.gaze import TrackerValidation
        >>> TrackerValidation(12.5, "right", "validation", 0.38, 0.69).mean_deg
        0.38
    """

    time_s: float | None
    eye: Literal["left", "right", "both"]
    kind: ValidationKind
    mean_deg: float
    max_deg: float | None = None
    targets: tuple[TargetOffset, ...] = ()

    def __post_init__(self) -> None:
        for name in ("mean_deg", "max_deg"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise ValueError(f"{name} of a {self.kind} must be 0 or more, got {value}")


def accuracy_deg(validations: Sequence[TrackerValidation], time_s: np.ndarray) -> tuple[float, float | None] | None:
    """The mean and the largest error of the worst validation that holds for samples; None without any.

    A validation that another one of the same eye replaced before any sample was recorded does not count, as the tracker
    was adjusted in between. Where there are calibrations alone, their errors are taken.

    Args:
        validations: of one eye or several, in the order of time.
        time_s: (N,) the times of the samples.
    """
    for kind in ("validation", "calibration"):
        of_kind = [item for item in validations if item.kind == kind]
        held = [item for place, item in enumerate(of_kind) if not _is_replaced(item, of_kind[place + 1 :], time_s)]
        if held:
            worst = max(held, key=lambda item: item.mean_deg)
            return worst.mean_deg, worst.max_deg
    return None


def drift_px(validations: Sequence[TrackerValidation]) -> float | None:
    """The largest change of the offset at one target, from its first measurement to a later one; None without any.

    Targets of one eye within a pixel of each other are the same one.
    """
    first: dict[tuple[str, int, int], TargetOffset] = {}
    changes = []
    for item in validations:
        for target in item.targets:
            key = (item.eye, round(target.x_px), round(target.y_px))
            before = first.setdefault(key, target)
            if before is not target:
                across = target.offset_x_px - before.offset_x_px
                changes.append(float(np.hypot(across, target.offset_y_px - before.offset_y_px)))
    return max(changes, default=None)


def pixels_per_degree(validations: Sequence[TrackerValidation]) -> float | None:
    """The scale by targets that have their offset in pixels and in degrees; None without any."""
    targets = [target for item in validations for target in item.targets]
    px = [
        np.hypot(target.offset_x_px, target.offset_y_px) / target.offset_deg
        for target in targets
        if target.offset_deg is not None and target.offset_deg >= _LEAST_DEG
    ]
    return float(np.median(px)) if px else None


def _is_replaced(item: TrackerValidation, later: Sequence[TrackerValidation], time_s: np.ndarray) -> bool:
    replaced_s = next((other.time_s for other in later if other.eye == item.eye), None)
    if item.time_s is None or replaced_s is None:
        return False
    return not bool(((time_s >= item.time_s) & (time_s < replaced_s)).any())
