"""CheXpert (Irvin et al. 2019): 13 findings of reports, each present, absent, uncertain or not mentioned."""

from __future__ import annotations

import os.path
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import polars as pl

from egaze.errors import SourceError, TableError
from egaze.sources.case import TRAIN_OR_VALIDATION, Case, is_synthetic, twin_facts
from egaze.sources.class_choice import chosen_classes, of_classes
from egaze.sources.report_labels import (
    FINDINGS,
    NO_FINDING,
    contradicts_itself,
    report_certainties,
    require_report_labels,
)
from egaze.tables.delimited import inside, read_table, require_unique
from egaze.tables.records import shorten

#: The tables and the split of each; the first must be there.
TABLES = {"train.csv": "train", "valid.csv": "validation", "test.csv": "test"}
VALID_AS = ("validation", "test")
_PATH, _VIEW = "Path", "Frontal/Lateral"
_VIEWS = {"Frontal": "frontal", "Lateral": "lateral"}
#: Below a folder of the version, which a table may leave out: `train/patient00001/study1/view1_frontal.jpg`.
_IMAGE = re.compile(r"(?:.*/)?[^/]+/(patient\d+)/(study\d+)/(view\d+_(frontal|lateral))\.(?:jpg|jpeg|png|dcm)")
_BELOW_VERSION = 4
_COUNTED = (
    "records_left_out_lateral",
    "records_without_radiograph",
    "records_dropped_without_label",
    "records_with_No_Finding_beside_a_finding",
)


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a table: where it is, its radiograph's path, names and view, and the certainty of each finding of
    which something is known."""

    where: str
    path: str
    case_id: str
    patient_id: str
    is_lateral: bool
    certainties: dict[str, float]


class CheXpert:
    """224,316 radiographs of 65,240 patients, with findings that a program read in reports and, of those of valid.csv
    and test.csv, that radiologists saw on the radiographs.

    A finding is present (1), absent (0), uncertain (-1), or blank: not mentioned, and so unknown. "No Finding" is 1
    where no finding is present or uncertain; all others but Support Devices are then absent, also where they are blank,
    as torchxrayvision's `CheX_Dataset` has them. A finding is that of the report, so that all views of a study have it.

    Left out and counted in `hygiene`: lateral radiographs unless they are asked for, records without a radiograph, and
    records of which no finding is known.

    Args:
        tables: the folder with train.csv and, where they are there, valid.csv and test.csv.
        images: the folder of the radiographs. The first folder of their paths, such as `CheXpert-v1.0-small`, may be
            missing there, and, where there is one only, in the table.
        lateral: whether lateral radiographs are taken too.
        valid_as: the split of valid.csv, "validation", or "test" where there is no test.csv. The study then divides the
            patients of train.csv between train and validation.
        class_names: some of the 13 findings, in order; None takes all. Records of which none of them is known are left
            out.

    Attributes:
        notes: what to tell whoever prepares.

    Raises:
        SourceError: a class that is none of the findings, a folder or table that is not there, no record that finds its
            radiograph, or a test.csv beside `valid_as="test"`.
        TableError: a table that is not what it should be; the message names the record, the column and the value.

    Example:
        >>> from egaze.sources import CheXpert
        >>> from egaze.sources.synthetic import synthesize
        >>> twin = synthesize("chexpert", layout="chexpert", cases=6, long_side_px=64)
        >>> source = CheXpert(twin.tables, twin.images)
        >>> len(source.cases()), source.hygiene["records_left_out_lateral"]
        (5, 2)
    """

    name = "chexpert"
    population = "chexpert"

    def __init__(
        self,
        tables: str | Path,
        images: str | Path,
        *,
        lateral: bool = False,
        valid_as: str = "validation",
        class_names: Sequence[str] | None = None,
    ) -> None:
        self.class_names = chosen_classes(FINDINGS, class_names)
        folder, hygiene = Path(tables), Counter[str]()
        splits = _splits(folder, valid_as)
        self.synthetic = is_synthetic(folder)
        self.options: dict[str, object] = {
            "labels": "independent",
            "lateral": lateral,
            "valid.csv": splits["valid.csv"],
        }
        self.options |= twin_facts(folder)
        hygiene.update(dict.fromkeys(_COUNTED, 0))
        if not Path(images).is_dir():
            raise SourceError(f"{images}: no such folder of radiographs")
        roots = _roots(Path(images))
        self._cases: list[Case] = []
        table_of: dict[str, str] = {}
        for name in _there(folder):
            records = read_records(folder / name, hygiene)
            hygiene[f"records_of_{name}"] = len(records)
            for record in records:
                if (earlier := table_of.setdefault(record.patient_id, name)) != name:
                    raise TableError(f"{record.where}: its patient is in {earlier} too, and so would be in two splits")
                if record.is_lateral and not lateral:
                    hygiene["records_left_out_lateral"] += 1
                elif (radiograph := _radiograph(Path(images), roots, record)) is None:
                    hygiene["records_without_radiograph"] += 1
                elif not (certainties := of_classes(record.certainties, self.class_names)):
                    hygiene["records_dropped_without_label"] += 1
                else:
                    self._cases.append(
                        Case(
                            case_id=record.case_id,
                            patient_id=record.patient_id,
                            image_path=radiograph,
                            certainties=certainties,
                            split=splits[name],
                        )
                    )
        if not self._cases:
            raise SourceError(
                f"{images}: holds no radiograph that {' or '.join(_there(folder))} has a label of; the path of one is "
                f"{'/'.join(PurePosixPath(record.path).parts[-_BELOW_VERSION:])}"
            )
        self.patient_order: Sequence[str] = list(table_of)
        self.hygiene: dict[str, int] = dict(hygiene)
        self.notes = list(_notes(folder, len(self._cases), self.hygiene))

    def cases(self) -> Sequence[Case]:
        """One case a record that is not left out, table by table in their order."""
        return self._cases


def list_radiographs(tables: Path, *, lateral: bool = False) -> list[str]:
    """The paths of the radiographs as the tables have them. Raises SourceError and TableError."""
    _splits(tables, "validation")
    records = (record for name in _there(tables) for record in read_records(tables / name, Counter()))
    return [record.path for record in records if lateral or not record.is_lateral]


def _there(folder: Path) -> list[str]:
    return [name for name in TABLES if (folder / name).is_file()]


def _splits(folder: Path, valid_as: str) -> dict[str, str]:
    """The split of each table."""
    if valid_as not in VALID_AS:
        raise SourceError(f"valid_as must be one of {', '.join(VALID_AS)}, got {valid_as!r}")
    there = _there(folder)
    if "train.csv" not in there:
        raise SourceError(f"{folder}: not a folder of CheXpert's tables: train.csv is missing")
    if valid_as == "validation":
        return TABLES
    if "test.csv" in there or "valid.csv" not in there:
        said = "test.csv is there and is the test split" if "test.csv" in there else "valid.csv is missing"
        raise SourceError(f"{folder}: {said}, so valid.csv cannot be the test split")
    return TABLES | {"train.csv": TRAIN_OR_VALIDATION, "valid.csv": "test"}


def read_records(path: Path, hygiene: Counter[str]) -> list[Record]:
    """The records of a table.

    Raises:
        TableError: a missing column, no record, a path that is none or occurs twice, a label that is none, or a view
            that the file's name contradicts.
    """
    rows = read_table(
        path,
        {_PATH: pl.String, **dict.fromkeys(FINDINGS, pl.Float64)},
        {_VIEW: pl.String, NO_FINDING: pl.Float64},
        nullable=frozenset(FINDINGS),
    )
    if rows.is_empty():
        raise TableError(f"{path}: contains no record")
    require_unique(path, rows[_PATH])
    for name in (*FINDINGS, NO_FINDING):
        if name in rows.columns:
            require_report_labels(path, rows[name])
    records = []
    for number, row in enumerate(rows.iter_rows(named=True), start=1):
        where = f"{path}: record {number}"
        if (named := _IMAGE.fullmatch(row[_PATH])) is None:
            raise TableError(
                f"{where}, column {_PATH!r} holds {shorten(row[_PATH], 80)}, expected a path such as "
                "CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg"
            )
        patient_id, study, image, view = named.groups()
        if (said := row.get(_VIEW)) is not None and _VIEWS.get(said) != view:
            raise TableError(f"{where}, column {_VIEW!r} holds {shorten(said)}, but the file is {named[3]}")
        cells = {name: row.get(name) for name in (*FINDINGS, NO_FINDING)}
        hygiene["records_with_No_Finding_beside_a_finding"] += contradicts_itself(cells)
        case_id = f"{patient_id}-{study}-{image}"
        records.append(Record(where, row[_PATH], case_id, patient_id, view == "lateral", report_certainties(cells)))
    return records


def _roots(images: Path) -> list[Path]:
    """The folders in which `train/` and the others may lie: the given one, or the one of the only version in it."""
    versions = sorted(folder for folder in images.glob("CheXpert*") if folder.is_dir())
    return [images, *versions] if len(versions) == 1 else [images]


def _radiograph(images: Path, roots: Sequence[Path], record: Record) -> Path | None:
    """The file of a record, or None if it is not there; the folders before `train/` need not be."""
    whole = inside(images, record.path, f"{record.where}, column {_PATH!r}", "; use --images to name its folder")
    below = PurePosixPath(*PurePosixPath(record.path).parts[-_BELOW_VERSION:])
    return next((path for path in (whole, *(root / below for root in roots)) if os.path.isfile(path)), None)


def _notes(folder: Path, cases: int, hygiene: dict[str, int]) -> Iterator[str]:
    there = _there(folder)
    records = sum(hygiene[f"records_of_{name}"] for name in there)
    yield f"{cases:,} of {records:,} records of {', '.join(there)} are taken"
    if count := hygiene["records_left_out_lateral"]:
        yield f"lateral radiographs that are left out: {count:,}; --lateral takes them too"
    if count := hygiene["records_without_radiograph"]:
        yield f"records left out because their radiograph is not in the folder of images: {count:,}"
    if count := hygiene["records_with_No_Finding_beside_a_finding"]:
        yield f"records with No Finding beside a finding, which is kept: {count:,}"
    if missing := [name for name in TABLES if name not in there]:
        splits = " and ".join(TABLES[name] for name in missing)
        yield f"without {' and '.join(missing)} the study has no {splits} split{_remedy(missing)}"


def _remedy(missing: Sequence[str]) -> str:
    return "; --valid-as test makes one of valid.csv" if list(missing) == ["test.csv"] else ""
