"""The readers of a twin: what stays the same in all readings of one reader, and how much gaze tells of findings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from egaze.sources.synthetic.plan import reader_seeds

#: Of the synthetic reader. Gaze of different versions differs, also with the same seed, and so do figures of studies
#: made of it. 1 followed a checklist, 45 fixations a reading; 2 was set against radiologists' gaze.
READER_VERSION = 2
READERS = 5
#: 0 tells nothing, 1 as much as radiologists' gaze, and this about as much as version 1's.
MAX_GAZE_QUALITY = 4.0

# Standard deviations, over readers, of the logarithms of pace, duration, attraction and reach.
_SPREADS = (0.30, 0.12, 0.50, 0.20)
_REACH_CM = 4.5


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader's habits; those without a unit are factors on what is usual.

    Attributes:
        pace: on the number of fixations.
        duration: on the durations of fixations.
        attraction: on the pull of what looks abnormal.
        reach_cm: the distance on the patient over which the pull of a place falls to 1/e.
        gaze_quality: how often findings are noticed, returned to, and how long; see `synthesize`.
    """

    pace: float
    duration: float
    attraction: float
    reach_cm: float
    gaze_quality: float


def draw_readers(seed: int, gaze_quality: float) -> list[Reader]:
    """The READERS readers of the twin of a seed; over them, each habit has its median and spread exactly."""
    scores = np.random.default_rng(reader_seeds(seed)).normal(size=(READERS, len(_SPREADS)))
    scores = (scores - scores.mean(axis=0)) / scores.std(axis=0)
    return [
        Reader(pace, duration, attraction, _REACH_CM * reach, gaze_quality)
        for pace, duration, attraction, reach in np.exp(scores * _SPREADS).tolist()
    ]
