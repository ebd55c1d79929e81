"""fixations.csv: the tracker's columns, the published map, the traps, and gaze that makes sense."""

from __future__ import annotations

import numpy as np
import polars as pl
import pydicom
import pytest
from PIL import Image

from egaze.sources.synthetic.anatomy import draw_body
from egaze.sources.synthetic.disease import PNEUMONIA, draw_signs
from egaze.sources.synthetic.phantom import draw_pose, make_phantom
from egaze.sources.synthetic.reader import READERS, draw_readers
from egaze.sources.synthetic.scanpath import draw_scanpath
from egaze.sources.synthetic.screen_fit import ScreenFit

COLUMNS = (
    "SESSION_ID,MEDIA_ID,DICOM_ID,CNT,Time (in secs),TIMETICK(f=10000000),FPOGX,FPOGY,FPOGS,FPOGD,FPOGID,"
    "FPOGV,BPOGX,BPOGY,BPOGV,LPCX,LPCY,LPD,LPS,LPV,RPCX,RPCY,RPD,RPS,RPV,BKID,BKDUR,BKPMIN,LPMM,LPMMV,RPMM,RPMMV,SACCADE_MAG,"
    "SACCADE_DIR,VID_FRAME,X_ORIGINAL,Y_ORIGINAL"
)


def test_the_columns_in_order(twin) -> None:
    assert len(COLUMNS.split(",")) == 37
    with open(twin.summary.tables / "fixations.csv") as stream:
        assert stream.readline().rstrip("\n") == COLUMNS


def test_original_pixels_follow_the_published_map_in_every_row(twin) -> None:
    sheet = {
        row["dicom_id"]: (row, path)
        for row, path in zip(twin.sheet.iter_rows(named=True), twin.radiographs, strict=True)
    }
    mapped = outside = 0
    for row in twin.fixations.iter_rows(named=True):
        if row["DICOM_ID"] not in sheet:
            continue
        record, path = sheet[row["DICOM_ID"]]
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["Rows", "Columns"])
        height, width = header.Rows + header.Rows % 2, header.Columns + header.Columns % 2
        left, right = record["image_left_pad"], record["image_right_pad"]
        top, bottom = record["image_top_pad"], record["image_bottom_pad"]
        ex, ey = row["FPOGX"] * 1920, row["FPOGY"] * 1080
        if left < ex < 1920 - right and top < ey < 1080 - bottom:
            mapped += 1
            assert row["X_ORIGINAL"] == int(width / (1920 - left - right) * (ex - left))
            assert row["Y_ORIGINAL"] == int(height / (1080 - top - bottom) * (ey - top))
        else:
            outside += 1
            assert row["X_ORIGINAL"] == row["Y_ORIGINAL"]
            assert row["X_ORIGINAL"] in (-2, -1)
    assert mapped > 900
    assert 10 < outside < 0.1 * mapped
    assert set(twin.fixations.filter(pl.col("X_ORIGINAL") < 0)["X_ORIGINAL"]) == {-1, -2}


def test_times_and_counters_agree(twin) -> None:
    table = twin.fixations.unique(["SESSION_ID", "DICOM_ID", "FPOGID"], keep="first", maintain_order=True)
    time = table["Time (in secs)"].to_numpy()
    assert np.allclose(time, (table["FPOGS"] + table["FPOGD"]).to_numpy(), atol=1e-4)
    assert (np.abs(table["CNT"].to_numpy() - 60 * time) <= 0.51).all()
    assert table["FPOGD"].min() > 0
    for _, radiograph in table.group_by("SESSION_ID", "MEDIA_ID"):
        assert radiograph["DICOM_ID"].n_unique() == 1
        assert radiograph["FPOGS"].min() < 1, "time restarts for every image"
        assert (radiograph["FPOGS"].to_numpy()[1:] >= time_of_end(radiograph)[:-1] - 1e-4).all()
    for _, session in table.group_by("SESSION_ID"):
        assert (np.diff(session["TIMETICK(f=10000000)"].to_numpy()) > 0).all()
        assert (np.diff(session["FPOGID"].to_numpy()) == 1).all()
    assert 0 < (table["FPOGV"] == 0).mean() < 0.05


def test_some_rows_are_repeated(twin) -> None:
    """Some as they are, some with other pupils; each right behind the row that it repeats."""
    table = twin.fixations
    same_id = ~table.select(pl.struct("SESSION_ID", "DICOM_ID", "FPOGID").is_first_distinct()).to_series()
    same_row = ~table.is_unique() & same_id
    assert 0 < same_row.sum() < same_id.sum() < 0.02 * len(table)
    rows = table.with_row_index().filter(same_id)["index"].to_numpy()
    place = ["SESSION_ID", "DICOM_ID", "FPOGID", "X_ORIGINAL", "Y_ORIGINAL", "FPOGS", "FPOGD"]
    assert table[rows].select(place).equals(table[rows - 1].select(place))


def test_eye_gaze_holds_the_samples_of_the_fixations(twin) -> None:
    with open(twin.summary.tables / "eye_gaze.csv") as stream:
        assert stream.readline().rstrip("\n") == COLUMNS
    samples = pl.read_csv(twin.summary.tables / "eye_gaze.csv", infer_schema_length=None)
    repeated = samples.is_duplicated().sum()
    assert repeated > 0
    samples = samples.unique(maintain_order=True)
    fixations = twin.fixations.unique(["SESSION_ID", "DICOM_ID", "FPOGID"], keep="first", maintain_order=True)
    key = ["SESSION_ID", "DICOM_ID", "FPOGID"]
    # A row of fixations.csv is the last sample of its fixation.
    last = samples.group_by(key, maintain_order=True).last()
    assert last.select(fixations.columns).equals(fixations)
    fixated = samples.filter(pl.col("FPOGD") > 0)
    spans = fixated.group_by(key, maintain_order=True).agg(
        pl.len() / 60, pl.col("FPOGX").n_unique().alias("places"), pl.col("BPOGX").n_unique().alias("looks")
    )
    assert (spans["places"] == 1).all() and spans["looks"].max() > 10
    assert np.abs(spans["len"].to_numpy() - fixations["FPOGD"].to_numpy()).max() <= 0.51 / 60
    assert (samples.filter(pl.col("FPOGD") == 0)["FPOGV"] == 0).all()
    for _, radiograph in samples.group_by("SESSION_ID", "MEDIA_ID"):
        step_s = radiograph["Time (in secs)"].diff().drop_nulls()
        assert radiograph["Time (in secs)"].min() >= 0 and step_s.min() > 0.4 / 60 and step_s.max() < 2.6 / 60


def time_of_end(radiograph: pl.DataFrame) -> np.ndarray:
    return (radiograph["FPOGS"] + radiograph["FPOGD"]).to_numpy()


def test_calibration_cards_carry_a_radiographs_id_cut_short(twin) -> None:
    known = twin.sheet["dicom_id"].to_list()
    ids = twin.fixations["DICOM_ID"].unique().to_list()
    cut = [name for name in ids if len(name) < 44]
    assert {len(name) for name in cut} == {35, 39}
    assert all(sum(full.startswith(name) for full in known) == 1 for name in cut)
    cards = twin.fixations.filter(pl.col("DICOM_ID").is_in(cut))
    assert (cards["X_ORIGINAL"] == -2).all()
    assert cards["FPOGX"].is_between(0.4, 0.6).all()
    strangers = [name for name in ids if len(name) == 44 and name not in known]
    assert len(strangers) == 1
    assert set(known) <= set(ids)


def test_durations_are_log_normal(twin) -> None:
    known = twin.fixations.filter(pl.col("DICOM_ID").is_in(twin.sheet["dicom_id"].implode()))
    assert known.group_by("DICOM_ID").len()["len"].min() >= 8
    logarithm = np.log(known["FPOGD"].to_numpy())
    assert 0.25 < np.exp(logarithm.mean()) < 0.45
    skew = ((logarithm - logarithm.mean()) ** 3).mean() / logarithm.std() ** 3
    assert abs(skew) < 0.4
    assert 0.4 < logarithm.std() < 0.7


def test_gaze_dwells_on_the_findings_and_spares_the_dark(twin) -> None:
    gains = {"CHF": [], "pneumonia": []}
    lung_share = []
    boxes = pl.read_csv(twin.summary.tables / "bounding_boxes.csv")
    for row in twin.sheet.iter_rows(named=True):
        own = twin.fixations.filter((pl.col("DICOM_ID") == row["dicom_id"]) & (pl.col("X_ORIGINAL") >= 0))
        x, y, dwell = (own[name].to_numpy() for name in ("X_ORIGINAL", "Y_ORIGINAL", "FPOGD"))
        lungs = boxes.filter((pl.col("dicom_id") == row["dicom_id"]) & pl.col("bbox_name").str.contains("lung$"))
        chest = (x > lungs["x1"].min()) & (x < lungs["x2"].max()) & (y > lungs["y1"].min()) & (y < lungs["y2"].max())
        lung_share.append((dwell * chest).sum() / dwell.sum())
        with Image.open(twin.summary.findings / f"{row['dicom_id']}.png") as picture:
            mask = np.asarray(picture) > 0
        for label, gain in gains.items():
            if row[label]:
                inside = mask[np.minimum(y, mask.shape[0] - 1), np.minimum(x, mask.shape[1] - 1)]
                gain.append((dwell * inside).sum() / dwell.sum() / mask.mean())
    assert np.mean(lung_share) > 0.75
    assert np.median(gains["pneumonia"]) > 3
    assert np.median(gains["CHF"]) > 2


@pytest.fixture(scope="module")
def radiograph():
    """With an opacity in the middle of a lung, dense enough to be noticed nearly always."""
    body = draw_body(np.random.default_rng(1))
    pose = draw_pose(np.random.default_rng(2), body, True)
    signs = draw_signs(np.random.default_rng(3), PNEUMONIA, 0.5)
    return make_phantom(body, pose, signs, (192, 160), np.random.SeedSequence(4))


def readings(radiograph, gaze_quality: float, seeds: int = 120) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Readings by many readers: pixels of the fixations on the radiograph, and their durations."""
    fit = ScreenFit.of(192, 160)
    found = []
    for seed in range(seeds):
        reader = draw_readers(seed, gaze_quality)[seed % READERS]
        path = draw_scanpath(radiograph, reader, np.random.default_rng(seed))
        x, y = fit.original(path.screen_x, path.screen_y)
        on = (x >= 0) & (x < 160) & (y < 192)
        found.append((x[on], y[on], path.duration_s[on]))
    return found


def dwell(finding: np.ndarray, looked: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> np.ndarray:
    return np.array([duration[finding[y, x]].sum() / duration.sum() for x, y, duration in looked])


def test_a_reader_sometimes_misses_the_finding(radiograph) -> None:
    shares = dwell(radiograph.finding, readings(radiograph, 1))
    assert np.median(shares) > 3 * radiograph.finding.mean()
    assert 0.01 < np.mean(shares < 0.3 * np.median(shares)) < 0.35


def test_readings_differ_as_much_as_radiologists(radiograph) -> None:
    """Within the quartiles of real readings, by far: of their number of fixations and of their steps."""
    looked = readings(radiograph, 1)
    counts = np.array([len(x) for x, _, _ in looked])
    assert 35 < np.median(counts) < 65 and 0.45 < counts.std() / counts.mean() < 0.8
    steps = [np.hypot(np.diff(x) / 160, np.diff(y) / 192) for x, y, _ in looked]
    assert 0.07 < np.median([np.median(step) for step in steps]) < 0.12
    assert 0.098 < np.median([(step > 0.3).mean() for step in steps]) < 0.211
    crossings = [((x[1:] < 80) != (x[:-1] < 80)).mean() for x, _, _ in looked]
    assert 0.106 < np.median(crossings) < 0.214


def test_gaze_quality_is_how_much_gaze_tells(radiograph) -> None:
    shares, lengths = {}, {}
    for quality in (0, 0.5, 1, 4):
        looked = readings(radiograph, quality)
        shares[quality] = dwell(radiograph.finding, looked).mean()
        lengths[quality] = np.median([len(x) for x, _, _ in looked])
    assert shares[0] < shares[0.5] < shares[1] < shares[4]
    assert shares[1] > 2 * shares[0] and shares[4] > 1.5 * shares[1]
    assert lengths[0] < lengths[1], "a reading in which something is noticed takes longer"
    mirrored = dwell(radiograph.finding[:, ::-1], readings(radiograph, 1)).mean()
    assert 2 < shares[1] / mirrored < 8


def test_the_readers_of_a_twin_are_a_few_that_differ() -> None:
    readers = draw_readers(3, 1.0)
    assert readers == draw_readers(3, 1.0) and len(set(readers)) == READERS
    assert readers != draw_readers(4, 1.0)
    for seed in range(20):  # so that gaze of another seed is as much like radiologists'
        paces = np.log([reader.pace for reader in draw_readers(seed, 1.0)])
        assert paces.mean() == pytest.approx(0, abs=1e-9) and paces.std() == pytest.approx(0.3)
