"""Metrics of how well a predicted map agrees with gaze, as defined by Bylinskii et al. (IEEE TPAMI 2019).

Distribution-based metrics (`cc`, `sim`, `kld`) compare the map with a heatmap and so depend on its sigma;
location-based ones (`nss`, the AUCs, `information_gain`) compare it with the fixations themselves. A fixation counts at
the pixel whose centre is nearest, and not at all if it lies off the map. Without a fixation on the map, location-based
metrics are NaN and warn. Every function raises ValueError for maps that are not (H, W), differ in shape, or contain
values that are not finite. The paper is also arXiv 1604.03605.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egaze.metrics.estimate import undefined

#: MATLAB's eps, which the code of the MIT saliency benchmark adds.
EPS = 2.2204e-16
#: Why a location-based metric is not defined.
NO_FIXATION = "no fixation lies on the map"


def cc(prediction: ArrayLike, target: ArrayLike) -> float:
    """Pearson's correlation of two maps, in [-1, 1]; 0 by convention if one of them is constant.

    Args:
        prediction, target: (H, W) finite.

    Raises:
        ValueError: shapes that differ or are not (H, W), or a value that is not finite.

    Example:
        >>> from egaze import Fixations, rasterize_fixations
        >>> from egaze.metrics import cc
        >>> gaze = Fixations(x_px=[30, 34, 70], y_px=[20, 25, 50], duration_s=[0.2, 0.3, 0.4])
        >>> target = rasterize_fixations(gaze, (64, 96), sigma_px=6)
        >>> prediction = rasterize_fixations(gaze, (64, 96), sigma_px=9)
        >>> round(cc(prediction, target), 3)
        0.934
    """
    p, q = _maps(prediction, target)
    if _is_constant(p) or _is_constant(q):
        return 0.0
    p, q = _standardised(p), _standardised(q)
    return float(np.clip((p * q).mean(), -1.0, 1.0))


def sim(prediction: ArrayLike, target: ArrayLike) -> float:
    """Similarity, or histogram intersection: the sum over pixels of the smaller of two densities, in [0, 1].

    Args:
        prediction, target: (H, W) finite, nowhere negative; each is divided by its sum.

    Raises:
        ValueError: as `cc`, or a negative value.

    Example:
        >>> from egaze import Fixations, rasterize_fixations
        >>> from egaze.metrics import sim
        >>> gaze = Fixations(x_px=[30, 34, 70], y_px=[20, 25, 50], duration_s=[0.2, 0.3, 0.4])
        >>> target = rasterize_fixations(gaze, (64, 96), sigma_px=6)
        >>> prediction = rasterize_fixations(gaze, (64, 96), sigma_px=9)
        >>> round(sim(prediction, target), 3)
        0.734
    """
    p, q = (_density(item) for item in _maps(prediction, target))
    return float(np.minimum(p, q).sum())


def kld(prediction: ArrayLike, target: ArrayLike) -> float:
    """The KL divergence of the prediction p from the target q, in nats; 0 is best.

    It is the sum over pixels of q log(eps + q / (p + eps)), with eps = 2.2204e-16.

    Args:
        prediction, target: (H, W) finite, nowhere negative; each is divided by its sum.

    Raises:
        ValueError: as `cc`, or a negative value.

    Example:
        >>> from egaze import Fixations, rasterize_fixations
        >>> from egaze.metrics import kld
        >>> gaze = Fixations(x_px=[30, 34, 70], y_px=[20, 25, 50], duration_s=[0.2, 0.3, 0.4])
        >>> target = rasterize_fixations(gaze, (64, 96), sigma_px=6)
        >>> prediction = rasterize_fixations(gaze, (64, 96), sigma_px=9)
        >>> round(kld(prediction, target), 3)
        0.217
    """
    p, q = (_density(item) for item in _maps(prediction, target))
    return float((q * np.log(EPS + q / (p + EPS))).sum())


def nss(prediction: ArrayLike, x_px: ArrayLike, y_px: ArrayLike) -> float:
    """Normalised scanpath saliency: the mean of the standardised map at the fixations on it, in standard deviations.

    A constant map scores 0 by convention.

    Args:
        prediction: (H, W) finite.
        x_px, y_px: (F,) fixations in pixels of the map; integers are pixel centres.

    Warns:
        StatisticsWarning: no fixation lies on the map, so that the result is NaN.

    Raises:
        ValueError: a map that is not (H, W) or not finite.

    Example:
        >>> from egaze import Fixations, rasterize_fixations
        >>> from egaze.metrics import nss
        >>> gaze = Fixations(x_px=[30, 34, 70], y_px=[20, 25, 50], duration_s=[0.2, 0.3, 0.4])
        >>> prediction = rasterize_fixations(gaze, (64, 96), sigma_px=9)
        >>> round(nss(prediction, gaze.x_px, gaze.y_px), 3)
        3.389
    """
    (p,) = _maps(prediction)
    pixels = _pixels(p.shape, x_px, y_px)
    if not len(pixels):
        return undefined(NO_FIXATION)
    return 0.0 if _is_constant(p) else float(_standardised(p).ravel()[pixels].mean())


def auc_judd(prediction: ArrayLike, x_px: ArrayLike, y_px: ArrayLike) -> float:
    """AUC-Judd: how well the map separates fixated pixels from all others, in [0, 1].

    The thresholds of the ROC curve are the values of the map at fixated pixels, joined by straight lines. A pixel
    counts once however often it was fixated. Equal values share a threshold. The published code separates them by
    jitter, so that F fixated pixels of a constant map score 0.5 + 0.5 / (F + 1) on average; here they score 0.5. If
    every pixel was fixated the result is 0.5 by convention.

    Args:
        prediction, x_px, y_px: as for `nss`.

    Warns:
        StatisticsWarning: as `nss`.

    Raises:
        ValueError: as `nss`.

    Example:
        >>> from egaze import Fixations, rasterize_fixations
        >>> from egaze.metrics import auc_judd
        >>> gaze = Fixations(x_px=[30, 34, 70], y_px=[20, 25, 50], duration_s=[0.2, 0.3, 0.4])
        >>> prediction = rasterize_fixations(gaze, (64, 96), sigma_px=9)
        >>> round(auc_judd(prediction, gaze.x_px, gaze.y_px), 3)
        0.994
    """
    (p,) = _maps(prediction)
    pixels = np.unique(_pixels(p.shape, x_px, y_px))
    if not len(pixels):
        return undefined(NO_FIXATION)
    fixated = np.sort(p.ravel()[pixels])
    others = p.size - len(fixated)
    if others == 0:
        return 0.5
    thresholds = np.unique(fixated)[::-1]
    hits = len(fixated) - np.searchsorted(fixated, thresholds)
    false_alarms = p.size - np.searchsorted(np.sort(p, axis=None), thresholds) - hits
    return float(_area(false_alarms / others, hits / len(fixated)))


def auc_borji(
    prediction: ArrayLike,
    x_px: ArrayLike,
    y_px: ArrayLike,
    *,
    splits: int = 100,
    step: float = 0.1,
    seed: int = 0,
) -> float:
    """AUC-Borji: how well the map separates fixations from as many pixels drawn at random, in [0, 1].

    The map is scaled to [0, 1], the thresholds of the ROC curve rise in equal steps, and the result is the mean over
    draws. A constant map scores 0.5 by convention.

    Args:
        prediction, x_px, y_px: as for `nss`.
        splits: the number of draws, 100 in the published code.
        step: between thresholds, in (0, 1]; 0.1 in the published code.
        seed: of the draws.

    Warns:
        StatisticsWarning: as `nss`.

    Raises:
        ValueError: as `nss`, or `splits` or `step` out of range.

    Example:
        >>> from egaze import Fixations, rasterize_fixations
        >>> from egaze.metrics import auc_borji
        >>> gaze = Fixations(x_px=[30, 34, 70], y_px=[20, 25, 50], duration_s=[0.2, 0.3, 0.4])
        >>> prediction = rasterize_fixations(gaze, (64, 96), sigma_px=9)
        >>> 0.9 < auc_borji(prediction, gaze.x_px, gaze.y_px) <= 1
        True
    """
    (p,) = _maps(prediction)
    pixels = _pixels(p.shape, x_px, y_px)
    if splits < 1 or not 0 < step <= 1:
        raise ValueError(f"splits must be at least 1 and step in (0, 1], got {splits} and {step}")
    if not len(pixels):
        return undefined(NO_FIXATION)
    if _is_constant(p):
        return 0.5
    levels = (p.ravel() - p.min()) / np.ptp(p)
    drawn = levels[np.random.default_rng(seed).integers(0, p.size, (splits, len(pixels)))]
    # The number of the rising thresholds 0, step, 2 step, ... that each value reaches.
    thresholds = np.arange(0, 1 + step, step)
    hits = _reached(np.searchsorted(thresholds, levels[pixels][None], side="right"), len(thresholds))
    alarms = _reached(np.searchsorted(thresholds, drawn, side="right"), len(thresholds))
    return float(_area(alarms, hits).mean())


def shuffled_auc(
    prediction: ArrayLike, x_px: ArrayLike, y_px: ArrayLike, other_x_px: ArrayLike, other_y_px: ArrayLike
) -> float:
    """Shuffled AUC: how well the map separates its fixations from those on other cases, in [0, 1], ties counted half.

    A map of where readers look on any case, the centre bias, scores about 0.5. All the other fixations are used, which
    is the limit of the published code's random draws of them.

    Args:
        prediction, x_px, y_px: as for `nss`.
        other_x_px, other_y_px: (G,) fixations on other cases, in pixels of this map.

    Warns:
        StatisticsWarning: no fixation of either set lies on the map, so that the result is NaN.

    Raises:
        ValueError: as `nss`.

    Example:
        >>> from egaze import Fixations, rasterize_fixations
        >>> from egaze.metrics import shuffled_auc
        >>> gaze = Fixations(x_px=[30, 34, 70], y_px=[20, 25, 50], duration_s=[0.2, 0.3, 0.4])
        >>> prediction = rasterize_fixations(gaze, (64, 96), sigma_px=9)
        >>> shuffled_auc(prediction, gaze.x_px, gaze.y_px, other_x_px=[10, 90, 48], other_y_px=[60, 5, 32])
        1.0
    """
    (p,) = _maps(prediction)
    fixated = p.ravel()[_pixels(p.shape, x_px, y_px)]
    others = np.sort(p.ravel()[_pixels(p.shape, other_x_px, other_y_px)])
    if not len(fixated):
        return undefined(NO_FIXATION)
    if not len(others):
        return undefined("no fixation on another case lies on the map")
    won = np.searchsorted(others, fixated, side="left") + np.searchsorted(others, fixated, side="right")
    return float(won.mean() / (2 * len(others)))


def information_gain(prediction: ArrayLike, baseline: ArrayLike, x_px: ArrayLike, y_px: ArrayLike) -> float:
    """The information gain over a baseline map, such as the centre bias, in bits per fixation.

    It is the mean of log2(eps + p) - log2(eps + b) over fixations, with eps = 2.2204e-16 (Kuemmerer et al., PNAS 2015).

    Args:
        prediction, baseline: (H, W) finite, nowhere negative; each is divided by its sum.
        x_px, y_px: as for `nss`.

    Warns:
        StatisticsWarning: as `nss`.

    Raises:
        ValueError: as `nss`, shapes that differ, or a negative value.

    Example:
        >>> import numpy as np
        >>> from egaze import Fixations, rasterize_fixations
        >>> from egaze.metrics import information_gain
        >>> gaze = Fixations(x_px=[30, 34, 70], y_px=[20, 25, 50], duration_s=[0.2, 0.3, 0.4])
        >>> prediction = rasterize_fixations(gaze, (64, 96), sigma_px=9)
        >>> evenly = np.ones((64, 96))
        >>> round(information_gain(prediction, evenly, gaze.x_px, gaze.y_px), 3)
        2.574
    """
    p, b = (_density(item).ravel() for item in _maps(prediction, baseline))
    pixels = _pixels(np.shape(prediction), x_px, y_px)
    if not len(pixels):
        return undefined(NO_FIXATION)
    return float((np.log2(EPS + p[pixels]) - np.log2(EPS + b[pixels])).mean())


def nearest_pixels(
    shape: tuple[int, ...], x_px: ArrayLike, y_px: ArrayLike
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """The pixels whose centres are nearest to fixations.

    Returns:
        (F,) rows, (F,) columns, and (F,) whether the pixel lies on the (H, W) map; rows and columns of pixels that do
        not are 0.
    """
    x = np.floor(np.asarray(x_px, dtype=np.float64) + 0.5)
    y = np.floor(np.asarray(y_px, dtype=np.float64) + 0.5)
    inside = (x >= 0) & (x < shape[1]) & (y >= 0) & (y < shape[0])
    return np.where(inside, y, 0).astype(np.intp), np.where(inside, x, 0).astype(np.intp), inside


def _reached(places: NDArray[np.intp], thresholds: int) -> NDArray[np.float64]:
    """(B, thresholds) the share of the values in each row that reach a threshold, from the highest threshold down.

    `places` is (B, N), the number of thresholds that each value reaches.
    """
    rows = len(places)
    counts = np.bincount(
        (places + np.arange(rows)[:, None] * (thresholds + 1)).ravel(), minlength=rows * (thresholds + 1)
    ).reshape(rows, thresholds + 1)
    shares: NDArray[np.float64] = np.cumsum(counts[:, :0:-1], axis=1) / places.shape[1]
    return shares


def _area(false_alarms: NDArray[np.float64], hits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The area under straight lines from (0, 0) through the points (..., K) to (1, 1)."""
    x, y = (
        np.concatenate([np.zeros_like(part[..., :1]), part, np.ones_like(part[..., :1])], axis=-1)
        for part in (false_alarms, hits)
    )
    area: NDArray[np.float64] = (np.diff(x) * (y[..., 1:] + y[..., :-1])).sum(axis=-1) / 2
    return area


def _pixels(shape: tuple[int, ...], x_px: ArrayLike, y_px: ArrayLike) -> NDArray[np.intp]:
    """The indices of the fixations on the map among its pixels, counted row by row; empty if there is none."""
    y, x, inside = nearest_pixels(shape, x_px, y_px)
    return y[inside] * shape[1] + x[inside]


def _maps(*maps: ArrayLike) -> list[NDArray[np.float64]]:
    arrays = [np.asarray(item, dtype=np.float64) for item in maps]
    if any(item.ndim != 2 or item.shape != arrays[0].shape or not item.size for item in arrays):
        raise ValueError(f"maps must share a shape (H, W), got {', '.join(str(item.shape) for item in arrays)}")
    if not all(np.isfinite(item).all() for item in arrays):
        raise ValueError("maps must be finite")
    return arrays


def _is_constant(values: NDArray[np.float64]) -> bool:
    """Whether all values are equal. A standard deviation would not tell, as it is rounded."""
    return bool(values.min() == values.max())


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The map with mean 0 and standard deviation 1; it must not be constant."""
    # Scaled to [0, 1] first, so that neither squares nor small differences are lost.
    unit: NDArray[np.float64] = (values - values.min()) / (values.max() - values.min())
    standardised: NDArray[np.float64] = (unit - unit.mean()) / unit.std()
    return standardised


def _density(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The map divided by its sum; a map of zeros becomes uniform."""
    if values.min() < 0:
        raise ValueError(f"a density's map must not be negative, got {values.min()}")
    total = values.sum()
    return values / total if total > 0 else np.full(values.shape, 1.0 / values.size)
