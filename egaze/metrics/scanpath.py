"""Measures of a reader's scanpath on a radiograph and in a region of it.

Fixations outside the part of the radiograph that was on the screen are not on the radiograph: leave them out first, by
`Fixations.on_shown`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt

from egaze.metrics.saliency import nearest_pixels


@dataclass(frozen=True, slots=True)
class RegionGaze:
    """One reader's gaze in one region.

    Attributes:
        fixations: the number of fixations in it.
        dwell_s: the sum of their durations, in seconds or, where durations are relative, in their unit.
        dwell_frac: dwell_s divided by the duration of all fixations, including those off the radiograph; NaN if there
            is no fixation at all.
        first_fixation_s: the onset of the first fixation in it; NaN if there is none, or without onsets.
        coverage_frac: see the function of that name; NaN if the region has no pixel.
    """

    fixations: int
    dwell_s: float
    dwell_frac: float
    first_fixation_s: float
    coverage_frac: float


def nearest_fixation_px(shape: tuple[int, int], x_px: ArrayLike, y_px: ArrayLike) -> NDArray[np.float64]:
    """(H, W) float64, the distance in pixels from each pixel to the nearest fixated one.

    It is infinite everywhere if no fixation lies on the radiograph.
    """
    y, x, inside = nearest_pixels(shape, x_px, y_px)
    if not inside.any():
        return np.full(shape, np.inf)
    unseen = np.ones(shape, dtype=bool)
    unseen[y[inside], x[inside]] = False
    nearest_px: NDArray[np.float64] = distance_transform_edt(unseen)
    return nearest_px


def coverage_frac(nearest_px: NDArray[np.float64], region: NDArray[np.bool_], radius_px: float) -> float:
    """The share of a region's pixels within `radius_px` of a fixated pixel, in [0, 1]; NaN if the region has no pixel.

    Args:
        nearest_px: (H, W), as `nearest_fixation_px` returns it.
        region: (H, W) bool.
        radius_px: the distance that a fixation is taken to cover, such as one degree of visual angle or the heatmap's
            sigma.
    """
    return float((nearest_px[region] <= radius_px).mean()) if region.any() else math.nan


def region_gaze(
    region: ArrayLike,
    x_px: ArrayLike,
    y_px: ArrayLike,
    duration_s: ArrayLike,
    onset_s: ArrayLike | None = None,
    *,
    radius_px: float,
    nearest_px: NDArray[np.float64] | None = None,
) -> RegionGaze:
    """Measure one reader's fixations in one region of a radiograph.

    A fixation lies in the region if the pixel nearest to it does.

    Args:
        region: (H, W) bool.
        x_px, y_px: (F,) fixations in pixels of the region's grid, in time order; they may lie outside.
        duration_s: (F,) above 0.
        onset_s: (F,) seconds since the radiograph appeared, or None if unknown.
        radius_px: the distance that a fixation is taken to cover.
        nearest_px: (H, W) `nearest_fixation_px` of these fixations, to share it between regions; None to compute it.

    Returns:
        The measures. Those that are not defined are NaN without a warning: `RegionGaze` says which other attribute
        tells why.

    Raises:
        ValueError: shapes that do not match.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import region_gaze
        >>> region = np.zeros((64, 96), bool)
        >>> region[16:32, 24:48] = True
        >>> looks = region_gaze(region, [30, 34, 70], [20, 25, 50], [0.2, 0.3, 0.5], [0.0, 0.4, 0.9], radius_px=6)
        >>> looks.fixations, round(looks.dwell_frac, 3), looks.first_fixation_s
        (2, 0.5, 0.0)
    """
    region = np.asarray(region, dtype=bool)
    duration = np.asarray(duration_s, dtype=np.float64)
    onset = None if onset_s is None else np.asarray(onset_s, dtype=np.float64)
    if region.ndim != 2 or not np.shape(x_px) == np.shape(y_px) == duration.shape or duration.ndim != 1:
        raise ValueError(
            f"expected a region (H, W) and fixations (F,), got {region.shape}, {np.shape(x_px)}, {np.shape(y_px)}, "
            f"{duration.shape}"
        )
    if onset is not None and onset.shape != duration.shape:
        raise ValueError(f"onset_s must be {duration.shape}, got {onset.shape}")
    y, x, inside = nearest_pixels(region.shape, x_px, y_px)
    within = inside.copy()
    within[inside] = region[y[inside], x[inside]]
    if nearest_px is None:
        nearest_px = nearest_fixation_px(region.shape, x_px, y_px)
    dwell_s = float(duration[within].sum())
    return RegionGaze(
        fixations=int(within.sum()),
        dwell_s=dwell_s,
        dwell_frac=dwell_s / float(duration.sum()) if len(duration) else math.nan,
        first_fixation_s=math.nan if onset is None or not within.any() else float(onset[within].min()),
        coverage_frac=coverage_frac(nearest_px, region, radius_px),
    )
