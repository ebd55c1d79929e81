"""The layout of NIH ChestX-ray14: tables of labels and of boxes, both lists, and square PNG files in two folders.

The phantoms show heart failure or pneumonia, to which their findings belong; findings that no phantom shows are dealt
out in turn, so that each of the 14 occurs. As in the original, some files have four channels, the older table has ages
such as 058Y and a comma at the end of each line, and the header of the table of boxes has three cells that no record
has, and another name for Infiltration. One record in twelve has no radiograph.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from egaze.imaging import resize
from egaze.sources.nih_cxr14 import BOXES, ENTRIES, LISTS, NO_FINDING, SIDE_PX
from egaze.sources.synthetic.disease import CHF, NORMAL
from egaze.sources.synthetic.image_file import write_mask
from egaze.sources.synthetic.phantom import Phantom
from egaze.sources.synthetic.plan import CasePlan
from egaze.sources.synthetic.reader import Reader
from egaze.sources.synthetic.rows import CaseRows
from egaze.sources.synthetic.scanpath import Scanpath

_FOLDERS = ("images_001", "images_002")
_PERIOD, _WITHOUT_RADIOGRAPH = 12, 3
_FOUR_CHANNELS = 5  # one file in so many
_TEST = 4  # the patients of one in so many are in the test list
_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient {sex},View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
_OF_HEART_FAILURE = ("Cardiomegaly", "Edema", "Effusion")
_OF_PNEUMONIA = (("Pneumonia", "Infiltration"), ("Pneumonia", "Consolidation"))
_NOT_SHOWN = ("Atelectasis", "Mass", "Nodule", "Pneumothorax", "Emphysema", "Fibrosis", "Pleural_Thickening", "Hernia")


def places(out: Path) -> tuple[Path, Path]:
    """The folders of the tables and of the radiographs."""
    return out, out / "images"


def prepare(folder: Path, plans: Sequence[CasePlan]) -> None:
    """Make the folders of the radiographs."""
    (folder / "findings").mkdir()
    for name in _FOLDERS:
        (folder / "images" / name / "images").mkdir(parents=True)


def write_radiograph(folder: Path, plan: CasePlan, radiograph: Phantom) -> None:
    """Write the radiograph, stretched to a square of 8 bits, and its finding mask."""
    if plan.index % _PERIOD == _WITHOUT_RADIOGRAPH:
        return
    side_px = max(radiograph.pixels.shape)
    grey = Image.fromarray((resize(radiograph.pixels, (side_px, side_px)) >> 4).astype(np.uint8))
    has_channels = plan.index % _FOUR_CHANNELS == 0
    name = _file_name(plan)
    place = folder / "images" / _FOLDERS[plan.index % len(_FOLDERS)] / "images" / name
    (grey.convert("RGBA") if has_channels else grey).save(place, compress_level=1)
    mask = resize(radiograph.finding.astype(np.uint8), (side_px, side_px), filter="nearest").astype(bool)
    write_mask(folder / "findings" / name, mask)


def reading(
    plan: CasePlan, radiograph: Phantom, scanpath: Scanpath, others: Sequence[Reader], rng: np.random.Generator
) -> CaseRows:
    """The case's rows: no gaze, and the box around its finding."""
    height_px, width_px = radiograph.finding.shape
    y, x = np.nonzero(radiograph.finding)
    if not len(x):
        return CaseRows(scanpath)
    to_x, to_y = SIDE_PX / width_px, SIDE_PX / height_px
    left, top, right, bottom = x.min() * to_x, y.min() * to_y, (x.max() + 1) * to_x, (y.max() + 1) * to_y
    return CaseRows(scanpath, finding_box=(float(left), float(top), float(right - left), float(bottom - top)))


def write_tables(folder: Path, plans: Sequence[CasePlan], readings: Sequence[CaseRows], seed: int) -> None:
    """Write both tables of labels, the table of boxes, and both lists."""
    newer, older = ENTRIES
    _write(folder / newer, [_HEADER.format(sex="Sex"), *(_entry(plan, "{}") for plan in plans)])
    older_lines = [_HEADER.format(sex="Gender"), *(_entry(plan, "{:03d}Y") for plan in plans)]
    _write(folder / older, [f"{line}," for line in older_lines])
    boxes = (
        f"{_file_name(plan)},{name},{','.join(f'{side:.9f}' for side in case.finding_box)}"
        for plan, case in zip(plans, readings, strict=True)
        if case.finding_box is not None
        for name in _boxed(plan)
    )
    _write(folder / BOXES, ["Image Index,Finding Label,Bbox [x,y,w,h],,,", *boxes])
    for name, is_test in zip(LISTS, (False, True), strict=True):
        listed = [_file_name(plan) for plan in plans if (plan.patient % _TEST == 1) == is_test]
        (folder / name).write_text("\n".join(listed), encoding="utf-8")  # no line ends the file, as in the original


def _write(path: Path, lines: Sequence[str]) -> None:
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _file_name(plan: CasePlan) -> str:
    # The number of a follow-up need not rise by one.
    return f"{_patient(plan):08d}_{plan.index % 1000:03d}.png"


def _patient(plan: CasePlan) -> int:
    return int(plan.patient_id)


def _entry(plan: CasePlan, age: str) -> str:
    sex, view = "FM"[plan.patient % 2], ("PA", "AP")[plan.index % 3 == 2]
    labels = "|".join(sorted(_findings(plan))) or NO_FINDING
    years = age.format(30 + plan.patient % 60)
    spacing_mm = 0.14300000000000002
    return (
        f"{_file_name(plan)},{labels},{plan.index % 1000},{_patient(plan)},{years},{sex},{view},{plan.columns_px},"
        f"{plan.rows_px},{spacing_mm},{spacing_mm}"
    )


def _findings(plan: CasePlan) -> tuple[str, ...]:
    if plan.label == NORMAL:
        return ()
    shown = _OF_HEART_FAILURE if plan.label == CHF else _OF_PNEUMONIA[plan.index % 2]
    return *shown, *(_NOT_SHOWN[(turn * plan.index + turn) % len(_NOT_SHOWN)] for turn in (1, 3))


def _boxed(plan: CasePlan) -> Iterator[str]:
    """The names under which the finding of every other radiograph is boxed."""
    if plan.index % 2 == 0:
        yield "Cardiomegaly" if plan.label == CHF else "Infiltrate"
