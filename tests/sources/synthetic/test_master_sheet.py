"""master_sheet.csv and bounding_boxes.csv: the real columns and the real traps."""

from __future__ import annotations

import csv
import re

import polars as pl
import pydicom

from egaze.sources.synthetic.screen_fit import ScreenFit

COLUMNS = """
dicom_id path study_id patient_id stay_id gender anchor_age image_top_pad image_bottom_pad image_left_pad
image_right_pad dx1 dx1_icd dx2 dx2_icd dx3 dx3_icd dx4 dx4_icd dx5 dx5_icd dx6 dx6_icd dx7 dx7_icd dx8
dx8_icd dx9 dx9_icd normal_reports Normal CHF pneumonia consolidation enlarged_cardiac_silhouette
linear__patchy_atelectasis lobar__segmental_collapse
not_otherwise_specified_opacity___pleural__parenchymal_opacity__ pleural_effusion_or_thickening
pulmonary_edema__hazy_opacity normal_anatomically elevated_hemidiaphragm hyperaeration
vascular_redistribution atelectasis__chx cardiomegaly__chx consolidation__chx edema__chx
enlarged_cardiomediastinum__chx fracture__chx lung_lesion__chx lung_opacity__chx no_finding__chx
pleural_effusion__chx pleural_other__chx pneumonia__chx pneumothorax__chx support_devices__chx
cxr_exam_indication
""".split()  # noqa: SIM905

BOXES = {
    "cardiac silhouette", "left clavicle", "right clavicle", "left costophrenic angle",
    "right costophrenic angle", "left hilar structures", "right hilar structures", "left lower lung zone",
    "right lower lung zone",
    "left mid lung zone", "right mid lung zone", "left upper lung zone", "right upper lung zone", "left lung",
    "right lung", "trachea", "upper mediastinum",
}  # fmt: skip


def test_the_columns_in_order(twin) -> None:
    assert len(COLUMNS) == 59
    assert twin.sheet.columns == COLUMNS


def test_quoted_fields_hold_line_breaks_and_quotes(twin) -> None:
    path = twin.summary.tables / "master_sheet.csv"
    lines = path.read_text().count("\n")
    assert lines > len(twin.sheet) + 1 + 3
    with open(path, newline="") as stream:
        records = list(csv.DictReader(stream))
    assert len(records) == len(twin.sheet) == 27
    assert any("\n" in record["cxr_exam_indication"] for record in records)
    assert any('"' in record["cxr_exam_indication"] for record in records)


def test_columns_have_values_of_the_real_kinds(twin) -> None:
    sheet = twin.sheet
    labeller = sheet.select(pl.col("^.*__chx$"))
    found = set(labeller.unpivot()["value"].unique())
    assert found == {None, -1.0, 0.0, 1.0}
    assert sheet["anchor_age"].str.contains(r"^\d0 - \d0$").all()
    assert set(sheet["gender"]) == {"F", "M"}
    assert sheet["dx1"].null_count() == 0
    assert sheet["dx9"].null_count() > 0


def test_ids_are_made_up_and_in_the_trees_form(twin) -> None:
    form = re.compile(r"facade[0-9a-f]{2}(-[0-9a-f]{8}){4}")
    for row in twin.sheet.iter_rows(named=True):
        assert form.fullmatch(row["dicom_id"])
        assert len(row["dicom_id"]) == 44
        patient, study = f"p{row['patient_id']}", f"s{row['study_id']}"
        assert re.fullmatch(r"p9\d{7}", patient), "real patients are p10000000 to p19999999"
        assert row["path"] == f"files/{patient[:3]}/{patient}/{study}/{row['dicom_id']}.dcm"
    assert twin.sheet["dicom_id"].is_unique().all()
    assert twin.sheet["study_id"].is_unique().all()


def test_some_patients_have_several_radiographs_and_one_sex(twin) -> None:
    radiographs = twin.sheet["patient_id"].value_counts()["count"]
    assert radiographs.max() == 3
    assert (radiographs == 2).any()
    assert (radiographs == 1).sum() > 18
    assert len(radiographs) == twin.summary.patients
    sexes = twin.sheet.group_by("patient_id").agg(pl.col("gender").n_unique())
    assert sexes["gender"].max() == 1


def test_paddings_of_the_two_usual_sizes() -> None:
    portrait, landscape = ScreenFit.of(3056, 2544), ScreenFit.of(2544, 3056)
    assert (portrait.top, portrait.bottom, portrait.left, portrait.right) == (0, 0, 534, 534)
    assert (landscape.top, landscape.bottom, landscape.left, landscape.right) == (86, 86, 448, 448)


def test_boxes_lie_on_their_radiographs(twin) -> None:
    boxes = pl.read_csv(twin.summary.tables / "bounding_boxes.csv")
    assert boxes.columns == ["dicom_id", "bbox_name", "x1", "x2", "y1", "y2"]
    assert set(boxes["bbox_name"]) == BOXES
    assert len(boxes) == 17 * len(twin.sheet)
    for dicom_id, path in zip(twin.sheet["dicom_id"], twin.radiographs, strict=True):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        own = boxes.filter(pl.col("dicom_id") == dicom_id)
        assert (own["x1"] < own["x2"]).all()
        assert (own["y1"] < own["y2"]).all()
        assert own["x1"].min() >= 0
        assert own["x2"].max() < header.Columns
        assert own["y2"].max() < header.Rows
        right, left = (own.filter(pl.col("bbox_name") == f"{side} lung") for side in ("right", "left"))
        middle = [(lung["x1"].item() + lung["x2"].item()) / 2 for lung in (right, left)]
        assert middle[0] < middle[1] - header.Columns / 5, "the patient's right is on the radiograph's left"
