"""Where a picture lay on the screen, and positions on the screen as positions on the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_INFINITE = float("inf")


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture on the screen during one interval, with its place, zoom and pan.

    The rectangle is where the whole picture lies at zoom 1, in pixels of the screen from its top left corner to the
    right and down. Zoom enlarges the picture about the rectangle's centre, then pan moves it; what leaves the rectangle
    is not shown.

    Attributes:
        case_id: the picture's name.
        begin_s, end_s: the interval, on the tracker's clock; the end does not belong to it.
        left_px, top_px, width_px, height_px: the rectangle, or None if it is unknown.
        zoom: how many times larger than in the rectangle the picture is shown.
        pan_x_px, pan_y_px: pixels of the screen by which the picture is moved to the right and down.
        radiograph_width_px, radiograph_height_px: how many pixels the picture itself has, or None if unknown; positions
            are then in pixels of the picture as it fills the rectangle.

    Raises:
        ValueError: an interval that does not last, a rectangle that is known in part, or a size or zoom not above 0.

    Example:
        >>> import numpy as np
        >>> from egaze.gaze import ShownPicture
        >>> shown = ShownPicture("case-1", 0.0, 9.5, 405, 108, 1110, 865, zoom=2.0)
        >>> x_px, y_px = shown.on_picture(np.array([959.5, 405.5]), np.array([540.0, 108.5]))
        >>> x_px.tolist(), y_px.tolist()
        ([554.5, 277.5], [432.0, 216.25])
    """

    case_id: str
    begin_s: float = -_INFINITE
    end_s: float = _INFINITE
    left_px: float | None = None
    top_px: float | None = None
    width_px: float | None = None
    height_px: float | None = None
    zoom: float = 1.0
    pan_x_px: float = 0.0
    pan_y_px: float = 0.0
    radiograph_width_px: float | None = None
    radiograph_height_px: float | None = None

    def __post_init__(self) -> None:
        if not self.begin_s < self.end_s:
            raise ValueError(f"picture {self.case_id!r} must end after it begins, got {self.begin_s} to {self.end_s} s")
        known = [value is not None for value in (self.left_px, self.top_px, self.width_px, self.height_px)]
        if any(known) and not all(known):
            raise ValueError(f"the rectangle of picture {self.case_id!r} is known in part: it needs all four numbers")
        sizes = ("width_px", "height_px", "zoom", "radiograph_width_px", "radiograph_height_px")
        for name in sizes:
            value = getattr(self, name)
            if value is not None and not 0 < value < _INFINITE:
                raise ValueError(f"{name} of picture {self.case_id!r} must be above 0, got {value}")
        for name in ("left_px", "top_px", "pan_x_px", "pan_y_px"):
            value = getattr(self, name)
            if value is not None and not np.isfinite(value):
                raise ValueError(f"{name} of picture {self.case_id!r} must be finite, got {value}")

    @property
    def has_place(self) -> bool:
        """Whether the rectangle is known."""
        return self.width_px is not None

    @property
    def size_px(self) -> tuple[float, float]:
        """(width, height) of the picture in the pixels that `on_picture` returns."""
        _, _, width_px, height_px = self._rectangle()
        return self.radiograph_width_px or width_px, self.radiograph_height_px or height_px

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels of the picture per pixel of the screen, across and down."""
        _, _, width_px, height_px = self._rectangle()
        size_px = self.size_px
        return size_px[0] / (width_px * self.zoom), size_px[1] / (height_px * self.zoom)

    def on_picture(
        self, x_px: NDArray[np.float64], y_px: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Positions on the screen as positions on the picture; both count pixel centres from the top left one.

        Raises:
            ValueError: the rectangle is unknown.
        """
        (edge_x, edge_y), (scale_x, scale_y) = self._edge(), self.scale
        return (x_px + 0.5 - edge_x) * scale_x - 0.5, (y_px + 0.5 - edge_y) * scale_y - 0.5

    def on_screen(
        self, x_px: NDArray[np.float64], y_px: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Positions on the picture as positions on the screen, the inverse of `on_picture`.

        Raises:
            ValueError: the rectangle is unknown.
        """
        (edge_x, edge_y), (scale_x, scale_y) = self._edge(), self.scale
        return (x_px + 0.5) / scale_x + edge_x - 0.5, (y_px + 0.5) / scale_y + edge_y - 0.5

    @property
    def is_cut(self) -> bool:
        """Whether a part of the picture is not shown."""
        x_min, y_min, x_max, y_max = self.part_px
        return (x_min, y_min, x_max, y_max) != (-0.5, -0.5, self.size_px[0] - 0.5, self.size_px[1] - 0.5)

    @property
    def part_px(self) -> tuple[float, float, float, float]:
        """The part of the picture that is shown: x_min, y_min, x_max, y_max in its pixels, as `Fixations.shown_px`."""
        left_px, top_px, width_px, height_px = self._rectangle()
        x = np.array([left_px, left_px + width_px]) - 0.5
        y = np.array([top_px, top_px + height_px]) - 0.5
        across, down = self.on_picture(x, y)
        size_px = self.size_px
        x_min, x_max = np.clip(across, -0.5, size_px[0] - 0.5).tolist()
        y_min, y_max = np.clip(down, -0.5, size_px[1] - 0.5).tolist()
        return x_min, y_min, x_max, y_max

    def shows(self, x_px: NDArray[np.float64], y_px: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether positions on the screen lie on the picture, and on the part of it that is shown; NaN does not."""
        left_px, top_px, width_px, height_px = self._rectangle()
        across, down = self.on_picture(x_px, y_px)
        size_px = self.size_px
        with np.errstate(invalid="ignore"):
            on_part = (x_px + 0.5 >= left_px) & (x_px + 0.5 < left_px + width_px)
            on_part &= (y_px + 0.5 >= top_px) & (y_px + 0.5 < top_px + height_px)
            on_picture = (across >= -0.5) & (across < size_px[0] - 0.5) & (down >= -0.5) & (down < size_px[1] - 0.5)
        shown: NDArray[np.bool_] = on_part & on_picture
        return shown

    def _edge(self) -> tuple[float, float]:
        """The left and the top edge of the whole picture on the screen."""
        left_px, top_px, width_px, height_px = self._rectangle()
        edge_x = left_px + width_px / 2 * (1 - self.zoom) + self.pan_x_px
        return edge_x, top_px + height_px / 2 * (1 - self.zoom) + self.pan_y_px

    def _rectangle(self) -> tuple[float, float, float, float]:
        if self.left_px is None or self.top_px is None or self.width_px is None or self.height_px is None:
            raise ValueError(f"where picture {self.case_id!r} lay on the screen is unknown")
        return self.left_px, self.top_px, self.width_px, self.height_px


def require_apart(pictures: Sequence[ShownPicture]) -> list[ShownPicture]:
    """The pictures in time order.

    Raises:
        ValueError: two pictures are shown at once; the message names both and when.
    """
    ordered = sorted(pictures, key=lambda picture: picture.begin_s)
    for one, next_one in pairwise(ordered):
        if next_one.begin_s < one.end_s:
            raise ValueError(
                f"two pictures at once: {one.case_id!r} is shown from {one.begin_s:g} to {one.end_s:g} s, and "
                f"{next_one.case_id!r} from {next_one.begin_s:g} s"
            )
    return ordered


def picture_at(pictures: Sequence[ShownPicture], time_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """(N,) the index of the picture that is shown at each time, or -1; the pictures are apart and in time order."""
    begin_s = np.array([picture.begin_s for picture in pictures])
    end_s = np.array([picture.end_s for picture in pictures])
    index = np.searchsorted(begin_s, time_s, side="right") - 1
    is_shown = (index >= 0) & (time_s < np.append(end_s, -_INFINITE)[index])
    return np.where(is_shown, index, -1)
