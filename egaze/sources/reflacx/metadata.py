"""The tables of readings: metadata_phase_{1,2,3}.csv."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from egaze.errors import SourceError, TableError
from egaze.sources.mimic_cxr import film_path
from egaze.sources.reflacx.labels import FINDINGS, FLAGS, MAX_CERTAINTY, OTHER, label_of
from egaze.sources.tables import read_table

_COLUMNS = {
    "id": pl.String,
    "split": pl.String,
    "eye_tracking_data_discarded": pl.String,
    "image": pl.String,
    "dicom_id": pl.String,
    "subject_id": pl.String,
    "image_size_x": pl.Float64,
    "image_size_y": pl.Float64,
}
_SPLITS = {"train": "train", "validate": "validation", "test": "test"}
_FLAG = {"true": True, "1": True, "false": False, "0": False}
# An id names a folder here and files later on.
_PLAIN = r"^[A-Za-z0-9_-]{1,100}$"
_NAMED_COLUMNS = 10


@dataclass(frozen=True, slots=True)
class Reading:
    """One radiologist's reading of one film.

    `folder` holds its tables; `width_px, height_px` are the film's; `discarded` readings have no gaze.
    """

    reading_id: str
    dicom_id: str
    patient_id: str
    folder: Path
    image_path: Path
    width_px: float
    height_px: float
    split: str
    discarded: bool
    label: str | None


def read_metadata(
    main_data: Path, images: Path, phases: Sequence[int], threshold: int, hygiene: Counter[str]
) -> list[Reading]:
    """Every reading of the phases, in their tables' order.

    Counts in `hygiene` the readings whose table lacks a finding's column or has a column that is not known.

    Raises:
        SourceError: a table that is not there, or no reading in any.
        TableError: a bad value, a reading twice, a film of two patients, a patient on two sides.
    """
    rows = pl.concat([_read_phase(main_data, phase, hygiene) for phase in phases], how="diagonal")
    if rows.is_empty():
        raise SourceError(f"{main_data}: the metadata of phases {', '.join(map(str, phases))} hold no reading")
    _refuse(rows, ~rows["id"].is_first_distinct(), "its id is there twice")
    _refuse(rows, _differs(rows, "dicom_id", "subject_id"), "its film is another patient's in an earlier record")
    _refuse(rows, _differs(rows, "subject_id", "split"), "column 'split' puts one patient on two sides")
    findings = [name for name in dict.fromkeys(sum(FINDINGS.values(), ())) if name in rows.columns]
    readings = []
    for row in rows.iter_rows(named=True):
        where = f"{row['table']}: record {row['record']}, column 'image'"
        certainty = {name: int(row[name] or 0) for name in findings}
        readings.append(
            Reading(
                reading_id=row["id"],
                dicom_id=row["dicom_id"],
                patient_id=row["subject_id"],
                folder=main_data / row["id"],
                image_path=film_path(images, row["image"], where),
                width_px=row["image_size_x"],
                height_px=row["image_size_y"],
                split=_SPLITS[row["split"]],
                discarded=_FLAG[row["eye_tracking_data_discarded"]],
                label=label_of(certainty, row.get(OTHER) or "", threshold),
            )
        )
    return readings


def _read_phase(main_data: Path, phase: int, hygiene: Counter[str]) -> pl.DataFrame:
    path = main_data / f"metadata_phase_{phase}.csv"
    if not path.is_file():
        raise SourceError(f"{main_data}: not REFLACX's main_data: {path.name} is missing")
    findings = dict.fromkeys(FINDINGS[phase], pl.Float64)
    rows = read_table(path, _COLUMNS, {**findings, OTHER: pl.String})
    rows = rows.with_columns(pl.col("eye_tracking_data_discarded").str.to_lowercase())
    for name in ("id", "dicom_id"):
        _refuse_cells(path, rows[name], ~rows[name].str.contains(_PLAIN), "letters, digits, - and _, at most 100")
    _require_among(path, rows, "split", _SPLITS)
    _require_among(path, rows, "eye_tracking_data_discarded", _FLAG)
    for name in findings:
        if name in rows.columns:
            _require_among(path, rows, name, range(MAX_CERTAINTY + 1))
        else:
            hygiene[f"readings_without_column_{name}"] += len(rows)
    known = {*_COLUMNS, *findings, *FLAGS, OTHER}
    for name in [name for name in _header(path) if name not in known][:_NAMED_COLUMNS]:
        hygiene[f"readings_with_unknown_column_{ascii(name[:40])[1:-1]}"] += len(rows)
    return rows.with_columns(pl.lit(str(path)).alias("table"), pl.int_range(1, pl.len() + 1).alias("record"))


def _header(path: Path) -> list[str]:
    """The columns of a table that `read_table` has read."""
    return [name.strip().lstrip("\ufeff") for name in pl.read_csv(path, infer_schema=False, n_rows=0).columns]


def _require_among(path: Path, rows: pl.DataFrame, column: str, values: Iterable[str | float]) -> None:
    allowed = pl.Series(list(values), dtype=rows[column].dtype, strict=False)
    wrong = rows[column].is_not_null() & ~rows[column].is_in(allowed.implode())
    _refuse_cells(path, rows[column], wrong, f"one of {', '.join(map(str, values))}")


def _refuse_cells(path: Path, column: pl.Series, wrong: pl.Series, expected: str) -> None:
    if wrong.any():
        record = int(wrong.arg_max())  # type: ignore[arg-type]
        raise TableError(
            f"{path}: record {record + 1}, column {column.name!r} holds {column[record]!r}, expected {expected}"
        )


def _differs(rows: pl.DataFrame, key: str, column: str) -> pl.Series:
    """Which rows have another value than the first row of the same key."""
    return rows.select(pl.col(column) != pl.col(column).first().over(key)).to_series()


def _refuse(rows: pl.DataFrame, wrong: pl.Series, problem: str) -> None:
    if wrong.any():
        row = rows.row(int(wrong.arg_max()), named=True)  # type: ignore[arg-type]
        raise TableError(f"{row['table']}: record {row['record']}: {problem}")
