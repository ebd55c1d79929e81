"""What an eye tracker's export holds, and the interface of the formats that read it.

Positions are in pixels of the screen, to the right and down from the top left pixel. Times are in seconds on the clock
of the tracker. Mapping a recording to a radiograph is a separate step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Eye = Literal["left", "right", "both", "unknown"]


@dataclass(frozen=True, slots=True)
class Screen:
    """The screen of a recording; what the export does not say is None.

    Attributes:
        width_px, height_px: its resolution.
        width_mm, height_mm: its visible area.
        distance_mm: from the eyes.

    Raises:
        ValueError: a value that is not above 0.

    Example:
        >>> from egaze.gaze import Screen
        >>> round(Screen(1920, 1080, 527.0, 296.0, distance_mm=650.0).pixels_per_degree, 1)
        41.3
    """

    width_px: int | None = None
    height_px: int | None = None
    width_mm: float | None = None
    height_mm: float | None = None
    distance_mm: float | None = None

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{name} of the screen must be above 0, got {value}")

    @property
    def pixels_per_degree(self) -> float | None:
        """Pixels per degree of visual angle at the centre of the screen, along x; None if a measure is unknown."""
        if self.width_px is None or self.width_mm is None or self.distance_mm is None:
            return None
        return float(self.distance_mm * np.tan(np.radians(1.0)) * self.width_px / self.width_mm)


@dataclass(frozen=True, slots=True, eq=False)
class GazeSamples:
    """The gaze samples of one eye, or of both eyes combined, in time order.

    Attributes:
        eye: whose samples they are.
        time_s: (N,) float64, finite and not falling; pauses of the recording are gaps.
        x_px, y_px: (N,) float64, NaN where the tracker lost the eye; positions may lie off the screen.

    Raises:
        ValueError: arrays of different lengths, or times that are not finite or fall.

    Example:
        >>> from egaze.gaze import GazeSamples
        >>> x_px, y_px = [512.8, float("nan"), 513.3], [394.5, 0.0, 395.4]
        >>> samples = GazeSamples("left", time_s=[0.0, 0.002, 0.004], x_px=x_px, y_px=y_px)
        >>> len(samples), samples.is_valid.tolist()
        (3, [True, False, True])
    """

    eye: Eye
    time_s: NDArray[np.float64]
    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]

    def __post_init__(self) -> None:
        _settle(self, "time_s", "x_px", "y_px")
        _require_times(self.time_s)

    def __len__(self) -> int:
        return len(self.time_s)

    @property
    def is_valid(self) -> NDArray[np.bool_]:
        """(N,) whether a sample has a position."""
        valid: NDArray[np.bool_] = np.isfinite(self.x_px) & np.isfinite(self.y_px)
        return valid


@dataclass(frozen=True, slots=True, eq=False)
class RecordedFixations:
    """The fixations that the tracker's software detected for one eye, in time order.

    Attributes:
        eye: whose fixations they are.
        onset_s: (F,) float64, finite and not falling.
        duration_s: (F,) float64, finite, 0 or more.
        x_px, y_px: (F,) float64, NaN where unknown; positions may lie off the screen.

    Raises:
        ValueError: arrays of different lengths, times that are not finite or fall, or a negative duration.

    Example:
        >>> from egaze.gaze import RecordedFixations
        >>> len(RecordedFixations("left", onset_s=[0.0, 0.4], duration_s=[0.39, 0.2], x_px=[512, 700], y_px=[394, 120]))
        2
    """

    eye: Eye
    onset_s: NDArray[np.float64]
    duration_s: NDArray[np.float64]
    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]

    def __post_init__(self) -> None:
        _settle(self, "onset_s", "duration_s", "x_px", "y_px")
        _require_times(self.onset_s)
        if not (np.isfinite(self.duration_s) & (self.duration_s >= 0)).all():
            raise ValueError("durations must be finite and 0 or more")

    def __len__(self) -> int:
        return len(self.onset_s)


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


def _require_times(times_s: NDArray[np.float64]) -> None:
    if not np.isfinite(times_s).all() or (np.diff(times_s) < 0).any():
        raise ValueError("times must be finite and must not fall")
