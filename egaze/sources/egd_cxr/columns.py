"""The columns of EGD-CXR's tables and their types."""

from __future__ import annotations

import polars as pl

#: The class names and their columns in the master sheet.
CLASSES = {"normal": "Normal", "chf": "CHF", "pneumonia": "pneumonia"}

#: The padding around the radiograph on the screen, in pixels of the screen.
PADS = ("image_top_pad", "image_bottom_pad", "image_left_pad", "image_right_pad")

#: Findings of the report.
FINDINGS = (
    "consolidation",
    "enlarged_cardiac_silhouette",
    "linear__patchy_atelectasis",
    "lobar__segmental_collapse",
    "not_otherwise_specified_opacity___pleural__parenchymal_opacity__",
    "pleural_effusion_or_thickening",
    "pulmonary_edema__hazy_opacity",
    "normal_anatomically",
    "elevated_hemidiaphragm",
    "hyperaeration",
    "vascular_redistribution",
)
#: Findings of the CheXpert labeller, whose columns end in `__chx`.
CHEXPERT = (
    "atelectasis",
    "cardiomegaly",
    "consolidation",
    "edema",
    "enlarged_cardiomediastinum",
    "fracture",
    "lung_lesion",
    "lung_opacity",
    "no_finding",
    "pleural_effusion",
    "pleural_other",
    "pneumonia",
    "pneumothorax",
    "support_devices",
)

#: master_sheet.csv, 59 columns.
MASTER_SHEET: dict[str, type[pl.DataType]] = {
    **dict.fromkeys(("dicom_id", "path"), pl.String),
    "study_id": pl.Int64,
    "patient_id": pl.String,
    "stay_id": pl.Int64,
    **dict.fromkeys(("gender", "anchor_age"), pl.String),
    **dict.fromkeys(PADS, pl.Int64),
    **{f"dx{number}{end}": pl.String for number in range(1, 10) for end in ("", "_icd")},
    **dict.fromkeys(("normal_reports", *CLASSES.values(), *FINDINGS), pl.Int64),
    # 1, 0, -1 for uncertain, or empty.
    **dict.fromkeys((f"{name}__chx" for name in CHEXPERT), pl.Int64),
    "cxr_exam_indication": pl.String,
}
#: The required columns of the master sheet, whose cells must not be empty.
REQUIRED = frozenset({"dicom_id", "path", "patient_id", *PADS, *CLASSES.values()})

#: fixations.csv and eye_gaze.csv, 37 columns, as the tracker (Gazepoint GP3 HD, 60 Hz) names them.
GAZE: dict[str, type[pl.DataType]] = {
    **dict.fromkeys(("SESSION_ID", "MEDIA_ID"), pl.Int64),
    "DICOM_ID": pl.String,
    "CNT": pl.Int64,
    "Time (in secs)": pl.Float64,
    "TIMETICK(f=10000000)": pl.Int64,
    **dict.fromkeys(("FPOGX", "FPOGY", "FPOGS", "FPOGD"), pl.Float64),
    **dict.fromkeys(("FPOGID", "FPOGV"), pl.Int64),
    **dict.fromkeys(("BPOGX", "BPOGY"), pl.Float64),
    "BPOGV": pl.Int64,
    **dict.fromkeys(("LPCX", "LPCY", "LPD", "LPS"), pl.Float64),
    "LPV": pl.Int64,
    **dict.fromkeys(("RPCX", "RPCY", "RPD", "RPS"), pl.Float64),
    **dict.fromkeys(("RPV", "BKID"), pl.Int64),
    **dict.fromkeys(("BKDUR", "BKPMIN"), pl.Float64),
    "LPMM": pl.Float64,
    "LPMMV": pl.Int64,
    "RPMM": pl.Float64,
    "RPMMV": pl.Int64,
    **dict.fromkeys(("SACCADE_MAG", "SACCADE_DIR"), pl.Float64),
    "VID_FRAME": pl.Float64,
    **dict.fromkeys(("X_ORIGINAL", "Y_ORIGINAL"), pl.Int64),
}

#: The required columns of the gaze tables besides the times in `GAZE_TABLES`: positions on the radiograph as stored, or
#: positions on the screen to be mapped again.
NEEDED = ("DICOM_ID", "FPOGV")
STORED, MAPPED = ("X_ORIGINAL", "Y_ORIGINAL"), ("SESSION_ID", "FPOGX", "FPOGY")
#: Without these, repeated fixations are recognised by whole rows only, and positions are not compared with the map.
USED = ("SESSION_ID", "FPOGID", "FPOGX", "FPOGY", "X_ORIGINAL", "Y_ORIGINAL")

#: bounding_boxes.csv; note the order x1, x2, y1, y2.
BOUNDING_BOXES: dict[str, type[pl.DataType]] = {
    "dicom_id": pl.String,
    "bbox_name": pl.String,
    **dict.fromkeys(("x1", "x2", "y1", "y2"), pl.Float64),
}
