"""The content of a case's pictures: a radiograph, a reader's fixations on it, and their heatmap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egaze.errors import StudyError
from egaze.gaze import Fixations, rasterize_fixations
from egaze.gaze.heatmap import Weight
from egaze.imaging import FitGeometry
from egaze.study import Study
from egaze.targets import KERNEL, WEIGHTS, FixationHeatmap, KernelOptions

#: The default width of the Gaussians, that of the heatmap head's target.
_DEFAULT = FixationHeatmap()
#: Of what stands for a radiograph that is not there.
_GREY = 20000


class Kernel(KernelOptions, total=False):
    """The options of the rasterizer, with exactly one of the two sigmas."""

    sigma_px: float
    sigma_deg: float
    weight: Weight


@dataclass(frozen=True, slots=True)
class HeatmapOptions:
    """The options of a case's heatmap.

    Attributes:
        size_px: the side of the square canvas, 16 to 4096; None for that of the study.
        sigma_px: the standard deviation of the Gaussian in pixels of the canvas, 0.01 to 4096.
        sigma_deg: the same in degrees of visual angle, 0.001 to 90. Without either it is 0.05 of the side.
        weight: of a fixation, "duration" or "count".

    Raises:
        StudyError: a value out of range, or both sigmas.

    Example:
        >>> from egaze.pictures import HeatmapOptions
        >>> HeatmapOptions(size_px=512, sigma_px=20, weight="count").describe(512)
        'Gaussians of sigma 20 px of 512, each fixation weighted by 1'
    """

    size_px: int | None = None
    sigma_px: float | None = None
    sigma_deg: float | None = None
    weight: Weight = "duration"

    def __post_init__(self) -> None:
        if self.size_px is not None and not 16 <= self.size_px <= 4096:
            raise StudyError(f"size must be 16 to 4096 px, got {self.size_px}")
        if self.sigma_px is not None and self.sigma_deg is not None:
            raise StudyError(f"give sigma in pixels or in degrees, got {self.sigma_px} px and {self.sigma_deg} degrees")
        if self.sigma_px is not None and not 0.01 <= self.sigma_px <= 4096:
            raise StudyError(f"sigma must be 0.01 to 4096 px, got {self.sigma_px}")
        if self.sigma_deg is not None and not 0.001 <= self.sigma_deg <= 90:
            raise StudyError(f"sigma must be 0.001 to 90 degrees, got {self.sigma_deg}")
        if self.weight not in WEIGHTS:
            raise StudyError(f"weight must be one of {', '.join(WEIGHTS)}, got {self.weight!r}")

    @classmethod
    def of(cls, target: FixationHeatmap, size_px: int) -> HeatmapOptions:
        """The options for the heatmap of a target on a canvas with the given side."""
        weight: Weight = "duration" if target.weight == "duration" else "count"
        return cls(size_px, target.sigma_px(size_px), weight=weight)

    def kernel(self, size_px: int) -> Kernel:
        """The options of the rasterizer on a canvas with the given side."""
        options = Kernel(
            boundary=KERNEL["boundary"], kernel=KERNEL["kernel"], truncate=KERNEL["truncate"], weight=self.weight
        )
        if self.sigma_deg is not None:
            options["sigma_deg"] = self.sigma_deg
        else:
            options["sigma_px"] = self.sigma_px or _DEFAULT.sigma_px(size_px)
        return options

    def describe(self, size_px: int) -> str:
        """The options in words, for a caption."""
        if self.sigma_deg is not None:
            sigma = f"{self.sigma_deg:g}°"
        else:
            sigma = f"{self.kernel(size_px)['sigma_px']:.3g} px of {size_px}"
        weight = "its duration" if self.weight == "duration" else "1"
        return f"Gaussians of sigma {sigma}, each fixation weighted by {weight}"


@dataclass(frozen=True, slots=True, eq=False)
class CaseGaze:
    """One case with everything that its pictures show.

    Attributes:
        case_id, label, reader_id: as in the study.
        synthetic: whether its source is marked as synthetic.
        radiograph: (h, w) uint16, the part of the image that the radiograph covers; 65535 is white. Evenly grey in a
            study without images.
        has_radiograph: whether the study has images.
        geometry: the position of the radiograph on a canvas of the heatmap's size.
        fixations: in pixels of that canvas, in time order.
        options: of the heatmap.
    """

    case_id: str
    label: str | None
    reader_id: str | None
    synthetic: bool
    radiograph: NDArray[np.uint16]
    geometry: FitGeometry
    fixations: Fixations
    options: HeatmapOptions
    has_radiograph: bool = True

    @property
    def size_px(self) -> int:
        """The side of the heatmap's canvas."""
        return self.geometry.canvas_shape[0]

    @property
    def kernel(self) -> Kernel:
        """The options of the rasterizer."""
        return self.options.kernel(self.size_px)

    def heatmap(self) -> NDArray[np.float32]:
        """(size, size) float32 in seconds, relative durations or fixations per pixel of the canvas.

        Raises:
            StudyError: a sigma in degrees for a case without pixels per degree, or one out of the kernel's range.
        """
        try:
            return rasterize_fixations(self.fixations, self.geometry.canvas_shape, **self.kernel)
        except ValueError as error:
            raise StudyError(f"case {self.case_id!r}: {error}") from error

    @property
    def on_radiograph(self) -> NDArray[np.bool_]:
        """(F,) whether each fixation lies on the radiograph and on the part of it that was shown."""
        return self.geometry.is_on_radiograph(self.fixations.x_px, self.fixations.y_px) & self.fixations.on_shown

    @property
    def is_paced(self) -> bool:
        """Whether it has neither onsets nor durations in seconds, so that fixations are played at an even pace."""
        return self.fixations.is_relative and self.fixations.onset_s is None

    @property
    def dwell_time_s(self) -> float | None:
        """The sum of all durations in seconds; None if durations are relative."""
        return None if self.fixations.is_relative else float(self.fixations.duration_s.sum(dtype=np.float64))

    def summary(self) -> str:
        """The label, the reader and a summary of the gaze, in one line, and whether the radiograph is missing."""
        count, outside = len(self.fixations), int((~self.on_radiograph).sum())
        gaze = f"{count} fixation{'' if count == 1 else 's'}"
        if outside:
            gaze += f" ({outside} outside {'the radiograph' if self.fixations.shown_px is None else 'what was shown'})"
        lasts = "relative durations" if self.dwell_time_s is None else f"{self.dwell_time_s:.1f} s"
        gaze = f"{gaze}, {lasts}" if count else "no gaze"
        reader = None if self.reader_id is None else f"reader {self.reader_id}"
        missing = None if self.has_radiograph else "without radiograph"
        return " · ".join(part for part in (self.label, reader, gaze, missing) if part)


def read_case(study: Study, case_index: int, options: HeatmapOptions) -> CaseGaze:
    """Read what the pictures of one case need from a study.

    Raises:
        StudyError: invalid fixations, or a sigma in degrees for a case without pixels per degree.
    """
    facts = study.cases.row(case_index, named=True)
    size_px = options.size_px or study.image_size_px
    try:
        fixations = study.fixations(case_index, size_px)
    except ValueError as error:
        raise StudyError(f"{study.path}: case {facts['case_id']!r}: {error}") from error
    if options.sigma_deg is not None and fixations.pixels_per_degree is None:
        raise StudyError(
            f"{study.path}: case {facts['case_id']!r} has no pixels per degree; give sigma in pixels instead"
        )
    within = study.geometry(case_index, study.image_size_px)
    image = np.full(within.canvas_shape, _GREY, np.uint16) if study.stored_images is None else study.images[case_index]
    return CaseGaze(
        case_id=facts["case_id"],
        label=facts["label"],
        reader_id=facts["reader_id"],
        synthetic=_is_synthetic(study, facts["source"]),
        radiograph=within.cut_out(np.asarray(image)),
        geometry=study.geometry(case_index, size_px),
        fixations=fixations,
        options=options,
        has_radiograph=study.has_images,
    )


def _is_synthetic(study: Study, source: str) -> bool:
    return any(facts["synthetic"] for facts in study.manifest["sources"] if facts["key"] == source)
