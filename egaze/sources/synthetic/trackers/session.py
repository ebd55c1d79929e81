"""One reader's session: the samples of both eyes while radiographs come and go on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from egaze.gaze import Screen, ShownPicture
from egaze.sources.synthetic.scanpath import Scanpath
from egaze.sources.synthetic.screen_fit import HEIGHT_PX, WIDTH_PX, ScreenFit

#: The screen of all sessions.
SCREEN = Screen(WIDTH_PX, HEIGHT_PX, 527.0, 296.0, distance_mm=650.0)
#: A radiograph is shown as large as this square of the screen allows.
_SQUARE_PX = 1000
#: From the appearance of a radiograph to the first fixation, after the last one, and between radiographs.
_BEFORE_S, _AFTER_S, _BETWEEN_S = 0.2, 0.1, 1.5
#: Gaze that has been away for longer than this was lost, as in a blink.
_BLINK_S = 0.09
#: The shares of single samples that one eye and that both eyes lose.
_ONE_LOST, _BOTH_LOST = 0.01, 0.004
#: The eyes see the picture this far apart, and the tracker is off by this much in a session, in degrees.
_EYES_APART_DEG, _OFFSET_DEG = 0.3, 0.2


@dataclass(frozen=True, slots=True)
class Reading:
    """One radiograph of a session: where and when it was shown, and the fixations on it.

    Times are on the tracker's clock, positions in pixels of the screen without the tracker's error.
    """

    shown: ShownPicture
    onset_s: NDArray[np.float64] = field(repr=False)
    duration_s: NDArray[np.float64] = field(repr=False)
    x_px: NDArray[np.float64] = field(repr=False)
    y_px: NDArray[np.float64] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Session:
    """A session of one reader.

    Attributes:
        reader: the reader's name.
        rate_hz: of the samples.
        time_s: (N,) float64, the tracker's clock.
        left_px, right_px: (N, 2) float64, NaN where the eye is lost.
        offset_px: (2,) by how much the tracker is off.
        readings: in the order of time.
    """

    reader: str
    rate_hz: float
    time_s: NDArray[np.float64] = field(repr=False)
    left_px: NDArray[np.float64] = field(repr=False)
    right_px: NDArray[np.float64] = field(repr=False)
    offset_px: NDArray[np.float64]
    readings: tuple[Reading, ...]

    @property
    def mean_px(self) -> NDArray[np.float64]:
        """(N, 2) the mean of both eyes, one of them where the other is lost, NaN where both are."""
        seen = [np.isfinite(eye) for eye in (self.left_px, self.right_px)]
        total = sum(np.where(own, eye, 0.0) for own, eye in zip(seen, (self.left_px, self.right_px), strict=True))
        count = seen[0].astype(int) + seen[1]
        mean: NDArray[np.float64] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        return mean

    def shown_at(self) -> NDArray[np.int64]:
        """(N,) the reading during which each sample is, or -1."""
        begins = np.array([reading.shown.begin_s for reading in self.readings])
        ends = np.array([reading.shown.end_s for reading in self.readings])
        of = np.searchsorted(begins, self.time_s, side="right") - 1
        return np.where((of >= 0) & (self.time_s < ends[of]), of, -1)


def record_session(
    reader: str,
    cases: Sequence[tuple[str, tuple[int, int], Scanpath]],
    *,
    rate_hz: float,
    noise_deg: float,
    start_s: float,
    rng: np.random.Generator,
) -> Session:
    """Record the session of one reader.

    Args:
        reader: its name.
        cases: the case's id, (height, width) of its radiograph in pixels, and its fixations.
        rate_hz, noise_deg: of the tracker: samples per second, and their standard deviation along each axis.
        start_s: of the tracker's clock.
        rng: of noise and losses.
    """
    readings = []
    now_s = start_s + _BETWEEN_S
    for case_id, shape, path in cases:
        readings.append(_reading(case_id, shape, path, now_s))
        now_s = readings[-1].shown.end_s + _BETWEEN_S
    scale = np.array([SCREEN.pixels_per_degree, SCREEN.pixels_per_degree_down])
    offset_px = rng.normal(0, _OFFSET_DEG / np.sqrt(2), 2) * scale
    count = int((now_s - start_s) * rate_hz)
    time_s = start_s + np.arange(count) / rate_hz
    gaze_px, lost = _gaze(time_s, readings)
    apart_px = np.array([_EYES_APART_DEG / 2, 0.0]) * scale
    eyes = [
        gaze_px + offset_px + side * apart_px + rng.normal(0, noise_deg, (count, 2)) * scale * np.sqrt(2)
        for side in (-1, 1)
    ]
    lost |= rng.random(count) < _BOTH_LOST
    for eye in eyes:
        eye[lost | (rng.random(count) < _ONE_LOST)] = np.nan
    return Session(reader, rate_hz, time_s, eyes[0], eyes[1], offset_px, tuple(readings))


def _reading(case_id: str, shape: tuple[int, int], path: Scanpath, begin_s: float) -> Reading:
    height_px, width_px = shape
    scale = _SQUARE_PX / max(shape)
    wide, high = round(width_px * scale), round(height_px * scale)
    end_s = begin_s + _BEFORE_S + float((path.onset_s + path.duration_s)[-1]) + _AFTER_S
    shown = ShownPicture(
        case_id,
        begin_s,
        end_s,
        (WIDTH_PX - wide) // 2,
        (HEIGHT_PX - high) // 2,
        wide,
        high,
        radiograph_width_px=width_px,
        radiograph_height_px=height_px,
    )
    fit = ScreenFit.of(height_px, width_px)
    x_px, y_px = fit.to_radiograph(path.screen_x * WIDTH_PX, path.screen_y * HEIGHT_PX)
    x_px = (WIDTH_PX - wide) // 2 + (x_px + 0.5) * wide / width_px - 0.5
    y_px = (HEIGHT_PX - high) // 2 + (y_px + 0.5) * high / height_px - 0.5
    seen = path.valid
    onset_s = begin_s + _BEFORE_S + path.onset_s
    return Reading(shown, onset_s[seen], path.duration_s[seen], x_px[seen], y_px[seen])


def _gaze(time_s: NDArray[np.float64], readings: Sequence[Reading]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(N, 2) where the gaze is, and (N,) when it is lost: fixations, and saccades of least jerk from one to the next.

    Before and after each radiograph the gaze rests in the middle of the screen.
    """
    onset = [np.append(reading.shown.begin_s - _BETWEEN_S, reading.onset_s) for reading in readings]
    lasts = [np.append(_BETWEEN_S, reading.duration_s) for reading in readings]
    middle = np.array([[WIDTH_PX / 2, HEIGHT_PX / 2]])
    places = [np.concatenate([middle, np.c_[reading.x_px, reading.y_px]]) for reading in readings]
    onset_s, duration_s, position = np.concatenate(onset), np.concatenate(lasts), np.concatenate(places)
    of = np.clip(np.searchsorted(onset_s, time_s, side="right") - 1, 0, None)
    following = np.minimum(of + 1, len(onset_s) - 1)
    end_s = onset_s + duration_s
    gap_s = np.maximum(onset_s[following] - end_s[of], 1e-9)
    # A saccade of A degrees lasts 21 ms + 2.2 ms A (Carpenter 1988), and as long as the gap at most.
    degrees = np.hypot(*(position[following] - position[of]).T) / float(SCREEN.pixels_per_degree or 1)
    saccade_s = np.minimum(gap_s, 0.021 + 0.0022 * degrees)
    share = np.clip((time_s - end_s[of] - (gap_s - saccade_s)) / saccade_s, 0, 1)
    moved = (10 * share**3 - 15 * share**4 + 6 * share**5)[:, None]
    gaze_px = position[of] + moved * (position[following] - position[of])
    reading = np.repeat(np.arange(len(readings)), [len(item) for item in onset])
    within = (reading[following] == reading[of]) & (np.diff(reading, prepend=-1) == 0)[of]
    lost = within & (time_s > end_s[of]) & (gap_s > _BLINK_S) & (following > of)
    return gaze_px, lost
