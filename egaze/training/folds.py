"""Cross-validation: every patient of a study is tested once."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

from egaze.errors import StudyError
from egaze.study import Splits, Study
from egaze.study.splits import require_seed


def deal_folds(study: Study, folds: int, *, seed: int = 0) -> tuple[Splits, ...]:
    """K ways to split a study by patient, stratified by class; together their test splits are the study.

    Patients are dealt to K parts: shuffled by `random.Random(seed)`, those with most cases first, each to the part
    that holds the least of the patient's classes, then the fewest cases, then comes first. Fold k tests on part k,
    validates on the part after it (the first after the last), and trains on the others. What a source says of splits
    counts for nothing here.

    Args:
        study: what to split; cases without a label are dealt evenly, as a class of their own.
        folds: K, from 3 to the number of patients.
        seed: of the shuffle.

    Raises:
        StudyError: more folds than patients, or fewer than 3; a negative seed.

    Example:
        >>> from egaze import open_study
        >>> from egaze.training import deal_folds
        >>> folds = deal_folds(open_study("study"), 5)
        >>> len(folds), sum(len(splits.indices("test")) for splits in folds)
        (5, 48)
    """
    require_seed(seed)
    patients, patient = np.unique(study.patients, return_inverse=True)
    if not 3 <= folds <= len(patients):
        raise StudyError(f"{study.path}: folds must be 3 to {len(patients)}, the number of patients, got {folds}")
    part = _deal(patient, study.labels, folds, seed)[patient]
    # 0 trains, 1 validates, 2 tests.
    split_index = np.zeros((folds, len(study)), dtype=np.int64)
    for fold in range(folds):
        split_index[fold, part == (fold + 1) % folds] = 1
        split_index[fold, part == fold] = 2
    return tuple(Splits(seed, (folds - 2, 1, 1), row) for row in split_index)


def _deal(patient: NDArray[np.intp], labels: NDArray[np.int64], parts: int, seed: int) -> NDArray[np.intp]:
    """The part of each patient."""
    cases = np.zeros((patient.max() + 1, labels.max() + 2))
    np.add.at(cases, (patient, labels), 1)  # without a label: -1, the last column
    share = cases / np.maximum(cases.sum(axis=0), 1)
    order = list(range(len(cases)))
    random.Random(seed).shuffle(order)
    order.sort(key=lambda number: -cases[number].sum())
    held = np.zeros((parts, cases.shape[1]))
    dealt = np.empty(len(cases), dtype=np.intp)
    for number in order:
        likeness = (held * share[number]).sum(axis=1)
        dealt[number] = min(range(parts), key=lambda k: (likeness[k], held[k].sum()))
        held[dealt[number]] += cases[number]
    return dealt
