"""Gaze samples whose fixations are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class KnownGaze:
    """Samples in degrees, and the fixations that they were made of."""

    time_s: NDArray[np.float64]
    x_deg: NDArray[np.float64]
    y_deg: NDArray[np.float64]
    onset_s: NDArray[np.float64]
    duration_s: NDArray[np.float64]


def known_gaze(
    rate_hz: float,
    *,
    noise_deg: float = 0.0,
    seed: int = 0,
    fixations: int = 60,
    least_saccade_deg: float = 2.0,
    least_fixation_s: float = 0.15,
) -> KnownGaze:
    """Fixations of a median of 280 ms with saccades of a median of 4 degrees between them, in white noise.

    A saccade of A degrees lasts 21 ms + 2.2 ms A (Carpenter 1988) and runs along the path of least jerk. The noise is
    normal, with a standard deviation of `noise_deg` along each axis.
    """
    generator = np.random.default_rng(seed)
    durations_s = np.clip(generator.lognormal(np.log(0.28), 0.5, fixations), least_fixation_s, 1.2)
    places = [np.zeros(2)]
    while len(places) < fixations:
        amplitude, angle = np.clip(generator.lognormal(np.log(4), 0.6), least_saccade_deg, 20), generator.uniform(0, 7)
        place = places[-1] + amplitude * np.array([np.cos(angle), np.sin(angle)])
        if abs(place[0]) < 15 and abs(place[1]) < 10:
            places.append(place)
    positions = np.array(places)
    amplitudes = np.hypot(*np.diff(positions, axis=0).T)
    saccades_s = 0.021 + 0.0022 * amplitudes
    onset_s = np.concatenate([[0], np.cumsum(durations_s[:-1] + saccades_s)])
    time_s = np.arange(0, onset_s[-1] + durations_s[-1], 1 / rate_hz)
    of = np.searchsorted(onset_s, time_s, side="right") - 1
    after_s = time_s - onset_s[of] - durations_s[of]
    share = np.clip(after_s / np.append(saccades_s, 1)[of], 0, 1)
    moved = (10 * share**3 - 15 * share**4 + 6 * share**5)[:, None]
    following = positions[np.minimum(of + 1, fixations - 1)]
    gaze = positions[of] + moved * (following - positions[of]) + generator.normal(0, noise_deg, (len(time_s), 2))
    return KnownGaze(time_s, gaze[:, 0].copy(), gaze[:, 1].copy(), onset_s, durations_s)
