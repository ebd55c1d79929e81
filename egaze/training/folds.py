"""Cross-validation: folds of a study by patient, in which every patient is tested once."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

from egaze.errors import StudyError
from egaze.labels import Labels
from egaze.study import Splits, Study
from egaze.study.splits import require_seed


def deal_folds(study: Study, folds: int, *, seed: int = 0) -> tuple[Splits, ...]:
    """Split a study K times by patient, stratified by class, so that the K test splits together are the whole study.

    Patients are shuffled by `random.Random(seed)` and sorted by their number of cases, the largest first. Each is dealt
    to the one of K parts that holds the least of the patient's classes; ties go to the part with the fewest cases, then
    to the first. Fold k tests on part k, validates on the next part (the first after the last) and trains on the
    others. Splits that a source prescribes are ignored.

    Args:
        study: the study to split. Cases without a label are spread evenly, as a class of their own; so are, of
            independent labels, cases in which no class is present.
        folds: K, from 3 to the number of patients.
        seed: of the shuffle.

    Raises:
        StudyError: fewer than 3 folds or more folds than patients, or a negative seed.

    Example:
        >>> from egaze import open_study
        >>> from egaze.training import deal_folds
        >>> folds = deal_folds(open_study("study"), 5)
        >>> len(folds), sum(len(splits.indices("test")) for splits in folds)
        (5, 48)
    """
    require_seed(seed)
    patients = np.unique(study.patients)
    if not 3 <= folds <= len(patients):
        raise StudyError(f"{study.path}: folds must be 3 to {len(patients)}, the number of patients, got {folds}")
    part = deal_parts(study.patients, study.labels, folds, seed)
    # 0 is train, 1 validation, 2 test.
    split_index = np.zeros((folds, len(study)), dtype=np.int64)
    for fold in range(folds):
        split_index[fold, part == (fold + 1) % folds] = 1
        split_index[fold, part == fold] = 2
    return tuple(Splits(seed, (folds - 2, 1, 1), row) for row in split_index)


def deal_parts(patients: NDArray[np.int64], labels: Labels, parts: int, seed: int) -> NDArray[np.intp]:
    """Return the part that each case is dealt to with its patient, by the rule of `deal_folds`."""
    _, patient = np.unique(patients, return_inverse=True)
    groups = np.column_stack([labels.groups, ~labels.known])
    return _deal(patient, groups, parts, seed)[patient]


def _deal(patient: NDArray[np.intp], groups: NDArray[np.bool_], parts: int, seed: int) -> NDArray[np.intp]:
    """Return the part that each patient is dealt to, so that each part has its share of every group of cases."""
    cases = np.bincount(patient)
    grouped = np.zeros((len(cases), groups.shape[1]))
    np.add.at(grouped, patient, groups)
    share = grouped / np.maximum(grouped.sum(axis=0), 1)
    order = list(range(len(cases)))
    random.Random(seed).shuffle(order)
    order.sort(key=lambda number: -cases[number])
    held, held_cases = np.zeros((parts, groups.shape[1])), np.zeros(parts, dtype=np.int64)
    dealt = np.empty(len(cases), dtype=np.intp)
    for number in order:
        likeness = (held * share[number]).sum(axis=1)
        dealt[number] = min(range(parts), key=lambda k: (likeness[k], held_cases[k]))
        held[dealt[number]] += grouped[number]
        held_cases[dealt[number]] += cases[number]
    return dealt
