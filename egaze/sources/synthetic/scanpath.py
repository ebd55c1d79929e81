"""The scanpath of one reading: gaze that goes from place to place, near ones first, and returns to what it suspects.

The parameters were set against the gaze of radiologists on 1,000 radiographs (Saab et al., MICCAI 2021), as far as the
tasks can be compared: they sought a pneumothorax, this reader reads freely. `experiments/twin_realism.py` compares the
two, and docs/experiments.md says where they differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from egaze.sources.synthetic.landmarks import Place, checklist, finding_places
from egaze.sources.synthetic.phantom import Phantom
from egaze.sources.synthetic.reader import Reader
from egaze.sources.synthetic.screen_fit import HEIGHT_PX, PIXELS_PER_DEGREE, WIDTH_PX, ScreenFit

# Fixations of a reading: the median, and the standard deviation of the logarithm over the readings of a reader.
_FIXATIONS, _FIXATIONS_SPREAD = 36.0, 0.45
_FEWEST, _MOST = 8, 220
_LONGER = 1.4  # times as many fixations where a finding was noticed

# From one fixation to the next.
_STAY = 0.55  # the chance that gaze stays at its place
_COMPARED = 0.05  # the pull of the other side's counterpart, in that of a place right here
_TIRED = 0.5  # what is left of a place's pull after each visit
_VISIT_SPREAD, _FIXATION_SPREAD = 1.2, 0.6  # standard deviations in the place's spread, of visits and of fixations

# What looks abnormal.
_NOTICED = 0.90  # the chance that signs are noticed, other than an opacity
_FAINTEST_NOTICED, _NOTICED_BY_FILL, _MOST_NOTICED = 0.60, 0.40, 0.95  # the same for an opacity, by its fill
_FALSE_ALARM, _FALSE_ALARM_BESIDE = 0.40, 0.15  # the chance to suspect a sound place, without and beside a finding
_PULL, _PULL_SPREAD = 18.0, 1.0  # in pulls of a sound place: the median, and the logarithm's standard deviation

_ROUTINE_S, _DURATION_SPREAD = 0.31, 0.50  # a fixation's median duration, and the logarithm's standard deviation
_SCRUTINY = 1.05  # times as long on what looks abnormal


@dataclass(frozen=True, slots=True)
class Scanpath:
    """F fixations in time order, as recorded by the tracker.

    `screen_x, screen_y` (F,) float64 are fractions of the screen, rounded to five decimals like the
    tracker's; `onset_s, duration_s` (F,) float64 seconds; `valid` (F,) bool is the tracker's flag.
    """

    screen_x: np.ndarray = field(repr=False)
    screen_y: np.ndarray = field(repr=False)
    onset_s: np.ndarray = field(repr=False)
    duration_s: np.ndarray = field(repr=False)
    valid: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        return len(self.onset_s)


def draw_scanpath(radiograph: Phantom, reader: Reader, rng: np.random.Generator) -> Scanpath:
    """Draw the fixations of `reader` on `radiograph`, from the middle of the screen on."""
    x_cm, y_cm, slow = _fixate(radiograph, reader, rng)
    x_px, y_px = radiograph.place(x_cm, y_cm)
    fit = ScreenFit.of(*radiograph.pixels.shape)
    screen_x, screen_y = fit.to_screen(x_px, y_px)
    screen_x = np.concatenate([[WIDTH_PX / 2], screen_x])
    screen_y = np.concatenate([[HEIGHT_PX / 2], screen_y])
    slow = np.concatenate([[False], slow])
    count = len(slow)
    # The tracker has an offset that drifts between radiographs, and noise on every fixation.
    drift = rng.normal(0, 0.30 * PIXELS_PER_DEGREE, 2)
    noise = rng.normal(0, 0.50 * PIXELS_PER_DEGREE, (2, count))
    screen_x = screen_x + drift[0] + noise[0]
    screen_y = screen_y + drift[1] + noise[1]
    # Sometimes the reader looks off the radiograph.
    away = rng.random(count) < 0.025
    screen_x = np.where(away, rng.uniform(0.02, 0.98, count) * WIDTH_PX, screen_x)
    screen_y = np.where(away, rng.uniform(0.90, 1.03, count) * HEIGHT_PX, screen_y)
    median_s = _ROUTINE_S * reader.duration * np.where(slow, _SCRUTINY**reader.gaze_quality, 1.0)
    duration = np.clip(rng.lognormal(np.log(median_s), _DURATION_SPREAD), 0.10, 2.5)
    gap = rng.uniform(0.02, 0.06, count) + np.where(rng.random(count) < 0.06, rng.uniform(0.1, 0.3, count), 0)
    onset = np.cumsum(gap + np.concatenate([[0.0], duration[:-1]]))
    return Scanpath(
        screen_x=np.round(screen_x / WIDTH_PX, 5),
        screen_y=np.round(screen_y / HEIGHT_PX, 5),
        onset_s=np.round(onset, 5),
        duration_s=np.round(duration, 5),
        valid=rng.random(count) >= 0.015,
    )


def _fixate(radiograph: Phantom, reader: Reader, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(F - 1,) x and y of all fixations but the first, in centimetres, and whether they are on a suspect."""
    sound = checklist(radiograph.chest)
    suspects, noticed = _suspects(radiograph, sound, reader, rng)
    places = [*sound, *suspects]
    median = _FIXATIONS * reader.pace * (_LONGER if noticed else 1.0)
    count = int(np.clip(rng.lognormal(np.log(median), _FIXATIONS_SPREAD), _FEWEST, _MOST))
    fixated = _walk(places, count - 1, reader, rng)
    visit = np.cumsum(np.diff(fixated, prepend=-1) != 0) - 1
    offset = _VISIT_SPREAD * rng.normal(size=(visit[-1] + 1, 2))[visit]
    offset += _FIXATION_SPREAD * rng.normal(size=(len(fixated), 2))
    x_cm, y_cm, spread_cm = np.array([(place.x_cm, place.y_cm, place.spread_cm) for place in places])[fixated].T
    return x_cm + spread_cm * offset[:, 0], y_cm + spread_cm * offset[:, 1], fixated >= len(sound)


def _suspects(
    radiograph: Phantom, sound: Sequence[Place], reader: Reader, rng: np.random.Generator
) -> tuple[list[Place], bool]:
    """The places that look abnormal to the reader, weighted by their pull, and whether findings are among them."""
    findings = finding_places(radiograph)
    noticed = bool(findings) and rng.random() < _noticing(radiograph, reader.gaze_quality)
    # The number of visits grows with the logarithm of the pull, so that of returns with the quality of gaze.
    pull = (_PULL * reader.attraction * rng.lognormal(0, _PULL_SPREAD)) ** reader.gaze_quality
    suspects = []
    if noticed:
        total = sum(place.weight for place in findings)
        suspects = [replace(place, weight=pull * place.weight / total) for place in findings]
    if rng.random() < (_FALSE_ALARM_BESIDE if noticed else _FALSE_ALARM):  # a crossing of ribs or a vessel seen end on
        suspects.append(replace(sound[int(rng.integers(len(sound)))], weight=pull))
    return suspects, noticed


def _noticing(radiograph: Phantom, gaze_quality: float) -> float:
    """The chance to notice the findings: a faint opacity is missed more often than a dense one."""
    opacity = radiograph.signs.opacity
    chance = _NOTICED
    if opacity is not None:
        chance = min(_MOST_NOTICED, _FAINTEST_NOTICED + _NOTICED_BY_FILL * opacity.fill)
    return 1 - float((1 - chance) ** gaze_quality)


def _walk(places: Sequence[Place], count: int, reader: Reader, rng: np.random.Generator) -> np.ndarray:
    """(count,) the place of each fixation.

    A place is chosen by its pull and by how near it is, or how near to the counterpart of where gaze is on the other
    side. It loses some of its pull with each visit, so that gaze goes on to what it has not seen.
    """
    x_cm, y_cm, pull = (np.array([getattr(place, name) for place in places]) for name in ("x_cm", "y_cm", "weight"))
    fixated = np.empty(count, np.int64)
    here, here_x_cm, here_y_cm = -1, 0.0, 0.0
    for number, (stay, choice) in enumerate(rng.random((count, 2))):
        if here < 0 or stay >= _STAY:
            near = np.exp(-np.hypot(x_cm - here_x_cm, y_cm - here_y_cm) / reader.reach_cm)
            near += _COMPARED * np.exp(-np.hypot(x_cm + here_x_cm, y_cm - here_y_cm) / reader.reach_cm)
            chances = pull * near
            if here >= 0:
                chances[here] = 0.0
            upto = np.cumsum(chances)
            here = int(np.searchsorted(upto, choice * upto[-1], side="right"))
            here_x_cm, here_y_cm = x_cm[here], y_cm[here]
            pull[here] *= _TIRED
        fixated[number] = here
    return fixated
