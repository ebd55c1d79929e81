"""The registry of methods that find fixations in gaze samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from egaze import _core
from egaze.errors import GazeError
from egaze.gaze.events.detected import DetectedFixations, Losses
from egaze.gaze.events.settings import AdaptiveSettings, CommonSettings, IdtSettings, IvtSettings
from egaze.gaze.events.signal import GazeSignal
from egaze.registry import Registry

#: What the compiled functions return: fixations, losses and facts as arrays and numbers by name.
Found = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FixationMethod:
    """A method that finds fixations, to be registered in `egaze.fixation_methods`.

    Attributes:
        title: its name in tables, with its source.
        settings: a frozen dataclass, `CommonSettings` or derived from it, whose fields all have defaults.
        find: takes the signal, the settings and a number of threads, looks for candidates, and returns
            `measure_candidates` of them.

    Example:
        >>> from egaze.gaze.events import CommonSettings, FixationMethod, measure_candidates
        >>> def find(signal, settings, threads):
        ...     return measure_candidates(signal, settings, begin=[0], end=[len(signal)])
        >>> FixationMethod("all samples are one fixation", CommonSettings, find).settings().min_duration_ms
        60.0
    """

    title: str
    settings: type[CommonSettings]
    find: Callable[[GazeSignal, Any, int], Found]


def measure_candidates(signal: GazeSignal, settings: CommonSettings, *, begin: ArrayLike, end: ArrayLike) -> Found:
    """Measure candidates for fixations, merge them, and drop short ones, as the settings say.

    Args:
        signal: N samples.
        settings: those that all methods have.
        begin, end: (F,) candidate i has the samples begin[i] to end[i] - 1. They rise and do not overlap; samples
            without a position, and those within the margin of a loss, do not count.

    Raises:
        ValueError: as `detect_fixations` raises GazeError, or ranges that do not rise or leave the signal.

    Example:
        >>> from egaze.gaze.events import CommonSettings, GazeSignal, measure_candidates
        >>> signal = GazeSignal([0.0, 0.1, 0.2, 0.3], [4.0, 4.2, 9.0, 9.0], [1.0, 1.0, 1.0, 1.0], (1, 1))
        >>> found = measure_candidates(signal, CommonSettings(max_gap_ms=150), begin=[0, 2], end=[2, 4])
        >>> found["fixations"]["x_px"].round(1).tolist()
        [4.1, 9.0]
    """
    sides = (np.ascontiguousarray(side, dtype=np.int64) for side in (begin, end))
    found: Found = _core.fixations_of_ranges(*_arguments(signal), *sides, **_rules(settings))
    return found


def detect_fixations(
    signal: GazeSignal,
    method: str | None = None,
    settings: CommonSettings | None = None,
    *,
    threads: int = 1,
) -> DetectedFixations:
    """Find the fixations in gaze samples.

    Args:
        signal: N samples with their scale.
        method: a name in `FIXATION_METHODS`; None is `DEFAULT_METHOD`.
        settings: of the method; None for its defaults.
        threads: of the compiled methods; the result does not depend on it.

    Returns:
        The fixations, with the settings and with what the method found in the signal.

    Raises:
        GazeError: an unknown method or settings of another one, a time that is not finite, that falls or that stands
            still for three samples, a position more than 360 degrees from the origin, or samples further apart than
            `max_gap_ms`; the message names the first such sample, counted from 0.

    Example:
        >>> import numpy as np
        >>> from egaze.gaze.events import AdaptiveSettings, GazeSignal, detect_fixations
        >>> time_s = np.arange(1000) / 500
        >>> noise = np.random.default_rng(0).normal(0, 0.3, (2, 1000))
        >>> signal = GazeSignal(time_s, np.where(time_s < 1.2, 4.0, 9.0) + noise[0], noise[1], (1, 1))
        >>> found = detect_fixations(signal, settings=AdaptiveSettings(min_duration_ms=100))
        >>> len(found), found.duration_s.round(1).tolist(), found.method
        (2, [1.2, 0.8], 'adaptive')
    """
    name = DEFAULT_METHOD if method is None else method
    if name not in FIXATION_METHODS:
        raise GazeError(f"unknown fixation method {name!r}; known are {', '.join(FIXATION_METHODS)}")
    chosen = FIXATION_METHODS[name]
    settings = chosen.settings() if settings is None else settings
    if not isinstance(settings, chosen.settings):
        raise GazeError(
            f"fixation method {name!r} needs {chosen.settings.__name__}, got settings of type {type(settings).__name__}"
        )
    try:
        found = chosen.find(signal, settings, threads)
    except ValueError as error:
        raise GazeError(str(error)) from error
    return DetectedFixations(
        **found["fixations"],
        losses=_losses(signal, settings, found["losses"]),
        method=name,
        settings=asdict(settings),
        facts=_facts(found["facts"]),
    )


def _arguments(signal: GazeSignal) -> tuple[Any, ...]:
    return signal.time_s, signal.x_px, signal.y_px, signal.pixels_per_degree


class _Rules(TypedDict):
    gaps: tuple[float, float]
    rule: tuple[float, float, float]


def _rules(settings: CommonSettings) -> _Rules:
    return {
        "gaps": (settings.max_gap_ms / 1000, settings.loss_margin_ms / 1000),
        "rule": (settings.min_duration_ms / 1000, settings.merge_gap_ms / 1000, settings.merge_distance_deg),
    }


def _losses(signal: GazeSignal, settings: CommonSettings, found: Found) -> Losses:
    onset_s, duration_s = found["onset_s"], found["duration_s"]
    is_blink = (found["lost_samples"] > 0) & (duration_s <= settings.blink_max_ms / 1000)
    if len(onset_s):
        # Nobody saw the eye close or open beyond the ends of the recording.
        is_blink[0] &= _has_position(signal, 0) or onset_s[0] > signal.time_s[0]
        is_blink[-1] &= _has_position(signal, -1) or onset_s[-1] + duration_s[-1] < signal.time_s[-1]
    return Losses(onset_s, duration_s, found["lost_samples"], is_blink)


def _has_position(signal: GazeSignal, sample: int) -> bool:
    return bool(np.isfinite(signal.x_px[sample]) and np.isfinite(signal.y_px[sample]))


def _facts(found: dict[str, float]) -> dict[str, float | None]:
    interval_s = found["interval_s"]
    return {
        "rate_hz": 1 / interval_s if interval_s else None,
        "noise_deg": found["noise_deg"] if interval_s else None,
        "window_ms": found["window_s"] * 1000 or None,
        "peak_deg_s": found["peak_deg_s"] or None,
        "onset_deg_s": found["onset_deg_s"] or None,
    }


def _idt(signal: GazeSignal, settings: IdtSettings, threads: int) -> Found:
    found: Found = _core.fixations_by_dispersion(
        *_arguments(signal), **_rules(settings), max_dispersion_deg=settings.max_dispersion_deg
    )
    return found


def _ivt(signal: GazeSignal, settings: IvtSettings, threads: int) -> Found:
    found: Found = _core.fixations_by_velocity(
        *_arguments(signal),
        **_rules(settings),
        window_s=settings.window_ms / 1000,
        threshold_deg_s=settings.threshold_deg_s,
        threads=threads,
    )
    return found


def _adaptive(signal: GazeSignal, settings: AdaptiveSettings, threads: int) -> Found:
    found: Found = _core.fixations_by_adaptive_velocity(
        *_arguments(signal),
        **_rules(settings),
        window_s=settings.window_ms / 1000,
        max_window_s=settings.max_window_ms / 1000,
        smallest_saccade_deg=settings.smallest_saccade_deg,
        peak_sd=settings.peak_sd,
        onset_sd=settings.onset_sd,
        min_peak_deg_s=settings.min_peak_deg_s,
        threads=threads,
    )
    return found


#: Methods by name. Other packages add methods by entry points in the group `egaze.fixation_methods`.
FIXATION_METHODS: Registry[FixationMethod] = Registry(
    "egaze.fixation_methods",
    "fixation method",
    {
        "adaptive": FixationMethod("adaptive velocity, after Nystrom and Holmqvist 2010", AdaptiveSettings, _adaptive),
        "ivt": FixationMethod("I-VT, Salvucci and Goldberg 2000, Olsen 2012", IvtSettings, _ivt),
        "idt": FixationMethod("I-DT, Salvucci and Goldberg 2000", IdtSettings, _idt),
    },
    fits=lambda item: isinstance(item, FixationMethod),
)

#: The method that noise of any strength and samples of any rate disturb least.
DEFAULT_METHOD = "adaptive"
