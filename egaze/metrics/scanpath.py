"""What a reader's scanpath did on a radiograph and in a region of it.

Fixations outside the part of the radiograph that was on the screen are no looks at the radiograph: leave them out
beforehand, by `Fixations.on_shown`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt

from egaze.metrics.places import nearest_pixels


@dataclass(frozen=True, slots=True)
class RegionGaze:
    """One reader's gaze on one region.

    Attributes:
        fixations: how many lie in it.
        dwell_s: the sum of their durations; no seconds where these are relative.
        dwell_frac: dwell_s over the duration of all fixations, also of those off the radiograph.
        first_fixation_s: onset of the first one in it; NaN when none is, or without onsets.
        coverage_frac: see `coverage_frac`.
    """

    fixations: int
    dwell_s: float
    dwell_frac: float
    first_fixation_s: float
    coverage_frac: float


def nearest_fixation_px(shape: tuple[int, int], x_px: ArrayLike, y_px: ArrayLike) -> NDArray[np.float64]:
    """(H, W) distance in pixels of every pixel's centre from the nearest pixel that was fixated; infinite where no
    fixation lies on the radiograph."""
    y, x, inside = nearest_pixels(shape, x_px, y_px)
    if not inside.any():
        return np.full(shape, np.inf)
    unseen = np.ones(shape, dtype=bool)
    unseen[y[inside], x[inside]] = False
    nearest_px: NDArray[np.float64] = distance_transform_edt(unseen)
    return nearest_px


def coverage_frac(nearest_px: NDArray[np.float64], region: NDArray[np.bool_], radius_px: float) -> float:
    """The share of a region's pixels within `radius_px` of a fixated pixel: in [0, 1], NaN without pixels.

    Args:
        nearest_px: (H, W) of `nearest_fixation_px`.
        region: (H, W), its pixels true.
        radius_px: what a fixation is taken to cover: a degree of visual angle, or the heatmap's sigma.
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
    """Measure one reader's fixations, in time order, in one region of a radiograph.

    A fixation lies in the region when the pixel nearest to it does.

    Args:
        region: (H, W) bool.
        x_px, y_px: (F,) in pixels of the region's grid; may lie outside.
        duration_s: (F,) above 0.
        onset_s: (F,) seconds since the radiograph appeared, or None when unknown.
        radius_px: see `coverage_frac`.
        nearest_px: (H, W) `nearest_fixation_px` of these fixations, where several regions share it.

    Raises:
        ValueError: shapes that do not fit.

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
        dwell_frac=dwell_s / float(duration.sum()) if len(duration) else 0.0,
        first_fixation_s=math.nan if onset is None or not within.any() else float(onset[within].min()),
        coverage_frac=coverage_frac(nearest_px, region, radius_px),
    )
