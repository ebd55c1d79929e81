"""Measures of the steps from fixation to fixation, and the K coefficient of ambient and focal attention."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egaze.metrics.estimate import undefined


@dataclass(frozen=True, slots=True, eq=False)
class Saccades:
    """The steps from each fixation to the next.

    Attributes:
        amplitude: (F - 1,) float64, in degrees if the scale was given, otherwise in pixels.
        direction_deg: (F - 1,) float64 in [0, 360): 0 to the right, 90 up, 180 to the left; NaN for a step of 0.
    """

    amplitude: NDArray[np.float64]
    direction_deg: NDArray[np.float64]


def saccades_between(x_px: ArrayLike, y_px: ArrayLike, pixels_per_degree: ArrayLike | None = None) -> Saccades:
    """The amplitude and the direction of each step from a fixation to the next.

    Args:
        x_px, y_px: (F,) fixations in time order; y runs downwards.
        pixels_per_degree: (2,) or (F, 2) along x and y, for amplitudes in degrees; of two fixations with different
            scales, the mean counts. None for amplitudes in pixels.

    Raises:
        ValueError: shapes that do not match, or values that are not finite, or a scale that is not above 0.

    Example:
        >>> from egaze.metrics import saccades_between
        >>> steps = saccades_between([10, 50, 50], [30, 30, 10], pixels_per_degree=[20, 20])
        >>> steps.amplitude.tolist(), steps.direction_deg.tolist()
        ([2.0, 1.0], [0.0, 90.0])
    """
    x, y = np.asarray(x_px, dtype=np.float64), np.asarray(y_px, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or not (np.isfinite(x) & np.isfinite(y)).all():
        raise ValueError(f"positions must be (F,) finite numbers, got shapes {x.shape} and {y.shape}")
    along_x, along_y = np.diff(x), np.diff(y)
    if pixels_per_degree is not None:
        scale = np.asarray(pixels_per_degree, dtype=np.float64)
        if scale.shape not in ((2,), (len(x), 2)) or not (np.isfinite(scale) & (scale > 0)).all():
            raise ValueError(f"pixels_per_degree must be (2,) or ({len(x)}, 2) above 0, got shape {scale.shape}")
        scale = np.broadcast_to(scale, (len(x), 2))
        mean_scale = (scale[:-1] + scale[1:]) / 2
        along_x, along_y = along_x / mean_scale[:, 0], along_y / mean_scale[:, 1]
    amplitude = np.hypot(along_x, along_y)
    direction_deg = np.degrees(np.arctan2(-along_y, along_x)) % 360
    return Saccades(amplitude, np.where(amplitude > 0, direction_deg, np.nan))


@dataclass(frozen=True, slots=True)
class KScale:
    """Means and standard deviations by which durations and amplitudes are standardised, of all readings compared."""

    mean_duration: float
    sd_duration: float
    mean_amplitude: float
    sd_amplitude: float

    @classmethod
    def of(cls, duration_s: ArrayLike, amplitude: ArrayLike) -> KScale:
        """That of all durations (N,) and all amplitudes (M,) of several readings; NaN for fewer than two of either."""
        durations, amplitudes = (np.asarray(values, dtype=np.float64) for values in (duration_s, amplitude))
        if min(len(durations), len(amplitudes)) < 2:
            return cls(np.nan, np.nan, np.nan, np.nan)
        return cls(
            float(durations.mean()),
            float(durations.std(ddof=1)),
            float(amplitudes.mean()),
            float(amplitudes.std(ddof=1)),
        )


def k_coefficient(duration_s: ArrayLike, amplitude: ArrayLike, scale: KScale) -> float:
    """The K coefficient: above 0 for focal attention, long fixations and short saccades; below 0 for ambient attention.

    K = mean_i ((d_i - mean d) / sd d - (a_{i+1} - mean a) / sd a), where a_{i+1} is the amplitude of the saccade that
    follows fixation i (Krejtz et al., PLoS ONE 2016). Standardised by itself, a reading has K close to 0 whatever it
    is: the scale must come from all readings that are compared.

    Args:
        duration_s: (S,) of the fixations from which one reading's saccades lead: all but the last one.
        amplitude: (S,) of these saccades, in the unit of the scale.
        scale: of all readings.

    Warns:
        StatisticsWarning: no saccade, or a scale without spread, so that the result is NaN.

    Raises:
        ValueError: shapes that do not match, or values that are not finite.

    Example:
        >>> from egaze.metrics import KScale, k_coefficient
        >>> scale = KScale.of([0.1, 0.2, 0.3, 0.4], [1.0, 2.0, 5.0])
        >>> round(k_coefficient([0.3, 0.4], [1.0, 2.0], scale), 2)
        1.34
    """
    duration, step = np.asarray(duration_s, dtype=np.float64), np.asarray(amplitude, dtype=np.float64)
    if duration.ndim != 1 or step.shape != duration.shape:
        raise ValueError(f"expected (S,) durations and amplitudes, got {duration.shape} and {step.shape}")
    if not (np.isfinite(duration).all() and np.isfinite(step).all()):
        raise ValueError("durations and amplitudes must be finite")
    if not len(step):
        return undefined("the K coefficient without a saccade is not defined")
    if not (scale.sd_duration > 0 and scale.sd_amplitude > 0):
        return undefined("the K coefficient is not defined where durations or amplitudes do not vary")
    focal = (duration - scale.mean_duration) / scale.sd_duration
    ambient = (step - scale.mean_amplitude) / scale.sd_amplitude
    return float((focal - ambient).mean())
