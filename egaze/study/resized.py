"""Scaling gaze and regions to radiographs that were resized after the gaze was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from egaze.errors import StudyError
from egaze.gaze import Fixations
from egaze.imaging.fit import rescale_px
from egaze.sources import Case, Region
from egaze.study.gather import Entry
from egaze.study.placing import RadiographFacts
from egaze.study.plausible import and_more, name_case

Scale = tuple[float, float]

#: Two shapes count as equal if their aspect ratios differ by less: the sides of a resized radiograph are rounded to
#: pixels, and EGD-CXR's sides are inferred from gaze. The error of a tracker is larger.
_SAME_SHAPE = 0.01
UNSCALED: Scale = (1.0, 1.0)


def to_radiograph_pixels(
    entries: Sequence[Entry], radiographs: Sequence[RadiographFacts]
) -> tuple[list[Entry], list[Scale]]:
    """The cases with gaze and regions in pixels of the radiographs as read, and the factors along x and y.

    A case is unchanged if its source does not know the recorded size, or if it has nothing to scale.

    Raises:
        StudyError: a radiograph whose shape differs from that on which its gaze or regions were measured.
    """
    scales = [_scale(entry.case, radiograph) for entry, radiograph in zip(entries, radiographs, strict=True)]
    if wrong := [
        number
        for number, scale in enumerate(scales)
        if entries[number].case.shape_is_known and not _is_same_shape(scale, radiographs[number])
    ]:
        case, radiograph = entries[wrong[0]].case, radiographs[wrong[0]]
        width_px, height_px = case.radiograph_size_px or (0, 0)
        raise StudyError(
            f"{name_case(case)}: the radiograph has {radiograph.width_px} x {radiograph.height_px} px, but its gaze "
            f"and regions were measured on {width_px:g} x {height_px:g} px, which is another "
            f"shape{and_more(len(wrong) - 1)}; use radiographs that were neither cropped nor stretched"
        )
    scaled = [
        entry if scale == UNSCALED else replace(entry, case=_scaled(entry.case, scale))
        for entry, scale in zip(entries, scales, strict=True)
    ]
    return scaled, scales


def _scale(case: Case, radiograph: RadiographFacts) -> Scale:
    if case.radiograph_size_px is None or (case.fixations is None and not case.regions):
        return UNSCALED
    width_px, height_px = case.radiograph_size_px
    return radiograph.width_px / width_px, radiograph.height_px / height_px


def _is_same_shape(scale: Scale, radiograph: RadiographFacts) -> bool:
    x, y = scale
    rounding = 1 / radiograph.width_px + 1 / radiograph.height_px
    return abs(x / y - 1) <= max(_SAME_SHAPE, rounding)


def _scaled(case: Case, scale: Scale) -> Case:
    return replace(
        case,
        fixations=None if case.fixations is None else _scaled_gaze(case.fixations, scale),
        regions=tuple(_scaled_region(region, scale) for region in case.regions),
    )


def _scaled_gaze(gaze: Fixations, scale: Scale) -> Fixations:
    per_degree, shown_px = gaze.pixels_per_degree, gaze.shown_px
    return replace(
        gaze,
        x_px=rescale_px(gaze.x_px.astype(np.float64), scale[0]).astype(np.float32),
        y_px=rescale_px(gaze.y_px.astype(np.float64), scale[1]).astype(np.float32),
        pixels_per_degree=None if per_degree is None else per_degree * np.array(scale),
        shown_px=None if shown_px is None else rescale_px(shown_px.astype(np.float64), scale * 2).astype(np.float32),
    )


def _scaled_region(region: Region, scale: Scale) -> Region:
    x_px = rescale_px(np.array([region.x_min_px, region.x_max_px], np.float64), scale[0]).tolist()
    y_px = rescale_px(np.array([region.y_min_px, region.y_max_px], np.float64), scale[1]).tolist()
    return replace(region, x_min_px=x_px[0], x_max_px=x_px[1], y_min_px=y_px[0], y_max_px=y_px[1])
