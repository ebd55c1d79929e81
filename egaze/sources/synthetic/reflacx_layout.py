"""The layout of REFLACX's main_data, with one folder per reading, and MIMIC-CXR's tree of DICOM files.

As in the original, all readers read the radiographs of phases 1 and 2, and one reader each radiograph of phase 3; some
gaze of the first two phases was discarded, and the findings of phase 1 differ from those of later phases. The 1000 Hz
tables of gaze_data are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from egaze.sources.reflacx.labels import FINDINGS
from egaze.sources.synthetic.egd_layout import (
    places,
    prepare,
    write_radiograph,
)  # the radiographs are laid out as for EGD-CXR
from egaze.sources.synthetic.phantom import Phantom
from egaze.sources.synthetic.plan import CasePlan, readings_seeds
from egaze.sources.synthetic.radiologist_report import Report, write_report
from egaze.sources.synthetic.reader import READERS, Reader
from egaze.sources.synthetic.reflacx_gaze import fixation_table
from egaze.sources.synthetic.rows import CaseRows
from egaze.sources.synthetic.scanpath import Scanpath, draw_scanpath
from egaze.sources.synthetic.sheet_rows import radiograph_path

__all__ = ["places", "prepare", "reading", "write_radiograph", "write_tables"]

_PERIOD = 12  # one in twelve radiographs is in phase 1 and one in phase 2
_SPLITS = ("train", "train", "train", "validate", "test")
_TRAPS = ("zero_length", "copy", "blank", "no_resolution")
_MIMIC = "physionet.org/files/mimic-cxr/2.0.0"
_SIDES = ("xmin", "ymin", "xmax", "ymax")


def phase_of(plan: CasePlan) -> int:
    """The phase in which a radiograph was read."""
    return {0: 1, 1: 2}.get(plan.index % _PERIOD, 3)


def reading(
    plan: CasePlan, radiograph: Phantom, scanpath: Scanpath, others: Sequence[Reader], rng: np.random.Generator
) -> CaseRows:
    """The reports of all readers of the radiograph; the first one has the given scanpath, and `others` are the rest."""
    others = () if phase_of(plan) == 3 else others
    rngs = rng.spawn(1 + len(others))
    scanpaths = [scanpath, *(draw_scanpath(radiograph, *drawn) for drawn in zip(others, rngs[1:], strict=True))]
    reports = [write_report(radiograph, phase_of(plan), path, own) for path, own in zip(scanpaths, rngs, strict=True)]
    return CaseRows(scanpath, reports=tuple(reports))


def write_tables(folder: Path, plans: Sequence[CasePlan], readings: Sequence[CaseRows], seed: int) -> None:
    """Write the metadata of the three phases and a folder of tables for each reading."""
    rng = np.random.default_rng(readings_seeds(seed))
    numbers = iter(rng.choice(1_000_000, sum(len(case.reports) for case in readings), replace=False))
    main_data = folder / "gaze" / "main_data"
    records: dict[int, list[dict[str, object]]] = {phase: [] for phase in FINDINGS}
    for plan, case in zip(plans, readings, strict=True):
        phase = phase_of(plan)
        for reader, report in enumerate(case.reports):
            # Seven digits instead of six, so that none of these is a real id.
            trial = 0 if phase == 3 else 1 + plan.index // _PERIOD
            reading_id = f"P{phase}{trial:02}R9{next(numbers):06}"
            discarded = phase < 3 and reader == READERS - 1 and plan.index // _PERIOD % 2 == 0
            records[phase].append(_record(plan, reading_id, phase, report, discarded))
            (main_data / reading_id).mkdir(parents=True)
            _write_drawings(main_data / reading_id, phase, report, turned=plan.index % 5 == 0 and reader == 0)
            if not discarded:
                trap = _TRAPS[plan.index % len(_TRAPS)] if reader == 0 else None
                _write_csv(fixation_table(plan, report.scanpath, trap, rng), main_data / reading_id / "fixations.csv")
                _write_dictation(main_data / reading_id, report)
    for phase, rows in records.items():
        rows.sort(key=lambda row: str(row["image" if phase == 3 else "id"]))
        schema = {name: pl.Int64 if name.startswith("image_size") else pl.String for name in _columns(phase)}
        schema |= dict.fromkeys(FINDINGS[phase], pl.Int64)
        _write_csv(pl.DataFrame(rows, schema=schema), main_data / f"metadata_phase_{phase}.csv")


def _label_columns(phase: int) -> list[str]:
    return sorted([*FINDINGS[phase], "Other", "Support devices", *(["Quality issue"] if phase == 1 else [])])


def _columns(phase: int) -> list[str]:
    known = ("id", "split", "eye_tracking_data_discarded", "image", "dicom_id", "subject_id")
    return [*known, "image_size_x", "image_size_y", *_label_columns(phase)]


def _record(plan: CasePlan, reading_id: str, phase: int, report: Report, discarded: bool) -> dict[str, object]:
    row = {
        "id": reading_id,
        "split": _SPLITS[plan.patient % len(_SPLITS)],
        "eye_tracking_data_discarded": str(discarded),
        "image": f"{_MIMIC}/{radiograph_path(plan)}",
        "dicom_id": plan.dicom_id,
        "subject_id": plan.patient_id,
        "image_size_x": plan.columns_px,
        "image_size_y": plan.rows_px,
        "Other": report.other or None,
        "Quality issue": str(report.quality_issue),
        "Support devices": str(report.devices),
    }
    row |= {name: report.certainty(name) for name in FINDINGS[phase]}
    return {name: row[name] for name in _columns(phase)}


def _write_drawings(folder: Path, phase: int, report: Report, turned: bool) -> None:
    """Write the box of the chest and the ellipses; with `turned`, the sides of the first ellipse are swapped."""
    _write_csv(pl.DataFrame([report.chest], schema=_SIDES, orient="row"), folder / "chest_bounding_box.csv")
    names = _label_columns(phase)
    rows = []
    for number, mark in enumerate(report.marks):
        box = mark.box[2:] + mark.box[:2] if turned and number == 0 else mark.box
        rows.append((*box, mark.certainty, *(str(name in mark.findings) for name in names)))
    schema = {**dict.fromkeys((*_SIDES, "certainty"), pl.Int64), **dict.fromkeys(names, pl.String)}
    _write_csv(pl.DataFrame(rows, schema=schema, orient="row"), folder / "anomaly_location_ellipses.csv")


def _write_dictation(folder: Path, report: Report) -> None:
    words = pl.DataFrame(
        {
            "word": report.words,
            "timestamp_start_word": report.word_s[:, 0],
            "timestamp_end_word": report.word_s[:, 1],
        }
    )
    _write_csv(words, folder / "timestamps_transcription.csv")
    text = " ".join(report.words).replace(" .", ".").replace(" ,", ",")
    (folder / "transcription.txt").write_text(text, encoding="utf-8")


def _write_csv(table: pl.DataFrame, path: Path) -> None:
    table.write_csv(path, line_terminator="\r\n")
