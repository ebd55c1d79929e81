"""The position of a radiograph on the reading screen, and the data set's published map between the two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WIDTH_PX = 1920
HEIGHT_PX = 1080
OUTSIDE = -2
# A 24-inch screen of this resolution, viewed from 65 cm.
PIXELS_PER_DEGREE = 41.0
_FRAME_PX = 1024


@dataclass(frozen=True, slots=True)
class ScreenFit:
    """The padding around a radiograph in screen pixels, and its size with odd sides increased by one."""

    left: int
    right: int
    top: int
    bottom: int
    width_px: int
    height_px: int

    @staticmethod
    def of(rows_px: int, columns_px: int) -> ScreenFit:
        """The fit of a radiograph of `rows_px` by `columns_px`.

        The data set does not document its rule. This one reproduces its paddings: the radiograph is scaled to a long
        side of 1,024 px and centred in a frame 1,920 px wide and 1,024 px high, while the map to the screen spans 1,080
        rows. The two axes therefore have different scales.
        """
        long_side = max(rows_px, columns_px)
        width = columns_px * _FRAME_PX // long_side
        height = rows_px * _FRAME_PX // long_side
        left, top = (WIDTH_PX - width) // 2, (_FRAME_PX - height) // 2
        return ScreenFit(
            left=left,
            right=WIDTH_PX - width - left,
            top=top,
            bottom=_FRAME_PX - height - top,
            width_px=columns_px + columns_px % 2,
            height_px=rows_px + rows_px % 2,
        )

    @property
    def _shown(self) -> tuple[int, int]:
        return WIDTH_PX - self.left - self.right, HEIGHT_PX - self.top - self.bottom

    def to_screen(self, x_px: np.ndarray, y_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Radiograph pixels to screen pixels."""
        wide, high = self._shown
        return self.left + x_px * (wide / self.width_px), self.top + y_px * (high / self.height_px)

    def to_radiograph(self, screen_x_px: np.ndarray, screen_y_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Screen pixels to radiograph pixels, outside the radiograph too."""
        wide, high = self._shown
        return (screen_x_px - self.left) * (self.width_px / wide), (screen_y_px - self.top) * (self.height_px / high)

    def original(self, fraction_x: np.ndarray, fraction_y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Screen fractions to X_ORIGINAL, Y_ORIGINAL by the published map: integers, -2 outside the radiograph."""
        screen_x, screen_y = fraction_x * WIDTH_PX, fraction_y * HEIGHT_PX
        inside = (self.left < screen_x) & (screen_x < WIDTH_PX - self.right)
        inside &= (self.top < screen_y) & (screen_y < HEIGHT_PX - self.bottom)
        wide, high = self._shown
        x = (self.width_px / wide * (screen_x - self.left)).astype(np.int64)
        y = (self.height_px / high * (screen_y - self.top)).astype(np.int64)
        return np.where(inside, x, OUTSIDE), np.where(inside, y, OUTSIDE)
