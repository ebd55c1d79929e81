"""Dealing gaze: whose gaze each training case learns from, and which of its fixations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egaze.errors import StudyError
from egaze.study import Study

# Keep the two draws of one seed apart from each other and from the orders of cases, which are seeded by (seed, epoch).
_GAZE, _FIXATIONS = 0x67617A65, 0x66697861


def require_others(study: Study, relation: str) -> None:
    """Check that every training case with gaze can learn from the gaze of another patient.

    Args:
        study: the study with its splits.
        relation: "any-class", "same-class" or "other-class"; see `GazeControl`.

    Raises:
        StudyError: no other patient of the wanted classes has gaze or, unless any class is wanted, labels are
            independent or a case has none.
    """
    cases = _with_gaze(study)
    where = f"{study.path}: control.gaze {relation}"
    if relation == "any-class":
        if len(np.unique(study.patients[cases])) < 2:
            raise StudyError(f"{where}: no two patients have gaze in the train split")
        return
    if study.labels.kind == "independent":
        raise StudyError(f"{where} needs one class for each case, and the study's labels are independent")
    labels = study.labels.values[cases]
    if (unlabelled := int((labels < 0).sum())) > 0:
        raise StudyError(
            f"{where} needs a label for every case with gaze: {unlabelled} of {len(cases)} in the train split have none"
        )
    for label in np.unique(labels):
        patients = np.unique(study.patients[_givers(cases, labels, label, relation)])
        takers = study.patients[cases[labels == label]]
        if len(patients) == 0 or (len(patients) == 1 and patients[0] in takers):
            which = "of class" if relation == "same-class" else "of a class other than"
            raise StudyError(
                f"{where}: for some radiograph of class {study.class_names[label]!r}, no other patient {which} "
                f"{study.class_names[label]!r} has gaze in the train split"
            )


def deal_gaze(study: Study, relation: str, seed: int) -> NDArray[np.int64]:
    """Deal the gaze of the training split to its cases at random, none to a case of the patient that it is of.

    The gaze of each case is dealt as equally often as patients allow; within a class, or among all classes, once.

    Args:
        study: the study with its splits.
        relation: "any-class", "same-class" or "other-class"; see `GazeControl`.
        seed: any integer from 0; the same seed and study give the same result.

    Returns:
        (N,) int64, the case whose gaze each case gets; itself if it is not in the training split or has no gaze.

    Raises:
        StudyError: as `require_others`.
    """
    require_others(study, relation)
    generator = np.random.default_rng((seed, _GAZE))
    gaze_of, cases = np.arange(len(study), dtype=np.int64), _with_gaze(study)
    if relation == "any-class":
        gaze_of[cases] = _dealt(cases, cases, study.patients, generator)
        return gaze_of
    labels = study.labels.values[cases]
    for label in np.unique(labels):
        takers, givers = cases[labels == label], _givers(cases, labels, label, relation)
        gaze_of[takers] = _dealt(takers, givers, study.patients, generator)
    return gaze_of


def choose_fixations(study: Study, fixations_frac: float, seed: int) -> NDArray[np.bool_]:
    """Choose a fraction of each case's fixations at random, at least one of each.

    The fraction is of the fixations on the part of the radiograph that was shown; others are chosen only where there is
    no such fixation.

    Returns:
        (F,) bool, whether each fixation of the study is chosen.
    """
    counts = np.diff(study.offsets)
    case = np.repeat(np.arange(len(study)), counts)
    canvas = study.canvas
    x_px, y_px = canvas.to_px(study.x_unit, study.y_unit)
    x_min, y_min, x_max, y_max = study.shown_px(study.image_size_px).T
    is_seen = canvas.contains(x_px, y_px) & (x_px >= x_min) & (x_px < x_max) & (y_px >= y_min) & (y_px < y_max)
    drawn = np.random.default_rng((seed, _FIXATIONS)).random(len(case))
    rank = np.empty(len(case), dtype=np.int64)
    rank[np.lexsort((drawn, ~is_seen, case))] = np.arange(len(case)) - np.repeat(study.offsets[:-1], counts)
    wanted = np.maximum(1, np.floor(fixations_frac * np.bincount(case[is_seen], minlength=len(study)) + 0.5))
    chosen: NDArray[np.bool_] = rank < wanted[case]
    return chosen


def _with_gaze(study: Study) -> NDArray[np.int64]:
    train = study.splits.indices("train")
    return train[study.has_gaze[train]]


def _givers(cases: NDArray[np.int64], labels: NDArray[np.int64], label: int, relation: str) -> NDArray[np.int64]:
    gives: NDArray[np.bool_] = labels == label if relation == "same-class" else labels != label
    return cases[gives]


def _dealt(
    takers: NDArray[np.int64], givers: NDArray[np.int64], patients: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.int64]:
    """Deal givers to takers in random rounds, then mend the pairs of one patient by swaps."""
    rounds = -(-len(takers) // len(givers))
    dealt = np.concatenate([generator.permutation(givers) for _ in range(rounds)])[: len(takers)]
    of_taker = patients[takers]
    for place in np.flatnonzero(patients[dealt] == of_taker):
        own = of_taker[place]
        if patients[dealt[place]] != own:
            continue  # an earlier swap has mended it
        partners = np.flatnonzero((patients[dealt] != own) & (of_taker != own))
        if len(partners):
            partner = generator.choice(partners)
            dealt[[place, partner]] = dealt[[partner, place]]
        else:
            dealt[place] = generator.choice(givers[patients[givers] != own])
    return dealt
