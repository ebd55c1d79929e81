"""The fixations of one reader on one image."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

DurationUnit = Literal["s", "relative"]

#: The time for which a fixation of relative duration is shown when gaze is played.
PLAYED_S = 1 / 3


@dataclass(frozen=True, slots=True, eq=False)
class Fixations:
    """The fixations of one reader on one image, in time order.

    Attributes:
        x_px: (F,) float32, position to the right in pixels of the original image; integers are pixel centres, and a
            position may lie outside the image.
        y_px: (F,) float32, position downwards.
        duration_s: (F,) float32, above 0, in seconds unless `duration_unit` is "relative".
        onset_s: (F,) float32, seconds since the image appeared, or None if unknown.
        pixels_per_degree: (F, 2) float32, image pixels per degree of visual angle along x and y, or None.
        shown_px: (F, 4) float32, the part of the image on the screen during the fixation: x_min, y_min, x_max, y_max in
            pixels of the image, the whole image being -0.5, -0.5, width - 0.5, height - 0.5; or None if all of it was
            shown or nothing is known. A fixation may lie outside its part: see `on_shown`.
        window_frac: (F, 2) float32, width and level of the grey window during the fixation, as fractions of the largest
            stored value, or None.
        duration_unit: "s", or "relative" if the durations have no unit of time but are proportional to it, as counts of
            samples are. Relative durations weight fixations against each other and nothing else.

    Raises:
        ValueError: arrays of different lengths, a value that is not finite, a duration that is not positive, a part
            shown whose x_min or y_min lies above its x_max or y_max, or another unit.

    Example:
        >>> from egaze import Fixations
        >>> gaze = Fixations(x_px=[30, 80], y_px=[20, 60], duration_s=[0.2, 0.35], onset_s=[0.0, 0.5])
        >>> len(gaze), gaze.is_relative
        (2, False)
        >>> print(gaze.ends_s().round(2))
        [0.2  0.85]
    """

    x_px: NDArray[np.float32]
    y_px: NDArray[np.float32]
    duration_s: NDArray[np.float32]
    onset_s: NDArray[np.float32] | None = None
    pixels_per_degree: NDArray[np.float32] | None = None
    shown_px: NDArray[np.float32] | None = None
    window_frac: NDArray[np.float32] | None = None
    duration_unit: DurationUnit = "s"

    def __post_init__(self) -> None:
        if self.duration_unit not in ("s", "relative"):
            raise ValueError(f"duration_unit must be 's' or 'relative', got {self.duration_unit!r}")
        count = np.size(self.x_px)
        widths = {"pixels_per_degree": 2, "shown_px": 4, "window_frac": 2}
        for field in fields(self):
            if field.name != "duration_unit" and (value := getattr(self, field.name)) is not None:
                shape = (count, widths[field.name]) if field.name in widths else (count,)
                object.__setattr__(self, field.name, _checked(field.name, value, shape))
        _require_positive("duration_s", self.duration_s)
        if self.pixels_per_degree is not None:
            _require_positive("pixels_per_degree", self.pixels_per_degree)
        if self.shown_px is not None and (falls := (self.shown_px[:, 2:] < self.shown_px[:, :2]).any(axis=1)).any():
            index = int(np.argmax(falls))
            raise ValueError(
                "shown_px must have x_min and y_min not above x_max and y_max, "
                f"got {self.shown_px[index]} at fixation {index}"
            )

    def __len__(self) -> int:
        return len(self.x_px)

    @property
    def is_relative(self) -> bool:
        """Whether the durations are relative rather than seconds."""
        return self.duration_unit == "relative"

    def played(self) -> Fixations:
        """The fixations with onsets, to be shown over time.

        Without recorded onsets they follow each other without gaps, each for its duration, or for `PLAYED_S` if
        durations are relative.
        """
        if self.onset_s is not None:
            return self
        lasts_s = np.full(len(self), PLAYED_S) if self.is_relative else self.duration_s
        end_s = np.cumsum(lasts_s, dtype=np.float64)
        return replace(self, onset_s=(end_s - lasts_s).astype(np.float32))

    def begins_s(self) -> NDArray[np.float64]:
        """(F,) float64, when each fixation begins, in seconds on the clock of the onsets.

        Raises:
            ValueError: no onsets.
        """
        if self.onset_s is None:
            raise ValueError("fixations without onset_s have no beginning")
        return self.onset_s.astype(np.float64)

    def ends_s(self) -> NDArray[np.float64]:
        """(F,) float64, when each fixation ends, in seconds on the clock of the onsets.

        A fixation of relative duration is taken to last until the next onset, the last one for `PLAYED_S`.

        Raises:
            ValueError: no onsets.
        """
        if self.onset_s is None:
            raise ValueError("fixations without onset_s have no end")
        onset_s = self.onset_s.astype(np.float64)
        if not self.is_relative:
            return onset_s + self.duration_s
        distinct_s = np.unique(onset_s)
        later = np.searchsorted(distinct_s, onset_s, side="right")
        return np.append(distinct_s, distinct_s[-1:] + PLAYED_S)[later]

    @property
    def on_shown(self) -> NDArray[np.bool_]:
        """(F,) whether each fixation lies on the part of the image that was shown; true if the part is unknown."""
        if self.shown_px is None:
            return np.ones(len(self), dtype=bool)
        x_min, y_min, x_max, y_max = self.shown_px.T
        across: NDArray[np.bool_] = (self.x_px >= x_min) & (self.x_px < x_max)
        down: NDArray[np.bool_] = (self.y_px >= y_min) & (self.y_px < y_max)
        return across & down

    def taken(self, chosen: NDArray[np.bool_]) -> Fixations:
        """The fixations where (F,) `chosen` is true, in their order."""

        def part(values: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
            return None if values is None else values[chosen]

        return Fixations(
            self.x_px[chosen],
            self.y_px[chosen],
            self.duration_s[chosen],
            part(self.onset_s),
            part(self.pixels_per_degree),
            part(self.shown_px),
            part(self.window_frac),
            self.duration_unit,
        )


def _checked(name: str, value: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float32]:
    array = np.ascontiguousarray(value, dtype=np.float32)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    if not np.isfinite(array).all():
        index = int(np.argmax(~np.isfinite(array.reshape(len(array), -1)).all(axis=1)))
        raise ValueError(f"{name} must be finite, got {array[index]} at fixation {index}")
    return array


def _require_positive(name: str, array: NDArray[np.float32]) -> None:
    if len(array) and not (array > 0).all():
        index = int(np.argmax(~(array.reshape(len(array), -1) > 0).all(axis=1)))
        raise ValueError(f"{name} must be above 0, got {array[index]} at fixation {index}")
