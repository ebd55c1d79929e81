"""Heatmaps of fixations: weighted sums of separable Gaussians, rasterized by the compiled kernels.

All functions take the same options:

    sigma_px: the standard deviation of the Gaussian in pixels: one number, a pair (x, y), or (F, 2) for one pair per
        fixation.
    sigma_deg: the same in degrees of visual angle; needs `fixations.pixels_per_degree`. Give exactly one of the two.
    weight: "duration" weights a fixation by its `duration_s`, whatever its unit, "count" by 1.
    boundary: "clip" drops what falls outside the image; "reflect" folds it back (d c b a | a b c d) and leaves out
        fixations that lie outside.
    kernel: "sampled" takes point samples of the Gaussian density around the exact position of the fixation; "scipy"
        centres discretely normalised taps on the nearest pixel, which equals `scipy.ndimage.gaussian_filter` of the
        fixation map (mode "reflect", or "constant" for "clip"), and leaves out fixations that lie outside.
    truncate: kernels are zero beyond this many sigmas. sigma must be at least 2^-20 px, truncate * sigma at most
        2^20 px, and a weight at most 2^30.
    normalize: "max" scales the largest value to 1, "sum" scales the sum to 1; a heatmap of zeros stays as it is.
    threads: the number of threads; the result does not depend on it.

If fixations have `shown_px`, the Gaussian of each is set to zero at pixels whose centres were not on the screen, after
the boundary rule has been applied. What is cut off is lost and not spread over the rest, as in the heatmaps of
REFLACX's authors.

Kernels have unit mass, so an unnormalised heatmap holds seconds (or relative durations, or fixations) per pixel, and
sums to the dwell time (or relative duration, or number of fixations) that falls on the image and on the part shown.
Values are float32. The kernel along each axis has a relative error below 3e-6 within four sigmas, and below 4e-5 down
to exp(-86) of its peak.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egaze import _core
from egaze.gaze.fixations import Fixations

Sigmas = tuple[float, float] | NDArray[np.floating]
Sigma = float | Sigmas
Weight = Literal["duration", "count"]
Boundary = Literal["clip", "reflect"]
Kernel = Literal["sampled", "scipy"]
Normalize = Literal["none", "max", "sum"]


def rasterize_fixations(
    fixations: Fixations,
    shape: tuple[int, int],
    *,
    sigma_px: Sigma | None = None,
    sigma_deg: float | None = None,
    weight: Weight = "duration",
    boundary: Boundary = "clip",
    kernel: Kernel = "sampled",
    truncate: float = 4.0,
    normalize: Normalize = "none",
    threads: int = 1,
) -> NDArray[np.float32]:
    """Rasterize the fixations of one reader into the heatmap H(y, x) = sum_i w_i k_y(y; y_i) k_x(x; x_i).

    Args:
        fixations: F fixations in pixels of the heatmap.
        shape: (H, W) of the heatmap in pixels.
        sigma_px, sigma_deg, weight, boundary, kernel, truncate, normalize, threads: see `egaze.gaze.heatmap`.

    Returns:
        (H, W) float32; zeros when there are no fixations.

    Raises:
        ValueError: a sigma that is missing, given twice or not positive, an unknown option, or a shape without pixels.

    Example:
        >>> from egaze import Fixations, rasterize_fixations
        >>> gaze = Fixations(x_px=[30, 80], y_px=[20, 60], duration_s=[0.2, 0.35])
        >>> heatmap = rasterize_fixations(gaze, (100, 120), sigma_px=5)
        >>> heatmap.shape, round(float(heatmap.sum()), 3)
        ((100, 120), 0.55)
    """
    return _core.rasterize_fixations(
        fixations.x_px,
        fixations.y_px,
        _weights(fixations, weight),
        _sigmas_px(fixations, sigma_px, sigma_deg),
        shape,
        boundary=boundary,
        kernel=kernel,
        truncate=truncate,
        normalize=normalize,
        threads=threads,
        shown_px=fixations.shown_px,
    )


def rasterize_batch(
    fixations: Sequence[Fixations],
    shape: tuple[int, int],
    *,
    sigma_px: Sigma | None = None,
    sigma_deg: float | None = None,
    weight: Weight = "duration",
    boundary: Boundary = "clip",
    kernel: Kernel = "sampled",
    truncate: float = 4.0,
    normalize: Normalize = "none",
    threads: int = 1,
) -> NDArray[np.float32]:
    """Rasterize the heatmaps of N images in one call; each thread works on whole images.

    Args:
        fixations: one for each image.
        shape: (H, W) of every heatmap.
        sigma_px, sigma_deg, weight, boundary, kernel, truncate, normalize, threads: see `egaze.gaze.heatmap`.

    Returns:
        (N, H, W) float32, each heatmap as `rasterize_fixations` makes it.

    Raises:
        ValueError: as `rasterize_fixations`.

    Example:
        >>> from egaze import Fixations, rasterize_batch
        >>> first = Fixations(x_px=[30, 80], y_px=[20, 60], duration_s=[0.2, 0.35])
        >>> second = Fixations(x_px=[50], y_px=[40], duration_s=[0.3])
        >>> heatmaps = rasterize_batch([first, second], (100, 120), sigma_px=5, normalize="max")
        >>> heatmaps.shape, heatmaps.max(axis=(1, 2)).tolist()
        ((2, 100, 120), [1.0, 1.0])
    """
    shared = sigma_px if sigma_deg is None else None
    sigmas = [_sigmas_px(item, sigma_px, sigma_deg) for item in fixations] if shared is None else []
    return _core.rasterize_batch(
        _joined([item.x_px for item in fixations]),
        _joined([item.y_px for item in fixations]),
        _joined([item.duration_s for item in fixations]) if _by_duration(weight) else None,
        _pair(shared) if shared is not None else np.concatenate([*sigmas, np.empty((0, 2), np.float32)]),
        np.cumsum([0, *(len(item) for item in fixations)]),
        shape,
        boundary=boundary,
        kernel=kernel,
        truncate=truncate,
        normalize=normalize,
        threads=threads,
        shown_px=_shown_parts(fixations),
    )


def rasterize_frames(
    fixations: Fixations,
    shape: tuple[int, int],
    times_s: ArrayLike,
    *,
    window_s: float | None = None,
    sigma_px: Sigma | None = None,
    sigma_deg: float | None = None,
    weight: Weight = "duration",
    boundary: Boundary = "clip",
    kernel: Kernel = "sampled",
    truncate: float = 4.0,
    normalize: Normalize = "none",
    threads: int = 1,
) -> NDArray[np.float32]:
    """Rasterize the heatmap at each of T times, of all gaze so far or of the last `window_s` seconds.

    With weight "duration" a fixation counts for the part of it that lies in the window, so that it grows while it
    lasts; with "count" it has weight 1 from its onset until it has left the window. A fixation of relative duration has
    its whole weight from its onset until the window begins after it.

    Args:
        fixations: F fixations with `onset_s`.
        shape: (H, W) of each frame.
        times_s: (T,) seconds on the clock of `onset_s`.
        window_s: None for all gaze so far.
        sigma_px, sigma_deg, weight, boundary, kernel, truncate, normalize, threads: see `egaze.gaze.heatmap`;
            "max" and "sum" refer to the largest value and the largest sum over all frames, so that frames can be
            compared.

    Returns:
        (T, H, W) float32.

    Raises:
        ValueError: as `rasterize_fixations`; fixations without onsets; a window that is not positive.

    Example:
        >>> from egaze import Fixations, rasterize_frames
        >>> gaze = Fixations(x_px=[30, 80], y_px=[20, 60], duration_s=[0.2, 0.4], onset_s=[0.0, 0.5])
        >>> frames = rasterize_frames(gaze, (100, 120), [0.1, 0.7, 0.9], sigma_px=5)
        >>> print(frames.sum(axis=(1, 2)).round(3))
        [0.1 0.4 0.6]
    """
    if fixations.onset_s is None:
        raise ValueError("frames need fixations with onset_s")
    if window_s is not None and not window_s > 0:
        raise ValueError(f"window_s must be above 0, got {window_s}")
    times = np.atleast_1d(np.asarray(times_s, dtype=np.float64))
    if times.ndim != 1 or not np.isfinite(times).all():
        raise ValueError(f"times_s must be (T,) finite seconds, got shape {times.shape}")
    end = times[:, None]
    begin = end - (np.inf if window_s is None else window_s)
    onset = fixations.onset_s.astype(np.float64)
    lasts_s = 0.0 if fixations.is_relative else fixations.duration_s
    passed = np.minimum(end, onset + lasts_s) - np.maximum(begin, onset)
    weights = (passed >= 0).astype(np.float64)
    if _by_duration(weight):
        weights = weights * fixations.duration_s if fixations.is_relative else passed.clip(min=0.0)
    return _core.rasterize_frames(
        fixations.x_px,
        fixations.y_px,
        weights,
        _sigmas_px(fixations, sigma_px, sigma_deg),
        shape,
        boundary=boundary,
        kernel=kernel,
        truncate=truncate,
        normalize=normalize,
        threads=threads,
        shown_px=fixations.shown_px,
    )


def _by_duration(weight: str) -> bool:
    if weight not in {"duration", "count"}:
        raise ValueError(f"weight must be 'duration' or 'count', got {weight!r}")
    return weight == "duration"


def _weights(fixations: Fixations, weight: str) -> NDArray[np.float32] | None:
    return fixations.duration_s if _by_duration(weight) else None


def _sigmas_px(fixations: Fixations, sigma_px: Sigma | None, sigma_deg: float | None) -> Sigmas:
    if sigma_px is not None and sigma_deg is None:
        return _pair(sigma_px)
    if sigma_px is not None or sigma_deg is None:
        raise ValueError(f"give exactly one of sigma_px and sigma_deg, got {sigma_px} and {sigma_deg}")
    if fixations.pixels_per_degree is None:
        raise ValueError("sigma_deg needs fixations with pixels_per_degree")
    if not sigma_deg > 0 or not np.isfinite(sigma_deg):
        raise ValueError(f"sigma must be a positive number, got {sigma_deg} degrees")
    return sigma_deg * fixations.pixels_per_degree


def _pair(sigma_px: Sigma) -> Sigmas:
    """A single number becomes a pair for x and y; anything else is passed on to the kernel."""
    one_number = not isinstance(sigma_px, tuple) and np.ndim(sigma_px) == 0
    pair = cast(Sigmas, (sigma_px, sigma_px) if one_number else sigma_px)
    # The kernel checks the sigma of each fixation, so nothing would check it without fixations.
    if isinstance(pair, tuple) and not (min(pair) > 0 and sum(pair) < np.inf):
        raise ValueError(f"sigma must be a positive number of pixels, got {sigma_px}")
    return pair


def _shown_parts(fixations: Sequence[Fixations]) -> NDArray[np.float32] | None:
    """(F, 4) the parts shown of all images, infinite for images whose parts are unknown; None if all are unknown."""
    if all(item.shown_px is None for item in fixations):
        return None
    everything = np.array([[-np.inf, -np.inf, np.inf, np.inf]], np.float32)
    return np.concatenate(
        [everything.repeat(len(item), axis=0) if item.shown_px is None else item.shown_px for item in fixations]
    )


def _joined(parts: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.concatenate([*parts, np.empty(0, np.float32)])
