"""The layout of MIMIC-CXR-JPG's tables with MIMIC-CXR's tree of DICOM files, and EGD-CXR's gaze on a part of it.

Findings that no phantom shows are dealt out in turn. As in the original, labels are those of studies, of which some
have several radiographs: a lateral one, which is here the frontal one made narrow, or a second frontal one. Both
programs' labels are there and differ, the larger tables are packed, and views may be left out. So that readers can be
tried, some studies have no labels or empty ones, some labels no radiograph, and some radiographs no file. Every third
radiograph has gaze.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from egaze.imaging import resize
from egaze.sources.report_labels import DEVICES, FINDINGS, NO_FINDING
from egaze.sources.synthetic import egd_layout
from egaze.sources.synthetic.disease import NORMAL
from egaze.sources.synthetic.image_file import write_dicom
from egaze.sources.synthetic.phantom import Phantom
from egaze.sources.synthetic.plan import CasePlan
from egaze.sources.synthetic.reader import Reader
from egaze.sources.synthetic.rows import CaseRows
from egaze.sources.synthetic.scanpath import Scanpath
from egaze.sources.synthetic.sheet_rows import radiograph_path

_PERIOD = 12  # of so many studies one has each of these
_WITHOUT_FILE, _WITHOUT_LABELS, _WITH_EMPTY_LABELS, _WITHOUT_VIEW, _TWO_FRONTAL = 5, 7, 9, 10, 11
_WITH_LATERAL, _WITH_GAZE = 0, 1  # of every three studies
_SPLITS = ("train", "train", "train", "validate", "test")
_NEGBIO_LEAVES_OPEN = 5  # what CheXpert's labeller affirms in one of so many cells
_NOT_SHOWN = ("Enlarged Cardiomediastinum", "Fracture", "Lung Lesion", "Pleural Other", "Pneumothorax")
_WITH_DEVICE = 4  # one study in so many
_OTHER_STUDY = ("99999999", "99999998")  # a patient and a study without radiographs, which no phantom has


def places(out: Path) -> tuple[Path, Path]:
    """The folders of the tables and of the radiographs."""
    return out / "tables", out / "images"


def prepare(folder: Path, plans: Sequence[CasePlan]) -> None:
    """Create the folders of the radiographs and of both kinds of tables."""
    egd_layout.prepare(folder, plans)
    (folder / "tables").mkdir()


def write_radiograph(folder: Path, plan: CasePlan, radiograph: Phantom) -> None:
    """Write all radiographs of the study, and the finding mask of the first."""
    if plan.index % _PERIOD == _WITHOUT_FILE:
        return
    egd_layout.write_radiograph(folder, plan, radiograph)
    for other, view in _others(plan):
        shape = (plan.rows_px, plan.columns_px if view == "AP" else _lateral_width_px(plan))
        path = folder / "images" / radiograph_path(other)
        write_dicom(path, resize(radiograph.pixels, shape), other, radiograph.chest.body.female)


def reading(
    plan: CasePlan, radiograph: Phantom, scanpath: Scanpath, others: Sequence[Reader], rng: np.random.Generator
) -> CaseRows:
    """The rows of the case, as EGD-CXR has them: its master sheet holds the labels too."""
    return egd_layout.reading(plan, radiograph, scanpath, others, rng)


def write_tables(folder: Path, plans: Sequence[CasePlan], readings: Sequence[CaseRows], seed: int) -> None:
    """Write the labels of both programs, the metadata, the splits, and EGD-CXR's tables of those with gaze."""
    tables = folder / "tables"
    cells = [_cells(plan, case) for plan, case in zip(plans, readings, strict=True)]
    labelled = [(plan, of) for plan, of in zip(plans, cells, strict=True) if plan.index % _PERIOD != _WITHOUT_LABELS]
    negbio = [(plan, _negbio(plan, of)) for plan, of in labelled]
    for name, rows in (("chexpert", labelled), ("negbio", negbio)):
        table = _label_table([(plan.patient_id, plan.study_id, of) for plan, of in rows])
        _write_packed(tables / f"mimic-cxr-2.0.0-{name}.csv.gz", table)
    radiographs = [row for plan in plans for row in _radiographs(plan)]
    _write_packed(tables / "mimic-cxr-2.0.0-metadata.csv.gz", _metadata(radiographs))
    _splits(radiographs).write_csv(tables / "mimic-cxr-2.0.0-split.csv")
    watched = [pair for pair in zip(plans, readings, strict=True) if pair[0].index % 3 == _WITH_GAZE]
    if watched:
        egd_layout.write_tables(folder, [plan for plan, _ in watched], [case for _, case in watched], seed)


def _others(plan: CasePlan) -> Iterator[tuple[CasePlan, str]]:
    """The other radiographs of a study and their views."""
    last = "1" if plan.dicom_id.endswith("0") else "0"
    other = replace(plan, dicom_id=plan.dicom_id[:-1] + last)
    if plan.index % _PERIOD == _TWO_FRONTAL:
        yield other, "AP"
    elif plan.index % 3 == _WITH_LATERAL:
        yield other, ("LATERAL", "LL")[plan.index % 2]


def _radiographs(plan: CasePlan) -> Iterator[tuple[CasePlan, str | None, int]]:
    """The radiographs of a study, their views and their widths."""
    view = None if plan.index % _PERIOD == _WITHOUT_VIEW else ("PA", "AP")[plan.index % 4 == 2]
    yield plan, view, plan.columns_px
    for other, side in _others(plan):
        yield other, side, plan.columns_px if side == "AP" else _lateral_width_px(plan)


def _lateral_width_px(plan: CasePlan) -> int:
    return max(1, round(0.8 * plan.columns_px))


def _cells(plan: CasePlan, case: CaseRows) -> dict[str, float | None]:
    """What the report's labels say, 1, 0, -1 or None, of each finding and of "No Finding"."""
    if plan.index % _PERIOD == _WITH_EMPTY_LABELS:
        return dict.fromkeys((*FINDINGS, NO_FINDING))
    sheet = case.sheet_row or {}
    said = {name: sheet[f"{name.lower().replace(' ', '_')}__chx"] for name in FINDINGS}
    cells = {name: float(value) if isinstance(value, float | int) else None for name, value in said.items()}
    if plan.label != NORMAL:
        cells[_NOT_SHOWN[plan.index % len(_NOT_SHOWN)]] = 1.0
    if plan.index % _WITH_DEVICE == 0:
        cells[DEVICES] = 1.0
    nothing = all(value in (0, None) for name, value in cells.items() if name != DEVICES)
    return cells | {NO_FINDING: 1.0 if nothing else None}


def _negbio(plan: CasePlan, cells: dict[str, float | None]) -> dict[str, float | None]:
    return {
        name: -1.0 if cell == 1 and name != NO_FINDING and (plan.index + place) % _NEGBIO_LEAVES_OPEN == 0 else cell
        for place, (name, cell) in enumerate(cells.items())
    }


def _label_table(rows: Sequence[tuple[str, str, dict[str, float | None]]]) -> pl.DataFrame:
    names = sorted((*FINDINGS, NO_FINDING))
    rows = [*rows, (*_OTHER_STUDY, {**dict.fromkeys(names), "Edema": 1.0})]
    records = [{"subject_id": patient, "study_id": study, **cells} for patient, study, cells in rows]
    schema = {"subject_id": pl.String, "study_id": pl.String, **dict.fromkeys(names, pl.Float64)}
    return pl.DataFrame(records, schema=schema)


def _metadata(radiographs: Sequence[tuple[CasePlan, str | None, int]]) -> pl.DataFrame:
    records = [
        {
            "dicom_id": plan.dicom_id,
            "subject_id": plan.patient_id,
            "study_id": plan.study_id,
            "PerformedProcedureStepDescription": "CHEST (PA AND LAT)",
            "ViewPosition": view,
            "Rows": plan.rows_px,
            "Columns": width_px,
            "StudyDate": 22000101,
            "StudyTime": 0.0,
            "ProcedureCodeSequence_CodeMeaning": "CHEST (PA AND LAT)",
            "ViewCodeSequence_CodeMeaning": None,
            "PatientOrientationCodeSequence_CodeMeaning": "Erect",
        }
        for plan, view, width_px in radiographs
    ]
    return pl.DataFrame(
        records, schema_overrides={"ViewPosition": pl.String, "ViewCodeSequence_CodeMeaning": pl.String}
    )


def _splits(radiographs: Sequence[tuple[CasePlan, str | None, int]]) -> pl.DataFrame:
    rows = [
        (plan.dicom_id, plan.study_id, plan.patient_id, _SPLITS[plan.patient % len(_SPLITS)])
        for plan, _, _ in radiographs
    ]
    return pl.DataFrame(rows, schema=["dicom_id", "study_id", "subject_id", "split"], orient="row")


def _write_packed(path: Path, table: pl.DataFrame) -> None:
    path.write_bytes(gzip.compress(table.write_csv().encode(), mtime=0))
