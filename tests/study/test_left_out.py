"""Radiographs that cannot be read stop nothing."""

import json
import shutil

import numpy as np
import pytest
from study.ready_made import files

from egaze.errors import StudyError
from egaze.sources import EgdCxr
from egaze.study import open_study, placing, prepare_study
from egaze.study.placing import reason_without_identity


@pytest.fixture
def damaged(twin, tmp_path):
    """The twin with its radiograph 20 cut off and its radiograph 30 missing."""
    images = tmp_path / "images"
    shutil.copytree(twin.images, images)
    source = EgdCxr(twin.tables, images)
    cut, gone = (source.cases()[index].image_path for index in (20, 30))
    cut.write_bytes(cut.read_bytes()[:5000])
    gone.unlink()
    return source


def test_unreadable_radiographs_are_left_out_and_listed(study, damaged, tmp_path):
    listed = []
    made = prepare_study([damaged], tmp_path / "out", size_px=64, workers=2, on_left_out=listed.extend)
    cases = damaged.cases()
    kept = np.delete(np.arange(48), [20, 30])
    assert made.case_ids == [study.case_ids[index] for index in kept]
    np.testing.assert_array_equal(made.images, study.images[kept])
    assert made.manifest["counts"]["cases"] == 46 and made.manifest["counts"]["left_out"] == 2
    np.testing.assert_array_equal(made.splits.split_index, study.splits.split_index[kept])
    for index, number in enumerate(kept):
        np.testing.assert_array_equal(made.fixations(index, 64).x_px, study.fixations(number, 64).x_px)

    assert [item.case_id for item in listed] == [cases[20].case_id, cases[30].case_id]
    assert all(str(cases[index].image_path) in item.message for index, item in zip((20, 30), listed, strict=True))
    assert made.manifest["left_out"] == [{"case_id": item.case_id, "reason": item.reason} for item in listed]
    assert "No such file" in listed[1].reason
    stored = json.dumps(made.manifest["left_out"])
    for index in (20, 30):
        assert cases[index].patient_id not in stored and str(tmp_path) not in stored
    assert not list(tmp_path.glob(".*"))


def test_strict_fails_after_all_were_tried_and_continues_once_they_are_repaired(
    study, twin, damaged, tmp_path, monkeypatch
):
    listed, told = [], []
    with pytest.raises(StudyError, match="2 of 48 radiographs cannot be read"):
        prepare_study([damaged], tmp_path / "out", size_px=64, strict=True, on_left_out=listed.extend)
    assert len(listed) == 2 and not (tmp_path / "out").exists()
    for index in (20, 30):
        mended = damaged.cases()[index].image_path
        shutil.copy(twin.images / mended.relative_to(tmp_path / "images"), mended)
    monkeypatch.setattr("egaze.study.decoding.place_radiograph", counting := Counting())
    prepare_study([damaged], tmp_path / "out", size_px=64, strict=True, say=told.append)
    assert len(counting.paths) == 2
    assert told == ["continuing with 46 of 48 radiographs of an interrupted run"]
    assert files(tmp_path / "out") == files(study.path)
    assert not list(tmp_path.glob(".*"))


class Counting:
    """place_radiograph, remembering what it was asked."""

    def __init__(self):
        self.paths = []

    def __call__(self, path, canvas):
        self.paths.append(path)
        return placing.place_radiograph(path, canvas)


def test_without_a_readable_radiograph_there_is_no_study(many_radiographs, tmp_path):
    source = many_radiographs(4)
    for case in source.given:
        case.image_path.unlink()
    with pytest.raises(StudyError, match=r"none of the 4 radiographs can be read; .*radiograph0\.png.*No such file"):
        prepare_study([source], tmp_path / "out", size_px=16)
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".*"))


def test_a_radiograph_of_several_readers_is_read_once(many_radiographs, tmp_path, monkeypatch):
    source = many_radiographs(6)
    twice = [*source.given, *(case.__class__(**fields(case, case_id=f"{case.case_id}b")) for case in source.given)]
    source.given[:] = twice
    source.given[3].image_path.unlink()
    monkeypatch.setattr("egaze.study.decoding.place_radiograph", counting := Counting())
    made = prepare_study([source], tmp_path / "out", size_px=16)
    assert len(counting.paths) == 6
    assert made.case_ids == [f"case{n}{suffix}" for suffix in ("", "b") for n in range(6) if n != 3]
    np.testing.assert_array_equal(made.images[:5], made.images[5:])
    assert [item["case_id"] for item in made.manifest["left_out"]] == ["case3", "case3b"]


def fields(case, **changed):
    return {name: getattr(case, name) for name in case.__slots__} | changed


def test_an_unexpected_exception_of_a_decoder_leaves_only_its_case_out(many_radiographs, tmp_path, monkeypatch):
    real = placing._place

    def place(path, *arguments):
        if path.stem == "radiograph2":
            raise RuntimeError("Doe^John")
        return real(path, *arguments)

    monkeypatch.setattr(placing, "_place", place)
    made = prepare_study([many_radiographs(4)], tmp_path / "out", size_px=16)
    assert made.manifest["left_out"] == [{"case_id": "case2", "reason": "cannot read the radiograph (RuntimeError)"}]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("{path}: 5 frames, expected one radiograph", "5 frames, expected one radiograph"),
        ("{path}: cannot read the picture: cannot identify '{path}'", "cannot read the picture: cannot identify ..."),
        ("{path}: neither DICOM nor PNG (begins with b'Doe^John')", "neither DICOM nor PNG (begins with ...)"),
        ("{path}: cannot find {path}", "cannot be read"),
        ("{path}: said patient 10000032", "cannot be read"),
        ("{path}: p10000032 is odd", "cannot be read"),
        ("elsewhere: s50414267.png is odd", "cannot be read"),
    ],
)
def test_reasons_hold_no_part_of_a_path(tmp_path, message, reason):
    path = tmp_path / "files" / "p10000032" / "s50414267.png"
    assert reason_without_identity(message.format(path=path), path, "10000032") == reason


def test_a_study_with_radiographs_left_out_opens_whole(many_radiographs, tmp_path):
    source = many_radiographs(5)
    source.given[0].image_path.unlink()
    prepare_study([source], tmp_path / "out", size_px=16, workers=3)
    assert open_study(tmp_path / "out").case_ids == ["case1", "case2", "case3", "case4"]
