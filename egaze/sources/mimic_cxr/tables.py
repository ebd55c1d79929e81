"""MIMIC-CXR-JPG's tables: the labels of reports, and the views and the split of radiographs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from egaze.errors import SourceError, TableError
from egaze.sources.report_labels import FINDINGS, NO_FINDING, require_report_labels
from egaze.tables.delimited import first_true, read_table, require_unique
from egaze.tables.records import shorten

#: The programs that read the reports, each with a table of its own.
LABELLERS = ("chexpert", "negbio")
_NAME = "mimic-cxr-2.0.0-{}.csv"
_IDS = dict.fromkeys(("subject_id", "study_id"), pl.String)
_RADIOGRAPH = {"dicom_id": pl.String, **_IDS}
_SPLITS = {"train": "train", "validate": "validation", "test": "test"}
# Ids are parts of paths.
_NUMBER, _PLAIN = r"^\d{8}$", r"^[A-Za-z0-9_-]{1,100}$"


def label_table(tables: Path, labeller: str | None) -> tuple[str, Path]:
    """The labeller and its table; without a given one, that of the only table there.

    Raises:
        SourceError: no table, or two to choose from.
    """
    if labeller is not None:
        return labeller, find_table(tables, labeller)
    there = [name for name in LABELLERS if _places(tables, name)]
    if len(there) == 1:
        return there[0], find_table(tables, there[0])
    names = [path.name for name in LABELLERS for path in _places(tables, name)]
    if names:
        raise SourceError(f"{tables}: has labels of two programs, {' and '.join(names)}; choose one with --labels")
    raise SourceError(f"{tables}: has neither {' nor '.join(map(_NAME.format, LABELLERS))}, packed with gzip or not")


def find_table(tables: Path, name: str) -> Path:
    """One of the tables, packed with gzip or not. Raises SourceError if there is none, or both."""
    found = _places(tables, name)
    if not found:
        raise SourceError(f"{tables}: {_NAME.format(name)} is missing, packed with gzip (.gz) or not")
    if len(found) > 1:
        raise SourceError(f"{tables}: has both {found[0].name} and {found[1].name}, which may differ; keep one")
    return found[0]


def _places(tables: Path, name: str) -> list[Path]:
    return [path for end in ("", ".gz") if (path := tables / (_NAME.format(name) + end)).is_file()]


def read_report_labels(path: Path, radiographs: pl.DataFrame) -> dict[str, dict[str, float | None]]:
    """The cells of each report, 1, 0, -1 or None, by its study and then by column.

    Raises:
        TableError: a missing column, a study that occurs twice or is another patient's than that of its `radiographs`,
            or a cell that is none of these.
    """
    names = (*FINDINGS, NO_FINDING)
    rows = read_table(path, {**_IDS, **dict.fromkeys(names, pl.Float64)}, nullable=frozenset(names))
    again = ~rows["study_id"].is_first_distinct()
    _refuse(path, again, "its study has labels already in an earlier record")
    patients = radiographs.select("study_id", pl.col("subject_id").alias("patient")).unique("study_id")
    rows = rows.join(patients, on="study_id", how="left", maintain_order="left")
    _refuse(path, rows["patient"] != rows["subject_id"], "its study is another patient's in the metadata")
    for name in names:
        require_report_labels(path, rows[name])
    return dict(zip(rows["study_id"], rows.select(names).iter_rows(named=True), strict=True))


def read_radiographs(tables: Path) -> pl.DataFrame:
    """All radiographs, in the order of the metadata: dicom_id, subject_id, study_id, view, width_px, height_px, split.

    View and size are null where the metadata do not have them.

    Raises:
        SourceError: a missing table.
        TableError: a bad value, a radiograph that occurs twice, that has no split, or that is another patient's or of
            another study in the table of splits, or a patient in two splits.
    """
    path, split_path = find_table(tables, "metadata"), find_table(tables, "split")
    rows = read_metadata(path)
    splits = read_table(split_path, {**_RADIOGRAPH, "split": pl.String})
    require_unique(split_path, splits["dicom_id"])
    for record in (~splits["split"].is_in(list(_SPLITS))).arg_true()[:1]:
        raise TableError(
            f"{split_path}: record {record + 1}, column 'split' holds {shorten(splits['split'][record])}, expected one "
            f"of {', '.join(_SPLITS)}"
        )
    rows = rows.join(splits, on="dicom_id", how="left", suffix="_there", maintain_order="left")
    _refuse(path, rows["split"].is_null(), f"its radiograph has no split in {split_path.name}")
    for name in _IDS:
        _refuse(path, rows[name] != rows[f"{name}_there"], f"its {name} differs from that in {split_path.name}")
    own = pl.col("split") != pl.col("split").first().over("subject_id")
    _refuse(path, rows.select(own).to_series(), f"{split_path.name} puts its patient into two splits")
    return rows.with_columns(pl.col("split").replace_strict(_SPLITS)).drop(f"{name}_there" for name in _IDS)


def read_metadata(path: Path) -> pl.DataFrame:
    """All radiographs without their split. Raises TableError."""
    optional = {"Rows": pl.Int64, "Columns": pl.Int64}
    rows = read_table(path, {**_RADIOGRAPH, "ViewPosition": pl.String}, optional, nullable=frozenset({"ViewPosition"}))
    if rows.is_empty():
        raise TableError(f"{path}: contains no radiograph")
    require_unique(path, rows["dicom_id"])
    for name, pattern, expected in (
        ("dicom_id", _PLAIN, "letters, digits, - and _"),
        ("subject_id", _NUMBER, "eight digits"),
        ("study_id", _NUMBER, "eight digits"),
    ):
        _refuse(path, ~rows[name].str.contains(pattern), f"column {name!r} does not hold {expected}")
    other = pl.col("subject_id") != pl.col("subject_id").first().over("study_id")
    _refuse(path, rows.select(other).to_series(), "its study belongs to another patient in an earlier record")
    missing = [pl.lit(None, pl.Int64).alias(name) for name in optional if name not in rows.columns]
    rows = rows.with_columns(missing)
    _refuse(path, (rows["Rows"] <= 0) | (rows["Columns"] <= 0), "Rows and Columns must be above 0")
    return rows.rename({"ViewPosition": "view", "Columns": "width_px", "Rows": "height_px"})


def paths_of(rows: pl.DataFrame) -> Sequence[str]:
    """The paths of radiographs in MIMIC-CXR's tree: files/p10/p10000032/s50414267/<dicom_id>.dcm."""
    patient = pl.concat_str(pl.lit("p"), "subject_id")
    parts = (pl.lit("files"), patient.str.head(3), patient, pl.concat_str(pl.lit("s"), "study_id"), pl.col("dicom_id"))
    return rows.select(pl.concat_str(*parts, separator="/") + ".dcm").to_series().to_list()


def _refuse(path: Path, wrong: pl.Series, problem: str) -> None:
    if wrong.any():
        raise TableError(f"{path}: record {first_true(wrong.fill_null(False)) + 1}: {problem}")
