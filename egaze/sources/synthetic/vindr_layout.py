"""The layout of VinDr-CXR: labels and boxes of three readers in training, of a consensus in the test, and DICOM files.

Each reader reports the phantom for himself, so that they disagree; findings that no phantom shows are dealt out in
turn, half of them to one reader alone, so that each of the 28 classes occurs. As in the original, readers are some of
R1 to R17, a radiograph without a box has a row that says so, with empty sides, and the table of the test calls one
class by another name. One radiograph in twelve has no file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from egaze.sources.reflacx.labels import CONSOLIDATION, EDEMA, GROUNDGLASS, LARGE_HEART, PLEURA
from egaze.sources.synthetic.disease import NORMAL
from egaze.sources.synthetic.image_file import write_dicom, write_mask
from egaze.sources.synthetic.phantom import Phantom
from egaze.sources.synthetic.plan import CasePlan
from egaze.sources.synthetic.radiologist_report import Box, Report, write_report
from egaze.sources.synthetic.reader import Reader
from egaze.sources.synthetic.rows import CaseRows
from egaze.sources.synthetic.scanpath import Scanpath
from egaze.sources.vindr_cxr.labels import CLASSES, NO_FINDING

_PERIOD, _WITHOUT_FILE = 12, 3
_TEST = 4  # one radiograph in so many
_READERS, _OF = 3, 17
_SURE = 3  # the certainty from which a finding is reported
_PHASE = 3  # of REFLACX, whose findings the reports have
_NAMES = {
    LARGE_HEART: ("Cardiomegaly",),
    EDEMA: ("Edema",),
    PLEURA: ("Pleural effusion",),
    "Atelectasis": ("Atelectasis",),
    CONSOLIDATION: ("Consolidation", "Lung Opacity"),
    GROUNDGLASS: ("Infiltration", "Lung Opacity"),
    "Lung nodule or mass": ("Nodule/Mass",),
}
_PNEUMONIA = "Pneumonia"
_SHOWN = {name for names in _NAMES.values() for name in names} | {_PNEUMONIA, NO_FINDING}
_NOT_SHOWN = tuple(name for name in CLASSES if name not in _SHOWN)
_WHOLE = CLASSES[22:]  # these are of the whole radiograph and have no box
_IN_TEST = {"Other diseases": "Other disease"}


def places(out: Path) -> tuple[Path, Path]:
    """The folders of the tables and of the radiographs."""
    return out / "annotations", out / "images"


def image_id(plan: CasePlan) -> str:
    return plan.dicom_id.replace("-", "")[:32]


def prepare(folder: Path, plans: Sequence[CasePlan]) -> None:
    """Create the folders of the tables and of the radiographs."""
    for name in ("annotations", "findings", "images/train", "images/test"):
        (folder / name).mkdir(parents=True)


def write_radiograph(folder: Path, plan: CasePlan, radiograph: Phantom) -> None:
    """Write the radiograph and its finding mask."""
    if plan.index % _PERIOD != _WITHOUT_FILE:
        path = folder / "images" / ("test" if _is_test(plan) else "train") / f"{image_id(plan)}.dicom"
        write_dicom(path, radiograph.pixels, plan, radiograph.chest.body.female)
        write_mask(folder / "findings" / f"{image_id(plan)}.png", radiograph.finding)


def reading(
    plan: CasePlan, radiograph: Phantom, scanpath: Scanpath, others: Sequence[Reader], rng: np.random.Generator
) -> CaseRows:
    """The reports of three readers."""
    reports = tuple(write_report(radiograph, _PHASE, scanpath, own) for own in rng.spawn(_READERS))
    return CaseRows(scanpath, reports=reports)


def write_tables(folder: Path, plans: Sequence[CasePlan], readings: Sequence[CaseRows], seed: int) -> None:
    """Write the labels and the boxes of training and test."""
    header = {"train": ["image_id", "rad_id", *CLASSES], "test": ["image_id", *(_IN_TEST.get(c, c) for c in CLASSES)]}
    labels = {part: [names] for part, names in header.items()}
    sides = ["x_min", "y_min", "x_max", "y_max"]
    boxes = {"train": [["image_id", "rad_id", "class_name", *sides]], "test": [["image_id", "class_name", *sides]]}
    for plan, case in zip(plans, readings, strict=True):
        seen = [dict(_seen(plan, number, report)) for number, report in enumerate(case.reports)]
        if _is_test(plan):
            agreed = {name: box for one in seen for name, box in one.items() if sum(name in of for of in seen) > 1}
            labels["test"].append([image_id(plan), *_labels(agreed)])
            boxes["test"] += [[image_id(plan), *row] for row in _boxes(agreed)]
            continue
        for number, own in enumerate(seen):
            who = [image_id(plan), f"R{1 + (5 * plan.index + 7 * number) % _OF}"]
            labels["train"].append([*who, *_labels(own)])
            boxes["train"] += [[*who, *row] for row in _boxes(own)]
    for part in ("train", "test"):
        _write(folder / "annotations" / f"image_labels_{part}.csv", labels[part])
        _write(folder / "annotations" / f"annotations_{part}.csv", boxes[part])


def _is_test(plan: CasePlan) -> bool:
    return plan.index % _TEST == 1


def _seen(plan: CasePlan, reader: int, report: Report) -> Iterator[tuple[str, Box]]:
    """The classes that a reader sees, and where."""
    marks = [mark for mark in report.marks if mark.certainty >= _SURE]
    for mark in marks:
        yield from ((name, mark.box) for finding in mark.findings for name in _NAMES.get(finding, ()))
    if any({CONSOLIDATION, GROUNDGLASS} & set(mark.findings) for mark in marks):
        yield _PNEUMONIA, report.chest
    if plan.label != NORMAL and (plan.index % 2 == 0 or reader == 0):
        yield _NOT_SHOWN[plan.index % len(_NOT_SHOWN)], report.chest


def _labels(seen: dict[str, Box]) -> list[str]:
    return [str(int(name in seen or (name == NO_FINDING and not seen))) for name in CLASSES]


def _boxes(seen: dict[str, Box]) -> list[list[str]]:
    rows = [[name, *(f"{side:.3f}" for side in box)] for name, box in seen.items() if name not in _WHOLE]
    return rows or [[NO_FINDING, "", "", "", ""]]


def _write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    path.write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
