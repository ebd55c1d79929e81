"""NIH ChestX-ray14 (Wang et al. 2017): findings mined from reports, and radiologists' boxes on some radiographs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from egaze.errors import SourceError, TableError
from egaze.sources.case import TRAIN_OR_VALIDATION, Case, is_synthetic, twin_facts
from egaze.sources.class_choice import chosen_classes
from egaze.sources.radiographs_by_name import find_radiographs
from egaze.sources.regions import Region
from egaze.tables.delimited import first_true, read_table, require_unique
from egaze.tables.lines import read_lines
from egaze.tables.records import shorten

#: In the order in which the data set's README numbers them, with its spelling.
FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)
NO_FINDING = "No Finding"
#: The side of the published PNG files, in whose pixels boxes are.
SIDE_PX = 1024
#: The table of labels; the newer one, with corrected ages, is preferred.
ENTRIES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
BOXES = "BBox_List_2017.csv"
LISTS = {"train_val_list.txt": TRAIN_OR_VALIDATION, "test_list.txt": "test"}
#: The table of boxes has a name of its own for one finding.
_BOXED = {name: name for name in FINDINGS} | {"Infiltrate": "Infiltration"}
_IMAGE, _LABELS, _PATIENT = "Image Index", "Finding Labels", "Patient ID"
_NAME = r"^\d{8}_\d{3}\.png$"
#: The header's `Bbox [x,y,w,h]` is four cells.
_SIDES = ("Bbox [x", "y", "w", "h]")


class NihCxr14:
    """112,120 frontal radiographs of 30,805 patients with 14 findings, each of which is present or absent.

    Findings were mined from reports by a program, with an accuracy that the authors estimate at over 90 %: a finding is
    absent (0) where the report does not state it, and "No Finding" means that all are. No label is uncertain or
    unknown. On 880 radiographs radiologists drew boxes, which become regions named by the finding.

    The files of the tables may be a part of the data set, and so may the radiographs: records without a radiograph are
    left out and counted in `hygiene`.

    With train_val_list.txt and test_list.txt the split is the published one by patient: those of the first are divided
    between train and validation by the study. Without them the study splits all patients.

    Args:
        tables: the folder with Data_Entry_2017_v2020.csv or Data_Entry_2017.csv and, where they are there,
            BBox_List_2017.csv and both lists.
        images: the folder of the radiographs, named as in the table, at any depth.
        class_names: some of the 14 findings, in order; None takes all. Boxes are kept of all.

    Attributes:
        notes: what to tell whoever prepares.

    Raises:
        SourceError: a class that is none of the findings, a folder or table that is not there, one list without the
            other, no record that finds its radiograph, or two files of one radiograph.
        TableError: a table or list that is not what it should be; the message names the record and the value.

    Example:
        >>> from egaze.sources import NihCxr14
        >>> from egaze.sources.synthetic import synthesize
        >>> twin = synthesize("nih", layout="nih-cxr14", cases=6, long_side_px=64)
        >>> source = NihCxr14(twin.tables, twin.images)
        >>> sorted(name for name, certainty in source.cases()[0].certainties.items() if certainty)
        ['Cardiomegaly', 'Edema', 'Effusion', 'Mass', 'Pneumothorax']
    """

    name = "nih-cxr14"
    population = "nih-cxr14"

    def __init__(self, tables: str | Path, images: str | Path, *, class_names: Sequence[str] | None = None) -> None:
        self.class_names = chosen_classes(FINDINGS, class_names)
        folder, hygiene = Path(tables), Counter[str]()
        path = entries_path(folder)
        entries = read_entries(path)
        splits = read_lists(folder, path, entries)
        boxes = read_boxes(folder / BOXES, hygiene)
        names = entries[_IMAGE].to_list()
        stems = [name.removesuffix(".png") for name in names]
        radiographs, others = find_radiographs(Path(images), stems)
        if not radiographs:
            raise SourceError(
                f"{images}: holds the radiograph of none of {len(entries):,} records of {path.name}; files must have "
                f"the names in its column {_IMAGE!r}, such as {names[0]}"
            )
        self.synthetic = is_synthetic(folder)
        self.options: dict[str, object] = {"labels": "independent", "table": path.name}
        self.options |= {"split": "by patient, not as published" if splits is None else "as published"}
        self.options |= twin_facts(folder)
        self.notes = list(_notes(folder, path, len(entries), len(radiographs), splits is not None))
        patients = [str(number) for number in entries[_PATIENT]]
        self.patient_order: Sequence[str] = list(dict.fromkeys(patients))
        self._cases: list[Case] = []
        for name, stem, patient, labels in zip(names, stems, patients, entries[_LABELS], strict=True):
            regions = boxes.pop(name, ())
            if (radiograph := radiographs.get(stem)) is None:
                hygiene["boxes_without_radiograph"] += len(regions)
                continue
            present = _findings(labels)
            hygiene["boxes_of_a_finding_that_the_labels_lack"] += sum(box.name not in present for box in regions)
            hygiene["boxes_kept"] += len(regions)
            self._cases.append(
                Case(
                    case_id=stem,
                    patient_id=patient,
                    image_path=radiograph,
                    certainties={finding: float(finding in present) for finding in self.class_names},
                    split=None if splits is None else splits[name],
                    regions=regions,
                    radiograph_size_px=(SIDE_PX, SIDE_PX) if regions else None,
                )
            )
        hygiene["boxes_without_radiograph"] += sum(map(len, boxes.values()))
        hygiene["records_read"] = len(entries)
        hygiene["records_without_radiograph"] = len(entries) - len(radiographs)
        hygiene["radiographs_without_record"] = others
        self.hygiene: dict[str, int] = dict(hygiene)

    def cases(self) -> Sequence[Case]:
        """One case a record whose radiograph is there, in the table's order."""
        return self._cases


def list_radiographs(tables: Path) -> list[str]:
    """The radiographs' file names, in the table's order. Raises SourceError and TableError."""
    names: list[str] = read_entries(entries_path(tables))[_IMAGE].to_list()
    return names


def entries_path(folder: Path) -> Path:
    """The table of labels in a folder. Raises SourceError without one."""
    for name in ENTRIES:
        if (folder / name).is_file():
            return folder / name
    raise SourceError(f"{folder}: not a folder of NIH ChestX-ray14's tables: {' or '.join(ENTRIES)} is missing")


def read_entries(path: Path) -> pl.DataFrame:
    """The columns Image Index, Finding Labels and Patient ID, whose values have been checked.

    Raises:
        TableError: a missing column, an image that occurs twice or has another name than its patient, or a finding that
            the data set does not have.
    """
    rows = read_table(path, {_IMAGE: pl.String, _LABELS: pl.String, _PATIENT: pl.Int64})
    if rows.is_empty():
        raise TableError(f"{path}: contains no record")
    _require_names(path, rows[_IMAGE])
    require_unique(path, rows[_IMAGE])
    by_name = rows[_IMAGE].str.slice(0, 8).cast(pl.Int64)
    for record in (by_name != rows[_PATIENT]).arg_true()[:1]:
        raise TableError(
            f"{path}: record {record + 1}: column {_PATIENT!r} does not hold the patient's number with which the name "
            f"of image {shorten(rows[_IMAGE][record])} begins; are rows shifted?"
        )
    for labels in rows[_LABELS].unique(maintain_order=True):
        present = _findings(labels)
        unknown = present - set(FINDINGS)
        if unknown or (NO_FINDING in labels and labels != NO_FINDING):
            record = first_true(rows[_LABELS] == labels) + 1
            what = f"{shorten(min(unknown))} is none of the 14 findings" if unknown else "it contradicts itself"
            raise TableError(f"{path}: record {record}, column {_LABELS!r} holds {shorten(labels, 80)}: {what}")
    return rows


def read_lists(folder: Path, path: Path, entries: pl.DataFrame) -> dict[str, str] | None:
    """The split of each image of the table, or None where the folder has neither list.

    Raises:
        SourceError: one list without the other.
        TableError: a line that is no image, or an image that is in both lists or in none, or whose patient is in both.
    """
    if not (there := [name for name in LISTS if (folder / name).is_file()]):
        return None
    if missing := [name for name in LISTS if name not in there]:
        raise SourceError(
            f"{folder}: {there[0]} is there, but {missing[0]} is missing; the split needs both, or neither"
        )
    split_of: dict[str, str] = {}
    for name, split in LISTS.items():
        lines = [line.strip() for _, block in read_lines(folder / name) for line in block]
        listed = pl.Series("image", [line for line in lines if line], dtype=pl.String)
        _require_names(folder / name, listed)
        if twice := split_of.keys() & set(listed):
            raise TableError(f"{folder / name}: image {min(twice)} is in {there[0]} too")
        split_of |= dict.fromkeys(listed, split)
    given = pl.Series([split_of.get(image) for image in entries[_IMAGE]], dtype=pl.String)
    for record in given.is_null().arg_true()[:1]:
        raise TableError(
            f"{path}: record {record + 1}: image {entries[_IMAGE][record]} is in none of {', '.join(LISTS)}"
        )
    torn = entries.with_columns(given.alias("split")).select((pl.n_unique("split").over(_PATIENT) > 1).alias("torn"))
    for record in torn["torn"].arg_true()[:1]:
        raise TableError(f"{path}: record {record + 1}: the patient of this image is in both of {', '.join(LISTS)}")
    return split_of


def read_boxes(path: Path, hygiene: Counter[str]) -> dict[str, tuple[Region, ...]]:
    """The boxes of each image, in pixels of the published file; the table may be absent.

    A box's x and y are its left and top edge, counted from the edge of the image. Pixels' centres are whole numbers
    here, so that its sides are half a pixel less.

    Raises:
        TableError: a missing column, an unknown finding, or a box that is empty or beside the image.
    """
    hygiene["boxes_file_missing"] = int(not path.is_file())
    if not path.is_file():
        return {}
    rows = read_table(path, {_IMAGE: pl.String, "Finding Label": pl.String, **dict.fromkeys(_SIDES, pl.Float64)})
    _require_names(path, rows[_IMAGE])
    found: dict[str, list[Region]] = {}
    for record, (image, label, x, y, width, height) in enumerate(rows.iter_rows(), start=1):
        if label not in _BOXED:
            raise TableError(
                f"{path}: record {record}, column 'Finding Label' holds {shorten(label)}, which is none of the 14 "
                "findings"
            )
        if min(x, y) < 0 or min(width, height) <= 0 or max(x + width, y + height) > SIDE_PX:
            raise TableError(
                f"{path}: record {record}: a box of {width:g} x {height:g} px at {x:g}, {y:g} does not lie on the "
                f"published image of {SIDE_PX} x {SIDE_PX} px"
            )
        box = Region(_BOXED[label], "box", x - 0.5, y - 0.5, x + width - 0.5, y + height - 0.5)
        found.setdefault(image, []).append(box)
    hygiene["boxes_read"] = len(rows)
    return {image: tuple(boxes) for image, boxes in found.items()}


def _findings(labels: str) -> set[str]:
    """The findings of a cell such as `Effusion|Mass`, as they are written."""
    return set(labels.split("|")) - {NO_FINDING}


def _require_names(path: Path, images: pl.Series) -> None:
    wrong = ~images.str.contains(_NAME)
    if wrong.any():
        record = first_true(wrong)
        raise TableError(f"{path}: record {record + 1}: {shorten(images[record])} is no image such as 00000001_000.png")


def _notes(folder: Path, path: Path, records: int, radiographs: int, is_split: bool) -> Iterator[str]:
    yield f"{radiographs:,} of {records:,} records of {path.name} found their radiograph"
    if other := [name for name in ENTRIES if name != path.name and (folder / name).is_file()]:
        yield f"{other[0]} is not read, because {path.name} is newer"
    if is_split:
        yield "split as published; the patients of train_val_list.txt are divided between train and validation"
    else:
        yield f"no {' and '.join(LISTS)}: the study splits patients itself, not as published"
