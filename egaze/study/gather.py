"""Sources to one list of cases and the radiographs they share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from egaze.errors import StudyError
from egaze.sources import Case, Source
from egaze.study.layout import SourceFacts


@dataclass(frozen=True, slots=True)
class Entry:
    """A case and where it came from.

    Attributes:
        source: its key; sources are numbered, since two may be of one layout.
        patient: the patient's number in the study, the same in every source of one population.
        place: the patient's place in the source's files.
        radiograph: index into `Gathered.radiographs`.
    """

    source: str
    patient: int
    place: int
    radiograph: int
    case: Case


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the sources give.

    Attributes:
        entries: all cases, source by source.
        radiographs: every radiograph once, however many readers it had, in the order of its first case.
        rows: for each radiograph the cases that show it.
        facts: of each source, as they go into study.json.
        class_names: the sources' classes, joined in order.
    """

    entries: list[Entry]
    radiographs: list[Path]
    rows: list[list[int]]
    facts: list[SourceFacts]
    class_names: list[str]


def gather(sources: Sequence[Source]) -> Gathered:
    """Raises StudyError when there is no case, or the same case id twice."""
    entries: list[Entry] = []
    number_of: dict[Path, int] = {}
    patients: dict[tuple[str, str], int] = {}
    rows: list[list[int]] = []
    facts: list[SourceFacts] = []
    for number, source in enumerate(sources, start=1):
        key = f"{number}-{source.name}"
        position = {patient: index for index, patient in enumerate(source.patient_order)}
        cases = source.cases()
        for case in cases:
            radiograph = number_of.setdefault(Path(os.path.abspath(case.image_path)), len(rows))
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
        raise StudyError("there is no case to prepare")
    _require_distinct(entries)
    class_names = list(dict.fromkeys(name for source in sources for name in source.class_names))
    return Gathered(entries, list(number_of), rows, facts, class_names)


def _require_distinct(entries: Sequence[Entry]) -> None:
    seen: set[str] = set()
    for entry in entries:
        if entry.case.case_id in seen:
            raise StudyError(f"case {entry.case.case_id!r} is in two sources; their case ids must differ")
        seen.add(entry.case.case_id)
