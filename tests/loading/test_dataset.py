"""The map-style data set: what it gives, and that it gives the same in every process."""

import pickle
import shutil

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from egaze import DeviceLoader, open_study
from egaze.errors import StudyError
from egaze.study import split_study
from egaze.targets import EgdHeatmap, FixationHeatmap, GazeControl

KEYS = ["image", "labels", "heatmap", "has_gaze", "case_id"]


def same(one, other):
    assert list(one) == list(other) == KEYS
    for key in KEYS[:-1]:
        torch.testing.assert_close(one[key], other[key], rtol=0, atol=0, equal_nan=True)
    assert one["case_id"] == other["case_id"]


def loaded(study, cases, size_px, target):
    """The same cases as the training loader has them."""
    loader = DeviceLoader(study, cases, batch_size=len(cases), size_px=size_px, target=target)
    return next(iter(loader))


@pytest.mark.parametrize("size_px", [None, 40])
@pytest.mark.parametrize("made_of", [None, "count", "egd", "centre-bias"])
def test_samples_are_those_of_the_training_loader(study, size_px, made_of):
    targets = {None: None, "count": FixationHeatmap(0.1, "count"), "egd": EgdHeatmap()}
    target = targets.get(made_of) or (made_of and GazeControl(made_of).of(FixationHeatmap(), study, 0))
    dataset = study.as_dataset("validation", size_px=size_px, target=target)
    assert isinstance(dataset, Dataset)
    batch = next(iter(DataLoader(dataset, batch_size=len(dataset))))
    cases = study.splits.indices("validation")
    expected = loaded(study, cases, size_px or study.image_size_px, target or FixationHeatmap())
    assert list(batch) == KEYS and batch["case_id"] == [study.case_ids[case] for case in cases]
    for key, own in (("image", "image"), ("labels", "label"), ("heatmap", "heatmap"), ("has_gaze", "has_gaze")):
        torch.testing.assert_close(batch[key], getattr(expected, own), rtol=0, atol=0)
    assert batch["heatmap"].amax() > 0.8 and batch["has_gaze"].all()


def test_independent_labels_keep_what_is_unknown(findings_study):
    dataset = findings_study.as_dataset()
    labels = torch.stack([dataset[index]["labels"] for index in range(len(dataset))]).numpy()
    np.testing.assert_array_equal(labels, findings_study.labels.values)
    assert np.isnan(labels).any() and labels.dtype == np.float32


def test_a_case_without_gaze_says_so(study, tmp_path):
    from study.ready_made import Cases

    from egaze.sources import Case
    from egaze.study import prepare_study

    np.save(tmp_path / "radiograph.npy", np.full((20, 30), 99, np.uint8))
    bare = prepare_study(
        [Cases([Case("a", "p", tmp_path / "radiograph.npy", label="chf")])], tmp_path / "s", size_px=16
    )
    sample = bare.as_dataset()[0]
    assert not sample["has_gaze"] and not sample["heatmap"].any() and sample["labels"] == 1


@pytest.mark.parametrize(("method", "workers", "target"), [("fork", 2, EgdHeatmap()), ("spawn", 1, None)])
def test_workers_give_the_same(findings_study, method, workers, target):
    dataset = findings_study.as_dataset("test", size_px=32, target=target)
    loader = DataLoader(dataset, batch_size=2, num_workers=workers, multiprocessing_context=method, timeout=60)
    for batch, here in zip(loader, DataLoader(dataset, batch_size=2), strict=True):
        same(batch, here)


def test_an_index_is_that_of_a_sequence(study):
    dataset = study.as_dataset("test")
    same(dataset[-1], dataset[len(dataset) - 1])
    for index in (len(dataset), -len(dataset) - 1):
        with pytest.raises(IndexError):
            dataset[index]
    assert [sample["case_id"] for sample in dataset] == [study.case_ids[case] for case in study.splits.indices("test")]


def test_a_pickled_data_set_knows_its_study(study, tmp_path):
    shutil.copytree(study.path, tmp_path / "study")
    dataset = open_study(tmp_path / "study").as_dataset("train", size_px=16)
    text = pickle.dumps(dataset)
    split_study(tmp_path / "study", seed=7)
    same(pickle.loads(text)[3], dataset[3])
    manifest = tmp_path / "study" / "study.json"
    manifest.write_text(manifest.read_text() + "\n")
    with pytest.raises(StudyError, match="has changed since the data set was made of it"):
        pickle.loads(text)


def test_bad_arguments(study):
    with pytest.raises(ValueError, match="size_px must be at least 1, got 0"):
        study.as_dataset(size_px=0)
    with pytest.raises(StudyError, match="split 'exam' is not one of"):
        study.as_dataset("exam")
