"""What an eye tracker's export holds, and the interface of the formats that read it.

Positions are to the right and down: in pixels of the screen, whose top left pixel has its centre at 0, 0; or, as long
as nothing says how many pixels the screen has, in fractions of it from its top left corner, or in degrees from its
centre. Times are in seconds on the clock of the tracker. Mapping a recording to a radiograph is a separate step:
`egaze.gaze.shown_picture`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egaze.gaze.screen import PositionUnit, Screen
from egaze.gaze.shown_picture import ShownPicture
from egaze.gaze.validation import TrackerValidation

Eye = Literal["left", "right", "both", "unknown"]
#: Where the positions lie: on a screen, on a surface that the user has marked, or in the video of a camera on the head.
Plane = Literal["screen", "surface", "scene camera"]


@dataclass(frozen=True, slots=True, eq=False)
class GazeSamples:
    """The gaze samples of one eye, or of both eyes combined, in time order.

    Attributes:
        eye: whose samples they are.
        time_s: (N,) float64, finite and not falling; pauses of the recording are gaps.
        x, y: (N,) float64, NaN where the tracker lost the eye; positions may lie off the screen.
        unit: of the positions.

    Raises:
        ValueError: arrays of different lengths, or times that are not finite or fall.

    Example:
        >>> from egaze.gaze import GazeSamples
        >>> x_px, y_px = [512.8, float("nan"), 513.3], [394.5, 0.0, 395.4]
        >>> samples = GazeSamples("left", time_s=[0.0, 0.002, 0.004], x=x_px, y=y_px)
        >>> len(samples), samples.is_valid.tolist(), float(samples.x_px[0])
        (3, [True, False, True], 512.8)
    """

    eye: Eye
    time_s: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    unit: PositionUnit = "px"

    def __post_init__(self) -> None:
        _settle(self, "time_s", "x", "y")
        _require_times(self.time_s)

    def __len__(self) -> int:
        return len(self.time_s)

    @property
    def is_valid(self) -> NDArray[np.bool_]:
        """(N,) whether a sample has a position."""
        valid: NDArray[np.bool_] = np.isfinite(self.x) & np.isfinite(self.y)
        return valid

    @property
    def x_px(self) -> NDArray[np.float64]:
        """(N,) `x` in pixels. Raises ValueError if the unit is another one."""
        return _pixels(self.x, self.unit)

    @property
    def y_px(self) -> NDArray[np.float64]:
        """(N,) `y` in pixels. Raises ValueError if the unit is another one."""
        return _pixels(self.y, self.unit)


@dataclass(frozen=True, slots=True, eq=False)
class RecordedFixations:
    """The fixations that the tracker's software detected for one eye, in time order.

    Attributes:
        eye: whose fixations they are.
        onset_s: (F,) float64, finite and not falling.
        duration_s: (F,) float64, finite, 0 or more.
        x, y: (F,) float64, NaN where unknown; positions may lie off the screen.
        unit: of the positions.

    Raises:
        ValueError: arrays of different lengths, times that are not finite or fall, or a negative duration.

    Example:
        >>> from egaze.gaze import RecordedFixations
        >>> len(RecordedFixations("left", onset_s=[0.0, 0.4], duration_s=[0.39, 0.2], x=[512, 700], y=[394, 120]))
        2
    """

    eye: Eye
    onset_s: NDArray[np.float64]
    duration_s: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    unit: PositionUnit = "px"

    def __post_init__(self) -> None:
        _settle(self, "onset_s", "duration_s", "x", "y")
        _require_times(self.onset_s)
        if not (np.isfinite(self.duration_s) & (self.duration_s >= 0)).all():
            raise ValueError("durations must be finite and 0 or more")

    def __len__(self) -> int:
        return len(self.onset_s)

    @property
    def x_px(self) -> NDArray[np.float64]:
        """(F,) `x` in pixels. Raises ValueError if the unit is another one."""
        return _pixels(self.x, self.unit)

    @property
    def y_px(self) -> NDArray[np.float64]:
        """(F,) `y` in pixels. Raises ValueError if the unit is another one."""
        return _pixels(self.y, self.unit)


_T = TypeVar("_T", GazeSamples, RecordedFixations)


@dataclass(frozen=True, slots=True)
class Message:
    """A message in a recording, such as a trigger: its time in seconds on the tracker's clock, and its text."""

    time_s: float
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class GazeRecording:
    """What an export holds of one recording.

    Attributes:
        samples: one entry per eye; empty if the export has none.
        fixations: those of the tracker's software, one entry per eye; empty if the export has none.
        messages: in the order of the export.
        screen: what the export says of it.
        sampling_hz: the sampling rate that the export states, or None.
        notes: what the user must know about how the export was read, one sentence each.
        plane: where the positions lie. Those in the video of a scene camera are on no screen.
        blocks_s: begin and end of each stretch of continuous recording; empty if the export does not say.
        pictures: what the export says of the pictures that were shown, in time order.
        validations: what the tracker's software measured at targets, in time order.

    Raises:
        ValueError: a sampling rate that is not above 0.

    Example:
        >>> from egaze.gaze import GazeRecording, GazeSamples, Screen
        >>> samples = GazeSamples("left", [0.0, 0.002], [512.8, 513.3], [394.5, 395.4])
        >>> recording = GazeRecording((samples,), screen=Screen(1024, 768), sampling_hz=500.0)
        >>> len(recording.samples[0]), recording.fixations
        (2, ())
    """

    samples: tuple[GazeSamples, ...] = ()
    fixations: tuple[RecordedFixations, ...] = ()
    messages: tuple[Message, ...] = ()
    screen: Screen = field(default_factory=Screen)
    sampling_hz: float | None = None
    notes: tuple[str, ...] = ()
    plane: Plane = "screen"
    blocks_s: tuple[tuple[float, float], ...] = ()
    pictures: tuple[ShownPicture, ...] = ()
    validations: tuple[TrackerValidation, ...] = ()

    def __post_init__(self) -> None:
        if self.sampling_hz is not None and not 0 < self.sampling_hz < float("inf"):
            raise ValueError(f"the stated sampling rate must be above 0 Hz, got {self.sampling_hz}")

    @property
    def begin_s(self) -> float:
        """When the first sample or fixation is; 0 without any."""
        times = [float(item.time_s[0]) for item in self.samples if len(item)]
        times += [float(item.onset_s[0]) for item in self.fixations if len(item)]
        return min(times, default=0.0)

    def in_pixels(self, screen: Screen) -> GazeRecording:
        """The recording with positions in pixels of a screen that completes what the export says of its own.

        Raises:
            ValueError: positions that are on no screen, or a measure of the screen that is unknown.
        """
        if self.plane == "scene camera":
            raise ValueError(
                "positions are in the video of a scene camera, which moves with the head, and not on a screen; map "
                "them to the screen with the tracker's own software first"
            )
        whole = self.screen.completed(screen)

        def turned(item: _T) -> _T:
            x, y = whole.in_pixels(item.x, item.y, item.unit)
            return replace(item, x=x, y=y, unit="px")

        return replace(
            self, screen=whole, samples=tuple(map(turned, self.samples)), fixations=tuple(map(turned, self.fixations))
        )


@dataclass(frozen=True, slots=True)
class GazeFormat:
    """A reader of one format of eye tracker exports, to be registered in `egaze.gaze_formats`.

    Attributes:
        title: the format's name in messages.
        matches: takes the path of a file and its first bytes, at most `HEAD_BYTES`, and returns whether the file has
            this format. It must not raise, and should be strict: a file that matches several formats is refused.
        read: takes the path and returns the recording. It raises TableError, in one line that names file, row and
            value, for what it cannot read with certainty; it never guesses a unit or an axis.

    Example:
        >>> from egaze.gaze import GazeFormat, GazeRecording
        >>> empty = GazeFormat("empty file", lambda path, head: not head, lambda path: GazeRecording())
        >>> empty.matches("gaze.csv", b"time,x,y")
        False
    """

    title: str
    matches: Callable[[Path, bytes], bool]
    read: Callable[[Path], GazeRecording]


def _settle(item: object, *names: str) -> None:
    """Turn fields into arrays of float64, all of one length."""
    for name in names:
        values: ArrayLike = getattr(item, name)
        object.__setattr__(item, name, np.ascontiguousarray(values, dtype=np.float64))
    shapes = {getattr(item, name).shape for name in names}
    if len(shapes) != 1 or len(shapes.pop()) != 1:
        raise ValueError(f"{', '.join(names)} must be (N,) of one length")


def _pixels(positions: NDArray[np.float64], unit: PositionUnit) -> NDArray[np.float64]:
    if unit != "px":
        raise ValueError(f"positions are in {unit}, not in pixels: use GazeRecording.in_pixels")
    return positions


def _require_times(times_s: NDArray[np.float64]) -> None:
    if not np.isfinite(times_s).all() or (np.diff(times_s) < 0).any():
        raise ValueError("times must be finite and must not fall")
