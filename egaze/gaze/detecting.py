"""Fixations found in the samples of a recording, in the place of those of the tracker's software."""

from __future__ import annotations

from dataclasses import replace

from egaze.errors import GazeError
from egaze.gaze.events import CommonSettings, DetectedFixations, GazeSignal, combine_eyes, detect_fixations
from egaze.gaze.recording import Eye, GazeRecording, GazeSamples, RecordedFixations


def with_detected_fixations(
    recording: GazeRecording,
    method: str | None = None,
    settings: CommonSettings | None = None,
    *,
    eye: Eye | None = None,
) -> tuple[GazeRecording, DetectedFixations]:
    """Find the fixations of a recording in its samples.

    Args:
        recording: in pixels of a screen whose pixels, visible size and distance are known.
        method, settings: as for `detect_fixations`.
        eye: whose samples are used; None for both eyes, combined by `combine_eyes`' rule "average", or the only one.

    Returns:
        The recording with the fixations that were found instead of its own, and the fixations with all that they depend
        on.

    Raises:
        GazeError: no samples of that eye, positions that are not in pixels, an unknown scale, or as `detect_fixations`.

    Example:
        >>> import numpy as np
        >>> from egaze.gaze import GazeRecording, GazeSamples, Screen, with_detected_fixations
        >>> time_s = np.arange(300) / 300
        >>> samples = GazeSamples("left", time_s, np.where(time_s < 0.5, 400.0, 900.0), np.full(300, 540.0))
        >>> screen = Screen(1920, 1080, 527.0, 296.0, distance_mm=650.0)
        >>> recording, found = with_detected_fixations(GazeRecording((samples,), screen=screen), "ivt")
        >>> recording.fixations[0].eye, recording.fixations[0].x_px.tolist(), found.method
        ('left', [400.0, 900.0], 'ivt')
    """
    scale = recording.screen.pixels_per_degree, recording.screen.pixels_per_degree_down
    if scale[0] is None or scale[1] is None:
        raise GazeError(
            "fixations are found by degrees of visual angle, and the screen's pixels, visible size or distance is "
            "unknown (--screen WxH,WxHmm,Dmm)"
        )
    signals = {item.eye: _signal(item, (scale[0], scale[1])) for item in recording.samples}
    if eye is not None and eye not in signals and not (eye == "both" and {"left", "right"} <= signals.keys()):
        raise GazeError(f"has no samples of eye {eye!r}" + (f", but of {', '.join(signals)}" if signals else ""))
    if not signals:
        raise GazeError("has no samples to find fixations in: export samples, or leave --detect out")
    if eye in (None, "both") and {"left", "right"} <= signals.keys():
        signals.setdefault("both", combine_eyes(signals["left"], signals["right"]))
    used: Eye = "both" if "both" in signals else next(iter(signals))
    if eye is not None:
        used = eye
    found = detect_fixations(signals[used], method, settings)
    fixations = RecordedFixations(used, found.onset_s, found.duration_s, found.x_px, found.y_px)
    return replace(recording, fixations=(fixations,)), found


def _signal(samples: GazeSamples, pixels_per_degree: tuple[float, float]) -> GazeSignal:
    if samples.unit != "px":
        raise GazeError(f"positions are in {samples.unit}, not in pixels: use GazeRecording.in_pixels")
    return GazeSignal(samples.time_s, samples.x, samples.y, pixels_per_degree)
