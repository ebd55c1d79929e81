"""Cases, and the interface of the sources that provide them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from egaze.errors import SourceError
from egaze.gaze import Fixations
from egaze.sources.regions import Phrase, Region

#: A case's split where a data set has one list for both: the study divides the patients.
TRAIN_OR_VALIDATION = "train or validation"


@dataclass(frozen=True, slots=True)
class Case:
    """One radiograph, with one reader's gaze, a label, or both.

    Attributes:
        case_id: unique within its source.
        patient_id: cases of one patient are always in the same split.
        image_path: the radiograph's file.
        fixations: in pixels of the radiograph, or None without gaze.
        label: one of the source's class names, or None; None in a source of independent labels.
        certainties: in a source of independent labels, the certainty of each class that is known to be present (1),
            absent (0) or uncertain (between); None in a source of exclusive labels.
        reader_id: the reader, or None.
        split: "train", "validation", "test" or `TRAIN_OR_VALIDATION` if the source assigns it, else None.
        regions: boxes, ellipses and masks on the radiograph, in its pixels.
        phrases: the reader's dictation, in time order.
        radiograph_size_px: (width, height) of the radiograph on which gaze and regions were measured, or None if the
            source does not know it. The study scales them if the radiograph has been resized since.
        gaze_origin: the table that holds the gaze and the first of its records, for messages.

    Raises:
        ValueError: neither gaze nor a label, labels of both kinds, a certainty outside [0, 1], or a size that is not
            above 0.

    Example:
        >>> from egaze import Case, Fixations
        >>> from pathlib import Path
        >>> gaze = Fixations(x_px=[812, 640], y_px=[1034, 700], duration_s=[0.25, 0.4])
        >>> case = Case("radiograph-1", "patient-1", Path("radiographs/1.dcm"), fixations=gaze, label="normal")
        >>> len(case.fixations), case.split is None
        (2, True)
    """

    case_id: str
    patient_id: str
    image_path: Path
    fixations: Fixations | None = None
    label: str | None = None
    reader_id: str | None = None
    split: str | None = None
    regions: tuple[Region, ...] = ()
    phrases: tuple[Phrase, ...] = ()
    radiograph_size_px: tuple[float, float] | None = None
    gaze_origin: str | None = None
    certainties: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        if self.fixations is None and self.label is None and not self.certainties:
            raise ValueError(f"case {self.case_id!r} has neither gaze nor a label")
        if self.label is not None and self.certainties is not None:
            raise ValueError(f"case {self.case_id!r} has both a label and certainties")
        if wrong := [name for name, value in (self.certainties or {}).items() if not 0 <= value <= 1]:
            raise ValueError(f"case {self.case_id!r}: the certainty of {wrong[0]!r} must lie in [0, 1]")
        if self.radiograph_size_px is not None and not all(
            0 < side_px < float("inf") for side_px in self.radiograph_size_px
        ):
            raise ValueError(
                f"case {self.case_id!r}: radiograph_size_px must be above 0, got {self.radiograph_size_px}"
            )


#: A file of this name marks its folder, and the folders directly in it, as synthetic.
SYNTHETIC_MARKER = "SYNTHETIC.txt"
_MARKER_FACT = re.compile(r"^(made by|reader_version|gaze_quality): (.*)$", re.MULTILINE)
_MARKER_CHARACTERS = 4096


def is_synthetic(folder: Path) -> bool:
    """Whether a folder of tables, or the one above it, is marked as synthetic."""
    return _marker(folder) is not None


def twin_facts(folder: Path) -> dict[str, object]:
    """What the marker of a twin says of its gaze, for `Source.options`; nothing where `synthesize` did not write it.

    `twin_reader_version` is the version of the synthetic reader, and `twin_gaze_quality` how much its gaze tells of
    findings, which version 1 did not have. Figures of studies that differ in either are not comparable.

    Raises:
        SourceError: the marker's facts cannot be read.
    """
    if (marker := _marker(folder)) is None:
        return {}
    with marker.open(encoding="utf-8", errors="replace") as file:
        said = dict(_MARKER_FACT.findall(file.read(_MARKER_CHARACTERS)))
    if "made by" not in said:
        return {}
    try:
        facts: dict[str, object] = {"twin_reader_version": int(said.get("reader_version", 1))}
        if (quality := said.get("gaze_quality")) is not None:
            facts["twin_gaze_quality"] = float(quality)
    except ValueError as error:
        raise SourceError(f"{marker}: reader_version and gaze_quality must be numbers: {error}") from error
    return facts


def _marker(folder: Path) -> Path | None:
    markers = (place / SYNTHETIC_MARKER for place in (folder, folder.resolve().parent))
    return next((marker for marker in markers if marker.exists()), None)


class Source(Protocol):
    """A data set on disk.

    Attributes:
        name: of the layout, as on the command line.
        synthetic: whether its folder is marked as synthetic.
        class_names: the labels that its cases may have, in the order of the classes.
        population: the population of its patients, or None for one of its own. Sources of the same population use the
            same identifier for the same patient.
        patient_order: all patients of the data set in the order of its files, including those without a usable case;
            the published splits shuffle this list.
        options: the options with which it was read, as study.json records them.
        hygiene: counts of the rows that were left out or are unusual, by reason.

    Example:
        >>> from egaze.sources import EgdCxr, Source
        >>> source: Source = EgdCxr("egd-cxr", "mimic-cxr")
        >>> source.name, source.synthetic, source.class_names
        ('egd-cxr', True, ('normal', 'chf', 'pneumonia'))
        >>> len(source.cases())
        48
    """

    @property
    def name(self) -> str: ...
    @property
    def synthetic(self) -> bool: ...
    @property
    def class_names(self) -> tuple[str, ...]: ...
    @property
    def population(self) -> str | None: ...
    @property
    def patient_order(self) -> Sequence[str]: ...
    @property
    def options(self) -> Mapping[str, object]: ...
    @property
    def hygiene(self) -> dict[str, int]: ...
    def cases(self) -> Sequence[Case]: ...
