"""How well a predicted map agrees with gaze, as Bylinskii et al. define it (arXiv 1604.03605; IEEE TPAMI 2019)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

# MATLAB's eps, which the MIT saliency benchmark's code adds.
_EPS = 2.2204e-16


def cc(prediction: ArrayLike, target: ArrayLike) -> float:
    """Pearson's correlation of two (H, W) maps, in [-1, 1]; 0 when one of them is constant.

    Raises:
        ValueError: maps of different shapes, or with values that are not finite.
    """
    p, q = _maps(prediction, target)
    p, q = p - p.mean(), q - q.mean()
    norm = np.sqrt((p * p).sum() * (q * q).sum())
    return float((p * q).sum() / norm) if norm > 0 else 0.0


def sim(prediction: ArrayLike, target: ArrayLike) -> float:
    """Similarity: the sum of the smaller of two densities, in [0, 1]; maps are (H, W), not negative.

    Raises:
        ValueError: as `cc`, or a negative value.
    """
    p, q = (_density(item) for item in _maps(prediction, target))
    return float(np.minimum(p, q).sum())


def kld(prediction: ArrayLike, target: ArrayLike) -> float:
    """KL divergence in nats of the prediction from the target, both (H, W) made densities: the sum of
    q log(eps + q / (p + eps)), eps 2.2204e-16; 0 is best.

    Raises:
        ValueError: as `cc`, or a negative value.
    """
    p, q = (_density(item) for item in _maps(prediction, target))
    return float((q * np.log(_EPS + q / (p + _EPS))).sum())


def nss(prediction: ArrayLike, x_px: ArrayLike, y_px: ArrayLike) -> float:
    """Normalised scanpath saliency: the mean of the standardised (H, W) map at the fixations that lie on it.

    A constant map scores 0.

    Raises:
        ValueError: no fixation on the map, or a map with values that are not finite.
    """
    (p,) = _maps(prediction)
    x = np.floor(np.asarray(x_px, dtype=np.float64) + 0.5)
    y = np.floor(np.asarray(y_px, dtype=np.float64) + 0.5)
    inside = (x >= 0) & (x < p.shape[1]) & (y >= 0) & (y < p.shape[0])
    if not inside.any():
        raise ValueError("no fixation lies on the map")
    spread = p.std()
    if not spread > 0:
        return 0.0
    return float(((p[y[inside].astype(int), x[inside].astype(int)] - p.mean()) / spread).mean())


def _maps(*maps: ArrayLike) -> list[NDArray[np.float64]]:
    arrays = [np.asarray(item, dtype=np.float64) for item in maps]
    if any(item.ndim != 2 or item.shape != arrays[0].shape or not item.size for item in arrays):
        raise ValueError(f"maps must share a shape (H, W), got {', '.join(str(item.shape) for item in arrays)}")
    if not all(np.isfinite(item).all() for item in arrays):
        raise ValueError("maps must be finite")
    return arrays


def _density(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The map over its sum; a map of zeros becomes uniform."""
    if values.min() < 0:
        raise ValueError(f"a density's map must not be negative, got {values.min()}")
    total = values.sum()
    return values / total if total > 0 else np.full(values.shape, 1.0 / values.size)
