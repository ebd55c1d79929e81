"""Animations of gaze on a radiograph over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egaze.errors import EgazeError, StudyError
from egaze.gaze import rasterize_frames
from egaze.gaze.fixations import PLAYED_S
from egaze.pictures.case_gaze import CaseGaze
from egaze.pictures.frame_page import FramePage
from egaze.pictures.movie import ffmpeg_program
from egaze.pictures.overlay import scale_for

#: The file formats and the largest number of frames of each; a GIF is held in memory until it is written.
MOST_FRAMES = {"mp4": 36_000, "gif": 1500}

FILE_FORMATS = ("auto", *MOST_FRAMES)

# Heatmaps are rasterized together up to this many bytes.
_CHUNK_BYTES = 1 << 25


@dataclass(frozen=True, slots=True)
class Playback:
    """The settings of an animation.

    Attributes:
        fps: frames per second, 1 to 50.
        speed: seconds of reading per second of animation, 0.01 to 1000. With relative durations and no onsets, the
            factor by which the pace of one fixation per `PLAYED_S` is increased.
        window_s: show only the gaze of this many last seconds; None for all gaze so far.
        file_format: "mp4", "gif", or "auto" for MP4 if ffmpeg is found and GIF otherwise.

    Raises:
        StudyError: a value out of range.

    Example:
        >>> from egaze.pictures import Playback
        >>> playback = Playback(fps=5, speed=2, file_format="gif")
        >>> playback.settled().file_format
        'gif'
    """

    fps: int = 10
    speed: float = 1.0
    window_s: float | None = None
    file_format: str = "auto"

    def __post_init__(self) -> None:
        if not 1 <= self.fps <= 50:
            raise StudyError(f"frames per second must be 1 to 50, got {self.fps}")
        if not 0.01 <= self.speed <= 1000:
            raise StudyError(f"speed must be 0.01 to 1000, got {self.speed}")
        if self.window_s is not None and not 0.01 <= self.window_s <= 1e6:
            raise StudyError(f"window must be 0.01 to 1000000 s, got {self.window_s}")
        if self.file_format not in FILE_FORMATS:
            raise StudyError(
                f"the format of an animation must be one of {', '.join(FILE_FORMATS)}, got {self.file_format!r}"
            )

    def settled(self) -> Playback:
        """The same settings with "auto" replaced by a file format that can be written on this machine.

        Raises:
            EgazeError: MP4 without ffmpeg.
        """
        found = ffmpeg_program()
        if self.file_format == "mp4" and found is None:
            raise EgazeError("MP4 needs ffmpeg, which is not found: install it or imageio-ffmpeg, or choose GIF")
        return replace(self, file_format="gif" if self.file_format == "gif" or found is None else "mp4")


def frame_times(case_gaze: CaseGaze, playback: Playback) -> NDArray[np.float64]:
    """The times of the frames, from the first onset to the end of the last fixation, inclusive.

    Fixations without onsets follow each other; see `Fixations.played`.

    Returns:
        (T,) seconds on the clock of the onsets.

    Raises:
        StudyError: more frames than the file format may have, or a window in seconds for gaze without times.
    """
    if case_gaze.is_paced and playback.window_s is not None:
        raise StudyError(
            f"case {case_gaze.case_id!r}: its durations are relative and it has no onsets, so a window of "
            f"{playback.window_s:g} s has no meaning; leave the window out"
        )
    fixations = case_gaze.fixations.played()
    begin_s, end_s = float(fixations.begins_s().min()), float(fixations.ends_s().max())
    step_s = playback.speed / playback.fps
    frames = (end_s - begin_s) / step_s + 1
    most = MOST_FRAMES[playback.settled().file_format]
    if frames > most:
        raise StudyError(
            f"case {case_gaze.case_id!r}: {end_s - begin_s:.1f} s of gaze make {frames:.0f} frames at "
            f"{playback.fps} per second and speed {playback.speed:g}; at most {most} are possible"
        )
    times = np.arange(begin_s, end_s, step_s)
    return np.append(times[times < end_s - 1e-6], end_s)


def heatmap_frames(
    case_gaze: CaseGaze, times_s: ArrayLike, window_s: float | None = None
) -> Iterator[NDArray[np.float32]]:
    """Yield the heatmap on the radiograph at each time, unnormalised as `case_gaze.heatmap()`.

    Only a few heatmaps are in memory at a time.

    Raises:
        StudyError: a sigma out of the kernel's range.
    """
    times = np.atleast_1d(np.asarray(times_s, np.float64))
    shape = case_gaze.geometry.canvas_shape
    count = max(1, _CHUNK_BYTES // (4 * shape[0] * shape[1]))
    for first in range(0, len(times), count):
        part = times[first : first + count]
        try:
            frames = rasterize_frames(case_gaze.fixations.played(), shape, part, window_s=window_s, **case_gaze.kernel)
        except ValueError as error:
            raise StudyError(f"case {case_gaze.case_id!r}: {error}") from error
        yield from (case_gaze.geometry.cut_out(frame) for frame in frames)


class Animation:
    """The animation of a case; its frames can be drawn any number of times.

    Args:
        case_gaze: the case.
        playback: the settings.

    Raises:
        StudyError: as `frame_times` and `heatmap_frames`.
    """

    def __init__(self, case_gaze: CaseGaze, playback: Playback) -> None:
        self._case_gaze = case_gaze
        self._playback = playback
        self.times_s = frame_times(case_gaze, playback)
        peaks = [float(frame.max()) for frame in heatmap_frames(case_gaze, self.times_s, playback.window_s)]
        self._scale = scale_for(case_gaze, max(peaks))
        self._fullest = int(np.argmax(peaks))
        self._page = FramePage.of(case_gaze, self._scale, _caption(case_gaze, playback))

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of a frame in pixels."""
        return self._page.pixels.shape[:2]

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """(H, W, 3) RGB for each time."""
        return self._draw(self.times_s)

    def samples(self) -> list[NDArray[np.uint8]]:
        """A few frames that together contain the colours of the animation."""
        spread = np.linspace(0, len(self.times_s) - 1, 4).round().astype(int)
        return list(self._draw(self.times_s[np.unique(np.append(spread, self._fullest))]))

    def _draw(self, times_s: NDArray[np.float64]) -> Iterator[NDArray[np.uint8]]:
        heatmaps = heatmap_frames(self._case_gaze, times_s, self._playback.window_s)
        for time_s, heatmap in zip(times_s.tolist(), heatmaps, strict=True):
            levels = heatmap * np.float32(self._scale.factor / self._scale.highest)
            yield self._page.frame(levels, _clock(self._case_gaze, time_s), _looked_at(self._case_gaze, time_s))


def _caption(case_gaze: CaseGaze, playback: Playback) -> str:
    gaze = "gaze so far" if playback.window_s is None else f"gaze of the last {playback.window_s:g} s"
    if case_gaze.is_paced:
        return f"{gaze}, in order, {playback.speed / PLAYED_S:.3g} fixations per second: durations are relative"
    if case_gaze.fixations.onset_s is None:
        gaze += ", in order without pauses"
    return gaze if playback.speed == 1 else f"{gaze}, at {playback.speed:g} times its speed"


def _clock(case_gaze: CaseGaze, time_s: float) -> str:
    """The time, or, for gaze without times, the number of the fixation."""
    if not case_gaze.is_paced:
        return f"{time_s:.1f} s"
    onset_s = case_gaze.fixations.played().begins_s()
    begun = int((onset_s <= time_s).sum())
    return f"fixation {begun} of {len(case_gaze.fixations)}"


def _looked_at(case_gaze: CaseGaze, time_s: float) -> NDArray[np.float64]:
    """(K, 2) the positions fixated at a time, as fractions of the radiograph; empty during a saccade."""
    fixations = case_gaze.fixations.played()
    onset_s = fixations.begins_s()
    now = (onset_s <= time_s) & (time_s < fixations.ends_s()) & case_gaze.on_radiograph
    xy_unit = case_gaze.geometry.to_radiograph_unit(fixations.x_px[now], fixations.y_px[now])
    return np.stack(xy_unit, axis=1).astype(np.float64)
