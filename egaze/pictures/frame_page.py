"""The page that the frames of an animation share; only the radiograph, the gaze and the clock change on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from egaze.imaging import resize
from egaze.pictures.case_gaze import CaseGaze
from egaze.pictures.colours import blend, overlay_colours
from egaze.pictures.lettering import FONT_FILE
from egaze.pictures.overlay import Scale
from egaze.pictures.sheet import INK, draw_bar, new_sheet

_DPI = 90
_STRIP_PT = 20.0
_CLOCK_PX = 17
_RING_PX = 21


@dataclass(frozen=True, slots=True, eq=False)
class FramePage:
    """A page at the resolution of an animation.

    Attributes:
        pixels: (H, W, 3) RGB, H and W even.
        radiograph: (h, w) grey values.
        radiograph_corner, clock_place: left and top of the radiograph, and left and middle of the clock, in pixels.
    """

    pixels: NDArray[np.uint8]
    radiograph: NDArray[np.uint8]
    radiograph_corner: tuple[int, int]
    clock_place: tuple[int, int]

    @classmethod
    def of(cls, case_gaze: CaseGaze, scale: Scale, caption: str) -> FramePage:
        """Draw the page of a case."""
        sheet = new_sheet(case_gaze, caption, strip_pt=_STRIP_PT)
        assert sheet.strip is not None
        draw_bar(sheet, overlay_colours(), scale.highest, scale.label)
        sheet.figure.set_dpi(_DPI)
        sheet.figure.canvas.draw()
        drawn = np.asarray(sheet.figure.canvas.buffer_rgba())[..., :3]  # type: ignore[attr-defined]  # new_sheet's canvas is Agg's
        left, top, right, bottom = _edges(sheet.radiograph, len(drawn))
        strip_left, strip_top, _, strip_bottom = _edges(sheet.strip, len(drawn))
        radiograph = resize(
            np.ascontiguousarray(case_gaze.radiograph),
            (max(1, bottom - top), max(1, right - left)),
            filter="bilinear",
            out_dtype=np.uint8,
            scale=255 / 65535,
        )
        # Video codecs need even sides.
        even = [(0, drawn.shape[0] % 2), (0, drawn.shape[1] % 2), (0, 0)]
        pixels = np.pad(drawn, even, constant_values=255)
        return cls(pixels, radiograph, (left, top), (strip_left, (strip_top + strip_bottom) // 2))

    def frame(self, heatmap: NDArray[np.float32], clock: str, looked_at: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Draw one frame.

        Args:
            heatmap: (h', w') on the radiograph, at any resolution, with 1 as the largest value of the colour bar.
            clock: the text of the clock.
            looked_at: (K, 2) positions to mark by rings, as fractions of the radiograph's width and height.

        Returns:
            (H, W, 3) RGB.
        """
        height, width = self.radiograph.shape
        levels = resize(
            np.ascontiguousarray(heatmap), (height, width), filter="bilinear", out_dtype=np.uint8, scale=255.0
        )
        radiograph = Image.fromarray(blend(self.radiograph, levels))
        ring = _ring()
        for x, y in looked_at * (width, height):
            radiograph.paste(ring, (int(x) - _RING_PX // 2, int(y) - _RING_PX // 2), ring)
        page = Image.fromarray(self.pixels)
        page.paste(radiograph, self.radiograph_corner)
        font = ImageFont.truetype(str(FONT_FILE), _CLOCK_PX)
        ImageDraw.Draw(page).text(self.clock_place, clock, fill=INK, font=font, anchor="lm")
        return np.asarray(page)


def _edges(axes: Axes, height_px: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of drawn axes, in pixels from the top left corner."""
    left, bottom, right, top = axes.get_window_extent().extents
    return round(left), round(height_px - top), round(right), round(height_px - bottom)


def _ring() -> Image.Image:
    """An antialiased white ring with a dark outline."""
    fine = Image.new("RGBA", (_RING_PX * 4, _RING_PX * 4))
    draw = ImageDraw.Draw(fine)
    draw.ellipse((2, 2, _RING_PX * 4 - 3, _RING_PX * 4 - 3), outline=(0, 0, 0, 160), width=16)
    draw.ellipse((6, 6, _RING_PX * 4 - 7, _RING_PX * 4 - 7), outline=(255, 255, 255, 255), width=8)
    return fine.resize((_RING_PX, _RING_PX), Image.Resampling.BOX)
