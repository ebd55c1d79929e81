"""master_sheet.csv and bounding_boxes.csv with the dataset's columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from egaze.sources.egd_cxr.columns import CHEXPERT, FINDINGS
from egaze.sources.synthetic.disease import CHF, NORMAL, PNEUMONIA, Signs
from egaze.sources.synthetic.landmarks import Boxes
from egaze.sources.synthetic.plan import CasePlan
from egaze.sources.synthetic.rows import SheetRow
from egaze.sources.synthetic.screen_fit import ScreenFit
from egaze.sources.synthetic.wording import diagnoses, indication

_DIAGNOSIS_SLOTS = 9


def radiograph_path(plan: CasePlan) -> str:
    """The path of a radiograph in MIMIC-CXR's tree."""
    patient = f"p{plan.patient_id}"
    return f"files/{patient[:3]}/{patient}/s{plan.study_id}/{plan.dicom_id}.dcm"


def sheet_row(plan: CasePlan, signs: Signs, female: bool, heart_ratio: float, rng: np.random.Generator) -> SheetRow:
    """One record of master_sheet.csv, its 59 columns in order."""
    fit = ScreenFit.of(plan.rows_px, plan.columns_px)
    decade = 20 + 10 * (int(plan.patient_id) % 7)  # one age per patient
    row: SheetRow = {
        "dicom_id": plan.dicom_id,
        "path": radiograph_path(plan),
        "study_id": int(plan.study_id),
        "patient_id": int(plan.patient_id),
        "stay_id": int(rng.integers(30_000_000, 40_000_000)),
        "gender": "F" if female else "M",
        "anchor_age": f"{decade} - {decade + 10}",
        "image_top_pad": fit.top,
        "image_bottom_pad": fit.bottom,
        "image_left_pad": fit.left,
        "image_right_pad": fit.right,
    }
    coded = diagnoses(rng, plan.label)
    for slot in range(_DIAGNOSIS_SLOTS):
        words, code = coded[slot] if slot < len(coded) else (None, None)
        row[f"dx{slot + 1}"], row[f"dx{slot + 1}_icd"] = words, code
    row["normal_reports"] = int(plan.label == NORMAL)
    row |= {
        "Normal": int(plan.label == NORMAL),
        "CHF": int(plan.label == CHF),
        "pneumonia": int(plan.label == PNEUMONIA),
    }
    row |= dict.fromkeys(FINDINGS, 0) | _reported(signs, heart_ratio)
    row |= {f"{name}__chx": _labelled(name, row, rng) for name in CHEXPERT}
    row["cxr_exam_indication"] = indication(rng, plan.label, female)
    return row


def _reported(signs: Signs, heart_ratio: float) -> dict[str, int]:
    """The findings that a radiologist would have reported."""
    return {
        "consolidation": int(signs.opacity is not None),
        "enlarged_cardiac_silhouette": int(heart_ratio > 0.5),
        "linear__patchy_atelectasis": int(signs.bands > 0),
        "pleural_effusion_or_thickening": int(max(signs.fluid_cm) > 0.4),
        "pulmonary_edema__hazy_opacity": int(signs.label == CHF and max(signs.haze) > 0.12),
        "normal_anatomically": int(signs.label == NORMAL),
        "vascular_redistribution": int(signs.label == CHF and signs.upper_vessels > 1.2),
    }


def _labelled(name: str, row: SheetRow, rng: np.random.Generator) -> float | None:
    """The labels of a report labeller: 1, 0, -1 for uncertain, or none."""
    positive = {
        "atelectasis": row["linear__patchy_atelectasis"],
        "cardiomegaly": row["enlarged_cardiac_silhouette"],
        "consolidation": row["consolidation"],
        "edema": row["pulmonary_edema__hazy_opacity"],
        "lung_opacity": row["consolidation"],
        "no_finding": row["normal_anatomically"],
        "pleural_effusion": row["pleural_effusion_or_thickening"],
        "pneumonia": row["pneumonia"],
    }.get(name, 0)
    chance = rng.random()
    if positive:
        return 1.0 if chance < 0.8 else (-1.0 if chance < 0.93 else None)
    return None if chance < 0.78 else (0.0 if chance < 0.97 else -1.0)


def sheet_table(rows: Sequence[SheetRow]) -> pl.DataFrame:
    """Convert records to a table whose column types do not depend on which cells are empty."""
    text = {"dicom_id", "path", "gender", "anchor_age", "cxr_exam_indication"}
    text |= {f"dx{slot + 1}{end}" for slot in range(_DIAGNOSIS_SLOTS) for end in ("", "_icd")}
    types = {
        name: pl.String if name in text else pl.Float64 if name.endswith("__chx") else pl.Int64 for name in rows[0]
    }
    return pl.DataFrame(list(rows), schema=types, orient="row")


def boxes_table(boxes: Sequence[tuple[str, Boxes]]) -> pl.DataFrame:
    """Convert pairs of a dicom_id and its boxes to bounding_boxes.csv."""
    records = [(dicom_id, name, *corners) for dicom_id, named in boxes for name, corners in named.items()]
    types = {"dicom_id": pl.String, "bbox_name": pl.String} | dict.fromkeys(("x1", "x2", "y1", "y2"), pl.Int64)
    return pl.DataFrame(records, schema=types, orient="row")
