"""Whether a file's axes are swapped against their names, as they are in the published one.

Nothing in a file says so, but gaze does: readers who look for a pneumothorax dwell on it. In the published file the
share of dwell in a radiograph's own mask is some four times as large when `gaze_y` is taken to run across as when
`gaze_x` is, and three times that in another radiograph's mask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egaze.errors import SourceError
from egaze.sources.regions import Mask
from egaze.sources.siim_gaze.gaze import GazeRecord

#: Standard errors that the difference has to be away from 0 to count.
_CLEAR = 2.0
#: So many readings of radiographs with a mask must tell.
_ENOUGH = 50


@dataclass(frozen=True, slots=True)
class Axes:
    """What gaze says of the axes.

    Attributes:
        readings: of radiographs with a mask.
        dwell_frac: share of dwell in the radiograph's own mask, the mean over readings, with the axes swapped, as they
            are read.
        dwell_as_named_frac: the same with the axes as the fields' names have them.
        dwell_in_others_frac: the same as read, in the mask of the next radiograph that has one.
        clear: whether they tell that the axes are swapped; where they do not, the readings are too few to tell.
    """

    readings: int
    dwell_frac: float
    dwell_as_named_frac: float
    dwell_in_others_frac: float
    clear: bool

    def __str__(self) -> str:
        if not self.readings:
            return "axes not checked: no radiograph with gaze has a mask; they are read swapped, as they were published"
        found = (
            f"dwell in the own mask is {self.dwell_frac:.3f} as read, {self.dwell_as_named_frac:.3f} as the fields are "
            f"named, and {self.dwell_in_others_frac:.3f} in another radiograph's ({self.readings} readings)"
        )
        if self.clear:
            return f"axes are swapped against their names, as in the published file: {found}"
        said = "too few readings to tell" if self.readings < _ENOUGH else "gaze does not tell of findings"
        return f"axes not checked: {said}, so they are read swapped, as they were published: {found}"


def check_axes(
    where: str, records: Sequence[GazeRecord], masks: Mapping[str, Sequence[Mask]], *, must_tell: bool = True
) -> Axes:
    """Compare dwell in masks both ways round.

    Args:
        where: the file, for the message.
        records: as they are read, so with `gaze_y` across.
        masks: of each radiograph, none where it has no pneumothorax.
        must_tell: whether many readings that cannot tell are an error. They are not in a twin, whose gaze may be made
            to tell little of findings.

    Raises:
        SourceError: the gaze says that the axes are not swapped, or, of many readings, cannot tell.
    """
    looked = [(record, masks[record.image_id]) for record in records if len(record) and masks.get(record.image_id)]
    if not looked:
        return Axes(0, 0.0, 0.0, 0.0, False)
    pixels = [np.logical_or.reduce([mask.pixels() for mask in own]) for _, own in looked]
    own, named, others = (
        np.array(shares)
        for shares in zip(
            *(
                (
                    dwell_frac(inside, record.x_frac, record.y_frac, record.weight),
                    dwell_frac(inside, record.y_frac, record.x_frac, record.weight),
                    dwell_frac(pixels[(place + 1) % len(pixels)], record.x_frac, record.y_frac, record.weight),
                )
                for place, ((record, _), inside) in enumerate(zip(looked, pixels, strict=True))
            ),
            strict=True,
        )
    )
    gain = own - named
    error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
    clear = bool(gain.mean() >= _CLEAR * error and gain.mean() > 0)
    axes = Axes(len(looked), float(own.mean()), float(named.mean()), float(others.mean()), clear)
    if gain.mean() <= -_CLEAR * error and gain.mean() < 0:
        said = "the axes are not swapped against their names, as they are in the published file"
    elif must_tell and not clear and len(looked) >= _ENOUGH:
        said = "gaze does not dwell in masks either way round"
    else:
        return axes
    raise SourceError(
        f"{where}: {said}: the share of dwell in the radiograph's own mask is {axes.dwell_frac:.3f} with gaze_y across "
        f"and {axes.dwell_as_named_frac:.3f} with gaze_x across ({axes.readings} readings); egaze reads gaze_y as "
        "across: take the published file, or exchange the two fields' names"
    )


def dwell_frac(
    inside: NDArray[np.bool_], x_frac: NDArray[np.float64], y_frac: NDArray[np.float64], weight: NDArray[np.float64]
) -> float:
    """The share of the weight whose points lie in a mask that covers the radiograph; points off it are in no mask."""
    height, width = inside.shape
    x, y = np.floor(x_frac * width).astype(np.int64), np.floor(y_frac * height).astype(np.int64)
    on_radiograph = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    found = inside[y[on_radiograph], x[on_radiograph]]
    return float(weight[on_radiograph][found].sum() / weight.sum())
