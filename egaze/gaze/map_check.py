"""Whether gaze lies on the picture where a map puts it, or would under another plausible map.

A wrong map of the screen does not fail: it puts gaze elsewhere. Readers look at the picture, so the share of gaze on it
tells, unless the picture fills the screen, where turning it over changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egaze.gaze.screen import Screen
from egaze.gaze.shown_picture import ShownPicture, picture_at

Positions = NDArray[np.float64]
_Turned = Callable[[Positions, Positions, float, float], tuple[Positions, Positions]]

#: Another map is named if it puts this much more of the gaze on the picture.
_CLEARLY = 0.10
#: Less than this share of gaze on the picture is told in any case.
_LOW = 0.5
#: Fewer positions than this tell nothing.
_ENOUGH = 20

_OTHERS: dict[str, _Turned] = {
    "y counted upwards": lambda x, y, width, height: (x, height - 1 - y),
    "the origin at the screen's centre": lambda x, y, width, height: (x + width / 2, y + height / 2),
    "the origin at the screen's centre and y upwards": lambda x, y, width, height: (x + width / 2, height / 2 - y),
    "positions as fractions of the screen": lambda x, y, width, height: (x * width, y * height),
    "positions as percent of the screen": lambda x, y, width, height: (x * width / 100, y * height / 100),
    "x and y exchanged": lambda x, y, width, height: (y, x),
}


@dataclass(frozen=True, slots=True)
class MapCheck:
    """What gaze says of a map.

    Attributes:
        positions: how many were looked at: those while a picture with a known place was shown.
        on_picture_frac: the share of them on the picture, or NaN without any.
        others: the share under each other map that was tried.
    """

    positions: int
    on_picture_frac: float
    others: dict[str, float]

    def warnings(self) -> list[str]:
        """What to tell the user: nothing if gaze lies on the picture, and under no other map clearly more of it."""
        if self.positions < _ENOUGH:
            return []
        best = max(self.others, key=self.others.__getitem__, default=None)
        share = f"{100 * self.on_picture_frac:.1f} % of gaze lies on the picture"
        if best is not None and self.others[best] >= self.on_picture_frac + _CLEARLY:
            return [f"the map looks wrong: {share}, and {100 * self.others[best]:.1f} % would with {best}"]
        return [f"only {share}, and no other map puts clearly more of it there"] if self.on_picture_frac < _LOW else []


def check_map(
    pictures: Sequence[ShownPicture], screen: Screen, time_s: Positions, x_px: Positions, y_px: Positions
) -> MapCheck:
    """Compare the share of gaze on the pictures with that under other plausible maps.

    Args:
        pictures: apart and in time order; those without a place are left out.
        screen: whose resolution other maps need; without it only exchanged axes are tried.
        time_s, x_px, y_px: (N,) samples or fixations, in pixels of the screen; NaN are left out.

    Example:
        >>> import numpy as np
        >>> from egaze.gaze import Screen, ShownPicture, check_map
        >>> picture = ShownPicture("case-1", left_px=600, top_px=0, width_px=600, height_px=600)
        >>> up = np.linspace(600, 1050, 50)  # y counted upwards on a screen of 1080 pixels
        >>> check_map([picture], Screen(1920, 1080), np.arange(50.0), np.full(50, 900.0), up).warnings()[0][:42]
        'the map looks wrong: 0.0 % of gaze lies on'
    """
    index = picture_at(pictures, time_s)
    has_place = np.array([*(picture.has_place for picture in pictures), False])
    looked = has_place[index] & (index >= 0) & np.isfinite(x_px) & np.isfinite(y_px)
    index, x_px, y_px = index[looked], x_px[looked], y_px[looked]
    if not len(index):
        return MapCheck(0, float("nan"), {})
    shares = {}
    for name, turned in _OTHERS.items():
        if name == "x and y exchanged":
            shares[name] = _share(pictures, index, y_px, x_px)
        elif screen.width_px is not None and screen.height_px is not None:
            shares[name] = _share(pictures, index, *turned(x_px, y_px, screen.width_px, screen.height_px))
    return MapCheck(len(index), _share(pictures, index, x_px, y_px), shares)


def _share(pictures: Sequence[ShownPicture], index: NDArray[np.int64], x_px: Positions, y_px: Positions) -> float:
    on_picture = 0
    for place in np.unique(index):
        chosen = index == place
        on_picture += int(pictures[place].shows(x_px[chosen], y_px[chosen]).sum())
    return on_picture / len(index)
