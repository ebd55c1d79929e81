"""How well a predicted map agrees with gaze, as Bylinskii et al. define it (arXiv 1604.03605; IEEE TPAMI 2019).

Distribution-based measures (`cc`, `sim`, `kld`) compare with a heatmap, so they depend on its sigma; location-based
ones (`nss`, the AUCs, `information_gain`) compare with the fixations themselves. A fixation is at the pixel whose
centre is nearest; fixations off the map do not count. Each function raises ValueError for maps that are not (H, W),
differ in shape or hold values that are not finite, and, where fixations are asked for, when none lies on the map.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egaze.metrics.places import nearest_pixels

#: MATLAB's eps, which the MIT saliency benchmark's code adds.
EPS = 2.2204e-16


def cc(prediction: ArrayLike, target: ArrayLike) -> float:
    """Pearson's correlation of two maps, in [-1, 1]; 0 when one of them is constant.

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
    """Similarity: the sum over pixels of the smaller of two densities, in [0, 1].

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
    """KL divergence in nats of the prediction p from the target q; 0 is best.

    It is the sum over pixels of q log(eps + q / (p + eps)), with eps 2.2204e-16.

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
    """Normalised scanpath saliency: the mean, over the fixations that lie on it, of the standardised map.

    A constant map scores 0.

    Args:
        prediction: (H, W) finite.
        x_px, y_px: (F,) in pixels of the map; an integer is a pixel's centre.

    Raises:
        ValueError: a map that is not (H, W) or not finite, or no fixation on it.

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
    return 0.0 if _is_constant(p) else float(_standardised(p).ravel()[pixels].mean())


def auc_judd(prediction: ArrayLike, x_px: ArrayLike, y_px: ArrayLike) -> float:
    """AUC-Judd of a (H, W) map, in [0, 1]: fixated pixels against all others, the thresholds being the map's values
    at fixated pixels, with straight lines between them.

    A pixel counts once however often it was fixated. Equal values share a threshold; the published code parts them by
    a jitter, after which F fixated pixels of a constant map score 0.5 + 0.5 / (F + 1) on average, and here 0.5. Where
    every pixel was fixated there is nothing to tell apart: 0.5.

    Args:
        prediction, x_px, y_px: as for `nss`.

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
    """AUC-Borji of a (H, W) map, in [0, 1]: fixations against as many pixels drawn at random, the thresholds rising
    in steps on the map stretched to [0, 1]; the mean over draws.

    A constant map scores 0.5.

    Args:
        prediction, x_px, y_px: as for `nss`.
        splits: draws, 100 in the published code.
        step: between thresholds, 0.1 in the published code.
        seed: of the draws.

    Raises:
        ValueError: as `nss`.

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
    if _is_constant(p):
        return 0.5
    levels = (p.ravel() - p.min()) / np.ptp(p)
    drawn = levels[np.random.default_rng(seed).integers(0, p.size, (splits, len(pixels)))]
    # A value is at least as high as this many of the rising thresholds 0, step, 2 step, ...
    thresholds = np.arange(0, 1 + step, step)
    hits = _reached(np.searchsorted(thresholds, levels[pixels][None], side="right"), len(thresholds))
    alarms = _reached(np.searchsorted(thresholds, drawn, side="right"), len(thresholds))
    return float(_area(alarms, hits).mean())


def shuffled_auc(
    prediction: ArrayLike, x_px: ArrayLike, y_px: ArrayLike, other_x_px: ArrayLike, other_y_px: ArrayLike
) -> float:
    """Shuffled AUC of a (H, W) map, in [0, 1]: fixations against fixations of other cases, ties counted half, so that
    a map of where readers look on any case scores about 0.5.

    All the other fixations count, which is what the published code's draws of them tend to.

    Args:
        prediction, x_px, y_px: as for `nss`.
        other_x_px, other_y_px: (G,) fixations on other cases, in this map's pixels.

    Raises:
        ValueError: as `nss`, for either set of fixations.

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
    won = np.searchsorted(others, fixated, side="left") + np.searchsorted(others, fixated, side="right")
    return float(won.mean() / (2 * len(others)))


def information_gain(prediction: ArrayLike, baseline: ArrayLike, x_px: ArrayLike, y_px: ArrayLike) -> float:
    """Information gain in bits per fixation over a baseline map, such as the centre bias.

    It is the mean of log2(eps + p) - log2(eps + b) over fixations, with eps 2.2204e-16.

    Args:
        prediction, baseline: (H, W) finite, nowhere negative; each is divided by its sum.
        x_px, y_px: as for `nss`.

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
    return float((np.log2(EPS + p[pixels]) - np.log2(EPS + b[pixels])).mean())


def _reached(places: NDArray[np.intp], thresholds: int) -> NDArray[np.float64]:
    """(B, thresholds) share of each row's values that reach a threshold, from the highest threshold down.

    `places` (B, N) says how many thresholds a value reaches.
    """
    rows = len(places)
    counts = np.bincount(
        (places + np.arange(rows)[:, None] * (thresholds + 1)).ravel(), minlength=rows * (thresholds + 1)
    ).reshape(rows, thresholds + 1)
    shares: NDArray[np.float64] = np.cumsum(counts[:, :0:-1], axis=1) / places.shape[1]
    return shares


def _area(false_alarms: NDArray[np.float64], hits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Under straight lines from (0, 0) through the points (..., K) to (1, 1)."""
    x, y = (
        np.concatenate([np.zeros_like(part[..., :1]), part, np.ones_like(part[..., :1])], axis=-1)
        for part in (false_alarms, hits)
    )
    area: NDArray[np.float64] = (np.diff(x) * (y[..., 1:] + y[..., :-1])).sum(axis=-1) / 2
    return area


def _pixels(shape: tuple[int, ...], x_px: ArrayLike, y_px: ArrayLike) -> NDArray[np.intp]:
    """Where the fixations that lie on the map are among its pixels, row by row."""
    y, x, inside = nearest_pixels(shape, x_px, y_px)
    if not inside.any():
        raise ValueError("no fixation lies on the map")
    return y[inside] * shape[1] + x[inside]


def _maps(*maps: ArrayLike) -> list[NDArray[np.float64]]:
    arrays = [np.asarray(item, dtype=np.float64) for item in maps]
    if any(item.ndim != 2 or item.shape != arrays[0].shape or not item.size for item in arrays):
        raise ValueError(f"maps must share a shape (H, W), got {', '.join(str(item.shape) for item in arrays)}")
    if not all(np.isfinite(item).all() for item in arrays):
        raise ValueError("maps must be finite")
    return arrays


def _is_constant(values: NDArray[np.float64]) -> bool:
    """Whether all values are one: the rounding of a mean must not make a spread of them."""
    return bool(values.min() == values.max())


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of mean 0 and standard deviation 1, whatever the map's scale; not of a constant map."""
    # Stretched first, so that neither squares nor small differences are lost.
    unit: NDArray[np.float64] = (values - values.min()) / (values.max() - values.min())
    standardised: NDArray[np.float64] = (unit - unit.mean()) / unit.std()
    return standardised


def _density(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The map over its sum; a map of zeros becomes uniform."""
    if values.min() < 0:
        raise ValueError(f"a density's map must not be negative, got {values.min()}")
    total = values.sum()
    return values / total if total > 0 else np.full(values.shape, 1.0 / values.size)
