"""The heatmap that the EGD-CXR baseline's published code trains on, to one grey level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from egaze.errors import StudyError
from egaze.gaze import Fixations, rasterize_fixations
from egaze.imaging import resize
from egaze.study import Study
from egaze.targets.target import BatchGaze, not_rasterized

SIGMA_PX = 150.0


@dataclass(frozen=True, slots=True)
class EgdHeatmap:
    """The target of `egd_target`'s maps, about .118 to .843 where there is gaze.

    They are of whole radiographs stretched to the canvas, so they are made once a case and follow no view that moves
    it.
    """

    @property
    def follows_views(self) -> bool:
        """False: a map is of the whole radiograph."""
        return False

    def require(self, study: Study) -> None:
        """Raise StudyError where radiographs are letterboxed."""
        if study.canvas.fit != "stretch":
            raise StudyError(
                f"{study.path}: heatmap_target egd needs radiographs fitted by stretch, these are by {study.canvas.fit}"
            )

    def heatmap(self, study: Study, case_indices: Sequence[int], size_px: int) -> NDArray[np.float32]:
        """See `HeatmapTarget`."""
        self.require(study)
        if not study.has_gaze[list(case_indices)].any():
            return np.zeros((size_px, size_px), dtype=np.float32)
        grey = _grey(study, case_indices, size_px, threads=1).astype(np.float32)
        grey /= np.float32(255)
        return grey

    def for_batches(self, study: Study, size_px: int, *, threads: int = 1) -> BatchGaze:
        """See `HeatmapTarget`. A map is made when its case first comes up, and kept, a byte a pixel."""
        self.require(study)

        @cache
        def finished(case_index: int) -> NDArray[np.uint8]:
            return _grey(study, [case_index], size_px, threads=threads)

        return BatchGaze(study.has_gaze, *not_rasterized(study), finished)


def egd_target(
    fixations: Fixations, radiograph_shape: tuple[int, int], size_px: int, *, threads: int = 1
) -> NDArray[np.uint8]:
    """Make the EGD-CXR baseline's target: fixations counted on the radiograph's grid padded to even sides, blurred with
    sigma 150 px (reflect, truncate 4), stretched from its least to its largest value, coloured with 8-bit viridis,
    resized as colours (bilinear, antialiased), and turned to luminance.

    Colour mapping and resizing are exchanged for their equivalent on luminance: both are linear, so the result
    differs from the reference's by its rounding only, one grey level at most.

    Args:
        fixations: in pixels of the radiograph; those outside are left out.
        radiograph_shape: (H, W) of the radiograph.
        size_px: side of the square target.
        threads: the result does not depend on it.

    Returns:
        (size, size) uint8, about 30 to 215; a radiograph without fixations has viridis's darkest grey everywhere.

    Raises:
        ValueError: a shape or size without pixels.
    """
    even = (radiograph_shape[0] + radiograph_shape[0] % 2, radiograph_shape[1] + radiograph_shape[1] % 2)
    heatmap = rasterize_fixations(
        fixations, even, sigma_px=SIGMA_PX, weight="count", boundary="reflect", kernel="scipy", threads=threads
    )
    low, high = float(heatmap.min()), float(heatmap.max())
    heatmap -= low
    heatmap *= 256.0 / (high - low) if high > low else 0.0
    # matplotlib gives the largest value the last of its 256 colours.
    levels = np.minimum(heatmap, 255.0, out=heatmap).astype(np.uint8)
    shown = resize(_luminance()[levels], (size_px, size_px), filter="bilinear", out_dtype=np.uint8, threads=threads)
    return np.asarray(shown, np.uint8)


def _grey(study: Study, case_indices: Sequence[int], size_px: int, *, threads: int) -> NDArray[np.uint8]:
    """(size, size): `egd_target` of the fixations of one or more cases that show the same radiograph."""
    parts = [slice(study.offsets[case_index], study.offsets[case_index + 1]) for case_index in case_indices]
    x_px, y_px = (np.concatenate([study.gaze[name][part].to_numpy() for part in parts]) for name in ("x_px", "y_px"))
    fixations = Fixations(x_px, y_px, np.concatenate([study.duration_s[part] for part in parts]))
    radiograph_shape = study.geometry(case_indices[0], size_px).radiograph_shape
    return egd_target(fixations, radiograph_shape, size_px, threads=threads)


@cache
def _luminance() -> NDArray[np.float32]:
    """(256,) grey of 8-bit viridis's colours by ITU-R 601, as Pillow's convert("L") weighs them."""
    red, green, blue, _ = colormaps["viridis"](np.arange(256), bytes=True).T.astype(np.float64)
    grey: NDArray[np.float64] = (19595 * red + 38470 * green + 7471 * blue) / 65536
    return grey.astype(np.float32)
