"""The scanpath of one reading, which follows an anatomical checklist and dwells on what looks abnormal."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from egaze.sources.synthetic.landmarks import Place, checklist, finding_places
from egaze.sources.synthetic.phantom import Phantom
from egaze.sources.synthetic.screen_fit import HEIGHT_PX, PIXELS_PER_DEGREE, WIDTH_PX, ScreenFit

_MEAN_FIXATIONS = 45.0
_ROUTINE_S = 0.31  # median duration of a fixation on the checklist
_SCRUTINY_S = 0.47  # median duration of a fixation on a finding
_SPREAD = 0.50  # standard deviation of the logarithm of durations


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


def draw_scanpath(radiograph: Phantom, rng: np.random.Generator) -> Scanpath:
    """Draw the fixations of a reader on `radiograph`.

    The reader starts in the middle, follows the checklist in one of a few orders, skips some places, returns to
    findings for longer fixations, sometimes misses one, and sometimes fixates a place without a finding.
    """
    visits = _itinerary(radiograph, rng)
    x_cm, y_cm, scrutiny = [], [], []
    for place, looks in visits:
        x_cm.append(place.x_cm + place.spread_cm * rng.normal(size=looks))
        y_cm.append(place.y_cm + place.spread_cm * rng.normal(size=looks))
        scrutiny.append(np.full(looks, place.weight > 1.0))
    x_px, y_px = radiograph.place(np.concatenate(x_cm), np.concatenate(y_cm))
    fit = ScreenFit.of(*radiograph.pixels.shape)
    screen_x, screen_y = fit.to_screen(x_px, y_px)
    # The first fixation is at the centre of the screen.
    screen_x = np.concatenate([[WIDTH_PX / 2], screen_x])
    screen_y = np.concatenate([[HEIGHT_PX / 2], screen_y])
    slow = np.concatenate([[False], *scrutiny])
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
    duration = np.exp(rng.normal(np.log(np.where(slow, _SCRUTINY_S, _ROUTINE_S)), _SPREAD))
    duration = np.clip(duration, 0.10, 2.5)
    gap = rng.uniform(0.02, 0.06, count) + np.where(rng.random(count) < 0.06, rng.uniform(0.1, 0.3, count), 0)
    onset = np.cumsum(gap + np.concatenate([[0.0], duration[:-1]]))
    return Scanpath(
        screen_x=np.round(screen_x / WIDTH_PX, 5),
        screen_y=np.round(screen_y / HEIGHT_PX, 5),
        onset_s=np.round(onset, 5),
        duration_s=np.round(duration, 5),
        valid=rng.random(count) >= 0.015,
    )


def _itinerary(radiograph: Phantom, rng: np.random.Generator) -> list[tuple[Place, int]]:
    """The places in the order of the visits, each with its number of fixations."""
    visits = [(place, _looks(rng, 1.5)) for place in _routine(radiograph, rng)]
    visits += _returns(radiograph, rng, visits)
    wanted = int(np.clip(rng.normal(_MEAN_FIXATIONS - 1, 8), 24, 80))
    routine = [place for place, _ in visits if place.weight <= 1.0]
    while sum(looks for _, looks in visits) < wanted:
        place = routine[int(rng.integers(len(routine)))]
        visits.insert(int(rng.integers(1, len(visits) + 1)), (place, _looks(rng, 1.3)))
    while sum(looks for _, looks in visits) > wanted:
        # A reader in a hurry skips the routine, not the finding.
        spare = [number for number, (place, _) in enumerate(visits) if place.weight <= 1.0]
        if not spare:
            break
        visits.pop(spare[int(rng.integers(len(spare)))])
    return visits


def _looks(rng: np.random.Generator, mean: float) -> int:
    return 1 + int(rng.poisson(mean - 1))


def _routine(radiograph: Phantom, rng: np.random.Generator) -> list[Place]:
    places = checklist(radiograph.chest)
    central = [place for place in places if not place.name.startswith(("right", "left"))]
    right = [place for place in places if place.name.startswith("right")]
    left = [place for place in places if place.name.startswith("left")]
    habit = rng.random()
    if habit < 0.4:
        order = central[:3] + right + left + central[3:]
    elif habit < 0.75:  # comparing both sides, from top to bottom
        pairs = [place for pair in zip(right, left, strict=True) for place in pair]
        order = central[:3] + pairs + central[3:]
    else:
        order = left + central[:3] + right + central[3:]
    rank = np.arange(len(order)) + rng.normal(0, 1.6, len(order))
    kept = [order[place] for place in np.argsort(rank, kind="stable") if rng.random() > 0.18]
    return kept or order[:1]


def _returns(radiograph: Phantom, rng: np.random.Generator, visits: list[tuple[Place, int]]) -> list[tuple[Place, int]]:
    """Insert long fixations of findings into `visits`; returns those that come at the end, as a last check."""
    findings = finding_places(radiograph)
    # A faint opacity is missed more often than a dense one.
    opacity = radiograph.signs.opacity
    noticed = rng.random() < (0.93 if opacity is None else min(0.97, 0.6 + 0.5 * opacity.fill))
    targets: list[Place] = []
    if findings and noticed:
        share = np.array([place.weight for place in findings])
        count = 4 + int(rng.poisson(1.5))
        targets = [findings[place] for place in rng.choice(len(findings), count, p=share / share.sum())]
    if rng.random() < (0.15 if targets else 0.40):  # a crossing of ribs or a vessel seen end on
        suspects = checklist(radiograph.chest)
        targets += [suspects[int(rng.integers(len(suspects)))]] * int(rng.integers(1, 3))
    last = []
    for number, place in enumerate(targets):
        # Weight above one marks scrutiny: longer fixations.
        stare = (Place(place.name, place.x_cm, place.y_cm, place.spread_cm, 2.0), _looks(rng, 2.6))
        if number == 0 and len(targets) > 1:
            last.append(stare)
        else:
            visits.insert(int(rng.integers(1, len(visits) + 1)), stare)
    return last
