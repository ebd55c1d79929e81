"""Labels that a program read from radiology reports: CheXpert's labeller and NegBio, with the same 14 columns.

A cell holds 1 where the report affirms a finding, 0 where it denies it, -1 where it leaves it open, and nothing where
it does not mention it, which says nothing of the finding. "No Finding" is 1 only where the report neither affirms nor
leaves open any of the others but "Support Devices", and else empty; it is no finding itself, but tells that these are
absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from egaze.errors import TableError
from egaze.labels import UNSTATED_CERTAINTY

NO_FINDING, DEVICES = "No Finding", "Support Devices"
#: In the order of CheXpert's tables.
FINDINGS = (
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    DEVICES,
)
LEFT_OPEN = -1
_CELLS = (1.0, 0.0, float(LEFT_OPEN))


def require_report_labels(path: Path, column: pl.Series) -> None:
    """Raise TableError, naming the record, for a cell of a column that is neither 1, 0 nor -1, nor empty."""
    for record in (column.is_not_null() & ~column.is_in(list(_CELLS))).arg_true()[:1]:
        raise TableError(
            f"{path}: record {record + 1}, column {column.name!r} holds {column[record]:g}, expected 1 (present), "
            "0 (absent), -1 (uncertain), or nothing (not mentioned)"
        )


def report_certainties(cells: Mapping[str, float | None]) -> dict[str, float]:
    """The certainty of each finding of which a report's labels tell.

    Args:
        cells: 1, 0, -1 or None by finding, and of "No Finding".

    Example:
        >>> from egaze.sources.report_labels import report_certainties
        >>> report_certainties({"No Finding": None, "Edema": 1, "Fracture": -1, "Pneumonia": None})
        {'Edema': 1.0, 'Fracture': 0.5}
        >>> report_certainties({"No Finding": 1, "Edema": None, "Support Devices": None})
        {'Edema': 0.0}
    """
    certainties = {}
    for name, cell in cells.items():
        if name == NO_FINDING:
            continue
        if cell is not None:
            certainties[name] = UNSTATED_CERTAINTY if cell == LEFT_OPEN else float(cell)
        elif cells[NO_FINDING] == 1 and name != DEVICES:
            certainties[name] = 0.0
    return certainties


def contradicts_itself(cells: Mapping[str, float | None]) -> bool:
    """Whether a report has "No Finding" beside a finding."""
    found = (cell for name, cell in cells.items() if name not in (NO_FINDING, DEVICES))
    return cells[NO_FINDING] == 1 and any(cell in (1, LEFT_OPEN) for cell in found)
