"""The published splits: counts by a slow oracle, and what `prepare` says of the whole sheet."""

import random
from types import SimpleNamespace

import pytest

from egaze.sources.egd_cxr import PUBLISHED_SPLITS
from egaze.study.published_splits import published_split_report, split_counts

CLASSES = ("normal", "chf", "pneumonia")
SPLITS = ("train", "validation", "test")


def published_splits(ids, seed):
    """The published text: unique ids in file order, shuffled; round(.8 n), then round(.5 rest), then the others."""
    ids = list(ids)
    random.seed(seed)
    random.shuffle(ids)
    train = round(0.8 * len(ids))
    validation = round(0.5 * (len(ids) - train))
    return {
        "train": set(ids[:train]),
        "validation": set(ids[train : train + validation]),
        "test": set(ids[train + validation :]),
    }


@pytest.mark.parametrize("seed", [42, 1, 7])
def test_counts_equal_a_slow_oracle(seed):
    draw = random.Random(seed)
    order = [str(10_000_000 + 13 * n) for n in range(137)]
    images = [(patient, draw.choice(CLASSES)) for patient in order for _ in range(draw.choice((1, 1, 1, 2, 3)))]
    draw.shuffle(images)
    splits = published_splits(order, seed)
    expected = {
        split: {name: sum(p in patients and label == name for p, label in images) for name in CLASSES}
        for split, patients in splits.items()
    }
    found = split_counts(order, [patient for patient, _ in images], [label for _, label in images], seed)
    assert found == expected


def test_the_expected_counts_are_of_the_whole_set():
    for seed, per_split in PUBLISHED_SPLITS.items():
        splits = {split: sum(counts.values()) for split, counts in per_split.items()}
        assert list(splits.values()) == {42: [868, 107, 108], 1: [869, 107, 107]}[seed]
        totals = [sum(counts[name] for counts in per_split.values()) for name in CLASSES]
        assert totals == [360, 363, 360]


def whole_sheet(seed):
    """1,083 images of 1,038 patients, dealt so that this seed gives the published counts: 43 patients have two images,
    one has three. Which patient is on which split is by the published text, not by egaze."""
    order = [str(number) for number in range(10_000_000, 10_001_038)]
    cases = []
    for split, patients in published_splits(order, seed).items():
        labels = [name for name in CLASSES for _ in range(PUBLISHED_SPLITS[seed][split][name])]
        owners = sorted(patients)
        more = len(labels) - len(owners)
        if split == "train":
            owners += [owners[0], owners[0], *owners[1 : more - 1]]
        else:
            owners += owners[:more]
        cases += [SimpleNamespace(patient_id=owner, label=label) for owner, label in zip(owners, labels, strict=True)]
    images = [case.patient_id for case in cases]
    assert sorted(map(images.count, set(images)))[-45:] == [1] + 43 * [2] + [3] and len(images) == 1083
    return SimpleNamespace(patient_order=order, cases=lambda: cases, class_names=CLASSES)


@pytest.mark.parametrize("seed", [42, 1])
def test_the_whole_sheet_is_checked(seed):
    lines = published_split_report(whole_sheet(seed))
    assert len(lines) == 2 and f"published split, seed {seed}: counts agree" in lines
    (other,) = [line for line in lines if "agree" not in line]
    assert other.startswith(f"published split, seed {43 - seed}: differ: train ")
    assert "instead of" in other and other.endswith("(normal/chf/pneumonia)")


def test_a_label_in_another_place_is_detected():
    sheet = whole_sheet(42)
    cases = sheet.cases()
    tested = published_splits(sheet.patient_order, 42)["test"]
    here = next(case for case in cases if case.patient_id in tested and case.label == "chf")
    there = next(case for case in cases if case.patient_id not in tested and case.label == "normal")
    here.label, there.label = "normal", "chf"
    (line,) = [line for line in published_split_report(sheet) if "seed 42" in line]
    assert "test 31/41/36 instead of 30/42/36" in line


def test_other_sheets_are_not_compared():
    sheet = whole_sheet(42)
    sheet.cases().pop()
    assert published_split_report(sheet) == []
