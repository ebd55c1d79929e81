"""master_sheet.csv, with one record per radiograph, and the published splits of its patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from egaze.errors import SourceError, TableError
from egaze.sources.cell_names import require_names
from egaze.sources.egd_cxr.columns import CLASSES, MASTER_SHEET, PADS, REQUIRED
from egaze.sources.egd_cxr.screen import SCREEN_PX
from egaze.sources.mimic_cxr import tree_path
from egaze.tables.delimited import Columns, read_table, require_unique, scan_table

_KEPT = ("dicom_id", "path", "patient_id", *PADS)
_NOT_KEPT_TEXT = frozenset(name for name, dtype in MASTER_SHEET.items() if dtype is pl.String) - frozenset(_KEPT)


#: The number of images by seed, split and class. Seed 42: Karargyris et al., Sci. Data 8:92 (2021), in its code; seed
#: 1: later papers, which merge train and validation. Both split by patient, 8:1:1; see `egaze.study.split_study`.
PUBLISHED_SPLITS = {
    42: {
        "train": {"normal": 290, "chf": 288, "pneumonia": 290},
        "validation": {"normal": 40, "chf": 33, "pneumonia": 34},
        "test": {"normal": 30, "chf": 42, "pneumonia": 36},
    },
    1: {
        "train": {"normal": 284, "chf": 305, "pneumonia": 280},
        "validation": {"normal": 32, "chf": 26, "pneumonia": 49},
        "test": {"normal": 44, "chf": 32, "pneumonia": 31},
    },
}
_PUBLISHED_IMAGES, _PUBLISHED_PATIENTS = 1_083, 1_038


def is_published_sheet(images: int, patients: int) -> bool:
    """Whether a master sheet has as many images and patients as the published one."""
    return (images, patients) == (_PUBLISHED_IMAGES, _PUBLISHED_PATIENTS)


def read_master_sheet(path: Path) -> pl.DataFrame:
    """The radiographs in the order of the sheet: dicom_id, path, patient_id, the four paddings, and `label`.

    The cells of all 59 columns, as far as these exist, are checked against their types; only the columns named here are
    required and kept.

    Raises:
        SourceError: a sheet without a radiograph.
        TableError: a missing column, a cell of the wrong type, a radiograph that occurs twice, a radiograph with no
            class or several, or paddings that leave no room for the radiograph on the screen.
    """
    optional = {name: dtype for name, dtype in MASTER_SHEET.items() if name not in REQUIRED}
    frames = scan_table(path, needed_columns(), optional, unread=_NOT_KEPT_TEXT)
    sheet = pl.concat(frame.select(*_KEPT, *CLASSES.values()) for frame in frames)
    if sheet.is_empty():
        raise SourceError(f"{path}: contains no radiograph")
    require_unique(path, sheet["dicom_id"])
    require_names(
        path,
        sheet["patient_id"],
        "radiographs of one patient need the same patient_id, so that they are in the same split",
    )
    _check_pads(path, sheet.select(PADS).to_numpy())
    return sheet.select(*_KEPT, _labels(path, sheet))


def needed_columns() -> Columns:
    """The required columns of the sheet."""
    return {name: dtype for name, dtype in MASTER_SHEET.items() if name in REQUIRED}


def listed_radiographs(path: Path) -> list[str]:
    """The paths of the radiographs in MIMIC-CXR's tree, in the order of the sheet. Raises TableError."""
    sheet = read_table(path, {"path": pl.String})
    return [tree_path(cell, f"{path}: record {record}, column 'path'") for record, cell in enumerate(sheet["path"], 1)]


def _labels(path: Path, sheet: pl.DataFrame) -> pl.Series:
    flags = sheet.select(CLASSES.values()).to_numpy()
    wrong = np.flatnonzero((flags.sum(axis=1) != 1) | ((flags != 0) & (flags != 1)).any(axis=1))
    if wrong.size:
        found = dict(zip(CLASSES.values(), flags[wrong[0]].tolist(), strict=True))
        raise TableError(f"{path}: record {wrong[0] + 1}: exactly one class must be 1, got {found}")
    return pl.Series("label", np.array(tuple(CLASSES))[flags.argmax(axis=1)])


def _check_pads(path: Path, pads: np.ndarray) -> None:
    width_px, height_px = SCREEN_PX
    fits = (pads >= 0).all(axis=1) & (pads < width_px).all(axis=1)
    fits &= (pads[:, 0] + pads[:, 1] < height_px) & (pads[:, 2] + pads[:, 3] < width_px)
    for record in np.flatnonzero(~fits)[:1]:
        found = dict(zip(PADS, pads[record].tolist(), strict=True))
        raise TableError(
            f"{path}: record {record + 1}: paddings leave no room for the radiograph on the screen, got {found}"
        )
