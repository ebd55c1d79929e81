"""The quality of the samples of eye_gaze.csv, session by session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.gaze import (
    GazeRecording,
    GazeSamples,
    RecordedFixations,
    ShownPicture,
    TargetOffset,
    TrackerValidation,
    check_map,
    measure_quality,
    quality_marks,
)
from egaze.gaze.quality import rounded_quality
from egaze.serialize import JsonObject
from egaze.sources.egd_cxr.detected import Detection, signals
from egaze.sources.egd_cxr.screen import SCREEN_PX

SAMPLE_HZ = 60
#: Between two readings of a session, whose times each count from the radiograph's appearance.
_PAUSE_S = 10.0


def session_quality(
    samples: pl.DataFrame,
    fixations: pl.DataFrame,
    pads_px: NDArray[np.int64],
    shifts_px: Mapping[int, NDArray[np.float64]],
    detection: Detection,
) -> list[JsonObject]:
    """The quality of each session's samples as the tracker recorded them, before any recalibration.

    Args:
        samples: as `collect_samples` returns them.
        fixations: as `detected_fixations` finds them.
        pads_px: (N, 4) top, bottom, left and right of where each radiograph lay, in pixels of the screen.
        shifts_px: of each session with a calibration card, from the gaze on its dot to the dot. The dot is the one
            target by which accuracy is told.
        detection: how the fixations were found.

    Returns:
        For each session its name, quality and marks, as recordings.json has them.
    """
    sessions = samples["session"]
    parts: dict[int | None, list[tuple[int, int, int]]] = {}
    for number, (begin, end) in enumerate(signals(samples)):
        parts.setdefault(sessions[begin], []).append((number, begin, end))
    by_signal = fixations.partition_by("signal", as_dict=True)
    found: list[JsonObject] = []
    for session in sorted(parts, key=lambda known: (known is None, known)):
        recording = _recording(samples, by_signal, pads_px, parts[session], detection)
        if (shift_px := None if session is None else shifts_px.get(session)) is not None:
            recording = _validated(recording, shift_px, detection.pixels_per_degree)
        (gaze,) = recording.samples
        check = check_map(recording.pictures, recording.screen, gaze.time_s, gaze.x, gaze.y)
        quality = measure_quality(recording, recording.pictures, check)
        if quality is not None:
            name = "without a session" if session is None else f"session {session}"
            marks = quality_marks(quality)
            found.append({"name": name, "quality": rounded_quality(quality), "marks": marks})
    return found


def _recording(
    samples: pl.DataFrame,
    by_signal: Mapping[tuple[object, ...], pl.DataFrame],
    pads_px: NDArray[np.int64],
    parts: Sequence[tuple[int, int, int]],
    detection: Detection,
) -> GazeRecording:
    """The readings of a session one after another on one clock."""
    times_s, positions_px, fixations, pictures, blocks_s = [], [], [], [], []
    clock_s = 0.0
    for signal, begin, end in parts:
        part = samples.slice(begin, end - begin)
        later_s = clock_s - part["time_s"][0]
        times_s.append(part["time_s"].to_numpy() + later_s)
        positions = part.select(pl.col("gaze_x_frac", "gaze_y_frac").fill_null(float("nan")))
        positions_px.append(positions.to_numpy() * SCREEN_PX)
        if (own := by_signal.get((signal,))) is not None:
            fixations.append(own.with_columns(pl.col("onset_s").cast(pl.Float64) + later_s))
        blocks_s.append((float(times_s[-1][0]), float(times_s[-1][-1])))
        pictures.append(_picture(pads_px[part["radiograph"][0]], *blocks_s[-1]))
        clock_s = blocks_s[-1][1] + _PAUSE_S
    x_px, y_px = np.concatenate(positions_px).T
    recorded = []
    if fixations:
        found = pl.concat(fixations)
        x_frac, y_frac = found["x_frac"].to_numpy(), found["y_frac"].to_numpy()
        times = found["onset_s"].to_numpy(), found["duration_s"].to_numpy()
        recorded.append(RecordedFixations("both", *times, x_frac * SCREEN_PX[0], y_frac * SCREEN_PX[1]))
    return GazeRecording(
        (GazeSamples("both", np.concatenate(times_s), x_px, y_px),),
        tuple(recorded),
        screen=detection.screen,
        sampling_hz=SAMPLE_HZ,
        blocks_s=tuple(blocks_s),
        pictures=tuple(pictures),
    )


def _picture(pads_px: NDArray[np.int64], begin_s: float, last_s: float) -> ShownPicture:
    top, bottom, left, right = pads_px.tolist()
    width, height = SCREEN_PX[0] - left - right, SCREEN_PX[1] - top - bottom
    return ShownPicture("", begin_s, last_s + 1 / SAMPLE_HZ, left, top, width, height)


def _validated(
    recording: GazeRecording, shift_px: NDArray[np.float64], pixels_per_degree: tuple[float, float]
) -> GazeRecording:
    """The recording with what its calibration card says of the tracker's error in the middle of the screen."""
    error_deg = float(np.hypot(*(shift_px / pixels_per_degree)))
    across, down = (-shift_px).tolist()
    middle = TargetOffset(SCREEN_PX[0] / 2, SCREEN_PX[1] / 2, across, down, error_deg)
    return replace(
        recording, validations=(TrackerValidation(None, "both", "validation", error_deg, error_deg, (middle,)),)
    )
