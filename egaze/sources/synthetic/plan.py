"""The plan of a twin: patients, invented ids, classes, sizes and presentations, all drawn from one seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from egaze.sources.synthetic.disease import CHF, NORMAL, PNEUMONIA

FULL_LONG_SIDE_PX = 3056
# The master sheet lists all heart failure first, then all pneumonia, then all normals.
FILE_ORDER = (CHF, PNEUMONIA, NORMAL)

# Independent streams of random numbers, so that an additional draw in one does not change the others.
_PLAN, _PATIENT, _CASE, _TRACKER, _READINGS = range(5)


@dataclass(frozen=True, slots=True)
class Presentation:
    """How grey values are stored: `stored = offset + gain * value`, for values from 0 to 4095 in the MONOCHROME2 sense.

    `windows` holds (center, width) pairs for the stored values, before any inversion; none, one or several.
    """

    inverted: bool
    offset: float
    gain: float
    windows: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class CasePlan:
    """One radiograph to make. `patient` counts patients from 0; ids are invented and match no real data set."""

    index: int
    patient: int
    patient_id: str
    study_id: str
    dicom_id: str
    label: str
    rows_px: int
    columns_px: int
    presentation: Presentation


def plan_cases(cases: int, seed: int, long_side_px: int) -> list[CasePlan]:
    """All cases of a twin in the order of the master sheet, evenly divided between the classes."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, _PLAN]))
    shares = [cases // 3 + (1 if place < cases % 3 else 0) for place in range(3)]
    labels = [label for label, share in zip(FILE_ORDER, shares, strict=True) for _ in range(share)]
    patients = _share_patients(cases, rng)
    patient_ids = _numbers(int(patients.max()) + 1, rng)
    study_ids = _numbers(cases, rng)
    sizes = _sizes(cases, long_side_px, rng)
    presentations = _presentations(cases, rng)
    return [
        CasePlan(
            index=index,
            patient=int(patients[index]),
            patient_id=str(patient_ids[patients[index]]),
            study_id=str(study_ids[index]),
            dicom_id=_dicom_id(rng),
            label=labels[index],
            rows_px=sizes[index][0],
            columns_px=sizes[index][1],
            presentation=presentations[index],
        )
        for index in range(cases)
    ]


def patient_seeds(seed: int, patient: int) -> np.random.SeedSequence:
    """The seed of a patient's body, which is the same in all radiographs of the patient."""
    return np.random.SeedSequence([seed, _PATIENT, patient])


def case_seeds(seed: int, index: int) -> np.random.SeedSequence:
    """The seed of everything else about one case, whichever worker draws it."""
    return np.random.SeedSequence([seed, _CASE, index])


def tracker_seeds(seed: int) -> np.random.SeedSequence:
    """The seed of the tracker's columns and of the order of the readings."""
    return np.random.SeedSequence([seed, _TRACKER])


# Later additions have seeds of their own, so that radiographs of earlier versions do not change.
_DUPLICATES, _SAMPLES, _DICTATION, _READERS, _EXPORTS = 16, 17, 18, 19, 20


def duplicate_seeds(seed: int) -> np.random.SeedSequence:
    """The seed of the choice of repeated rows."""
    return np.random.SeedSequence([seed, _DUPLICATES])


def sample_seeds(seed: int) -> np.random.SeedSequence:
    """The seed of the noise of gaze samples."""
    return np.random.SeedSequence([seed, _SAMPLES])


def dictation_seeds(seed: int, index: int) -> np.random.SeedSequence:
    """The seed of the dictation of one case."""
    return np.random.SeedSequence([seed, _DICTATION, index])


def reader_seeds(seed: int) -> np.random.SeedSequence:
    """The seed of the readers' habits, which are the same in all readings of a twin."""
    return np.random.SeedSequence([seed, _READERS])


def exports_seeds(seed: int) -> tuple[int, int]:
    """The seed of the noise and losses of trackers' exports; the number of the reader follows."""
    return seed, _EXPORTS


def readings_seeds(seed: int) -> np.random.SeedSequence:
    """The seed of the ids, screens and clocks of readings that have tables of their own."""
    return np.random.SeedSequence([seed, _READINGS])


def _share_patients(cases: int, rng: np.random.Generator) -> np.ndarray:
    """(cases,) patient numbers; about 4 % of the patients have two radiographs, and one has three."""
    triples = 1 if cases >= 9 else 0
    pairs = max(1, round(0.04 * cases)) if cases >= 4 else 0
    singles = cases - 3 * triples - 2 * pairs
    radiographs = np.repeat(np.arange(triples + pairs + singles), [3] * triples + [2] * pairs + [1] * singles)
    radiographs = radiographs[rng.permutation(cases)]
    # Number patients by their first radiograph.
    _, first, inverse = np.unique(radiographs, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def _numbers(count: int, rng: np.random.Generator) -> np.ndarray:
    """Distinct eight-digit numbers from 90,000,000, a range without real patient or study numbers."""
    chosen = np.unique(rng.integers(90_000_000, 100_000_000, size=2 * count + 16))
    return rng.permutation(chosen)[:count]


def _dicom_id(rng: np.random.Generator) -> str:
    """An id of 44 characters in MIMIC-CXR's form, recognisable as synthetic because it begins with `facade`."""
    words = rng.integers(0, 2**32, size=5, dtype=np.uint64)
    groups = [f"{int(word):08x}" for word in words]
    return "-".join(["facade" + groups[0][:2], *groups[1:]])


def _sizes(cases: int, long_side_px: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """(rows, columns) with the original shares of portrait, landscape and other radiographs, scaled down alike."""
    scale = long_side_px / FULL_LONG_SIDE_PX
    others = max(1, round(0.17 * cases)) if cases >= 3 else 0
    landscape = max(1, round(0.25 * cases)) if cases >= 2 else 0
    long_side, short_side = long_side_px, round(2544 * scale)
    sizes = [(long_side, short_side)] * (cases - others - landscape) + [(short_side, long_side)] * landscape
    for number in range(others):
        rows = int(rng.integers(1900, 3057))
        columns = int(np.clip(rows * rng.uniform(0.80, 1.2), 1621, 3056))
        size = [round(rows * scale), round(columns * scale)]
        if number % 2 == 0:  # every other one has an odd side, by turns rows and columns
            side = (number // 2) % 2
            size[side] -= 1 - size[side] % 2
        sizes.append((size[0], size[1]))
    return [sizes[place] for place in rng.permutation(cases)]


def _presentations(cases: int, rng: np.random.Generator) -> list[Presentation]:
    inverted = _some(cases, max(1, round(0.08 * cases)) if cases >= 3 else 0, rng)
    windows = np.where(_some(cases, round(0.4 * cases), rng), 1, 0)
    windows[_some(cases, round(0.1 * cases), rng)] = 2
    return [_presentation(bool(inverted[index]), int(windows[index]), rng) for index in range(cases)]


def _some(cases: int, count: int, rng: np.random.Generator) -> np.ndarray:
    chosen = np.zeros(cases, bool)
    chosen[rng.permutation(cases)[:count]] = True
    return chosen


def _presentation(inverted: bool, count: int, rng: np.random.Generator) -> Presentation:
    jitter, gain, room = rng.uniform(0.95, 1.05, 2), rng.uniform(0.55, 0.9), rng.uniform(0.1, 0.9)
    if count == 0:
        return Presentation(inverted, 0.0, 1.0, ())
    # A windowed radiograph uses only the part of its range that the window selects.
    offset = round(4095 * (1 - gain) * room)
    middle, width = offset + gain * 2047.5, gain * 4095
    if inverted:
        middle = 4095 - middle
    windows = [(float(round(middle * jitter[0])), float(round(width * jitter[1])))]
    if count == 2:
        windows.append((windows[0][0], float(round(0.75 * width))))
    return Presentation(inverted, float(offset), float(gain), tuple(windows))
