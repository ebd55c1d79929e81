"""What stands for the radiographs of a study without images: the sizes that its cases state."""

from __future__ import annotations

from collections.abc import Sequence

from egaze.errors import StudyError
from egaze.imaging import Canvas
from egaze.imaging.limits import MAX_RADIOGRAPH_PIXELS, max_radiograph_pixels
from egaze.study.gather import Entry
from egaze.study.placing import RadiographFacts
from egaze.study.plausible import name_case

#: The presentation of a canvas that shows nothing.
_UNUSED = "voi"


def stated_facts(entries: Sequence[Entry], canvas: Canvas) -> dict[int, RadiographFacts]:
    """The size of each radiograph by its number, as the first of its cases states it.

    Raises:
        StudyError: a size that is not of whole pixels or above `max_radiograph_pixels`, a letterbox for a radiograph
            whose shape is not known, or a presentation other than the default, since there is nothing to present.
    """
    if canvas.presentation != _UNUSED:
        raise StudyError(f"presentation {canvas.presentation} says how radiographs are shown, and there are no images")
    facts: dict[int, RadiographFacts] = {}
    for entry in entries:
        case = entry.case
        if not case.shape_is_known and canvas.fit != "stretch":
            raise StudyError(
                f"{name_case(case)}: its source knows fractions of the radiograph and not its shape, which fit "
                f"{canvas.fit} needs; use --fit stretch"
            )
        width_px, height_px = case.radiograph_size_px or (0, 0)
        if width_px % 1 or height_px % 1:
            raise StudyError(
                f"{name_case(case)}: without images the size of its radiograph must be whole pixels, got "
                f"{width_px:g} x {height_px:g}"
            )
        if width_px * height_px > max_radiograph_pixels():
            raise StudyError(
                f"{name_case(case)}: its radiograph would have {width_px:g} x {height_px:g} px, more than the limit of "
                f"{max_radiograph_pixels()} pixels (raise {MAX_RADIOGRAPH_PIXELS} for larger radiographs)"
            )
        facts.setdefault(
            entry.radiograph, RadiographFacts(stamp=None, height_px=int(height_px), width_px=int(width_px))
        )
    return facts
