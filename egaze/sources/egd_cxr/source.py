"""The source of EGD-CXR's unmodified folder with the radiographs of MIMIC-CXR."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from egaze.errors import SourceError
from egaze.sources import mimic_cxr
from egaze.sources.case import Case, is_synthetic, twin_facts
from egaze.sources.egd_cxr.annotations import TRANSCRIPTS, read_boxes, read_transcripts
from egaze.sources.egd_cxr.columns import CLASSES, GAZE, MASTER_SHEET, PADS, USED
from egaze.sources.egd_cxr.detected import Detection, needed_to_detect
from egaze.sources.egd_cxr.gaze_rows import GAZE_TABLES, Radiographs, read_gaze
from egaze.sources.egd_cxr.master_sheet import listed_radiographs, needed_columns, read_master_sheet
from egaze.tables.delimited import Columns, header_of, require_columns, unknown_columns
from egaze.tables.records import shorten

_NAMED_COLUMNS = 8


class EgdCxr:
    """EGD-CXR's unmodified folder with the radiographs of MIMIC-CXR.

    A row of gaze belongs to a radiograph only if its id matches exactly; calibration cards carry a radiograph's id
    without its last characters. Every row is either kept or dropped, and `hygiene` counts it under the first reason
    that applies: a calibration card, an unknown radiograph, a flag that marks it invalid, no duration, no time, no
    position, a duplicate (the same fixation of the same radiograph and session, or a row that equals another), a
    position outside the radiograph (where the data set stores -1 or -2).

    X_ORIGINAL and Y_ORIGINAL are compared with the published map of FPOGX and FPOGY, which needs the sizes of the
    radiographs: `hygiene` counts rows that are equal, one pixel apart, further apart, or on a radiograph that cannot be
    opened. The stored pixels are used even where they differ; with `recalibrate`, those of the map are used.

    Stored pixels and boxes refer to the radiographs as published by MIMIC-CXR. Radiographs that have been resized since
    are detected from their gaze (`egaze.sources.egd_cxr.screen.recorded_sizes`) and counted, and the study scales their
    gaze and boxes. If a folder has such radiographs, gaze and boxes of radiographs whose recorded size cannot be
    inferred are dropped.

    Args:
        gaze: the folder that contains master_sheet.csv, the gaze table and, both optional, bounding_boxes.csv and
            audio_segmentation_transcripts/.
        images: the folder that contains the `files/` tree of MIMIC-CXR or MIMIC-CXR-JPG, or that tree itself.
        gaze_table: "fixations": a row of fixations.csv is a fixation, weighted by its duration FPOGD. "eye-gaze": a row
            of eye_gaze.csv is a gaze sample at FPOGX, FPOGY, the position of the fixation that the tracker's filter
            detected at that time; it lasts one sampling interval, 1/60 s, and `onset_s` is its time. Samples in
            saccades and blinks are flagged invalid and dropped. Both tables give nearly the same heatmaps.
        recalibrate: add to the gaze of each session (960, 540) minus the mean of the last valid rows of its calibration
            cards, in pixels of the screen, and map it again. Sessions without a card are not shifted, and are counted.
        detection: find the fixations anew in the samples of eye_gaze.csv, which needs `gaze_table` "eye-gaze", and map
            them by the published map.

    Attributes:
        options: the arguments that change what is read, and the facts of a twin, for the record of the study.

    Raises:
        SourceError: a folder that lacks these files, or an unknown gaze table.
        TableError: a table that lacks a required column or has a cell of the wrong type in any column.

    Example:
        >>> from egaze.sources import EgdCxr
        >>> source = EgdCxr("egd-cxr", "mimic-cxr")
        >>> cases = source.cases()
        >>> len(cases), source.class_names
        (48, ('normal', 'chf', 'pneumonia'))
        >>> source.hygiene["fixations_read"] > source.hygiene["fixations_kept"] > 0
        True
    """

    name = "egd-cxr"
    population = mimic_cxr.POPULATION
    class_names = tuple(CLASSES)

    def __init__(
        self,
        gaze: str | Path,
        images: str | Path,
        *,
        gaze_table: str = "fixations",
        recalibrate: bool = False,
        detection: Detection | None = None,
    ) -> None:
        if gaze_table not in GAZE_TABLES:
            raise SourceError(f"gaze_table must be one of {', '.join(GAZE_TABLES)}, got {gaze_table!r}")
        if detection is not None and gaze_table != "eye-gaze":
            raise SourceError("fixations are found in samples: gaze_table must be 'eye-gaze' (--gaze-table eye-gaze)")
        gaze, images, table = Path(gaze), Path(images), GAZE_TABLES[gaze_table]
        _require_files(gaze, "master_sheet.csv", table.file)
        if not images.is_dir():
            raise SourceError(f"{images}: no such folder of radiographs")
        self.synthetic = is_synthetic(gaze)
        self.options: dict[str, object] = {"gaze_table": gaze_table, "recalibrate": recalibrate} | twin_facts(gaze)
        if detection is not None:
            self.options["detection"] = detection.record()
        self.hygiene: dict[str, int] = {}
        require_columns(
            {gaze / "master_sheet.csv": needed_columns(), gaze / table.file: table.needed_columns(recalibrate)}
            if detection is None
            else {gaze / "master_sheet.csv": needed_columns(), gaze / table.file: needed_to_detect()}
        )
        self._sheet = read_master_sheet(gaze / "master_sheet.csv")
        self.patient_order: Sequence[str] = self._sheet["patient_id"].unique(maintain_order=True).to_list()
        self._paths = _radiograph_paths(gaze / "master_sheet.csv", self._sheet, images)
        for file, columns in (("master_sheet.csv", MASTER_SHEET), (table.file, GAZE)):
            self.hygiene |= _unknown_columns(gaze / file, columns)
        self.hygiene |= _missing_columns(gaze / table.file)
        ids = self._sheet["dicom_id"]
        sizes = [mimic_cxr.read_radiograph_size(path) or (0, 0) for path in self._paths]
        radiographs = Radiographs(ids, self._sheet.select(PADS).to_numpy(), np.array(sizes, dtype=np.int64))
        self._gaze = gaze / table.file
        read = read_gaze(self._gaze, table, radiographs, recalibrate, self.hygiene, detection)
        self._fixations = read.fixations
        if read.recordings is not None:
            self.options["recordings"] = read.recordings
        self._sizes = [(float(w), float(h)) if w > 0 and h > 0 else None for w, h in read.radiographs.size_px]
        self.hygiene["radiographs_without_gaze"] = len(ids) - len(self._fixations)
        self._regions = read_boxes(gaze / "bounding_boxes.csv", ids.to_list(), self.hygiene)
        if self.hygiene["radiographs_of_unknown_recorded_size"]:
            self._drop_unplaced_boxes(ids.to_list(), radiographs)
        self._phrases = read_transcripts(gaze / TRANSCRIPTS, ids.to_list(), self.hygiene)

    def cases(self) -> Sequence[Case]:
        """One case per radiograph, in the order of the master sheet.

        Radiographs without a usable fixation are cases with a label and without gaze.
        """
        return [
            Case(
                case_id=row["dicom_id"],
                patient_id=row["patient_id"],
                image_path=path,
                fixations=self._fixations.get(index),
                label=row["label"],
                regions=self._regions.get(row["dicom_id"], ()),
                phrases=self._phrases.get(row["dicom_id"], ()),
                radiograph_size_px=self._sizes[index],
                gaze_origin=str(self._gaze),
            )
            for index, (row, path) in enumerate(zip(self._sheet.iter_rows(named=True), self._paths, strict=True))
        ]

    def _drop_unplaced_boxes(self, dicom_ids: Sequence[str], radiographs: Radiographs) -> None:
        dropped = 0
        for dicom_id, size, file_size_px in zip(dicom_ids, self._sizes, radiographs.size_px, strict=True):
            if size is None and (file_size_px > 0).all():
                dropped += len(self._regions.pop(dicom_id, ()))
        self.hygiene["boxes_dropped_radiograph_size_unknown"] = dropped
        self.hygiene["boxes_kept"] -= dropped


def list_radiographs(gaze: str | Path) -> list[str]:
    """The radiographs of the master sheet as paths in MIMIC-CXR's tree: files/p10/p.../s.../....dcm.

    Only master_sheet.csv is needed.

    Raises:
        SourceError: the sheet is missing.
        TableError: the sheet has no column of paths, or an invalid path.
    """
    _require_files(Path(gaze), "master_sheet.csv")
    return listed_radiographs(Path(gaze) / "master_sheet.csv")


def _require_files(gaze: Path, *names: str) -> None:
    if missing := [name for name in names if not (gaze / name).is_file()]:
        are = "is" if len(missing) == 1 else "are"
        raise SourceError(f"{gaze}: not an EGD-CXR folder: {' and '.join(missing)} {are} missing")


def _radiograph_paths(file: Path, sheet: pl.DataFrame, images: Path) -> list[Path]:
    return [
        mimic_cxr.radiograph_path(images, path, f"{file}: record {record}, column 'path'")
        for record, path in enumerate(sheet["path"], start=1)
    ]


def _unknown_columns(path: Path, known: Columns) -> dict[str, int]:
    """The number of columns that egaze does not know, and the names of the first ones, as counts."""
    names = unknown_columns(path, known)
    counts = {f"{path.stem}_unknown_columns": len(names)}
    return counts | {f"{path.stem}_unknown_column_{shorten(name)}": 1 for name in names[:_NAMED_COLUMNS]}


def _missing_columns(path: Path) -> dict[str, int]:
    """The optional columns that are missing, as counts."""
    header = header_of(path)
    return {f"{path.stem}_missing_column_{name}": 1 for name in USED if name not in header}
