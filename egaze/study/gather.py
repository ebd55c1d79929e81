"""Gathering the cases of all sources, and the radiographs that they share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from egaze.errors import StudyError
from egaze.labels import LabelKind
from egaze.sources import Case, Source
from egaze.study.layout import SourceFacts


@dataclass(frozen=True, slots=True)
class Entry:
    """A case and its origin.

    Attributes:
        source: the key of its source; sources are numbered, because two may have the same layout.
        patient: the number of the patient in the study, the same in all sources of one population.
        place: the index of the patient in `Source.patient_order`.
        radiograph: the number of its radiograph: the index in `Gathered.radiographs`, if there are images.
        case: the case.
    """

    source: str
    patient: int
    place: int
    radiograph: int
    case: Case


@dataclass(frozen=True, slots=True)
class Gathered:
    """The cases of all sources.

    Attributes:
        entries: all cases, source by source.
        radiographs: the files of the distinct radiographs, in the order of their first cases; several readers share
            one. None if the cases have no files.
        rows: for each radiograph, the indices of its cases.
        facts: about each source, as recorded in study.json.
        class_names: the distinct class names of the sources, in order.
        kind: of the labels.
    """

    entries: list[Entry]
    radiographs: list[Path] | None
    rows: list[list[int]]
    facts: list[SourceFacts]
    class_names: list[str]
    kind: LabelKind


def gather(sources: Sequence[Source]) -> Gathered:
    """Gather the cases of sources.

    Raises:
        StudyError: no case, a case id that occurs twice, sources whose labels are of different kinds, or cases with and
            without images.
    """
    entries: list[Entry] = []
    number_of: dict[Path | tuple[str, str], int] = {}
    patients: dict[tuple[str, str], int] = {}
    rows: list[list[int]] = []
    facts: list[SourceFacts] = []
    for number, source in enumerate(sources, start=1):
        key = f"{number}-{source.name}"
        position = {patient: index for index, patient in enumerate(source.patient_order)}
        cases = source.cases()
        for case in cases:
            radiograph = number_of.setdefault(_radiograph_of(case, source.population or key), len(rows))
            if radiograph == len(rows):
                rows.append([])
            rows[radiograph].append(len(entries))
            patient = patients.setdefault((source.population or key, case.patient_id), len(patients))
            entries.append(Entry(key, patient, position[case.patient_id], radiograph, case))
        facts.append(
            {
                "key": key,
                "layout": source.name,
                "synthetic": source.synthetic,
                "cases": len(cases),
                "patients": len(position),
                "class_names": list(source.class_names),
                "options": dict(source.options),
                "hygiene": dict(source.hygiene),
            }
        )
    if not entries:
        raise StudyError("the sources have no case to prepare")
    _require_distinct(entries)
    files = [path for path in number_of if isinstance(path, Path)]
    if files and len(files) < len(number_of):
        raise StudyError("some cases have images and others none; prepare two studies, or all sources with --no-images")
    class_names = list(dict.fromkeys(name for source in sources for name in source.class_names))
    return Gathered(entries, files or None, rows, facts, class_names, _kind(entries))


def _radiograph_of(case: Case, owner: str) -> Path | tuple[str, str]:
    """The file of a case's radiograph or, without one, its name among those of its owner."""
    if case.image_path is None:
        return owner, str(case.radiograph_id)
    return Path(os.path.abspath(case.image_path))


def _kind(entries: Sequence[Entry]) -> LabelKind:
    exclusive = next((entry for entry in entries if entry.case.label is not None), None)
    independent = next((entry for entry in entries if entry.case.certainties is not None), None)
    if exclusive is not None and independent is not None:
        raise StudyError(
            f"the labels of {exclusive.source} are exclusive (one class per case), those of {independent.source} are "
            "independent (several classes per case), and a study has labels of one kind; prepare two studies"
        )
    return "exclusive" if independent is None else "independent"


def _require_distinct(entries: Sequence[Entry]) -> None:
    seen: set[str] = set()
    for entry in entries:
        if entry.case.case_id in seen:
            raise StudyError(f"case {entry.case.case_id!r} is in two sources; their case ids must differ")
        seen.add(entry.case.case_id)
