from dataclasses import replace

import numpy as np
import pytest
from study.ready_made import Cases

from egaze.errors import StudyError
from egaze.gaze import Fixations
from egaze.labels import IndependentLabels
from egaze.sources import Case
from egaze.study import Splits, prepare_study
from egaze.targets.deal import choose_fixations, deal_gaze

CLASSES = ("a", "b")


def make(folder, cases, fixations=((30, 20), (70, 60), (110, 45))):
    """A study of (patient, label, split) cases with three fixations each; split None is a case without gaze."""
    np.save(folder / "radiograph.npy", np.random.default_rng(0).integers(0, 256, (80, 120), dtype=np.uint8))
    x, y = zip(*fixations, strict=True)
    gaze = Fixations(x, y, [0.5] * len(x))
    made = [
        Case(
            f"case-{number}", patient, folder / "radiograph.npy", label=label, fixations=None if split is None else gaze
        )
        for number, (patient, label, split) in enumerate(cases)
    ]
    study = prepare_study([Cases(made, class_names=CLASSES)], folder / "study", size_px=32)
    split_index = np.array([0 if split is None else split for _, _, split in cases])
    return study.with_splits(Splits(0, (1, 1, 1), split_index))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Twelve training cases of a, of which patient 0 has five; four of b, one of patient 0; others, and one without."""
    cases = [(f"p{max(0, number - 4)}", "a", 0) for number in range(12)]
    cases += [("p0", "b", 0), ("q1", "b", 0), ("q2", "b", 0), ("q3", "b", 0)]
    cases += [("r1", "a", 1), ("r2", "b", 2), ("r3", "a", None)]
    return make(tmp_path_factory.mktemp("deal"), cases)


@pytest.mark.parametrize("seed", range(20))
def test_gaze_is_another_patient_s_and_of_the_training_split(made, seed):
    any_class, same, other = (deal_gaze(made, of, seed) for of in ("any-class", "same-class", "other-class"))
    taking = np.arange(16)
    for dealt in (any_class, same, other):
        assert (made.patients[dealt[:16]] != made.patients[:16]).all() and dealt[:16].max() < 16
        np.testing.assert_array_equal(dealt[16:], np.arange(16, len(made)))
    labels = made.labels.values
    assert (labels[same[:16]] == labels[:16]).all() and (labels[other[:16]] != labels[:16]).all()
    np.testing.assert_array_equal(np.sort(any_class[:16]), taking)
    assert 0 < (labels[any_class[:16]] == labels[:16]).sum() < 16
    # Each is dealt once in its class; twelve of a take that of four of b, as evenly as patients allow.
    np.testing.assert_array_equal(np.sort(same[:16]), taking)
    assert np.bincount(other[:12], minlength=16)[12:].tolist() == [3, 3, 3, 3]
    assert len(set(other[12:16])) == 4


def test_the_seed_decides(made):
    for relation in ("any-class", "same-class", "other-class"):
        first, again, next_ = (deal_gaze(made, relation, seed) for seed in (0, 0, 1))
        np.testing.assert_array_equal(first, again)
        assert (first != next_).any()


def test_any_class_needs_no_labels(made):
    unlabelled = replace(made, labels=IndependentLabels(("a",), np.full((len(made), 1), np.nan, np.float32), "ignore"))
    np.testing.assert_array_equal(deal_gaze(unlabelled, "any-class", 3), deal_gaze(made, "any-class", 3))
    with pytest.raises(StudyError, match="the study's labels are independent"):
        deal_gaze(unlabelled, "same-class", 3)


def test_gaze_is_dealt_more_than_once_where_one_patient_has_most(tmp_path):
    study = make(tmp_path, [("p", "a", 0)] * 4 + [("q", "a", 0), ("r", "b", 0), ("s", "b", 0)])
    assert deal_gaze(study, "same-class", 0)[:4].tolist() == [4] * 4


@pytest.mark.parametrize(
    ("cases", "relation", "message"),
    [
        ([("p", "a", 0), ("q", "b", 0), ("r", "b", 0)], "same-class", "'a', no other patient of class 'a' has gaze"),
        ([("p", "a", 0), ("p", "a", 0), ("q", "b", 0), ("r", "b", 0)], "same-class", "no other patient of class 'a'"),
        ([("p", "a", 0), ("q", "a", 0)], "other-class", "'a', no other patient of a class other than 'a' has gaze"),
        ([("p", "a", 0), ("p", "b", 0), ("q", "b", 0)], "other-class", "class 'b', no other patient of a class other"),
        ([("p", "a", 0), ("p", "b", 0), ("q", "b", 1)], "any-class", "no two patients have gaze in the train split"),
        ([("p", "a", None), ("q", "b", 1)], "any-class", "no two patients have gaze in the train split"),
        ([("p", "a", 0), ("q", "a", 0), ("r", None, 0)], "same-class", "1 of 3 in the train split have none"),
    ],
)
def test_what_cannot_be_dealt_is_one_line(tmp_path, cases, relation, message):
    with pytest.raises(StudyError, match=message) as caught:
        deal_gaze(make(tmp_path, cases), relation, 0)
    assert f"control.gaze {relation}" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("fixations_frac", "each"), [(0.01, 1), (0.34, 1), (0.5, 2), (0.99, 3)])
def test_a_fraction_of_each_case_s_fixations(made, fixations_frac, each):
    chosen = choose_fixations(made, fixations_frac, 0)
    assert np.add.reduceat(chosen, made.offsets[:-2]).tolist() == [each] * 18
    np.testing.assert_array_equal(chosen, choose_fixations(made, fixations_frac, 0))
    if each < 3:
        assert (chosen != choose_fixations(made, fixations_frac, 1)).any()
        assert len(np.unique(chosen.reshape(-1, 3), axis=0)) > 1  # not the same ones of each


def test_fixations_beside_the_radiograph_are_no_target(tmp_path):
    beside = ((-50, 20), (60, 40), (500, 40), (60, -90))
    study = make(tmp_path, [("p", "a", 0), ("q", "a", 0)], beside)
    assert choose_fixations(study, 0.1, 0).tolist() == [False, True, False, False] * 2
    nowhere = replace(study, x_unit=study.x_unit + np.float32(9))
    assert choose_fixations(nowhere, 0.1, 0).reshape(2, 4).sum(axis=1).tolist() == [1, 1]
