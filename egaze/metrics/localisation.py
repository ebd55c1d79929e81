"""Whether a map points at a known region of the radiograph: pure functions on a map and a mask.

All three measures take the map as it is, whatever its scale, and none depends on the order of its pixels: where values
tie, they give what a tie broken by chance would give on average. So a map that is the same everywhere scores the
mask's share of the radiograph, which is also what chance scores; that share belongs beside every figure.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt


def pointing_game(saliency: ArrayLike, mask: ArrayLike, *, tolerance_px: float = 0.0) -> float:
    """Whether the map's peak lies in the mask: 1 or 0, or of several equal peaks the share that does.

    Zhang et al., "Top-down neural attention by excitation backprop", IJCV 2018, section 4.3, whose tolerance is 15 px.

    Args:
        saliency: (H, W), finite.
        mask: (H, W) bool, somewhere true.
        tolerance_px: how far from the nearest pixel of the mask a peak still counts, between the pixels' centres.

    Raises:
        ValueError: shapes that differ, a value that is not finite, an empty mask, or a negative tolerance.

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
    if tolerance_px > 0:
        inside = distance_transform_edt(~inside) <= tolerance_px
    return float(inside[values == values.max()].mean())


def iou_at_area_match(saliency: ArrayLike, mask: ArrayLike) -> float:
    """Intersection over union of the mask and the map's highest pixels, as many as the mask has; in [0, 1].

    The threshold is the map's own, so that neither its scale nor a cut-off chosen by hand has a say. Of pixels that tie
    at the threshold the share that is needed counts.

    Args:
        saliency: (H, W), finite.
        mask: (H, W) bool, somewhere true.

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
    area = int(inside.sum())
    threshold = np.partition(values, values.size - area, axis=None)[values.size - area]
    above, level = values > threshold, values == threshold
    share = (area - above.sum()) / level.sum()
    common = (above & inside).sum() + share * (level & inside).sum()
    return float(common / (2 * area - common))


def energy_inside(saliency: ArrayLike, mask: ArrayLike) -> float:
    """The share of the map's sum that lies in the mask, in [0, 1]; of a map of zeros, the mask's share of the
    radiograph.

    The energy-based pointing game of Wang et al., "Score-CAM", CVPR workshops 2020, section 4.3.

    Args:
        saliency: (H, W), finite, nowhere negative.
        mask: (H, W) bool, somewhere true.

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
    total = values.sum()
    return float(values[inside].sum() / total) if total > 0 else float(inside.mean())


def region_mask(shape: tuple[int, int], sides_px: ArrayLike, is_ellipse: ArrayLike) -> NDArray[np.bool_]:
    """The pixels whose centres lie in any of some boxes and ellipses.

    A region too small to hold a centre has the pixel in which its own centre lies.

    Args:
        shape: (H, W) of the mask.
        sides_px: (R, 4) x_min, y_min, x_max, y_max; an integer is a pixel's centre, and sides may lie outside.
        is_ellipse: (R,) bool, the ellipse inscribed in the box, or the box.

    Returns:
        (H, W) bool, empty where no region reaches the radiograph.

    Raises:
        ValueError: another shape, or sides that are not finite or fall.

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
        raise ValueError("sides must be finite, and x_min, y_min not above x_max, y_max")
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
    if not inside.any():
        raise ValueError("the mask is empty")
    return values, inside
