"""The source of MIMIC-CXR's radiographs with the labels of their reports, with gaze where other data sets have it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from egaze.errors import SourceError
from egaze.sources.case import Case, Source, is_synthetic, twin_facts
from egaze.sources.class_choice import chosen_classes, of_classes
from egaze.sources.mimic_cxr.tables import (
    LABELLERS,
    find_table,
    label_table,
    paths_of,
    read_metadata,
    read_radiographs,
    read_report_labels,
)
from egaze.sources.mimic_cxr.tree import POPULATION, radiograph_path
from egaze.sources.report_labels import FINDINGS, contradicts_itself, report_certainties
from egaze.tables.records import shorten

#: The views, as the metadata have them, that are frontal.
FRONTAL = ("PA", "AP")


class MimicCxr:
    """MIMIC-CXR's radiographs, DICOM or JPG, with MIMIC-CXR-JPG's labels and split.

    Labels belong to a report and so to a study: all its radiographs have the same ones, also where a finding is visible
    on one view only. `egaze.sources.report_labels` says what a report's labels tell of each finding.

    Radiographs of which EGD-CXR, REFLACX or another source has gaze can be given it: of these the source has a case for
    each reading, with its gaze, regions and phrases and with the labels of its report in place of the reading's own.
    All other radiographs are cases with labels alone. Every case is in the split that MIMIC-CXR-JPG gives its patient.

    Radiographs that are not in the folder, have no label or another view are left out and counted in `hygiene`.

    Args:
        tables: the folder with mimic-cxr-2.0.0-chexpert.csv or -negbio.csv, -split.csv and -metadata.csv, each packed
            with gzip or not.
        images: the folder that contains the `files/` tree of MIMIC-CXR or MIMIC-CXR-JPG, or that tree itself.
        labels: "chexpert" or "negbio"; None takes that of the table that is there.
        lateral: whether radiographs of every view are taken, or only frontal ones (PA or AP).
        class_names: some of the 13 findings, in order; None takes all.
        gaze: sources of gaze on MIMIC-CXR's radiographs.

    Raises:
        SourceError: an argument out of range, a missing table, labels of two programs to choose from, no radiograph
            that is there, or a source of gaze on other radiographs.
        TableError: a table that lacks a column, contains a bad value, or contradicts another one.

    Example:
        >>> from egaze.sources import MimicCxr
        >>> from egaze.sources.synthetic import synthesize
        >>> twin = synthesize("mimic", layout="mimic-cxr", cases=12, long_side_px=64)
        >>> source = MimicCxr(twin.tables, twin.images, labels="chexpert", class_names=["Edema", "Pneumonia"])
        >>> source.class_names, {case.split for case in source.cases()} <= {"train", "validation", "test"}
        (('Edema', 'Pneumonia'), True)
    """

    name = "mimic-cxr"
    population = POPULATION

    def __init__(
        self,
        tables: str | Path,
        images: str | Path,
        *,
        labels: str | None = None,
        lateral: bool = False,
        class_names: Sequence[str] | None = None,
        gaze: Sequence[Source] = (),
    ) -> None:
        tables, images = Path(tables), Path(images)
        if labels not in (None, *LABELLERS):
            raise SourceError(f"labels must be one of {', '.join(LABELLERS)}, got {labels!r}")
        if wrong := [source.name for source in gaze if source.population != POPULATION]:
            raise SourceError(f"the gaze of {wrong[0]} is not on MIMIC-CXR's radiographs")
        if not images.is_dir():
            raise SourceError(f"{images}: no such folder of radiographs")
        labeller, label_path = label_table(tables, labels)
        self.class_names = chosen_classes(FINDINGS, class_names)
        self.synthetic = is_synthetic(tables) or any(source.synthetic for source in gaze)
        self.options: dict[str, object] = {
            "labels": "independent",
            "labeller": labeller,
            "lateral": lateral,
            "gaze": [source.name for source in gaze],
        } | twin_facts(tables)
        if any(source.options.get("readers") == "merged" for source in gaze):
            self.options["readers"] = "merged"  # by which measures of scanpaths know gaze without an order
        hygiene: Counter[str] = Counter()
        rows = read_radiographs(tables)
        reports = read_report_labels(label_path, rows)
        hygiene["reports_read"] = len(reports)
        hygiene["reports_with_No_Finding_beside_a_finding"] = sum(map(contradicts_itself, reports.values()))
        self._certainties = {study: self._of_report(cells) for study, cells in reports.items()}
        self.patient_order: Sequence[str] = rows["subject_id"].unique(maintain_order=True).to_list()
        hygiene["radiographs_read"] = len(rows)
        hygiene["radiographs_of_studies_without_a_report"] = int((~rows["study_id"].is_in(list(reports))).sum())
        self._gaze = _by_radiograph(gaze, rows, hygiene)
        rows = rows if lateral else _frontal(rows, self._gaze, hygiene)
        self._cases = self._make_cases(rows, paths_of(rows), images, hygiene)
        which = f"{len(rows):,} radiographs" if lateral else f"{len(rows):,} frontal radiographs"
        if not self._cases:
            raise SourceError(
                f"{images}: none of {which} is there and has a label; they lie in MIMIC-CXR's tree, "
                "files/p10/p10000032/s50414267/<dicom_id>.dcm or .jpg"
            )
        missing = hygiene["radiographs_dropped_not_in_the_folder"]
        self.notes = [f"{hygiene['radiographs_used']:,} of {which} are taken; {missing:,} are not in the folder"]
        for source in gaze:
            hygiene.update({f"{source.name}_{reason}": count for reason, count in source.hygiene.items()})
        self.hygiene: dict[str, int] = dict(hygiene)

    def cases(self) -> Sequence[Case]:
        """One case per radiograph, or per reading of it where there is gaze, in the order of the metadata."""
        return self._cases

    def _of_report(self, cells: Mapping[str, float | None]) -> dict[str, float]:
        return of_classes(report_certainties(cells), self.class_names)

    def _make_cases(self, rows: pl.DataFrame, paths: Sequence[str], images: Path, hygiene: Counter[str]) -> list[Case]:
        cases: list[Case] = []
        dropped = ("radiographs_dropped_without_a_label", "radiographs_dropped_not_in_the_folder")
        hygiene.update(dict.fromkeys((*dropped, "readings_dropped_without_gaze_or_label"), 0))
        for row, relative in zip(rows.iter_rows(named=True), paths, strict=True):
            certainties = self._certainties.get(row["study_id"], {})
            if readings := self._gaze.get(row["dicom_id"]):
                made = [_labelled(reading, row, certainties) for reading in readings]
                cases += (kept := [case for case in made if case is not None])
                hygiene["readings_dropped_without_gaze_or_label"] += len(made) - len(kept)
                hygiene["radiographs_with_gaze"] += bool(kept)
                hygiene["radiographs_used"] += bool(kept)
            elif not certainties:
                hygiene["radiographs_dropped_without_a_label"] += 1
            elif os.path.isfile(path := radiograph_path(images, relative, "")):
                hygiene["radiographs_used"] += 1
                size = (row["width_px"], row["height_px"])
                cases.append(
                    Case(
                        case_id=row["dicom_id"],
                        patient_id=row["subject_id"],
                        image_path=path,
                        split=row["split"],
                        radiograph_size_px=None if None in size else size,
                        certainties=certainties,
                    )
                )
            else:
                hygiene["radiographs_dropped_not_in_the_folder"] += 1
        return cases


def list_radiographs(tables: Path, *, lateral: bool = False) -> list[str]:
    """The radiographs of the metadata as paths in MIMIC-CXR's tree: files/p10/p.../s.../....dcm.

    Only the metadata are needed. Raises SourceError and TableError.
    """
    rows = read_metadata(find_table(Path(tables), "metadata"))
    return list(paths_of(rows if lateral else _frontal(rows, {}, Counter())))


def _frontal(rows: pl.DataFrame, gaze: Mapping[str, Sequence[Case]], hygiene: Counter[str]) -> pl.DataFrame:
    """The frontal radiographs; the others are counted, view by view."""
    frontal = rows["view"].is_in(list(FRONTAL)).fill_null(False)
    others = rows.filter(~frontal)
    for view in others["view"].fill_null("not stated"):
        hygiene[f"radiographs_dropped_view_{shorten(view)[1:-1]}"] += 1
    hygiene["readings_dropped_view"] = sum(len(gaze.get(dicom_id, ())) for dicom_id in others["dicom_id"])
    return rows.filter(frontal)


def _by_radiograph(gaze: Sequence[Source], rows: pl.DataFrame, hygiene: Counter[str]) -> dict[str, list[Case]]:
    """The readings of each radiograph, which is told by the name of its file."""
    patient = dict(zip(rows["dicom_id"], rows["subject_id"], strict=True))
    readings: dict[str, list[Case]] = {}
    for source in gaze:
        for case in source.cases():
            if case.image_path is None:
                raise SourceError(f"{source.name}: was read without radiographs, whose file names tell which they are")
            dicom_id = case.image_path.stem
            if dicom_id not in patient:
                hygiene["readings_dropped_radiograph_not_in_metadata"] += 1
            elif patient[dicom_id] != case.patient_id:
                raise SourceError(f"{source.name}: radiograph {dicom_id} is another patient's in MIMIC-CXR's metadata")
            else:
                readings.setdefault(dicom_id, []).append(case)
    return readings


def _labelled(reading: Case, row: Mapping[str, Any], certainties: Mapping[str, float]) -> Case | None:
    """A reading with the labels and the split of its radiograph; None without gaze and labels."""
    if reading.fixations is None and not certainties:
        return None
    return replace(reading, label=None, certainties=certainties, split=row["split"])
