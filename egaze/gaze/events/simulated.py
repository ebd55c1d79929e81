"""Gaze samples whose fixations are known, to try methods on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egaze.gaze.events.signal import GazeSignal


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedGaze:
    """Samples, and the fixations that they were made of.

    Attributes:
        signal: the samples, in degrees.
        onset_s, duration_s: (F,) float64, of the fixations.
    """

    signal: GazeSignal
    onset_s: NDArray[np.float64]
    duration_s: NDArray[np.float64]


def simulate_gaze(
    rate_hz: float,
    *,
    noise_deg: float = 0.0,
    fixations: int = 100,
    median_fixation_s: float = 0.28,
    least_fixation_s: float = 0.15,
    least_saccade_deg: float = 2.0,
    seed: int = 0,
) -> SimulatedGaze:
    """Simulate fixations, with saccades of a median of 4 degrees between them, in white noise.

    Durations and amplitudes are log-normal, cut off at the least given and at 1.2 s and 20 degrees. A saccade of A
    degrees lasts 21 ms + 2.2 ms A (Carpenter, Movements of the Eyes, 1988) on the path of least jerk.

    Args:
        rate_hz: of the samples.
        noise_deg: its standard deviation along each axis.
        fixations: how many, 1 or more.
        median_fixation_s, least_fixation_s, least_saccade_deg: as above.
        seed: of the generator.

    Example:
        >>> from egaze.gaze.events import detect_fixations, simulate_gaze
        >>> from egaze.metrics import event_agreement
        >>> gaze = simulate_gaze(120, noise_deg=0.3)
        >>> found = detect_fixations(gaze.signal)
        >>> event_agreement(gaze.onset_s, gaze.duration_s, found.onset_s, found.duration_s).f1 > 0.95
        True
    """
    generator = np.random.default_rng(seed)
    durations_s = np.clip(generator.lognormal(np.log(median_fixation_s), 0.5, fixations), least_fixation_s, 1.2)
    places = [np.zeros(2)]
    while len(places) < fixations:
        amplitude = np.clip(generator.lognormal(np.log(4), 0.6), least_saccade_deg, 20)
        angle = generator.uniform(0, 2 * np.pi)
        place = places[-1] + amplitude * np.array([np.cos(angle), np.sin(angle)])
        if abs(place[0]) < 15 and abs(place[1]) < 10:
            places.append(place)
    positions = np.array(places)
    saccades_s = 0.021 + 0.0022 * np.hypot(*np.diff(positions, axis=0).T)
    onset_s = np.concatenate([[0], np.cumsum(durations_s[:-1] + saccades_s)])
    time_s = np.arange(0, onset_s[-1] + durations_s[-1], 1 / rate_hz)
    of = np.searchsorted(onset_s, time_s, side="right") - 1
    since_end_s = time_s - onset_s[of] - durations_s[of]
    share = np.clip(since_end_s / np.append(saccades_s, 1)[of], 0, 1)
    moved = (10 * share**3 - 15 * share**4 + 6 * share**5)[:, None]
    step = positions[np.minimum(of + 1, fixations - 1)] - positions[of]
    gaze = positions[of] + moved * step + generator.normal(0, noise_deg, (len(time_s), 2))
    return SimulatedGaze(GazeSignal(time_s, gaze[:, 0], gaze[:, 1], (1.0, 1.0)), onset_s, durations_s)
