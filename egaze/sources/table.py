"""A table of one's own: cases.csv, and fixations.csv where there is gaze."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from egaze.errors import TableError
from egaze.gaze import Fixations
from egaze.sources.case import Case, is_synthetic
from egaze.sources.records import shorten
from egaze.sources.tables import inside, read_table, require_unique

SPLITS = ("train", "validation", "test")

_CASE_COLUMNS = {"case_id": pl.String, "image": pl.String, "patient_id": pl.String}
_CASE_OPTIONAL = {"label": pl.String, "split": pl.String, "reader_id": pl.String}
_FIXATION_COLUMNS = {"case_id": pl.String, "x_px": pl.Float64, "y_px": pl.Float64, "duration_s": pl.Float64}
_FIXATION_OPTIONAL = {"onset_s": pl.Float64, "pixels_per_degree": pl.Float64}


class Table:
    """Films listed in a CSV file with columns case_id, image (path relative to the file), patient_id and,
    optionally, label, split (train, validation, test) and reader_id; fixations in a second one with columns
    case_id, x_px, y_px, duration_s and, optionally, onset_s and pixels_per_degree.

    Args:
        cases: the table of cases.
        fixations: the table of fixations, in pixels of the films.
        class_names: the order of the classes; None sorts the labels found.

    Raises:
        TableError: a missing file or column, a bad value, a case twice, a fixation of no case, a label that is
            not among class_names, or a case with neither gaze nor label.
    """

    name = "table"
    population = None

    def __init__(self, cases: Path, fixations: Path | None = None, class_names: Sequence[str] | None = None) -> None:
        self._path = Path(cases)
        self._rows = _read_cases(self._path)
        self.patient_order: Sequence[str] = self._rows["patient_id"].unique(maintain_order=True).to_list()
        labels = sorted(self._rows["label"].drop_nulls().unique().to_list())
        self.class_names = tuple(class_names or labels)
        if unknown := [label for label in labels if label not in self.class_names]:
            record = self._rows["label"].to_list().index(unknown[0]) + 1
            raise TableError(
                f"{self._path}: record {record}: label {shorten(unknown[0])} is not among {', '.join(self.class_names)}"
            )
        self.synthetic = is_synthetic(self._path.parent)
        self.options: dict[str, Any] = {}
        self.hygiene: dict[str, int] = {}
        self._fixations = self._read_fixations(Path(fixations)) if fixations is not None else {}
        self._cases = self._make_cases()

    def cases(self) -> Sequence[Case]:
        """One case a record, in the table's order."""
        return self._cases

    def _make_cases(self) -> list[Case]:
        cases = []
        for record, row in enumerate(self._rows.iter_rows(named=True), start=1):
            where = f"{self._path}: record {record}"
            if row["case_id"] not in self._fixations and row["label"] is None:
                raise TableError(f"{where}: case {shorten(row['case_id'])} has neither a label nor a fixation")
            cases.append(
                Case(
                    case_id=row["case_id"],
                    patient_id=row["patient_id"],
                    image_path=inside(self._path.parent, row["image"], f"{where}, column 'image'"),
                    fixations=self._fixations.get(row["case_id"]),
                    label=row["label"],
                    reader_id=row["reader_id"],
                    split=row["split"],
                )
            )
        return cases

    def _read_fixations(self, path: Path) -> dict[str, Fixations]:
        rows = read_table(path, _FIXATION_COLUMNS, _FIXATION_OPTIONAL)
        stray = ~rows["case_id"].is_in(self._rows["case_id"].implode())
        if stray.any():
            record = int(stray.arg_max())  # type: ignore[arg-type]
            raise TableError(f"{path}: record {record + 1}: no case {shorten(rows['case_id'][record])} in {self._path}")
        _require_scale(path, rows)
        # As a Fixations holds it: what is too short for a float32 is no time.
        without_time = ~(rows["duration_s"].cast(pl.Float32) > 0)
        self.hygiene["fixations_dropped_no_duration"] = int(without_time.sum())
        rows = rows.filter(~without_time)
        self.hygiene["fixations_kept"] = len(rows)
        by_case = rows.partition_by("case_id", as_dict=True, maintain_order=True)
        return {case: _fixations(part) for (case,), part in by_case.items()}


def _read_cases(path: Path) -> pl.DataFrame:
    rows = read_table(path, _CASE_COLUMNS, _CASE_OPTIONAL)
    if rows.is_empty():
        raise TableError(f"{path}: holds no case")
    for name in _CASE_OPTIONAL:
        if name not in rows.columns:
            rows = rows.with_columns(pl.lit(None, dtype=pl.String).alias(name))
    require_unique(path, rows["case_id"])
    wrong = rows["split"].is_not_null() & ~rows["split"].is_in(list(SPLITS))
    if wrong.any():
        record = int(wrong.arg_max())  # type: ignore[arg-type]
        raise TableError(
            f"{path}: record {record + 1}: split {shorten(rows['split'][record])} is not one of {', '.join(SPLITS)}"
        )
    sides = rows.filter(pl.col("split").is_not_null()).group_by("patient_id").agg(pl.col("split").n_unique())
    if (leaking := sides.filter(pl.col("split") > 1)).height:
        raise TableError(f"{path}: column 'split' puts one patient on two sides ({leaking.height} such patients)")
    return rows


def _require_scale(path: Path, rows: pl.DataFrame) -> None:
    name = "pixels_per_degree"
    if name in rows.columns:
        for record in (~(rows[name].cast(pl.Float32) > 0)).fill_null(False).arg_true()[:1]:
            raise TableError(f"{path}: record {record + 1}, column {name!r} holds {rows[name][record]}, not above 0")


def _fixations(rows: pl.DataFrame) -> Fixations:
    if _is_complete(rows, "onset_s"):
        rows = rows.sort("onset_s", maintain_order=True)
    scale = rows["pixels_per_degree"].to_numpy() if _is_complete(rows, "pixels_per_degree") else None
    return Fixations(
        x_px=rows["x_px"].to_numpy(),
        y_px=rows["y_px"].to_numpy(),
        duration_s=rows["duration_s"].to_numpy(),
        onset_s=rows["onset_s"].to_numpy() if _is_complete(rows, "onset_s") else None,
        pixels_per_degree=None if scale is None else np.stack([scale, scale], axis=1),
    )


def _is_complete(rows: pl.DataFrame, column: str) -> bool:
    """Whether an optional column is there and has a value in every row."""
    return column in rows.columns and not rows[column].has_nulls()
