"""The layout of CheXpert: train.csv, valid.csv, test.csv, and JPEG files in folders of patients and studies.

The phantoms show heart failure or pneumonia, to which their findings belong; findings that no phantom shows are dealt
out in turn, so that each of the 13 occurs. As in the original, train.csv has blanks, -1 and "No Finding", every view of
a study has the same labels, valid.csv has no blank, and test.csv has neither the folder of the version nor columns of
sex, age and view. A lateral radiograph stands for one: it is the frontal one made narrow. One record in twelve has no
radiograph.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from egaze.imaging import resize
from egaze.sources.report_labels import FINDINGS, NO_FINDING
from egaze.sources.synthetic.disease import CHF, NORMAL
from egaze.sources.synthetic.image_file import write_mask
from egaze.sources.synthetic.phantom import Phantom
from egaze.sources.synthetic.plan import CasePlan
from egaze.sources.synthetic.reader import Reader
from egaze.sources.synthetic.rows import CaseRows
from egaze.sources.synthetic.scanpath import Scanpath

_VERSION = "CheXpert-v1.0-small"
_PERIOD, _WITHOUT_RADIOGRAPH = 12, 3
_WITH_LATERAL = 3  # one study in so many
_OTHER_SPLITS = 6  # of so many patients one is in valid.csv and one in test.csv
_QUALITY = 90
_OF_HEART_FAILURE = ("Enlarged Cardiomediastinum", "Cardiomegaly", "Edema", "Pleural Effusion")
_OF_PNEUMONIA = ("Lung Opacity", "Consolidation", "Pneumonia")
_NOT_SHOWN = ("Lung Lesion", "Atelectasis", "Pneumothorax", "Pleural Other", "Fracture")
_DEVICES = "Support Devices"


def places(out: Path) -> tuple[Path, Path]:
    """The folders of the tables and of the radiographs."""
    return out / _VERSION, out


def prepare(folder: Path, plans: Sequence[CasePlan]) -> None:
    """Make the folders of the studies."""
    (folder / "findings").mkdir()
    for plan in plans:
        (folder / _VERSION / _study(plan)).mkdir(parents=True)


def write_radiograph(folder: Path, plan: CasePlan, radiograph: Phantom) -> None:
    """Write the views of the study, 8-bit JPEG, and the finding mask of the frontal one."""
    if plan.index % _PERIOD == _WITHOUT_RADIOGRAPH:
        return
    height_px, width_px = radiograph.pixels.shape
    for view in _views(plan):
        shape = (height_px, width_px if view == "frontal" else max(1, round(0.8 * width_px)))
        grey = Image.fromarray((resize(radiograph.pixels, shape) >> 4).astype(np.uint8))
        grey.save(folder / _VERSION / _image(plan, view), quality=_QUALITY)
    case_id = f"patient{plan.patient_id}-study{plan.index + 1}-view1_frontal"
    write_mask(folder / "findings" / f"{case_id}.png", radiograph.finding)


def reading(
    plan: CasePlan, radiograph: Phantom, scanpath: Scanpath, others: Sequence[Reader], rng: np.random.Generator
) -> CaseRows:
    """The case has no rows of its own: its labels follow from the plan."""
    return CaseRows(scanpath)


def write_tables(folder: Path, plans: Sequence[CasePlan], readings: Sequence[CaseRows], seed: int) -> None:
    """Write train.csv and, if patients are in them, valid.csv and test.csv."""
    labels = ",".join((NO_FINDING, *FINDINGS))
    for split in ("train", "valid", "test"):
        whole = split != "test"
        header = f"Path,Sex,Age,Frontal/Lateral,AP/PA,{labels}" if whole else f"Path,{labels}"
        lines = [
            f"{_VERSION}/{_image(plan, view)},{_person(plan)},{_position(plan, view)},{_labels(plan, split)}"
            if whole
            else f"{_image(plan, view)},{_labels(plan, split)}"
            for plan in plans
            if _split(plan) == split
            for view in _views(plan)
        ]
        if lines:
            text = "\n".join([header, *lines, ""])
            (folder / _VERSION / f"{split}.csv").write_text(text, encoding="utf-8")


def _split(plan: CasePlan) -> str:
    return {3: "valid", 5: "test"}.get(plan.patient % _OTHER_SPLITS, "train")


def _study(plan: CasePlan) -> str:
    # A patient's studies need not be numbered from 1.
    return f"{_split(plan)}/patient{plan.patient_id}/study{plan.index + 1}"


def _views(plan: CasePlan) -> tuple[str, ...]:
    return ("frontal", "lateral") if plan.index % _WITH_LATERAL == 0 else ("frontal",)


def _image(plan: CasePlan, view: str) -> str:
    return f"{_study(plan)}/view{1 if view == 'frontal' else 2}_{view}.jpg"


def _person(plan: CasePlan) -> str:
    # An age of 0 stands for one that is not known.
    return f"{('Female', 'Male', 'Unknown')[plan.patient % 3]},{0 if plan.patient % 7 == 6 else 20 + plan.patient % 70}"


def _position(plan: CasePlan, view: str) -> str:
    return "Lateral," if view == "lateral" else f"Frontal,{('AP', 'PA', 'LL')[plan.index % 3]}"


def _labels(plan: CasePlan, split: str) -> str:
    """A number, or nothing, for No Finding and each finding."""
    shown = () if plan.label == NORMAL else _OF_HEART_FAILURE if plan.label == CHF else _OF_PNEUMONIA
    others = {_NOT_SHOWN[(turn * plan.index + turn) % len(_NOT_SHOWN)] for turn in (1, 2)}
    present = {*shown, *others} if shown else set[str]()
    has_device = plan.index % 4 == 0
    if split != "train":
        found = (float(name in present or (name == _DEVICES and has_device)) for name in FINDINGS)
        return ",".join(map(str, (float(not present), *found)))
    cells = ["" if present else "1.0"]
    for number, name in enumerate(FINDINGS):
        turn = (plan.index // len(_NOT_SHOWN) + number) % 4
        if name == _DEVICES:
            cells.append("1.0" if has_device else ("0.0", "", "-1.0")[plan.index % 3])
        elif name in present:
            cells.append("-1.0" if turn == 0 else "1.0")
        else:
            cells.append("0.0" if turn == 1 else "")
    return ",".join(cells)
