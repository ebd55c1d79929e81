import csv
import shutil

import numpy as np
import pytest

from egaze.errors import SourceError, TableError
from egaze.sources import EgdCxr
from egaze.sources.synthetic import synthesize


@pytest.fixture
def copy(twin, tmp_path):
    shutil.copytree(twin.tables, tmp_path / "gaze")
    return tmp_path / "gaze"


def rewrite(path, change):
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    changed = change(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(changed)


def test_the_twin_reads_whole(twin):
    source = EgdCxr(twin.tables, twin.images)
    cases = source.cases()
    assert len(cases) == 48 and source.synthetic and source.class_names == ("normal", "chf", "pneumonia")
    assert all(case.image_path.is_file() for case in cases)
    labels = [case.label for case in cases]
    assert {name: labels.count(name) for name in source.class_names} == dict.fromkeys(source.class_names, 16)
    assert len(set(source.patient_order)) == len(source.patient_order) < len(cases)
    counts = [len(case.fixations) for case in cases if case.fixations is not None]
    assert 28 < np.median(counts) < 58


def test_dropped_rows_are_counted(twin):
    """Every row of fixations.csv is kept or dropped for one reason; each trap is there and found."""
    with (twin.tables / "fixations.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    source = EgdCxr(twin.tables, twin.images)
    dropped = {name: count for name, count in source.hygiene.items() if name.startswith("fixations_dropped_")}
    assert source.hygiene["fixations_read"] == len(rows)
    assert source.hygiene["fixations_kept"] + sum(dropped.values()) == len(rows)
    for reason in ("calibration_card", "unknown_radiograph", "invalid_flag", "duplicate", "outside_radiograph"):
        assert dropped[f"fixations_dropped_{reason}"] > 0
    ids = {case.case_id for case in source.cases()}
    cut = [row for row in rows if row["DICOM_ID"] not in ids and any(i.startswith(row["DICOM_ID"]) for i in ids)]
    assert {len(row["DICOM_ID"]) for row in cut} == {35, 39}
    assert dropped["fixations_dropped_calibration_card"] == len(cut) > 0
    # The twin's pixels are those of the published map.
    assert (
        source.hygiene["screen_map_equal"]
        == source.hygiene["fixations_kept"] + dropped["fixations_dropped_outside_radiograph"]
    )


def test_fixations_are_the_table_s_in_time_order(twin):
    source = EgdCxr(twin.tables, twin.images)
    case = source.cases()[0]
    with (twin.tables / "fixations.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["FPOGID"]: row for row in csv.DictReader(file) if row["DICOM_ID"] == case.case_id}.values()
    kept = [row for row in rows if row["FPOGV"] == "1" and int(row["X_ORIGINAL"]) >= 0 and int(row["Y_ORIGINAL"]) >= 0]
    assert case.fixations.x_px.tolist() == [float(row["X_ORIGINAL"]) for row in kept]
    np.testing.assert_allclose(case.fixations.duration_s, [float(row["FPOGD"]) for row in kept], rtol=1e-6)
    assert (np.diff(case.fixations.onset_s) >= 0).all()


def test_boxes_and_phrases_are_the_twin_s(twin):
    source = EgdCxr(twin.tables, twin.images)
    cases = source.cases()
    assert all(len(case.regions) == 17 for case in cases)
    assert 0 < sum(not case.phrases for case in cases) == source.hygiene["transcripts_missing"] < 6
    assert source.hygiene["phrases_dropped_without_words_or_time"] > 0
    for case in cases:
        begins_s = [phrase.begin_s for phrase in case.phrases]
        assert begins_s == sorted(begins_s) and all(phrase.text for phrase in case.phrases)


def test_samples_and_fixations_give_nearly_the_same_heatmap(tmp_path):
    """Dwell on the radiograph, place by place, from either table; re-calibration shifts all gaze of a session alike."""
    twin = synthesize(tmp_path / "twin", cases=6, seed=11, long_side_px=64, eye_gaze=True)
    fixations = EgdCxr(twin.tables, twin.images)
    samples = EgdCxr(twin.tables, twin.images, gaze_table="eye-gaze")
    assert samples.hygiene["samples_dropped_duplicate"] > 0 and samples.hygiene["samples_dropped_invalid_flag"] > 0
    assert samples.hygiene["screen_map_differs"] == samples.hygiene["screen_map_within_1_px"] == 0
    for one, other in zip(fixations.cases(), samples.cases(), strict=True):
        assert len(other.fixations) > 5 * len(one.fixations)
        dwell_s = [
            np.histogram2d(gaze.x_px, gaze.y_px, bins=[range(0, 70, 4)] * 2, weights=gaze.duration_s)[0]
            for gaze in (one.fixations, other.fixations)
        ]
        assert np.abs(dwell_s[0] - dwell_s[1]).max() < 0.1
        assert dwell_s[0].sum() == pytest.approx(dwell_s[1].sum(), rel=0.02)
    moved = EgdCxr(twin.tables, twin.images, recalibrate=True)
    assert moved.hygiene["sessions_without_calibration"] == 0
    shifts = [
        moved_case.fixations.x_px.mean() - case.fixations.x_px.mean()
        for case, moved_case in zip(fixations.cases(), moved.cases(), strict=True)
        if len(moved_case.fixations) == len(case.fixations)
    ]
    assert shifts and np.ptp(shifts) < 2 and np.abs(shifts).max() < 5


def test_missing_tables_and_folders(twin, tmp_path):
    with pytest.raises(SourceError, match=r"master_sheet\.csv and fixations\.csv are missing"):
        EgdCxr(tmp_path, twin.images)
    with pytest.raises(SourceError, match="no such folder of radiographs"):
        EgdCxr(twin.tables, tmp_path / "none")


@pytest.mark.parametrize(
    ("column", "value", "error", "message"),
    [
        ("CHF", "1", TableError, r"master_sheet\.csv: record 40: exactly one class must be 1"),
        ("CHF", "yes", TableError, "record 40, column 'CHF' holds 'yes', expected a whole number"),
        ("path", "../../etc/passwd", TableError, "record 40, column 'path': the path '../../etc/passwd'"),
        ("dicom_id", "", TableError, "record 40, column 'dicom_id' is empty"),
    ],
)
def test_a_bad_master_sheet(copy, twin, column, value, error, message):
    def change(rows):
        rows[39][column] = value
        return rows

    rewrite(copy / "master_sheet.csv", change)
    with pytest.raises(error, match=message):
        EgdCxr(copy, twin.images).cases()


def test_a_radiograph_that_occurs_twice_is_refused(copy, twin):
    rewrite(copy / "master_sheet.csv", lambda rows: [*rows, rows[0]])
    with pytest.raises(TableError, match="record 49: dicom_id .* occurs twice"):
        EgdCxr(copy, twin.images)


def test_a_radiograph_without_gaze_keeps_its_label(copy, twin):
    first = EgdCxr(copy, twin.images).cases()[0].case_id
    rewrite(copy / "fixations.csv", lambda rows: [row for row in rows if row["DICOM_ID"] != first])
    source = EgdCxr(copy, twin.images)
    assert source.cases()[0].fixations is None and source.hygiene["radiographs_without_gaze"] == 1
