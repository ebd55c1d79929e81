"""Heatmaps of fixations: a weighted sum of separable Gaussians, rasterized by the compiled kernel."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from egaze import _core
from egaze.gaze.fixations import Fixations


def rasterize_fixations(
    fixations: Fixations,
    shape: tuple[int, int],
    *,
    sigma_px: float | tuple[float, float] | None = None,
    sigma_deg: float | None = None,
    weight: Literal["duration", "count"] = "duration",
    boundary: Literal["clip", "reflect"] = "clip",
    kernel: Literal["sampled", "scipy"] = "sampled",
    truncate: float = 4.0,
    normalize: Literal["none", "max", "sum"] = "none",
    threads: int = 1,
) -> NDArray[np.float32]:
    """Make the heatmap H(y, x) = sum_i w_i k_y(y; y_i) k_x(x; x_i) of one reader's fixations.

    The kernels have unit mass, so an unnormalised heatmap holds seconds (or fixations) per pixel and sums to the
    dwell time (or number of fixations) that falls on the image.

    Args:
        fixations: F fixations in pixels of the heatmap.
        shape: (H, W) of the heatmap in pixels.
        sigma_px: the Gaussian's standard deviation in pixels, one number or (x, y).
        sigma_deg: the same in degrees of visual angle; needs `fixations.pixels_per_degree`. Give exactly one of
            the two.
        weight: w_i is the fixation's `duration_s`, or 1 for "count".
        boundary: "clip" loses what falls outside the image; "reflect" folds it back (d c b a | a b c d) and
            leaves out fixations that lie outside.
        kernel: "sampled" takes point samples of the Gaussian density at the fixation's exact position; "scipy"
            centres discretely normalised taps on the nearest pixel and equals `scipy.ndimage.gaussian_filter` of
            the fixation map (mode "reflect", or "constant" for "clip"); it leaves out fixations that lie outside.
        truncate: kernels are zero further than this many sigmas away.
        normalize: "max" scales the largest value to 1, "sum" makes a density; a heatmap of zeros stays so.
        threads: the result does not depend on it.

    Returns:
        (H, W) float32; zeros when there are no fixations.

    Raises:
        ValueError: a sigma that is missing, given twice, or not positive; an unknown option; a shape without
            pixels.
    """
    spots = np.empty((len(fixations), 5), dtype=np.float32)
    spots[:, 0] = fixations.x_px
    spots[:, 1] = fixations.y_px
    spots[:, 2] = _weights(fixations, weight)
    spots[:, 3:] = _sigmas_px(fixations, sigma_px, sigma_deg)
    return _core.rasterize_fixations(
        spots,
        shape,
        boundary=boundary,
        kernel=kernel,
        normalize=normalize,
        truncate=truncate,
        threads=threads,
    )


def _weights(fixations: Fixations, weight: str) -> NDArray[np.float32] | float:
    if weight == "duration":
        return fixations.duration_s
    if weight == "count":
        return 1.0
    raise ValueError(f"weight must be 'duration' or 'count', got {weight!r}")


def _sigmas_px(
    fixations: Fixations, sigma_px: float | tuple[float, float] | None, sigma_deg: float | None
) -> NDArray[np.float32]:
    if (sigma_px is None) == (sigma_deg is None):
        raise ValueError(f"give exactly one of sigma_px and sigma_deg, got {sigma_px} and {sigma_deg}")
    if sigma_deg is not None:
        if fixations.pixels_per_degree is None:
            raise ValueError("sigma_deg needs fixations with pixels_per_degree")
        sigmas = sigma_deg * fixations.pixels_per_degree
    else:
        sigmas = np.asarray(sigma_px, dtype=np.float32)
    if sigmas.shape not in {(), (2,), (len(fixations), 2)}:
        raise ValueError(f"sigma_px must be one number or (x, y), got {sigma_px}")
    if not (np.isfinite(sigmas).all() and (sigmas > 0).all()):
        raise ValueError(f"sigma must be a positive number, got {sigma_px if sigma_deg is None else sigma_deg}")
    return np.broadcast_to(sigmas, (len(fixations), 2))
