"""EGD-CXR 1.0.0 (PhysioNet `egd-cxr`, doi 10.13026/qfdz-zr67) with the films of MIMIC-CXR 2.0.0."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from egaze.errors import SourceError, TableError
from egaze.gaze import Fixations
from egaze.sources.case import Case, is_synthetic
from egaze.sources.mimic_cxr import film_path
from egaze.sources.tables import read_table, require_unique

_CLASS_COLUMNS = {"normal": "Normal", "chf": "CHF", "pneumonia": "pneumonia"}
_MASTER_COLUMNS = {
    "dicom_id": pl.String,
    "path": pl.String,
    "patient_id": pl.String,
    **dict.fromkeys(_CLASS_COLUMNS.values(), pl.Int64),
}
_FIXATION_COLUMNS = {
    "DICOM_ID": pl.String,
    "FPOGS": pl.Float64,
    "FPOGD": pl.Float64,
    "FPOGV": pl.Int64,
    "X_ORIGINAL": pl.Float64,
    "Y_ORIGINAL": pl.Float64,
}


class EgdCxr:
    """The untouched EGD-CXR folder beside MIMIC-CXR's films.

    A fixation belongs to a film only when its id matches exactly: calibration cards carry a film's id cut by five
    characters. Dropped, and counted in `hygiene`: calibration rows, rows of unknown films, fixations marked
    invalid, without a duration, or with the stored sentinel (-1, -2) for outside the film.

    Args:
        gaze: the folder that holds master_sheet.csv and fixations.csv.
        images: the folder that holds the `files/` tree of MIMIC-CXR or MIMIC-CXR-JPG, or that tree itself.

    Raises:
        SourceError: a folder that lacks these, or a film with no class or several.
        TableError: a table that lacks a column or holds a bad value.
    """

    name = "egd-cxr"
    class_names = tuple(_CLASS_COLUMNS)

    def __init__(self, gaze: Path, images: Path) -> None:
        self._images = Path(images)
        self._master_sheet = Path(gaze) / "master_sheet.csv"
        fixations = Path(gaze) / "fixations.csv"
        for path in (self._master_sheet, fixations):
            if not path.is_file():
                raise SourceError(f"{gaze}: not an EGD-CXR folder: {path.name} is missing")
        if not self._images.is_dir():
            raise SourceError(f"{images}: no such folder of films")
        self.synthetic = is_synthetic(Path(gaze))
        self.hygiene: dict[str, int] = {}
        self._master = _read_master_sheet(self._master_sheet)
        self.patient_order: Sequence[str] = self._master["patient_id"].unique(maintain_order=True).to_list()
        self._fixations = self._read_fixations(fixations)

    def cases(self) -> Sequence[Case]:
        """One case a film, in the order of the master sheet. Films without a usable fixation keep their label."""
        cases = []
        for record, row in enumerate(self._master.iter_rows(named=True), start=1):
            where = f"{self._master_sheet}: record {record}, column 'path'"
            cases.append(
                Case(
                    case_id=row["dicom_id"],
                    patient_id=row["patient_id"],
                    image_path=film_path(self._images, row["path"], where),
                    fixations=self._fixations.get(row["dicom_id"]),
                    label=row["label"],
                )
            )
        return cases

    def _read_fixations(self, path: Path) -> dict[str, Fixations]:
        rows = read_table(path, _FIXATION_COLUMNS, nullable=frozenset(_FIXATION_COLUMNS))
        ids = self._master["dicom_id"]
        cards = ids.str.head(39).implode().explode()
        is_known = rows["DICOM_ID"].is_in(ids.implode())
        is_card = ~is_known & rows["DICOM_ID"].is_in(cards.implode())
        steps = [
            ("calibration_card", is_card),
            ("unknown_film", ~is_known),
            ("invalid_flag", (rows["FPOGV"] != 1).fill_null(True)),
            ("no_duration", ~(rows["FPOGD"] > 0).fill_null(False)),
            ("outside_film", ((rows["X_ORIGINAL"] < 0) | (rows["Y_ORIGINAL"] < 0)).fill_null(True)),
        ]
        keep = np.ones(len(rows), dtype=bool)
        for reason, mask in steps:
            dropped = keep & mask.fill_null(True).to_numpy()
            self.hygiene[f"fixations_dropped_{reason}"] = int(dropped.sum())
            keep &= ~dropped
        self.hygiene["fixations_kept"] = int(keep.sum())
        kept = rows.filter(pl.Series(keep))
        by_film = kept.partition_by("DICOM_ID", as_dict=True, maintain_order=True)
        self.hygiene["films_without_gaze"] = len(ids) - len(by_film)
        return {film: _fixations(table.sort("FPOGS", maintain_order=True)) for (film,), table in by_film.items()}


def _fixations(rows: pl.DataFrame) -> Fixations:
    return Fixations(
        x_px=rows["X_ORIGINAL"].to_numpy(),
        y_px=rows["Y_ORIGINAL"].to_numpy(),
        duration_s=rows["FPOGD"].to_numpy(),
        onset_s=rows["FPOGS"].fill_null(0.0).to_numpy(),
    )


def _read_master_sheet(path: Path) -> pl.DataFrame:
    sheet = read_table(path, _MASTER_COLUMNS)
    if sheet.is_empty():
        raise SourceError(f"{path}: holds no film")
    require_unique(path, sheet["dicom_id"])
    flags = sheet.select(_CLASS_COLUMNS.values()).to_numpy()
    wrong = np.flatnonzero((flags.sum(axis=1) != 1) | ((flags != 0) & (flags != 1)).any(axis=1))
    if wrong.size:
        found = dict(zip(_CLASS_COLUMNS.values(), flags[wrong[0]].tolist(), strict=True))
        raise TableError(f"{path}: record {wrong[0] + 1}: exactly one class must be 1, got {found}")
    names = np.array(tuple(_CLASS_COLUMNS))[flags.argmax(axis=1)]
    return sheet.with_columns(pl.Series("label", names))
