"""The layout of EGD-CXR's tables with MIMIC-CXR's tree of DICOM files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from egaze.sources.synthetic.dictation import dictate
from egaze.sources.synthetic.gaze_table import eye_gaze_table, fixation_table, with_duplicates
from egaze.sources.synthetic.image_file import write_dicom, write_mask
from egaze.sources.synthetic.landmarks import anatomical_boxes
from egaze.sources.synthetic.phantom import Phantom
from egaze.sources.synthetic.plan import (
    CasePlan,
    dictation_seeds,
    duplicate_seeds,
    sample_seeds,
    tracker_seeds,
)
from egaze.sources.synthetic.reader import Reader
from egaze.sources.synthetic.rows import CaseRows
from egaze.sources.synthetic.scanpath import Scanpath
from egaze.sources.synthetic.sheet_rows import boxes_table, radiograph_path, sheet_row, sheet_table

_WITHOUT_TRANSCRIPT = 20  # one in this many radiographs has no dictation


def places(out: Path) -> tuple[Path, Path]:
    """The folders of the tables and of the radiographs."""
    return out / "gaze", out / "images"


def prepare(folder: Path, plans: Sequence[CasePlan]) -> None:
    """Create the folders of the radiographs."""
    for plan in plans:
        (folder / "images" / radiograph_path(plan)).parent.mkdir(parents=True, exist_ok=True)
    for name in ("gaze", "findings"):
        (folder / name).mkdir(exist_ok=True)


def write_radiograph(folder: Path, plan: CasePlan, radiograph: Phantom) -> None:
    """Write the radiograph and its finding mask."""
    write_dicom(folder / "images" / radiograph_path(plan), radiograph.pixels, plan, radiograph.chest.body.female)
    write_mask(folder / "findings" / f"{plan.dicom_id}.png", radiograph.finding)


def reading(
    plan: CasePlan, radiograph: Phantom, scanpath: Scanpath, others: Sequence[Reader], rng: np.random.Generator
) -> CaseRows:
    """Make the rows of the case."""
    row = sheet_row(plan, radiograph.signs, radiograph.chest.body.female, radiograph.chest.heart_ratio(), rng)
    return CaseRows(scanpath, row, anatomical_boxes(radiograph))


def write_tables(folder: Path, plans: Sequence[CasePlan], readings: Sequence[CaseRows], seed: int) -> None:
    """Write master_sheet.csv, fixations.csv, bounding_boxes.csv and the transcripts."""
    gaze = folder / "gaze"
    rows_of_sheet = [reading.sheet_row for reading in readings if reading.sheet_row is not None]
    sheet_table(rows_of_sheet).write_csv(gaze / "master_sheet.csv")
    rows = with_duplicates(_fixations(plans, readings, seed), _duplicates_rng(seed), same_id=True)
    rows.write_csv(gaze / "fixations.csv", float_precision=5)
    boxes = [(plan.dicom_id, reading.boxes or {}) for plan, reading in zip(plans, readings, strict=True)]
    boxes_table(boxes).write_csv(gaze / "bounding_boxes.csv")
    for plan, reading in zip(plans, readings, strict=True):
        if plan.index % _WITHOUT_TRANSCRIPT != 1:
            _write_transcript(gaze, plan, reading, seed)


def write_eye_gaze(folder: Path, plans: Sequence[CasePlan], readings: Sequence[CaseRows], seed: int) -> None:
    """Write eye_gaze.csv, which has about 1,400 rows and 400 kB per radiograph."""
    rows = eye_gaze_table(_fixations(plans, readings, seed), np.random.default_rng(sample_seeds(seed)))
    rows = with_duplicates(rows, _duplicates_rng(seed), same_id=False)
    rows.write_csv(folder / "gaze" / "eye_gaze.csv", float_precision=5)


def _fixations(plans: Sequence[CasePlan], readings: Sequence[CaseRows], seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(tracker_seeds(seed))
    return fixation_table(plans, [reading.scanpath for reading in readings], rng)


def _duplicates_rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(duplicate_seeds(seed))


def _write_transcript(gaze: Path, plan: CasePlan, reading: CaseRows, seed: int) -> None:
    said = dictate(reading.sheet_row or {}, reading.scanpath, np.random.default_rng(dictation_seeds(seed, plan.index)))
    place = gaze / "audio_segmentation_transcripts" / plan.dicom_id
    place.mkdir(parents=True)
    (place / "transcript.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
