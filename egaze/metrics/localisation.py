"""Whether a map points at a known region of the radiograph: pure functions of a map and a mask.

The three metrics depend neither on the scale of the map nor on the order of its pixels: where values tie, they return
the mean over all ways to break the tie. A constant map therefore scores the mask's share of the radiograph by pointing
game and energy, as chance does; show that share beside the values. An empty mask leaves all three undefined: they
return NaN and warn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt

from egaze.metrics.estimate import undefined

#: Why a metric of localisation is not defined.
EMPTY_MASK = "an empty mask has no pixel to point at"


def pointing_game(saliency: ArrayLike, mask: ArrayLike, *, tolerance_px: float = 0.0) -> float:
    """The pointing game: 1 if the peak of the map lies in the mask, 0 if not, and the share of several equal peaks.

    Zhang et al., "Top-down neural attention by excitation backprop", IJCV 2018, section 4.3; their tolerance is 15 px.

    Args:
        saliency: (H, W), finite.
        mask: (H, W) bool, true in the region.
        tolerance_px: the distance between pixel centres up to which a peak outside the mask still counts.

    Warns:
        StatisticsWarning: an empty mask, which gives NaN.

    Raises:
        ValueError: shapes that differ, a value that is not finite, or a negative tolerance.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import pointing_game
        >>> saliency = np.array([[0.0, 0.1, 0.2], [0.1, 0.9, 0.4], [0.0, 0.2, 0.1]])
        >>> mask = np.array([[0, 0, 0], [0, 1, 1], [0, 1, 1]], bool)
        >>> pointing_game(saliency, mask)
        1.0
    """
    values, inside = _checked(saliency, mask)
    if not tolerance_px >= 0:
        raise ValueError(f"tolerance_px must be at least 0, got {tolerance_px}")
    if not inside.any():
        return undefined(EMPTY_MASK)
    if tolerance_px > 0:
        inside = distance_transform_edt(~inside) <= tolerance_px
    return float(inside[values == values.max()].mean())


def iou_at_area_match(saliency: ArrayLike, mask: ArrayLike) -> float:
    """Intersection over union of the mask and as many of the map's highest pixels as the mask has, in [0, 1].

    Matching the area sets the threshold, so that it depends neither on the map's scale nor on a choice. Pixels that tie
    at the threshold count in equal parts.

    Args:
        saliency: (H, W), finite.
        mask: (H, W) bool, true in the region.

    Warns:
        StatisticsWarning: an empty mask, which gives NaN.

    Raises:
        ValueError: as `pointing_game`.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import iou_at_area_match
        >>> saliency = np.array([[0.0, 0.1, 0.2], [0.1, 0.9, 0.4], [0.0, 0.2, 0.1]])
        >>> mask = np.array([[0, 0, 0], [0, 1, 1], [0, 1, 1]], bool)
        >>> iou_at_area_match(saliency, mask)
        0.6
    """
    values, inside = _checked(saliency, mask)
    if not inside.any():
        return undefined(EMPTY_MASK)
    area = int(inside.sum())
    threshold = np.partition(values, values.size - area, axis=None)[values.size - area]
    above, level = values > threshold, values == threshold
    share = (area - above.sum()) / level.sum()
    common = (above & inside).sum() + share * (level & inside).sum()
    return float(common / (2 * area - common))


def energy_inside(saliency: ArrayLike, mask: ArrayLike) -> float:
    """The share of the map's sum that lies in the mask, in [0, 1]: the energy-based pointing game.

    Wang et al., "Score-CAM", CVPR workshops 2020, section 4.3. A map of zeros is taken as uniform.

    Args:
        saliency: (H, W), finite, nowhere negative.
        mask: (H, W) bool, true in the region.

    Warns:
        StatisticsWarning: an empty mask, which gives NaN.

    Raises:
        ValueError: as `pointing_game`, or a negative value.

    Example:
        >>> import numpy as np
        >>> from egaze.metrics import energy_inside
        >>> saliency = np.array([[0.0, 0.1, 0.2], [0.1, 0.9, 0.4], [0.0, 0.2, 0.1]])
        >>> mask = np.array([[0, 0, 0], [0, 1, 1], [0, 1, 1]], bool)
        >>> round(energy_inside(saliency, mask), 3)
        0.8
    """
    values, inside = _checked(saliency, mask)
    if values.min() < 0:
        raise ValueError(f"a map's energy must not be negative, got {values.min()}")
    if not inside.any():
        return undefined(EMPTY_MASK)
    total = values.sum()
    return float(values[inside].sum() / total) if total > 0 else float(inside.mean())


def region_mask(shape: tuple[int, int], sides_px: ArrayLike, is_ellipse: ArrayLike) -> NDArray[np.bool_]:
    """The mask of the pixels whose centres lie in at least one of R boxes and ellipses.

    A region that is too small to contain a pixel's centre covers the pixel in which its own centre lies.

    Args:
        shape: (H, W) of the mask.
        sides_px: (R, 4) x_min, y_min, x_max, y_max; integers are pixel centres, and sides may lie outside the mask.
        is_ellipse: (R,) bool: the ellipse inscribed in the box rather than the box.

    Returns:
        (H, W) bool, false everywhere if no region reaches the mask.

    Raises:
        ValueError: a number of shapes other than R, sides that are not finite, or a minimum above its maximum.

    Example:
        >>> from egaze.metrics import region_mask
        >>> print(region_mask((4, 5), sides_px=[[1, 1, 3, 2]], is_ellipse=[False]).astype(int))
        [[0 0 0 0 0]
         [0 1 1 1 0]
         [0 1 1 1 0]
         [0 0 0 0 0]]
    """
    sides = np.asarray(sides_px, dtype=np.float64).reshape(-1, 4)
    ellipses = np.asarray(is_ellipse, dtype=bool).reshape(-1)
    if len(ellipses) != len(sides):
        raise ValueError(f"there must be as many shapes as regions, got {len(ellipses)} and {len(sides)}")
    if not np.isfinite(sides).all() or (sides[:, 2:] < sides[:, :2]).any():
        raise ValueError("sides must be finite, with x_min and y_min not above x_max and y_max")
    y, x = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]
    mask = np.zeros(shape, dtype=bool)
    for (x_min, y_min, x_max, y_max), is_round in zip(sides, ellipses, strict=True):
        if is_round:
            half_x, half_y = max(x_max - x_min, 1e-9) / 2, max(y_max - y_min, 1e-9) / 2
            inside = ((x - (x_min + x_max) / 2) / half_x) ** 2 + ((y - (y_min + y_max) / 2) / half_y) ** 2 <= 1
        else:
            inside = (x >= x_min) & (x <= x_max) & (y >= y_min) & (y <= y_max)
        if not inside.any():
            centre = np.floor((y_min + y_max + 1) / 2), np.floor((x_min + x_max + 1) / 2)
            inside = (y == centre[0]) & (x == centre[1])
        mask |= inside
    return mask


def _checked(saliency: ArrayLike, mask: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    values, inside = np.asarray(saliency, dtype=np.float64), np.asarray(mask)
    if values.ndim != 2 or values.shape != inside.shape or inside.dtype != bool:
        raise ValueError(
            f"a map (H, W) and a mask (H, W) of bool must share a shape, got {values.shape} and {inside.shape} of "
            f"{inside.dtype}"
        )
    if not np.isfinite(values).all():
        raise ValueError("the map must be finite")
    return values, inside
