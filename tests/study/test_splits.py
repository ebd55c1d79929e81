import json
import random
import shutil

import numpy as np
import pytest
from study.ready_made import Cases

from egaze.errors import StudyError
from egaze.sources import Case
from egaze.sources.case import TRAIN_OR_VALIDATION
from egaze.study import open_study, prepare_study, split_study
from egaze.study.splits import split_patients


@pytest.mark.parametrize("seed", [42, 1])
@pytest.mark.parametrize("patients", [1038, 44, 7])
def test_equals_the_published_code(seed, patients):
    """EGD-CXR's own steps, on ids in file order."""
    ids = [10_000_000 + 7 * number for number in range(patients)]
    shuffled = list(ids)
    random.seed(seed)
    random.shuffle(shuffled)
    train = round(0.8 * len(shuffled))
    validation = round(0.5 * (len(shuffled) - train))
    expected = dict.fromkeys(shuffled[:train], 0)
    expected |= dict.fromkeys(shuffled[train : train + validation], 1)
    expected |= dict.fromkeys(shuffled[train + validation :], 2)
    found = split_patients(patients, seed, (8, 1, 1))
    assert found.tolist() == [expected[id_] for id_ in ids]


def test_patients_stay_together(study):
    for patient in np.unique(study.patients):
        assert len(np.unique(study.splits.split_index[study.patients == patient])) == 1
    assert (np.bincount(study.patients)[1:] > 1).any()


def test_splitting_again(study, tmp_path):
    shutil.copytree(study.path, tmp_path / "study")
    before = study.splits.digest(study.case_ids)
    made = split_study(tmp_path / "study", seed=7, ratio=(6, 2, 2))
    opened = open_study(tmp_path / "study")
    np.testing.assert_array_equal(opened.splits.split_index, made.split_index)
    assert opened.splits.digest(opened.case_ids) != before
    assert 0.5 < (made.split_index == 0).mean() < 0.7


@pytest.mark.parametrize("ratio", [(0, 1, 1), (1, -1, 1), (float("nan"), 1, 1)])
def test_bad_ratios(study, tmp_path, ratio):
    shutil.copytree(study.path, tmp_path / "study")
    with pytest.raises(StudyError, match="ratio must be three shares"):
        split_study(tmp_path / "study", seed=1, ratio=ratio)


def test_empty_and_unknown_splits(study, tmp_path):
    shutil.copytree(study.path, tmp_path / "study")
    split_study(tmp_path / "study", seed=1, ratio=(1, 0, 0))
    with pytest.raises(StudyError, match="the test split is empty"):
        open_study(tmp_path / "study").splits.indices("test")
    with pytest.raises(StudyError, match="split 'exam' is not one of"):
        study.splits.indices("exam")


def test_a_leaking_split_is_refused(study, tmp_path):
    shutil.copytree(study.path, tmp_path / "study")
    content = json.loads((tmp_path / "study" / "splits.json").read_text())
    repeated = np.flatnonzero(np.bincount(study.patients) > 1)[0]
    content["split_index"][int(np.flatnonzero(study.patients == repeated)[0])] = 2
    content["split_index"][int(np.flatnonzero(study.patients == repeated)[1])] = 0
    (tmp_path / "study" / "splits.json").write_text(json.dumps(content))
    with pytest.raises(StudyError, match="1 patients are in two splits"):
        open_study(tmp_path / "study")


@pytest.mark.parametrize("population", ["one-hospital", None])
def test_a_patient_of_two_sources_is_in_one_split(tmp_path, population):
    radiograph = tmp_path / "radiograph.npy"
    np.save(radiograph, np.zeros((9, 9), np.uint8))

    def source(name, patients, given=None):
        cases = [
            Case(
                f"{name}{patient}",
                f"{patient}",
                radiograph,
                label="chf",
                split=None if given is None else given[patient],
            )
            for patient in patients
        ]
        return Cases(cases, name=name, population=population)

    first, given = source("a", range(60)), dict.fromkeys(range(100), "test")
    alone = prepare_study([first], tmp_path / "alone", size_px=16)
    both = prepare_study([first, source("b", range(99, 29, -1), given)], tmp_path / "both", size_px=16)
    found = dict(zip(both.case_ids, both.splits.split_index.tolist(), strict=True))
    assert [found[name] for name in alone.case_ids] == alone.splits.split_index.tolist()
    assert all(found[f"b{patient}"] == 2 for patient in range(60, 100))
    shared = [(found[f"a{patient}"], found[f"b{patient}"]) for patient in range(30, 60)]
    if population is None:
        assert all(second == 2 for _, second in shared) and len(np.unique(both.patients)) == 130
    else:
        assert all(one == second for one, second in shared) and {one for one, _ in shared} > {0}
        assert len(np.unique(both.patients)) == 100
    again = split_study(tmp_path / "both", seed=42)
    assert again.split_index.tolist() == both.splits.split_index.tolist()


def test_patients_of_one_list_for_both_are_divided_between_train_and_validation(tmp_path):
    radiograph = tmp_path / "radiograph.npy"
    np.save(radiograph, np.zeros((9, 9), np.uint8))
    cases = [
        Case(
            f"{patient}-{number}",
            f"p{patient}",
            radiograph,
            label="normal",
            split="test" if patient % 5 == 0 else TRAIN_OR_VALIDATION,
        )
        for patient in range(50)
        for number in range(2)
    ]
    study = prepare_study([Cases(cases)], tmp_path / "study", size_px=16)
    for splits, ratio in ((study.splits, (8, 1)), (split_study(study.path, seed=3, ratio=(1, 1, 8)), (1, 1))):
        is_test = np.array([case.split == "test" for case in cases])
        assert ((splits.split_index == 2) == is_test).all()
        validation = (splits.split_index[~is_test] == 1).mean()
        assert validation == pytest.approx(ratio[1] / sum(ratio), abs=0.12)
        assert len({(patient, split) for patient, split in zip(study.patients, splits.split_index, strict=True)}) == 50


def test_splits_without_test_hold_its_cases_nowhere(study):
    hidden = study.splits.without_test()
    for split in ("train", "validation"):
        np.testing.assert_array_equal(hidden.indices(split), study.splits.indices(split))
        assert hidden.digest(study.case_ids, split) == study.splits.digest(study.case_ids, split)
    assert (hidden.split_index[study.splits.indices("test")] == -1).all()
    with pytest.raises(StudyError, match="the test split is empty"):
        hidden.indices("test")
