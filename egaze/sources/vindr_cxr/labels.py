"""VinDr-CXR's tables of labels: of each of three readers in training, of five readers' consensus in the test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from egaze.errors import TableError
from egaze.labels import UNSTATED_CERTAINTY
from egaze.sources.cell_names import folded
from egaze.sources.label_table import Reading
from egaze.tables.delimited import first_true, header_of, read_table
from egaze.tables.records import shorten

#: 22 findings that have boxes, then six that are of the whole radiograph, the last of them "No finding".
CLASSES = (
    "Aortic enlargement", "Atelectasis", "Calcification", "Cardiomegaly", "Clavicle fracture", "Consolidation", "Edema",
    "Emphysema", "Enlarged PA", "ILD", "Infiltration", "Lung Opacity", "Lung cavity", "Lung cyst", "Mediastinal shift",
    "Nodule/Mass", "Pleural effusion", "Pleural thickening", "Pneumothorax", "Pulmonary fibrosis", "Rib fracture",
    "Other lesion", "COPD", "Lung tumor", "Pneumonia", "Tuberculosis", "Other diseases", "No finding",
)  # fmt: skip
NO_FINDING = CLASSES[-1]
#: What the votes of readers who disagree make of a class: what more than half of them say; the share of them that see
#: it, as its certainty; or that it is present where any of them sees it.
VOTES = ("majority", "share", "any")
_SAME = {"other disease": "Other diseases"}  # so called in the table of the test
_IDS = {"image_id": pl.String, "rad_id": pl.String}
# Ids are names of files and of readers.
_PLAIN = r"^[A-Za-z0-9_.-]{1,100}$"
_NAMED_COLUMNS = 8


def class_of(name: str) -> str | None:
    """The class of a name in any of the tables, None for one that is no class."""
    by_name = {folded(known): known for known in CLASSES} | {folded(other): known for other, known in _SAME.items()}
    return by_name.get(folded(name))


def read_readings(path: Path, hygiene: Counter[str]) -> list[Reading]:
    """The labels of each reader of each radiograph. Raises TableError."""
    rows = _rows(path, _IDS, hygiene)
    again = rows.select("image_id", "rad_id").is_duplicated()
    if again.any():
        record = first_true(again)
        who = f"reader {shorten(rows['rad_id'][record])} labels radiograph {shorten(rows['image_id'][record])}"
        raise TableError(f"{path}: record {record + 1}: {who} more than once")
    return [Reading(row.pop("image_id"), row.pop("rad_id"), _known(row)) for row in rows.iter_rows(named=True)]


def read_consensus(path: Path, hygiene: Counter[str]) -> dict[str, dict[str, float]]:
    """The labels of each radiograph of the test. Raises TableError."""
    rows = _rows(path, {"image_id": pl.String}, hygiene)
    again = ~rows["image_id"].is_first_distinct()
    if again.any():
        record = first_true(again)
        raise TableError(f"{path}: record {record + 1}: radiograph {shorten(rows['image_id'][record])} occurs twice")
    return {row.pop("image_id"): _known(row) for row in rows.iter_rows(named=True)}


def by_votes(readings: Iterable[Reading], votes: str) -> dict[str, dict[str, float]]:
    """The certainty of each class, by radiograph, that follows from its readers' labels.

    Args:
        readings: of any number of readers of each radiograph.
        votes: one of `VOTES`. Of two readers who disagree there is no majority: the class is uncertain.
    """
    said: dict[str, dict[str, list[float]]] = {}
    for reading in readings:
        of_class = said.setdefault(reading.case_id, {})
        for name, present in reading.certainties.items():
            of_class.setdefault(name, []).append(present)
    return {
        image_id: {name: _certainty(sum(given) / len(given), votes) for name, given in of_class.items()}
        for image_id, of_class in said.items()
    }


def _certainty(share: float, votes: str) -> float:
    if votes == "share":
        return share
    if votes == "any":
        return float(share > 0)
    return UNSTATED_CERTAINTY if share == 0.5 else float(share > 0.5)


def _known(cells: dict[str, float | None]) -> dict[str, float]:
    return {name: cell for name, cell in cells.items() if cell is not None}


def _rows(path: Path, ids: dict[str, type[pl.String]], hygiene: Counter[str]) -> pl.DataFrame:
    """The ids and the classes, by their names in `CLASSES`; cells are 0, 1 or null."""
    found = {name: known for name in header_of(path) if (known := class_of(name)) is not None}
    if missing := [name for name in CLASSES if name not in found.values()]:
        raise TableError(f"{path}: column {missing[0]!r} is missing from the header (line 1)")
    if len(found) > len(CLASSES):
        twice = Counter(found.values()).most_common(1)[0][0]
        raise TableError(f"{path}: class {twice!r} has two columns in the header (line 1)")
    for name in [name for name in header_of(path) if name not in {*found, *_IDS}][:_NAMED_COLUMNS]:
        hygiene[f"{path.stem}_unknown_column_{shorten(name)[1:-1]}"] = 1
    rows = read_table(path, {**ids, **dict.fromkeys(found, pl.Float64)}, nullable=frozenset(found))
    if rows.is_empty():
        raise TableError(f"{path}: contains no radiograph")
    for name in ids:
        for record in (~rows[name].str.contains(_PLAIN)).arg_true()[:1]:
            raise TableError(
                f"{path}: record {record + 1}, column {name!r} holds {shorten(rows[name][record])}, expected letters, "
                "digits, dots, - and _"
            )
    for name in found:
        for record in (rows[name].is_not_null() & ~rows[name].is_in([0.0, 1.0])).arg_true()[:1]:
            raise TableError(
                f"{path}: record {record + 1}, column {name!r} holds {rows[name][record]:g}, expected 1 (present), 0 "
                "(absent) or nothing (unknown)"
            )
    hygiene["labels_left_empty_read_as_unknown"] += sum(rows[name].null_count() for name in found)
    return rows.rename(found).select(*ids, *CLASSES)
