"""The source of REFLACX 1.0.0 (PhysioNet `reflacx-xray-localization`, doi 10.13026/e0dj-8498)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from egaze.errors import SourceError
from egaze.gaze import Fixations
from egaze.sources import mimic_cxr
from egaze.sources.case import Case, is_synthetic, twin_facts
from egaze.sources.class_choice import chosen_classes
from egaze.sources.label_table import Reading as LabelledReading
from egaze.sources.reflacx import gaze as gaze_table
from egaze.sources.reflacx.annotations import read_phrases, read_regions
from egaze.sources.reflacx.labels import (
    CLASS_NAMES,
    FINDINGS,
    MAX_CERTAINTY,
    certainties_of,
    finding_names,
    majority,
    mean_certainties,
)
from egaze.sources.reflacx.metadata import Reading, listed_radiographs, read_metadata

PHASES = tuple(FINDINGS)
READERS = ("apart", "merged")
LABELS = ("classes", "findings")
_POSSIBLE = 3
_LabelsOf = Callable[[str, Sequence[Reading]], dict[str, Any]]


class Reflacx:
    """REFLACX's unmodified folder with the radiographs of MIMIC-CXR, DICOM or JPEG.

    In phases 1 and 2 five radiologists read 109 radiographs; in phase 3 one of them read each of 2,507 radiographs. The
    data do not name them, so the `reader_id` of a case is the id of its reading. The gaze of 20 readings was discarded;
    they have labels only. `egaze.sources.reflacx.labels` has the rule that gives a reading its class.

    With `labels="findings"` labels are independent: all findings with the certainties of their readers, 0 to 5, which
    stand for 0, 0.1, 0.25, 0.5, 0.75 and 1. Phases ask for different findings; what a phase did not ask for is unknown,
    but for the findings of phases 2 and 3 that phase 1 asked for in two. `certainty` makes them present or absent.
    Merged readings have their mean, so that a finding is certain where all readers are; `readings` keeps what each
    said.

    `readers="apart"` makes one case per reading, with its id. `readers="merged"` makes one case per radiograph, with
    its dicom_id: the fixations of all readings, one reading after the other, with unchanged durations; the regions of
    all readings; and the class that more than half of the readings have. Its `reader_id` joins the ids of the readings
    by "+". Readings have different clocks, so a case of several readings has neither onsets nor phrases.

    Onsets and times of words are in seconds since the start of the reading's audio recording, as in the data set; a
    fixation that began earlier has a negative onset. `Case.split` is that of MIMIC-CXR, and `Case.radiograph_size_px`
    the size of the radiograph when it was read, if the tables of readings have them.

    Unusable rows of fixations, ellipses and words (see `read_fixations`, `read_regions` and `read_phrases`) and cases
    with neither gaze nor a label are dropped and counted in `hygiene`.

    The columns follow the description of the data set and its authors' published code. egaze has not been run on the
    original files. It is not verified whether the cell of a certainty may be empty (it is read as not selected),
    whether the sides of ellipses are always in order, and how many fixations lie outside the radiograph, have no
    duration or lack a value.

    Args:
        gaze: the folder that contains main_data/, or main_data/ itself.
        images: the folder that contains the `files/` tree of MIMIC-CXR or MIMIC-CXR-JPG, or that tree itself.
        phases: the phases to read, of 1, 2 and 3.
        readers: "apart" or "merged".
        certainty: the certainty from which a finding is present, 1 to 5; the authors of the data set use 3, "possible".
            None takes 3 for classes, and keeps the certainties of findings.
        labels: "classes" for normal, chf and pneumonia, or "findings".
        class_names: some of the findings, in order; None takes all that the phases ask for.

    Attributes:
        readings: of findings, the labels of each reading of the radiographs that have a case.
        options: the arguments that change what is read, and the facts of a twin, for the record of the study.

    Raises:
        SourceError: an argument out of range, or a folder that lacks a table of readings or the gaze of a reading.
        TableError: a table that lacks a required column, contains a bad value, or puts a patient into two splits.

    Example:
        >>> from egaze.sources import Reflacx
        >>> from egaze.sources.synthetic import synthesize
        >>> twin = synthesize("reflacx", layout="reflacx", cases=4, long_side_px=64)
        >>> source = Reflacx(twin.tables, twin.images, certainty=4)
        >>> len(source.cases()), source.class_names
        (12, ('normal', 'chf', 'pneumonia'))
    """

    name = "reflacx"
    population = mimic_cxr.POPULATION
    class_names: tuple[str, ...] = CLASS_NAMES

    def __init__(
        self,
        gaze: str | Path,
        images: str | Path,
        *,
        phases: Sequence[int] = PHASES,
        readers: str = "apart",
        certainty: int | None = None,
        labels: str = "classes",
        class_names: Sequence[str] | None = None,
    ) -> None:
        _check(phases, readers, _POSSIBLE if certainty is None else certainty)
        phases = sorted(set(phases))
        if labels not in LABELS:
            raise SourceError(f"labels must be one of {', '.join(LABELS)}, got {labels!r}")
        if labels == "classes":
            certainty = _POSSIBLE if certainty is None else certainty
            if class_names is not None:
                raise SourceError(
                    f"the classes of labels='classes' are {', '.join(CLASS_NAMES)}, and none can be left out"
                )
        else:
            self.class_names = chosen_classes(finding_names(phases), class_names)
        main_data = _main_data(Path(gaze))
        if not Path(images).is_dir():
            raise SourceError(f"{images}: no such folder of radiographs")
        self.options: dict[str, object] = {"phases": phases, "readers": readers, "certainty": certainty}
        if labels == "findings":
            self.options["labels"] = "independent"
        self.options |= twin_facts(Path(gaze)) or twin_facts(main_data.resolve().parent)
        self.synthetic = is_synthetic(Path(gaze)) or is_synthetic(main_data.resolve().parent)
        hygiene: Counter[str] = Counter()
        readings = read_metadata(main_data, Path(images), phases, certainty or _POSSIBLE, hygiene)
        self.patient_order: Sequence[str] = list(dict.fromkeys(reading.patient_id for reading in readings))
        hygiene["readings_with_discarded_gaze"] = sum(reading.discarded for reading in readings)
        _require_gaze(readings)
        gaze_table.start_counts(hygiene)
        self.readings: list[LabelledReading] = []
        self._certainty, self._labels = certainty, labels
        make = _apart if readers == "apart" else _merged
        self._cases = make(readings, self._labels_of, hygiene)
        used = {case.case_id for case in self._cases}
        self.readings = [reading for reading in self.readings if reading.case_id in used]
        self.hygiene: dict[str, int] = dict(hygiene)

    def cases(self) -> Sequence[Case]:
        """One case per reading or per radiograph, in the order of the metadata."""
        return self._cases

    def _labels_of(self, case_id: str, group: Sequence[Reading]) -> dict[str, Any]:
        """The fields of a case that hold the labels of its readings."""
        if self._labels == "classes":
            return {"label": majority([reading.label for reading in group])}
        own = [certainties_of(reading.findings, self.class_names, self._certainty) for reading in group]
        self.readings += [
            LabelledReading(case_id, reading.reading_id, said) for reading, said in zip(group, own, strict=True)
        ]
        return {"certainties": mean_certainties(own)}


def list_radiographs(gaze: Path, phases: Sequence[int] = PHASES) -> list[str]:
    """The distinct radiographs of the phases as paths in MIMIC-CXR's tree: files/p10/p.../s.../....dcm.

    Only the tables of readings are needed.

    Raises:
        SourceError: a table is missing, or an unknown phase.
        TableError: a table has no column of paths, or an invalid path.
    """
    _check(phases, READERS[0], 1)
    return listed_radiographs(_main_data(Path(gaze)), sorted(set(phases)))


def _main_data(gaze: Path) -> Path:
    return gaze / "main_data" if (gaze / "main_data").is_dir() else gaze


def _gaze_of(reading: Reading) -> Path:
    """The fixations table of a reading."""
    return reading.folder / "fixations.csv"


def _check(phases: Sequence[int], readers: str, certainty: int) -> None:
    if not phases or not set(phases) <= set(PHASES):
        raise SourceError(f"phases must be among {', '.join(map(str, PHASES))}, got {phases}")
    if readers not in READERS:
        raise SourceError(f"readers must be one of {', '.join(READERS)}, got {readers!r}")
    if not 1 <= certainty <= MAX_CERTAINTY:
        raise SourceError(f"certainty must lie in 1..{MAX_CERTAINTY}, got {certainty}")


def _require_gaze(readings: Sequence[Reading]) -> None:
    tables = [_gaze_of(reading) for reading in readings if not reading.discarded]
    if missing := [table for table in tables if not table.is_file()]:
        raise SourceError(
            f"{missing[0]}: missing, though the gaze was not discarded; so are {len(missing) - 1} more of "
            f"{len(tables)} such tables"
        )


def _apart(readings: Sequence[Reading], labels_of: _LabelsOf, hygiene: Counter[str]) -> list[Case]:
    cases = []
    for reading in readings:
        fixations = _fixations(reading, hygiene)
        labels = labels_of(reading.reading_id, [reading])
        if fixations is None and not any(labels.values()):
            hygiene["readings_dropped_without_gaze_or_label"] += 1
            continue
        cases.append(
            Case(
                case_id=reading.reading_id,
                patient_id=reading.patient_id,
                image_path=reading.image_path,
                fixations=fixations,
                **labels,
                reader_id=reading.reading_id,
                split=reading.split,
                regions=read_regions(reading.folder, hygiene),
                phrases=() if reading.discarded else read_phrases(reading.folder, hygiene),
                radiograph_size_px=reading.size_px,
                gaze_origin=str(_gaze_of(reading)),
            )
        )
    return cases


def _merged(readings: Sequence[Reading], labels_of: _LabelsOf, hygiene: Counter[str]) -> list[Case]:
    radiographs: dict[str, list[Reading]] = {}
    for reading in readings:
        radiographs.setdefault(reading.dicom_id, []).append(reading)
    cases = []
    for dicom_id, group in radiographs.items():
        looked = [(reading, part) for reading in group if (part := _fixations(reading, hygiene)) is not None]
        labels = labels_of(dicom_id, group)
        if not looked and not any(labels.values()):
            hygiene["radiographs_dropped_without_gaze_or_label"] += 1
            continue
        cases.append(
            Case(
                case_id=dicom_id,
                patient_id=group[0].patient_id,
                image_path=group[0].image_path,
                fixations=gaze_table.join([part for _, part in looked]),
                **labels,
                reader_id="+".join(reading.reading_id for reading in group),
                split=group[0].split,
                regions=tuple(region for reading in group for region in read_regions(reading.folder, hygiene)),
                phrases=read_phrases(looked[0][0].folder, hygiene) if len(looked) == 1 else (),
                radiograph_size_px=group[0].size_px,
                gaze_origin=str(_gaze_of(looked[0][0])) if looked else None,
            )
        )
    return cases


def _fixations(reading: Reading, hygiene: Counter[str]) -> Fixations | None:
    if reading.discarded:
        return None
    fixations = gaze_table.read_fixations(_gaze_of(reading), reading.size_px, hygiene)
    if fixations is None:
        hygiene["readings_without_usable_fixation"] += 1
    return fixations
