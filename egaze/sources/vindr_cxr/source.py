"""The source of VinDr-CXR 1.0.0 (PhysioNet `vindr-cxr`, doi 10.13026/3akn-b287)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from egaze.errors import SourceError, TableError
from egaze.sources.case import TRAIN_OR_VALIDATION, Case, is_synthetic, twin_facts
from egaze.sources.class_choice import chosen_classes, of_classes
from egaze.sources.label_table import Reading
from egaze.sources.radiographs_by_name import find_radiographs
from egaze.sources.regions import Region
from egaze.sources.vindr_cxr.labels import (
    CLASSES,
    NO_FINDING,
    VOTES,
    by_votes,
    class_of,
    read_consensus,
    read_readings,
)
from egaze.tables.delimited import read_table
from egaze.tables.records import shorten

_SIDES = ("x_min", "y_min", "x_max", "y_max")
_DICOM = (".dcm", ".dicom")
_TABLES = ("image_labels_train.csv", "image_labels_test.csv", "annotations_train.csv", "annotations_test.csv")


class VindrCxr:
    """VinDr-CXR's radiographs with the labels and boxes of its radiologists.

    In training, three of 17 radiologists labelled each radiograph on their own, and `votes` says what follows where
    they disagree. `readings` keeps what each of them said. In the test the labels are the consensus of five.
    Boxes are regions named by their finding; those of all readers are kept, whether the others agree or not.

    The tables do not name patients, so each radiograph stands as a patient of its own, and two of one patient may be in
    different splits. The test is the data set's; the study divides the others between training and validation.

    Boxes are pixels of the DICOM files. Radiographs in other formats may have been resized, which the tables cannot
    tell, so that their boxes are dropped and counted in `hygiene`.

    Args:
        tables: the folder with image_labels_train.csv, image_labels_test.csv, annotations_train.csv and
            annotations_test.csv, or the folder above it, in which it is called annotations.
        images: the folder of the radiographs, each named by its image_id, at any depth.
        votes: one of `VOTES`.
        class_names: some of the 28 classes, in order; None takes all.

    Attributes:
        readings: the labels of each reader of the training radiographs that are there.

    Raises:
        SourceError: an argument out of range, a missing table, or no radiograph that is there.
        TableError: a table that lacks a column, contains a bad value, or has a radiograph both in training and test.

    Example:
        >>> from egaze.sources import VindrCxr
        >>> from egaze.sources.synthetic import synthesize
        >>> twin = synthesize("vindr", layout="vindr-cxr", cases=12, long_side_px=64)
        >>> source = VindrCxr(twin.tables, twin.images, votes="share", class_names=["Cardiomegaly"])
        >>> {case.certainties["Cardiomegaly"] for case in source.cases()} <= {0, 1 / 3, 2 / 3, 1}
        True
    """

    name = "vindr-cxr"
    population = None

    def __init__(
        self,
        tables: str | Path,
        images: str | Path,
        *,
        votes: str = "majority",
        class_names: Sequence[str] | None = None,
    ) -> None:
        if votes not in VOTES:
            raise SourceError(f"votes must be one of {', '.join(VOTES)}, got {votes!r}")
        tables = _tables(Path(tables))
        self.class_names = chosen_classes(CLASSES, class_names)
        self.synthetic = is_synthetic(tables)
        self.options: dict[str, object] = {"labels": "independent", "votes": votes} | twin_facts(tables)
        hygiene: Counter[str] = Counter()
        readings = read_readings(tables / _TABLES[0], hygiene)
        train, test = by_votes(readings, votes), read_consensus(tables / _TABLES[1], hygiene)
        if both := train.keys() & test.keys():
            raise TableError(f"{tables}: radiograph {min(both)} is both in {_TABLES[0]} and in {_TABLES[1]}")
        readers = Counter(reading.case_id for reading in readings)
        hygiene["readings_read"] = len(readings)
        hygiene["radiographs_without_three_readers"] = sum(count != 3 for count in readers.values())
        labels = train | test
        found, others = find_radiographs(Path(images), labels)
        hygiene["radiographs_dropped_not_in_the_folder"] = len(labels) - len(found)
        hygiene["files_of_other_radiographs"] = others
        if not found:
            raise SourceError(
                f"{images}: holds none of {len(labels):,} radiographs; files must be named by image_id, such as "
                f"{next(iter(labels))}.dicom"
            )
        regions = _read_boxes(tables, found, hygiene)
        self._cases = []
        for image_id in (image_id for image_id in labels if image_id in found):
            certainties = of_classes(labels[image_id], self.class_names)
            if not certainties:
                hygiene["radiographs_dropped_without_a_label"] += 1
                continue
            self._cases.append(
                Case(
                    case_id=image_id,
                    patient_id=image_id,
                    image_path=found[image_id],
                    split="test" if image_id in test else TRAIN_OR_VALIDATION,
                    regions=tuple(regions.get(image_id, ())),
                    certainties=certainties,
                )
            )
        self.patient_order: Sequence[str] = list(labels)
        used = {case.case_id for case in self._cases}
        self.readings = [_of_classes(reading, self.class_names) for reading in readings if reading.case_id in used]
        self.notes = [
            f"{len(found):,} of {len(labels):,} radiographs are there",
            "patients are unknown: each radiograph stands as one",
        ]
        self.hygiene: dict[str, int] = dict(hygiene)

    def cases(self) -> Sequence[Case]:
        """One case per radiograph that is there, first those of training."""
        return self._cases


def list_radiographs(tables: Path) -> list[str]:
    """The radiographs of both tables of labels: train/<image_id>.dicom and test/<image_id>.dicom.

    Raises SourceError and TableError.
    """
    names = {"train": _TABLES[0], "test": _TABLES[1]}
    folder = _tables(Path(tables))
    images = {part: read_table(folder / name, {"image_id": pl.String})["image_id"] for part, name in names.items()}
    return [f"{part}/{image_id}.dicom" for part, ids in images.items() for image_id in dict.fromkeys(ids)]


def _tables(folder: Path) -> Path:
    folder = folder / "annotations" if (folder / "annotations").is_dir() else folder
    if missing := [name for name in _TABLES if not (folder / name).is_file()]:
        raise SourceError(f"{folder}: not VinDr-CXR's annotations: {missing[0]} is missing")
    return folder


def _of_classes(reading: Reading, class_names: Sequence[str]) -> Reading:
    return Reading(reading.case_id, reading.reader_id, of_classes(reading.certainties, class_names))


def _read_boxes(tables: Path, found: Mapping[str, Path], hygiene: Counter[str]) -> dict[str, list[Region]]:
    """The boxes of the radiographs that are there. Rows say "No finding", without a box, where there is none."""
    counted = ("without_sides", "turned", "radiograph_is_no_DICOM", "radiograph_not_in_the_folder")
    hygiene.update(dict.fromkeys((*(f"boxes_dropped_{reason}" for reason in counted), "boxes_kept"), 0))
    regions: dict[str, list[Region]] = {}
    for path in (tables / name for name in _TABLES[2:]):
        columns = {"image_id": pl.String, "class_name": pl.String, **dict.fromkeys(_SIDES, pl.Float64)}
        rows = read_table(path, columns, nullable=frozenset(_SIDES))
        for record, (image_id, name, *sides) in enumerate(rows.iter_rows(), start=1):
            if (known := class_of(name)) is None:
                raise TableError(
                    f"{path}: record {record}, column 'class_name' holds {shorten(name)}, which is none of the classes"
                )
            if known == NO_FINDING:
                continue
            if image_id not in found:
                reason = "boxes_dropped_radiograph_not_in_the_folder"
            elif found[image_id].suffix.lower() not in _DICOM:
                reason = "boxes_dropped_radiograph_is_no_DICOM"
            elif None in sides:
                reason = "boxes_dropped_without_sides"
            elif sides[2] < sides[0] or sides[3] < sides[1]:
                reason = "boxes_dropped_turned"
            else:
                reason = "boxes_kept"
                regions.setdefault(image_id, []).append(Region(known, "box", *sides))
            hygiene[reason] += 1
    return regions
