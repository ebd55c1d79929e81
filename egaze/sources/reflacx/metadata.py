"""The tables of readings, metadata_phase_{1,2,3}.csv."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from egaze.errors import SourceError, TableError
from egaze.sources.cell_names import require_names
from egaze.sources.mimic_cxr import radiograph_path, tree_path
from egaze.sources.reflacx.labels import FINDINGS, FLAGS, MAX_CERTAINTY, OTHER, label_of
from egaze.tables.delimited import Columns, first_true, header_of, read_table, require_columns, unknown_columns

_COLUMNS = {
    "id": pl.String,
    "eye_tracking_data_discarded": pl.String,
    "image": pl.String,
    "dicom_id": pl.String,
    "subject_id": pl.String,
}
# Without them the study makes its own splits, and gaze cannot be scaled to radiographs that have been resized.
_USED = {"split": pl.String, "image_size_x": pl.Float64, "image_size_y": pl.Float64}
_SPLITS = {"train": "train", "validate": "validation", "test": "test"}
_FLAG = {"true": True, "1": True, "false": False, "0": False}
# An id becomes the name of folders and files.
_PLAIN = r"^[A-Za-z0-9_-]{1,100}$"
_NAMED_COLUMNS = 10


@dataclass(frozen=True, slots=True)
class Reading:
    """One radiologist's reading of one radiograph.

    Attributes:
        reading_id, dicom_id, patient_id: identifiers of the reading, the radiograph and the patient.
        folder: of the reading's tables.
        image_path: the radiograph's file.
        size_px: width and height of the radiograph when it was read, or None if unknown.
        split: "train", "validation", "test" or None.
        discarded: whether the gaze was discarded, so that the reading has none.
        label: the class, or None.
        findings: the certainty, 0 to 5, of each finding that its table asks for.
    """

    reading_id: str
    dicom_id: str
    patient_id: str
    folder: Path
    image_path: Path
    size_px: tuple[float, float] | None
    split: str | None
    discarded: bool
    label: str | None
    findings: dict[str, int]


def read_metadata(
    main_data: Path, images: Path, phases: Sequence[int], threshold: int, hygiene: Counter[str]
) -> list[Reading]:
    """All readings of the phases, in the order of their tables.

    `hygiene` counts the readings whose table lacks the column of a finding or has an unknown column.

    Raises:
        SourceError: a missing table, or no reading in any table.
        TableError: a bad value, a reading that occurs twice, a radiograph of two patients, a patient in two splits.
    """
    paths = {phase: _table_of(main_data, phase) for phase in phases}
    require_columns(dict.fromkeys(paths.values(), _COLUMNS))
    # A column is used only if all phases have it.
    used = {name: dtype for name, dtype in _USED.items() if all(name in header_of(path) for path in paths.values())}
    hygiene.update({f"metadata_without_column_{name}": 1 for name in _USED if name not in used})
    rows = pl.concat([_read_phase(path, phase, used, hygiene) for phase, path in paths.items()], how="diagonal")
    if rows.is_empty():
        raise SourceError(f"{main_data}: the metadata of phases {', '.join(map(str, phases))} contain no reading")
    _refuse(rows, ~rows["id"].is_first_distinct(), "its id occurs twice")
    _refuse(
        rows, _differs(rows, "dicom_id", "subject_id"), "its radiograph belongs to another patient in an earlier record"
    )
    if "split" in rows.columns:
        _refuse(rows, _differs(rows, "subject_id", "split"), "column 'split' puts one patient into two splits")
    if has_size := {"image_size_x", "image_size_y"} <= set(rows.columns):
        sizes = rows.select("image_size_x", "image_size_y")
        _refuse(
            rows, (sizes["image_size_x"] <= 0) | (sizes["image_size_y"] <= 0), "the radiograph's size is not above 0"
        )
        for name in sizes.columns:
            _refuse(rows, _differs(rows, "dicom_id", name), "its radiograph has another size in an earlier record")
    asked = {str(path): [name for name in FINDINGS[phase] if name in header_of(path)] for phase, path in paths.items()}
    readings = []
    for row in rows.iter_rows(named=True):
        where = f"{row['table']}: record {row['record']}, column 'image'"
        findings = {name: int(row[name] or 0) for name in asked[row["table"]]}
        readings.append(
            Reading(
                reading_id=row["id"],
                dicom_id=row["dicom_id"],
                patient_id=row["subject_id"],
                folder=main_data / row["id"],
                image_path=radiograph_path(images, row["image"], where),
                size_px=(row["image_size_x"], row["image_size_y"]) if has_size else None,
                split=_SPLITS[row["split"]] if "split" in row else None,
                discarded=_FLAG[row["eye_tracking_data_discarded"]],
                label=label_of(findings, row.get(OTHER) or "", threshold),
                findings=findings,
            )
        )
    return readings


def listed_radiographs(main_data: Path, phases: Sequence[int]) -> list[str]:
    """The distinct radiographs of the phases as paths in MIMIC-CXR's tree. Raises SourceError and TableError."""
    radiographs: dict[str, None] = {}
    for phase in phases:
        path = _table_of(main_data, phase)
        for record, cell in enumerate(read_table(path, {"image": pl.String})["image"], start=1):
            radiographs[tree_path(cell, f"{path}: record {record}, column 'image'")] = None
    return list(radiographs)


def _table_of(main_data: Path, phase: int) -> Path:
    path = main_data / f"metadata_phase_{phase}.csv"
    if not path.is_file():
        raise SourceError(f"{main_data}: not REFLACX's main_data: {path.name} is missing")
    return path


def _read_phase(path: Path, phase: int, used: Columns, hygiene: Counter[str]) -> pl.DataFrame:
    findings = dict.fromkeys(FINDINGS[phase], pl.Float64)
    rows = read_table(path, {**_COLUMNS, **used}, {**findings, OTHER: pl.String})
    require_names(path, rows["subject_id"], "each reading needs its patient")
    rows = rows.with_columns(pl.col("eye_tracking_data_discarded").str.to_lowercase())
    for name in ("id", "dicom_id"):
        _refuse_cells(path, rows[name], ~rows[name].str.contains(_PLAIN), "letters, digits, - and _, at most 100")
    if "split" in rows.columns:
        _require_among(path, rows, "split", _SPLITS)
    _require_among(path, rows, "eye_tracking_data_discarded", _FLAG)
    for name in findings:
        if name in rows.columns:
            _require_among(path, rows, name, range(MAX_CERTAINTY + 1))
        else:
            hygiene[f"readings_without_column_{name}"] += len(rows)
    known = {*_COLUMNS, *_USED, *findings, *FLAGS, OTHER}
    for name in unknown_columns(path, known)[:_NAMED_COLUMNS]:
        hygiene[f"readings_with_unknown_column_{ascii(name[:40])[1:-1]}"] += len(rows)
    return rows.with_columns(pl.lit(str(path)).alias("table"), pl.int_range(1, pl.len() + 1).alias("record"))


def _require_among(path: Path, rows: pl.DataFrame, column: str, values: Iterable[str | float]) -> None:
    allowed = pl.Series(list(values), dtype=rows[column].dtype, strict=False)
    wrong = rows[column].is_not_null() & ~rows[column].is_in(allowed.implode())
    _refuse_cells(path, rows[column], wrong, f"one of {', '.join(map(str, values))}")


def _refuse_cells(path: Path, column: pl.Series, wrong: pl.Series, expected: str) -> None:
    if wrong.any():
        record = first_true(wrong)
        raise TableError(
            f"{path}: record {record + 1}, column {column.name!r} holds {column[record]!r}, expected {expected}"
        )


def _differs(rows: pl.DataFrame, key: str, column: str) -> pl.Series:
    """Which rows have a value different from that of the first row with the same key."""
    return rows.select(pl.col(column) != pl.col(column).first().over(key)).to_series()


def _refuse(rows: pl.DataFrame, wrong: pl.Series, problem: str) -> None:
    if wrong.any():
        row = rows.row(first_true(wrong), named=True)
        raise TableError(f"{row['table']}: record {row['record']}: {problem}")
