"""The heatmap target of the EGD-CXR baseline's published code, reproduced to one grey level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
from matplotlib import colormaps
from numpy.typing import NDArray

from egaze.errors import StudyError
from egaze.gaze import Fixations, rasterize_fixations
from egaze.imaging import resize
from egaze.settings import require, settle_types
from egaze.study import Study
from egaze.targets.target import BatchGaze, not_rasterized

#: The code's standard deviation, in pixels of a radiograph; those of EGD-CXR have a long side of up to 3,056 px.
SIGMA_PX = 150.0


@dataclass(frozen=True, slots=True)
class EgdHeatmap:
    """The target whose maps `egd_target` makes; with gaze, their values lie between about 0.118 and 0.843.

    A map covers the whole radiograph, stretched to the canvas. It is made once per case and does not follow a view that
    moves the radiograph.

    Attributes:
        sigma_px: the standard deviation of the Gaussian in pixels of the radiograph, above 0. The code's 150 px are for
            radiographs of full size; on smaller copies the same blur needs fewer.

    Raises:
        RecipeError: a value of the wrong type or out of range.
    """

    sigma_px: float = SIGMA_PX

    def __post_init__(self) -> None:
        settle_types(self)
        require(0 < self.sigma_px < math.inf, "egd_sigma_px", "above 0", self.sigma_px)

    def sigma_frac(self, study: Study) -> float:
        """The standard deviation as a fraction of the radiographs' long side, median over the study."""
        sides = study.cases.select(pl.max_horizontal("height_px", "width_px")).to_series()
        return self.sigma_px / float(np.median(sides.to_numpy()))

    @property
    def follows_views(self) -> bool:
        """False, because a map covers the whole radiograph."""
        return False

    def require(self, study: Study) -> None:
        """Raise StudyError if radiographs are letterboxed."""
        if study.canvas.fit != "stretch":
            raise StudyError(
                f"{study.path}: heatmap_target egd needs radiographs fitted by stretch, not by {study.canvas.fit}"
            )

    def heatmap(self, study: Study, case_indices: Sequence[int], size_px: int) -> NDArray[np.float32]:
        """See `HeatmapTarget`."""
        self.require(study)
        if not study.has_gaze[list(case_indices)].any():
            return np.zeros((size_px, size_px), dtype=np.float32)
        grey = _grey(study, case_indices, size_px, self.sigma_px, threads=1).astype(np.float32)
        grey /= np.float32(255)
        return grey

    def for_batches(self, study: Study, size_px: int, *, threads: int = 1) -> BatchGaze:
        """See `HeatmapTarget`. The map of a case is made when it is first needed and kept with one byte per pixel."""
        self.require(study)

        @cache
        def finished(case_index: int) -> NDArray[np.uint8]:
            return _grey(study, [case_index], size_px, self.sigma_px, threads=threads)

        return BatchGaze(study.has_gaze, *not_rasterized(study), finished)


def egd_target(
    fixations: Fixations,
    radiograph_shape: tuple[int, int],
    size_px: int,
    *,
    sigma_px: float = SIGMA_PX,
    threads: int = 1,
) -> NDArray[np.uint8]:
    """Make the target of the EGD-CXR baseline.

    The baseline counts fixations on the radiograph's grid, padded to even sides; blurs them (sigma 150 px, reflect,
    truncate 4); scales the result to the full range; colours it with 8-bit viridis; resizes the colours (bilinear,
    antialiased); and converts them to luminance. Here luminance is resized instead of colours: both steps are linear,
    so the result differs from the reference only by rounding, by at most one grey level.

    Args:
        fixations: in pixels of the radiograph; those outside are left out.
        radiograph_shape: (H, W) of the radiograph.
        size_px: the side of the square target.
        sigma_px: the standard deviation of the blur in pixels of the radiograph.
        threads: the number of threads; the result does not depend on it.

    Returns:
        (size, size) uint8, about 30 to 215; without fixations, the darkest grey of viridis everywhere.

    Raises:
        ValueError: a shape or size without pixels.
    """
    even = (radiograph_shape[0] + radiograph_shape[0] % 2, radiograph_shape[1] + radiograph_shape[1] % 2)
    heatmap = rasterize_fixations(
        fixations, even, sigma_px=sigma_px, weight="count", boundary="reflect", kernel="scipy", threads=threads
    )
    low, high = float(heatmap.min()), float(heatmap.max())
    heatmap -= low
    heatmap *= 256.0 / (high - low) if high > low else 0.0
    # matplotlib maps the largest value to the last of its 256 colours.
    levels = np.minimum(heatmap, 255.0, out=heatmap).astype(np.uint8)
    shown = resize(_luminance()[levels], (size_px, size_px), filter="bilinear", out_dtype=np.uint8, threads=threads)
    return np.asarray(shown, np.uint8)


def _grey(
    study: Study, case_indices: Sequence[int], size_px: int, sigma_px: float, *, threads: int
) -> NDArray[np.uint8]:
    """(size, size) `egd_target` of the fixations of one or more cases with the same radiograph."""
    parts = [slice(study.offsets[case_index], study.offsets[case_index + 1]) for case_index in case_indices]
    x_px, y_px = (np.concatenate([study.gaze[name][part].to_numpy() for part in parts]) for name in ("x_px", "y_px"))
    fixations = Fixations(x_px, y_px, np.concatenate([study.duration_s[part] for part in parts]))
    radiograph_shape = study.geometry(case_indices[0], size_px).radiograph_shape
    return egd_target(fixations, radiograph_shape, size_px, sigma_px=sigma_px, threads=threads)


@cache
def _luminance() -> NDArray[np.float32]:
    """(256,) the ITU-R 601 luminance of the 8-bit viridis colours, as Pillow's convert("L") computes it."""
    red, green, blue, _ = colormaps["viridis"](np.arange(256), bytes=True).T.astype(np.float64)
    grey: NDArray[np.float64] = (19595 * red + 38470 * green + 7471 * blue) / 65536
    return grey.astype(np.float32)
