import random
from types import SimpleNamespace

import numpy as np
import pytest

from egaze.errors import StudyError
from egaze.labels import ExclusiveLabels, IndependentLabels
from egaze.training import deal_folds


class Cases(SimpleNamespace):
    def __len__(self):
        return len(self.labels)


def cases(labels, patients=None):
    labels = ExclusiveLabels(("a", "b", "c"), np.asarray(labels))
    return Cases(labels=labels, patients=np.arange(len(labels)) if patients is None else patients, path="study")


def test_every_case_is_tested_and_validates_once():
    made = cases(np.arange(50) % 3, np.arange(50) // 2)
    splits = deal_folds(made, 5)
    split_index = np.stack([one.split_index for one in splits])
    assert ((split_index == 2).sum(axis=0) == 1).all() and ((split_index == 1).sum(axis=0) == 1).all()
    # Fold k validates on what the next fold tests.
    for fold in range(5):
        np.testing.assert_array_equal(split_index[fold] == 1, split_index[(fold + 1) % 5] == 2)
    for patient in range(25):
        assert (np.diff(split_index[:, made.patients == patient], axis=1) == 0).all()
    assert splits[0].ratio == (3, 1, 1)


def test_classes_are_spread_evenly():
    generator = np.random.default_rng(0)
    labels = generator.choice([-1, 0, 1, 2], 203, p=[0.1, 0.6, 0.25, 0.05])
    for split in deal_folds(cases(labels), 7):
        tested = split.split_index == 2
        assert tested.sum() in (29, 30)
        for label in (-1, 0, 1, 2):
            assert abs((labels[tested] == label).sum() - (labels == label).sum() / 7) < 1


def test_independent_classes_are_spread_evenly():
    generator = np.random.default_rng(0)
    certainty = (generator.random((300, 3)) < [0.5, 0.2, 0.07]).astype(np.float32)
    certainty[generator.random(300) < 0.1] = np.nan
    labels = IndependentLabels(("a", "b", "c"), certainty, "ignore")
    groups = np.column_stack([labels.groups, ~labels.known])
    for split in deal_folds(Cases(labels=labels, patients=np.arange(300), path="study"), 5):
        tested = split.split_index == 2
        assert 55 <= tested.sum() <= 65
        assert (abs(groups[tested].sum(axis=0) - groups.sum(axis=0) / 5) < 2.5).all()


def test_patients_with_many_cases_are_spread_too():
    generator = np.random.default_rng(1)
    patients = np.repeat(np.arange(120), generator.integers(1, 8, 120))
    labels = generator.integers(0, 3, len(patients))
    share = [(split.split_index == 2).mean() for split in deal_folds(cases(labels, patients), 5)]
    assert max(share) - min(share) < 0.02


def test_the_seed_alone_decides():
    made = cases(np.arange(60) % 2)
    first, again, other = (np.stack([one.split_index for one in deal_folds(made, 4, seed=s)]) for s in (3, 3, 4))
    random.seed(99)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("folds", [-1, 0, 2, 21])
def test_impossible_folds(folds):
    with pytest.raises(StudyError, match=f"folds must be 3 to 20, the number of patients, got {folds}"):
        deal_folds(cases(np.zeros(20, int)), folds)
