"""The twin as a whole: reproducible, complete, all or nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import polars as pl
import pydicom
import pytest
from PIL import Image

from egaze.errors import EgazeError, SourceError
from egaze.sources import EgdCxr
from egaze.sources.case import is_synthetic, twin_facts
from egaze.sources.synthetic import synthesize, twin
from egaze.sources.synthetic.reader import READER_VERSION


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as radiograph:
        return np.asarray(radiograph)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("layout", ["egd-cxr", "reflacx", "table"])
def test_same_seed_gives_the_same_bytes_whatever_the_workers(tmp_path: Path, layout: str) -> None:
    common = {"cases": 4, "seed": 5, "layout": layout, "long_side_px": 128, "eye_gaze": layout == "egd-cxr"}
    synthesize(tmp_path / "one", workers=1, **common)
    synthesize(tmp_path / "two", workers=2, **common)
    one = digests(tmp_path / "one")
    assert len(one) > 4
    assert one == digests(tmp_path / "two")


def test_eye_gaze_is_one_more_file(tmp_path: Path) -> None:
    common = {"cases": 2, "seed": 5, "long_side_px": 64}
    synthesize(tmp_path / "with", eye_gaze=True, **common)
    synthesize(tmp_path / "without", **common)
    whole = digests(tmp_path / "with")
    assert whole.pop("gaze/eye_gaze.csv")
    assert whole == digests(tmp_path / "without")
    with pytest.raises(SourceError, match=r"only egd-cxr has eye_gaze\.csv"):
        synthesize(tmp_path / "table", layout="table", eye_gaze=True, **common)


def test_another_seed_gives_other_ids_radiographs_and_gaze(tmp_path: Path) -> None:
    for seed in (1, 2):
        synthesize(tmp_path / str(seed), cases=3, seed=seed, layout="table", long_side_px=128)
    first, second = digests(tmp_path / "1"), digests(tmp_path / "2")
    assert first.keys() == second.keys()
    changed = {name for name in first if first[name] != second[name]}
    assert {"fixations.csv", "images/case-00000.png", "images/case-00002.png", "SYNTHETIC.txt"} <= changed


def test_a_case_does_not_change_with_the_radiographs_size(tmp_path: Path) -> None:
    for long_side_px in (128, 256):
        synthesize(tmp_path / str(long_side_px), cases=3, seed=4, layout="table", long_side_px=long_side_px)
    for name in ("case-00000", "case-00001", "case-00002"):
        small, large = (
            np.asarray(
                Image.fromarray(picture(tmp_path / size / "images" / f"{name}.png")).convert("F").resize((32, 32))
            )
            for size in ("128", "256")
        )
        assert np.corrcoef(small.ravel(), large.ravel())[0, 1] > 0.98


def test_classes_share_the_cases_in_the_sheets_order(twin) -> None:
    labels = twin.sheet.select("CHF", "pneumonia", "Normal").to_numpy()
    assert (labels.sum(axis=1) == 1).all()
    order = labels.argmax(axis=1)
    assert (np.diff(order) >= 0).all(), "all CHF first, then all pneumonia, then all Normal"
    assert np.bincount(order).tolist() == [9, 9, 9]
    assert twin.summary.radiographs == {"Normal": 9, "CHF": 9, "pneumonia": 9}


def test_every_radiograph_has_a_finding_mask_of_its_size(twin) -> None:
    for row, path in zip(twin.sheet.iter_rows(named=True), twin.radiographs, strict=True):
        mask = picture(twin.summary.findings / f"{row['dicom_id']}.png")
        header = pydicom.dcmread(path, stop_before_pixels=True)
        assert mask.shape == (header.Rows, header.Columns)
        assert set(np.unique(mask)) <= {0, 255}
        assert mask.any() == (row["Normal"] == 0)
        assert (mask > 0).mean() < 0.35


def test_the_table_layout(tmp_path: Path) -> None:
    summary = synthesize(tmp_path / "out", cases=6, seed=3, layout="table", long_side_px=128)
    cases = pl.read_csv(summary.tables / "cases.csv")
    fixations = pl.read_csv(summary.tables / "fixations.csv")
    assert cases.columns == ["case_id", "image", "patient_id", "label"]
    assert fixations.columns == ["case_id", "x_px", "y_px", "duration_s", "onset_s"]
    assert sorted(cases["label"]) == ["CHF", "CHF", "Normal", "Normal", "pneumonia", "pneumonia"]
    assert set(fixations["case_id"]) == set(cases["case_id"])
    assert fixations["duration_s"].min() > 0
    for row in cases.iter_rows(named=True):
        pixels = picture(summary.tables / row["image"])
        assert pixels.dtype == np.uint16
        assert pixels.max() > 30_000, "spread over 16 bits"
        assert picture(summary.findings / f"{row['case_id']}.png").shape == pixels.shape
        own = fixations.filter(pl.col("case_id") == row["case_id"])
        on_radiograph = own["x_px"].is_between(0, pixels.shape[1]) & own["y_px"].is_between(0, pixels.shape[0])
        assert on_radiograph.mean() > 0.8


def test_the_twin_is_marked_as_synthetic(twin) -> None:
    notice = (twin.summary.out / "SYNTHETIC.txt").read_text()
    assert "synthetic" in notice
    assert "seed: 7" in notice
    assert "difficulty: 0.5" in notice


@pytest.mark.parametrize("layout", ["egd-cxr", "reflacx", "siim-gaze", "table"])
def test_only_gaze_depends_on_its_quality(tmp_path: Path, layout: str) -> None:
    for quality in (0, 4):
        synthesize(
            tmp_path / str(quality), cases=3, seed=5, layout=layout, long_side_px=64, gaze_quality=quality, workers=1
        )
    one, two = digests(tmp_path / "0"), digests(tmp_path / "4")
    changed = {Path(name).name for name in one if one[name] != two.get(name)}
    assert one.keys() == two.keys()
    assert "SYNTHETIC.txt" in changed and len(changed) > 1
    assert not [name for name in changed if name.endswith((".png", ".dcm"))]


def test_what_is_read_from_a_twin_says_the_readers_version(twin, tmp_path: Path) -> None:
    notice = (twin.summary.out / "SYNTHETIC.txt").read_text()
    assert f"reader_version: {READER_VERSION}" in notice and "gaze_quality: 1.0" in notice
    assert twin_facts(twin.summary.tables) == {"twin_reader_version": READER_VERSION, "twin_gaze_quality": 1.0}
    source = EgdCxr(twin.summary.tables, twin.summary.images)
    assert source.options["twin_reader_version"] == READER_VERSION and source.options["twin_gaze_quality"] == 1.0
    (tmp_path / "SYNTHETIC.txt").write_text("made by: egaze 0.1.0\ncases: 3\n")
    assert twin_facts(tmp_path) == {"twin_reader_version": 1}
    (tmp_path / "SYNTHETIC.txt").write_text("made by: egaze 0.2.0\nreader_version: two\n")
    with pytest.raises(SourceError, match=r"SYNTHETIC\.txt: reader_version and gaze_quality must be numbers: .*'two'"):
        twin_facts(tmp_path)
    (tmp_path / "SYNTHETIC.txt").write_text("my own phantoms")
    assert twin_facts(tmp_path) == {} and is_synthetic(tmp_path)
    assert twin_facts(tmp_path / "other" / "folder") == {}


def test_progress_counts_up_to_all(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    synthesize(tmp_path / "out", cases=2, long_side_px=64, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(twin.LAYOUTS["table"], "write_radiograph", fail)
    with pytest.raises(EgazeError, match="No space left"):
        synthesize(tmp_path / "out", cases=2, layout="table", long_side_px=64)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(EgazeError, match="already exists"):
        synthesize(tmp_path, cases=1, long_side_px=64)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"cases": 0},
        {"seed": -1},
        {"layout": "dicomdir"},
        {"difficulty": 1.5},
        {"gaze_quality": -0.1},
        {"gaze_quality": 4.5},
        {"gaze_quality": float("nan")},
        {"long_side_px": 9000},
        {"workers": 0},
    ],
)
def test_an_argument_out_of_range_is_named(tmp_path: Path, wrong: dict) -> None:
    name, value = next(iter(wrong.items()))
    with pytest.raises(SourceError, match=rf"{name} .*{value}"):
        synthesize(tmp_path / "out", **({"cases": 1} | wrong))
    assert not (tmp_path / "out").exists()
