"""REFLACX's main_data as the twin writes it: the tree, the columns, the phases and the traps."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import polars as pl
import pydicom
import pytest

COMMON = "id,split,eye_tracking_data_discarded,image,dicom_id,subject_id,image_size_x,image_size_y"
LABELS = {
    1: "Airway wall thickening,Atelectasis,Consolidation,Emphysema,Enlarged cardiac silhouette,Fibrosis,Fracture,"
    "Groundglass opacity,Mass,Nodule,Other,Pleural effusion,Pleural thickening,Pneumothorax,Pulmonary edema,"
    "Quality issue,Support devices,Wide mediastinum",
    2: "Abnormal mediastinal contour,Acute fracture,Atelectasis,Consolidation,Enlarged cardiac silhouette,"
    "Enlarged hilum,Groundglass opacity,Hiatal hernia,High lung volume / emphysema,Interstitial lung disease,"
    "Lung nodule or mass,Other,Pleural abnormality,Pneumothorax,Pulmonary edema,Support devices",
}
LABELS[3] = LABELS[2]
FIXATIONS = (
    "timestamp_start_fixation,timestamp_end_fixation,x_position,y_position,pupil_area_normalized,"
    "angular_resolution_x_pixels_per_degree,angular_resolution_y_pixels_per_degree,window_width,window_level,"
    "xmin_shown_from_image,ymin_shown_from_image,xmax_shown_from_image,ymax_shown_from_image,"
    "xmin_in_screen_coordinates,ymin_in_screen_coordinates,xmax_in_screen_coordinates,ymax_in_screen_coordinates"
)
GAZE_FILES = {"fixations.csv", "timestamps_transcription.csv", "transcription.txt"}
DRAWN_FILES = {"anomaly_location_ellipses.csv", "chest_bounding_box.csv"}


@pytest.fixture(scope="module")
def main_data(reflacx_twin) -> Path:
    return reflacx_twin.tables / "main_data"


@pytest.fixture(scope="module")
def metadata(main_data) -> dict[int, pl.DataFrame]:
    return {phase: pl.read_csv(main_data / f"metadata_phase_{phase}.csv", infer_schema_length=None) for phase in LABELS}


def test_the_columns_in_order_and_lines_that_end_as_the_original_s(main_data) -> None:
    for phase, labels in LABELS.items():
        text = (main_data / f"metadata_phase_{phase}.csv").read_bytes()
        assert text.partition(b"\r\n")[0].decode() == f"{COMMON},{labels}"
        ellipses = next(main_data.glob(f"P{phase}*/anomaly_location_ellipses.csv")).read_bytes()
        assert ellipses.partition(b"\r\n")[0].decode() == f"xmin,ymin,xmax,ymax,certainty,{labels}"
        fixations = next(main_data.glob(f"P{phase}*/fixations.csv")).read_bytes()
        assert fixations.partition(b"\r\n")[0].decode() == FIXATIONS


def test_readings_and_their_files(main_data, metadata) -> None:
    discarded = 0
    for phase, table in metadata.items():
        for row in table.iter_rows(named=True):
            files = {path.name for path in (main_data / row["id"]).iterdir()}
            assert files == DRAWN_FILES | (set() if row["eye_tracking_data_discarded"] else GAZE_FILES)
            discarded += row["eye_tracking_data_discarded"]
            assert re.fullmatch(rf"P{phase}\d\dR9\d{{6}}", row["id"]), "one digit more than real ids have"
        readers = table["dicom_id"].value_counts()["count"].unique().to_list()
        assert readers == ([1] if phase == 3 else [5])
    assert discarded == 2
    assert pl.concat([table.select("id") for table in metadata.values()])["id"].is_unique().all()
    assert metadata[1]["id"].is_sorted() and metadata[3]["image"].is_sorted()


def test_radiographs_lie_in_mimic_s_tree(reflacx_twin, metadata) -> None:
    rows = [row for table in metadata.values() for row in table.iter_rows(named=True)]
    for row in rows:
        prefix, _, place = row["image"].rpartition("/files/")
        assert prefix == "physionet.org/files/mimic-cxr/2.0.0"
        header = pydicom.dcmread(reflacx_twin.images / "files" / place, stop_before_pixels=True)
        assert (header.Columns, header.Rows) == (row["image_size_x"], row["image_size_y"])
        assert place.endswith(f"p{row['subject_id']}/s{header.StudyID}/{row['dicom_id']}.dcm")
    splits = {(row["subject_id"], row["split"]) for row in rows}
    assert len(splits) == reflacx_twin.patients, "one split per patient"
    assert {split for _, split in splits} == {"train", "validate", "test"}


def test_certainties_are_the_ellipses_highest(main_data, metadata) -> None:
    turned = 0
    for phase, table in metadata.items():
        names = [name for name in LABELS[phase].split(",") if name not in ("Other", "Quality issue", "Support devices")]
        for row in table.iter_rows(named=True):
            with (main_data / row["id"] / "anomaly_location_ellipses.csv").open(newline="") as file:
                ellipses = list(csv.DictReader(file))
            for name in names:
                drawn = [int(one["certainty"]) for one in ellipses if one[name] == "True"]
                assert row[name] == max(drawn, default=0)
            turned += sum(int(one["xmin"]) > int(one["xmax"]) for one in ellipses)
    assert turned > 0


def test_readers_of_one_radiograph_look_and_judge_for_themselves(main_data, metadata) -> None:
    gaze, judged = [], set()
    for radiograph, table in metadata[1].group_by("dicom_id", maintain_order=True):
        for reading in table.filter(~pl.col("eye_tracking_data_discarded"))["id"]:
            gaze.append((radiograph, (main_data / reading / "fixations.csv").read_text()))
        judged.add(table.select(name for name in table.columns if table[name].dtype == pl.Int64).n_unique())
    assert len(gaze) == len({text for _, text in gaze}) == 9
    assert max(judged) > 1


def test_fixations_are_of_a_radiograph_that_is_zoomed(main_data, metadata) -> None:
    rows = {row["id"]: row for table in metadata.values() for row in table.iter_rows(named=True)}
    outside = read = zoomed = 0
    for path in main_data.glob("*/fixations.csv"):
        table = pl.read_csv(path)
        size = [rows[path.parent.name][name] for name in ("image_size_x", "image_size_y")]
        low, high = (
            table.select(f"x{end}_shown_from_image", f"y{end}_shown_from_image").to_numpy() for end in ("min", "max")
        )
        assert (low >= 0).all() and (high <= size).all() and (low < high).all()
        assert (high - low == size).any()
        zoomed += int((high - low < np.array(size)).any())
        assert table["xmin_in_screen_coordinates"].min() >= 660
        assert table["xmax_in_screen_coordinates"].max() <= 3840
        assert 0 < table["window_width"].min() <= table["window_width"].max() < 1
        x, y = table["x_position"].drop_nulls().to_numpy(), table["y_position"].drop_nulls().to_numpy()
        outside += int(((x < 0) | (x >= size[0]) | (y < 0) | (y >= size[1])).sum())
        read += len(x)
    assert 0 < outside < 0.1 * read
    assert zoomed > 0.7 * len(rows)  # a short reading ends before the second view


def test_every_trap_is_there(main_data) -> None:
    tables = [pl.read_csv(path) for path in main_data.glob("*/fixations.csv")]
    assert any(table["x_position"].null_count() for table in tables)
    assert any((table["angular_resolution_x_pixels_per_degree"] == 0).any() for table in tables)
    assert any(table.is_duplicated().any() for table in tables)
    assert any((table["timestamp_start_fixation"] == table["timestamp_end_fixation"]).any() for table in tables)
    assert any(table["timestamp_start_fixation"].min() < 0 for table in tables)


def test_words_make_the_transcription(main_data) -> None:
    for path in main_data.glob("*/timestamps_transcription.csv"):
        words = pl.read_csv(path)
        text = (path.parent / "transcription.txt").read_text()
        assert " ".join(words["word"]).replace(" .", ".").replace(" ,", ",") == text
        assert words["timestamp_start_word"].is_sorted()
        assert (words["timestamp_start_word"] <= words["timestamp_end_word"]).all()
