"""The table source: cases.csv and, with gaze, fixations.csv."""

from __future__ import annotations

import os.path
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from egaze.errors import TableError
from egaze.gaze import Fixations
from egaze.sources.case import Case, is_synthetic, twin_facts
from egaze.sources.cell_names import NO_VALUE, as_seen, first_alike, folded, is_no_value, require_names, require_unlike
from egaze.sources.label_table import read_certainties
from egaze.sources.recordings import read_recordings
from egaze.tables.delimited import first_true, header_of, inside, read_table, require_columns, require_unique
from egaze.tables.records import shorten

SPLITS = ("train", "validation", "test")

CASE_COLUMNS = {"case_id": pl.String, "image": pl.String, "patient_id": pl.String}
CASE_OPTIONAL = {
    **dict.fromkeys(("label", "split", "reader_id"), pl.String),
    **dict.fromkeys(("radiograph_width_px", "radiograph_height_px"), pl.Float64),
}
FIXATION_COLUMNS = {"case_id": pl.String, "x_px": pl.Float64, "y_px": pl.Float64, "duration_s": pl.Float64}
#: The column that may take the place of `duration_s`: numbers proportional to durations, without a unit of time.
RELATIVE = "duration_relative"
#: The columns of the part of the radiograph that was on the screen.
SHOWN = ("x_min_shown_px", "y_min_shown_px", "x_max_shown_px", "y_max_shown_px")
FIXATION_OPTIONAL = {"onset_s": pl.Float64, "pixels_per_degree": pl.Float64, **dict.fromkeys(SHOWN, pl.Float64)}


class Table:
    """Cases listed in a CSV file, with fixations in a second one; docs/tables.md describes the columns.

    A case has case_id, image, patient_id and, optionally, label, split (train, validation, test), reader_id, and
    radiograph_width_px and radiograph_height_px: the size of the radiograph on which the gaze was recorded, if the
    radiograph has been resized since. A fixation has case_id, x_px, y_px, duration_s and, optionally, onset_s,
    pixels_per_degree, and x_min_shown_px, y_min_shown_px, x_max_shown_px and y_max_shown_px, the part of the radiograph
    that was on the screen; the column duration_relative in place of duration_s declares durations without a unit of
    time.

    With `labels`, labels are independent: a case has any number of the classes, each of which is a column of that
    table (`egaze.sources.label_table`), and the table of cases has no label.

    An empty cell of label, split or reader_id, or one of `egaze.sources.cell_names.NO_VALUE`, means that there is none.

    Args:
        cases: the table of cases.
        fixations: the table of fixations, in pixels of the radiographs; None without gaze.
        class_names: the order of the classes; None sorts the labels in the table. With `labels`, the columns that are
            classes; None takes all.
        labels: the table of independent labels; None where the table of cases has the labels.
        images: the folder to which the paths of radiographs are relative; None for the folder of `cases`.
        has_images: False where the radiographs are not at hand: the column image then names each radiograph, the same
            for all readings of it, and both columns of its size are required.
        recordings: recordings.json of `egaze gaze import`, whose quality is kept with the study.

    Raises:
        TableError: a missing file or column, durations in both columns, a bad value, a case that occurs twice, a
            fixation of an unknown case, a label that is not in `class_names`, names that differ only in case or
            spaces, a patient without a name or in two splits, a radiograph outside `images`, or a case with neither
            gaze nor a label; or, without images, a case without a size.

    Example:
        >>> import polars as pl
        >>> from egaze.sources import Table
        >>> case = {"case_id": "case-1", "image": "radiograph.dcm", "patient_id": "patient-1", "label": "normal"}
        >>> pl.DataFrame([case]).write_csv("cases.csv")
        >>> gaze = {"case_id": ["case-1"] * 2, "x_px": [30, 52], "y_px": [40, 44], "duration_s": [0.25, 0.4]}
        >>> pl.DataFrame(gaze).write_csv("fixations.csv")
        >>> (case,) = Table("cases.csv", "fixations.csv").cases()
        >>> case.label, len(case.fixations)
        ('normal', 2)
    """

    name = "table"
    population = None

    def __init__(
        self,
        cases: str | Path,
        fixations: str | Path | None = None,
        class_names: Sequence[str] | None = None,
        *,
        labels: str | Path | None = None,
        images: str | Path | None = None,
        has_images: bool = True,
        recordings: str | Path | None = None,
    ) -> None:
        if images is not None and not has_images:
            raise TableError(f"{images}: a folder of radiographs was given, and has_images is False")
        self._path = Path(cases)
        self._images = self._path.parent if images is None else Path(images)
        self._has_images = has_images
        if images is not None and not self._images.is_dir():
            raise TableError(f"{images}: no such folder of radiographs")
        if fixations is not None:
            require_columns({self._path: CASE_COLUMNS, Path(fixations): FIXATION_COLUMNS}, {"duration_s": RELATIVE})
        self.hygiene: dict[str, int] = {}
        self._rows = _read_cases(self._path, self.hygiene)
        self.patient_order: Sequence[str] = self._rows["patient_id"].unique(maintain_order=True).to_list()
        self.synthetic = is_synthetic(self._path.parent)
        self.options: dict[str, object] = twin_facts(self._path.parent)
        self._certainties: list[dict[str, float] | None] = [None] * len(self._rows)
        if labels is None:
            self.class_names = _class_names(self._path, self._rows["label"], class_names)
        else:
            self.options["labels"] = "independent"
            self.class_names, self._certainties = self._read_certainties(Path(labels), class_names)
        if recordings is not None:
            self.options["recordings"] = read_recordings(Path(recordings))
        self._fixations = self._read_fixations(Path(fixations)) if fixations is not None else {}
        if any(gaze.is_relative for _, gaze in self._fixations.values()):
            self.options["durations"] = "relative"
        self._cases = self._make_cases()

    def cases(self) -> Sequence[Case]:
        """One case per record, in the order of the table."""
        return self._cases

    def _read_certainties(
        self, path: Path, given: Sequence[str] | None
    ) -> tuple[tuple[str, ...], list[dict[str, float] | None]]:
        """The classes that are columns of a table of labels, and the certainties of each case."""
        for record in self._rows["label"].is_not_null().arg_true()[:1]:
            raise TableError(
                f"{self._path}: record {record + 1}, column 'label' holds {shorten(self._rows['label'][record])}, but "
                f"{path} has the labels; remove the column, or leave out the table of labels"
            )
        if given is not None:
            require_class_names(given)
        others = {*CASE_COLUMNS, *CASE_OPTIONAL}
        names, of_case = read_certainties(path, self._rows["case_id"], given, others, self.hygiene)
        require_class_names(names)
        return names, [of_case.get(case_id, {}) for case_id in self._rows["case_id"]]

    def _make_cases(self) -> list[Case]:
        cases = []
        for record, row in enumerate(self._rows.iter_rows(named=True), start=1):
            where = f"{self._path}: record {record}"
            origin, fixations = self._fixations.get(row["case_id"], (None, None))
            certainties = self._certainties[record - 1]
            if fixations is None and row["label"] is None and not certainties:
                read_as = f" (its label {row['given_label']!r} is read as missing)" if row["given_label"] else ""
                case = shorten(row["case_id"])
                raise TableError(f"{where}: case {case} has neither a label nor a fixation with a duration{read_as}")
            radiograph = None
            if self._has_images:
                radiograph = inside(
                    self._images,
                    row["image"],
                    f"{where}, column 'image'",
                    "; use --images to name the folder of the radiographs",
                )
            elif row["radiograph_width_px"] is None:
                raise TableError(
                    f"{where}: without images, radiograph_width_px and radiograph_height_px must say on how large a "
                    "radiograph x_px and y_px lie"
                )
            cases.append(
                Case(
                    case_id=row["case_id"],
                    patient_id=row["patient_id"],
                    image_path=radiograph,
                    fixations=fixations,
                    label=row["label"],
                    reader_id=row["reader_id"],
                    split=row["split"],
                    radiograph_size_px=_size(row),
                    gaze_origin=origin,
                    certainties=certainties,
                    radiograph_id=os.path.normpath(row["image"]),
                )
            )
        return cases

    def _read_fixations(self, path: Path) -> dict[str, tuple[str, Fixations]]:
        """The first record and the fixations of each case with gaze."""
        column = _duration_column(path)
        columns = {column if name == "duration_s" else name: dtype for name, dtype in FIXATION_COLUMNS.items()}
        rows = read_table(path, columns, FIXATION_OPTIONAL).with_row_index("record", 1)
        stray = ~rows["case_id"].is_in(self._rows["case_id"].implode())
        if stray.any():
            record = first_true(stray)
            raise TableError(f"{path}: record {record + 1}: no case {shorten(rows['case_id'][record])} in {self._path}")
        _require_scale(path, rows)
        _require_parts(path, rows)
        _require_all_or_none(path, rows)
        # In float32, as in `Fixations`, in which the shortest durations become 0.
        without_time = ~(rows[column].cast(pl.Float32) > 0)
        self.hygiene["fixations_dropped_no_duration"] = int(without_time.sum())
        rows = rows.filter(~without_time)
        self.hygiene["fixations_kept"] = len(rows)
        by_case = rows.partition_by("case_id", as_dict=True, maintain_order=True)
        return {case: (f"{path}: record {part['record'][0]}", _fixations(part)) for (case,), part in by_case.items()}


def _read_cases(path: Path, hygiene: dict[str, int]) -> pl.DataFrame:
    """The records with all optional columns, and with `given_label`, the label as written."""
    rows = read_table(path, CASE_COLUMNS, CASE_OPTIONAL)
    if rows.is_empty():
        raise TableError(f"{path}: contains no case")
    rows = rows.with_columns(
        pl.lit(None, dtype=dtype).alias(name) for name, dtype in CASE_OPTIONAL.items() if name not in rows.columns
    )
    require_unique(path, rows["case_id"])
    require_names(path, rows["case_id"], "each case needs a name of its own")
    require_names(
        path,
        rows["patient_id"],
        "radiographs of one patient need the same patient_id, so that they are in the same split",
    )
    rows = rows.with_columns(rows["label"].alias("given_label"))
    for name in ("label", "split", "reader_id"):
        if count := int((no_value := is_no_value(rows[name])).sum()):
            rows = rows.with_columns(pl.when(~no_value).then(rows[name]).alias(name))
            hygiene[f"{name}s_such_as_NA_read_as_none"] = count
    require_unlike(path, rows["case_id"], as_seen, "invisible characters", "give the cases other names")
    for name in ("label", "patient_id", "reader_id"):
        require_unlike(path, rows[name], folded, "case, spaces or invisible characters", "write both in the same way")
    _require_splits(path, rows)
    _require_sizes(path, rows)
    return rows


def _class_names(path: Path, column: pl.Series, given: Sequence[str] | None) -> tuple[str, ...]:
    labels = sorted(column.drop_nulls().unique().to_list())
    if given is None:
        return tuple(labels)
    names = tuple(given)
    require_class_names(names)
    if unknown := [label for label in labels if label not in names]:
        record = column.to_list().index(unknown[0]) + 1
        raise TableError(f"{path}: record {record}: label {shorten(unknown[0])} is not among {', '.join(names)}")
    return names


def require_class_names(names: Sequence[str]) -> None:
    """Raise TableError for no class, or for classes without a name or whose names look alike."""
    if not names or not all(name.strip() for name in names):
        raise TableError(f"class names must not be empty, got {list(names)}")
    if none := [name for name in names if name.lower() in NO_VALUE]:
        raise TableError(f"a class cannot be called {none[0]!r}, which stands for a missing label")
    if twice := [name for name in names if list(names).count(name) > 1]:
        raise TableError(f"class names must differ, and {twice[0]!r} is given twice")
    if alike := first_alike(names, folded):
        raise TableError(f"class names must differ in more than case and spaces, got {alike[0]!r} and {alike[1]!r}")


def _require_splits(path: Path, rows: pl.DataFrame) -> None:
    wrong = rows["split"].is_not_null() & ~rows["split"].is_in(list(SPLITS))
    if wrong.any():
        record = first_true(wrong)
        raise TableError(
            f"{path}: record {record + 1}: split {shorten(rows['split'][record])} is not one of {', '.join(SPLITS)}"
        )
    first = rows.with_row_index("record").select(pl.col("split", "record").first().over("patient_id"))
    for record in (~rows["split"].eq_missing(first["split"])).arg_true()[:1]:
        pair = [
            f"record {place + 1} (case {shorten(rows['case_id'][place])}) {rows['split'][place] or 'without a split'}"
            for place in (first["record"][record], record)
        ]
        raise TableError(
            f"{path}: column 'split' puts one patient into two splits: {' and '.join(pair)}; "
            "give all cases of a patient the same split, or none"
        )


def _require_sizes(path: Path, rows: pl.DataFrame) -> None:
    names = ("radiograph_width_px", "radiograph_height_px")
    for record, size in enumerate(rows.select(names).iter_rows(), start=1):
        if size != (None, None) and not all(side is not None and side > 0 for side in size):
            found = f"{size[0]} x {size[1]}"
            raise TableError(f"{path}: record {record}: both sides of a radiograph must be above 0, got {found}")


def _size(row: Mapping[str, Any]) -> tuple[float, float] | None:
    return None if row["radiograph_width_px"] is None else (row["radiograph_width_px"], row["radiograph_height_px"])


def _require_scale(path: Path, rows: pl.DataFrame) -> None:
    name = "pixels_per_degree"
    if name in rows.columns:
        for record in (~(rows[name].cast(pl.Float32) > 0)).fill_null(False).arg_true()[:1]:
            raise TableError(f"{path}: record {record + 1}, column {name!r} holds {rows[name][record]}, not above 0")


def _require_parts(path: Path, rows: pl.DataFrame) -> None:
    """Raise TableError for a part shown of which a side is missing or which is turned over."""
    present = [name for name in SHOWN if name in rows.columns]
    if not present:
        return
    if missing := [name for name in SHOWN if name not in present]:
        raise TableError(f"{path}: has column {present[0]!r} and no {missing[0]!r}; a part shown has four sides")
    known = pl.concat_list(pl.col(SHOWN).is_not_null())
    some = known.list.any() & ~known.list.all()
    mixed = known.list.all() != known.list.all().first().over("case_id")
    turned = (pl.col(SHOWN[2]) < pl.col(SHOWN[0])) | (pl.col(SHOWN[3]) < pl.col(SHOWN[1]))
    for mask, said in (
        (some, "has some sides of the part shown, and not all four"),
        (mixed, "has a part shown where the case's first fixation has none, or the reverse; give it for all or none"),
        (turned, "has a part shown whose minimum lies above its maximum"),
    ):
        for record in rows.select(mask.fill_null(False).alias("mask"))["mask"].arg_true()[:1]:
            raise TableError(f"{path}: record {record + 1} {said}")


def _require_all_or_none(path: Path, rows: pl.DataFrame) -> None:
    """Raise TableError for a case of which some fixations have a value that others lack."""
    for name in ("onset_s", "pixels_per_degree"):
        if name in rows.columns:
            known = pl.col(name).is_not_null()
            mixed = rows.select((known != known.first().over("case_id")).alias("mixed"))["mixed"]
            for record in mixed.arg_true()[:1]:
                raise TableError(
                    f"{path}: record {record + 1} has {'an empty' if rows[name][record] is None else 'a value of'} "
                    f"{name!r}, unlike the case's first fixation; give it for all fixations of a case or for none"
                )


def _duration_column(path: Path) -> str:
    header = header_of(path)
    if RELATIVE not in header:
        return "duration_s"
    if "duration_s" in header:
        raise TableError(
            f"{path}: has both columns 'duration_s' and {RELATIVE!r}; keep duration_s if the durations are seconds, "
            "or the other one if they have no unit of time"
        )
    return RELATIVE


def _fixations(rows: pl.DataFrame) -> Fixations:
    if _is_complete(rows, "onset_s"):
        rows = rows.sort("onset_s", maintain_order=True)
    scale = rows["pixels_per_degree"].to_numpy() if _is_complete(rows, "pixels_per_degree") else None
    return Fixations(
        x_px=rows["x_px"].to_numpy(),
        y_px=rows["y_px"].to_numpy(),
        duration_s=rows[RELATIVE if RELATIVE in rows.columns else "duration_s"].to_numpy(),
        onset_s=rows["onset_s"].to_numpy() if _is_complete(rows, "onset_s") else None,
        pixels_per_degree=None if scale is None else np.stack([scale, scale], axis=1),
        shown_px=rows.select(SHOWN).to_numpy() if all(_is_complete(rows, name) for name in SHOWN) else None,
        duration_unit="relative" if RELATIVE in rows.columns else "s",
    )


def _is_complete(rows: pl.DataFrame, column: str) -> bool:
    """Whether an optional column exists and has a value in every row."""
    return column in rows.columns and not rows[column].has_nulls()
