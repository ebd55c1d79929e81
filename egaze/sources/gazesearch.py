"""GazeSearch (Pham et al., WACV 2025): radiologists' scanpaths for a finding each, with MIMIC-CXR's radiographs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egaze.errors import SourceError, TableError
from egaze.gaze import Fixations
from egaze.imaging.fit import is_within, rescale_px
from egaze.sources import mimic_cxr
from egaze.sources.case import Case, is_synthetic
from egaze.sources.json_file import kind_of, read_json, read_numbers, refuse_number
from egaze.sources.radiographs_by_name import find_radiographs
from egaze.tables.records import shorten
from egaze.tables.text_limits import table_limits

#: The square onto which the authors stretched every radiograph, and in whose pixels positions are.
SIDE_PX = 224
_TEXTS = ("name", "task", "condition", "split")
_LISTS = ("X", "Y", "T")
_NEEDED = {*_TEXTS, *_LISTS, "subject"}
_KNOWN = {*_NEEDED, "length", "bbox", "correct", "RT", "fixOnTarget", "scanpath_id"}
_SPLITS = {"train": "train", "valid": "validation", "test": "test"}
_PRESENT = "present"
_NAME = re.compile(r"([A-Za-z0-9_-]{1,100})\.(jpg|jpeg|png|dcm)")
_PATIENT = re.compile(r"p(\d{8})")


@dataclass(frozen=True, slots=True, eq=False)
class Scanpath:
    """One reader's search for one finding: F fixations in the order of time.

    `x_px, y_px` (F,) are pixels of the square of `SIDE_PX`, and `weight` (F,) relative durations above 0.
    """

    number: int
    dicom_id: str
    finding: str
    split: str
    reader_id: str
    x_px: NDArray[np.float64] = field(repr=False)
    y_px: NDArray[np.float64] = field(repr=False)
    weight: NDArray[np.float64] = field(repr=False)


class GazeSearch:
    """The authors' JSON of scanpaths beside MIMIC-CXR's tree of radiographs, DICOM or JPG.

    Each scanpath is a case of its own, whose label is the finding that was sought, and found, on the radiograph. A
    radiograph on which several findings were sought has several cases of different labels: the label says what gaze was
    for, not all that the radiograph shows. `hygiene` counts such cases.

    Positions are pixels of the square of 224 px onto which the authors stretched each radiograph, and are brought to
    the radiograph's own. The unit of `T` is nowhere said, so durations are relative. The patient is told by the
    folder's name in MIMIC-CXR's tree. The authors' split is kept where no patient is on two of its sides, and else
    dropped for all, and counted.

    Without radiographs, nothing says of which patients and of which shapes they are: each stands as a patient of its
    own, in no population, and gaze lies on the square, of which fractions alone are right. The authors' split is then
    kept where no radiograph is on two of its sides.

    Layout and units are those of the authors' published code. egaze has not been run on the file itself.

    Args:
        gaze: the JSON, such as finding_visual_search_coco_format_train_test_filtered_max_6_...json.
        images: the folder of MIMIC-CXR's files/, or of MIMIC-CXR-JPG's; None for all scanpaths without radiographs.

    Raises:
        SourceError: a folder that is not there, no scanpath that finds its radiograph, two files of one radiograph, one
            outside MIMIC-CXR's tree, or one whose size cannot be read.
        TableError: a file that is not what it should be; the message names the record, the field and the value.

    Example:
        >>> import json
        >>> from pathlib import Path
        >>> from egaze.sources import EgdCxr, GazeSearch
        >>> dicom_id = EgdCxr("egd-cxr", "mimic-cxr").cases()[0].case_id
        >>> search = {"name": f"{dicom_id}.jpg", "task": "edema", "condition": "present", "split": "train"}
        >>> scanpath = {**search, "subject": 1, "X": [112, 60], "Y": [100, 150], "T": [2, 1]}
        >>> text = Path("scanpaths.json").write_text(json.dumps([scanpath]))
        >>> (case,) = GazeSearch("scanpaths.json", "mimic-cxr").cases()
        >>> case.label, len(case.fixations)
        ('edema', 2)
    """

    name = "gazesearch"

    def __init__(self, gaze: str | Path, images: str | Path | None) -> None:
        hygiene: Counter[str] = Counter()
        path = Path(gaze)
        scanpaths = read_scanpaths(path, hygiene)
        self.class_names = tuple(sorted({scanpath.finding for scanpath in scanpaths}))
        self.synthetic = is_synthetic(path.parent)
        self.options: dict[str, object] = {"durations": "relative", "label": "the finding that was sought"}
        self.population = None if images is None else mimic_cxr.POPULATION
        if images is None:
            self.options["patients"] = "unknown, each radiograph taken for one"
            self.options["shapes"] = "unknown, each radiograph taken for a square"
            self.notes = [f"{len(scanpaths):,} scanpaths, without radiographs"]
            self._cases = _cases(path, scanpaths, None, hygiene)
        else:
            found, radiographs = self._found(path, Path(images), scanpaths, hygiene)
            self._cases = _cases(path, found, radiographs, hygiene)
        self.patient_order: Sequence[str] = list(dict.fromkeys(case.patient_id for case in self._cases))
        self.hygiene: dict[str, int] = dict(hygiene)

    def _found(
        self, path: Path, images: Path, scanpaths: Sequence[Scanpath], hygiene: Counter[str]
    ) -> tuple[list[Scanpath], Mapping[str, Path]]:
        """The scanpaths whose radiographs are there, and the files of these."""
        radiographs, _ = find_radiographs(images, [scanpath.dicom_id for scanpath in scanpaths])
        if not radiographs:
            raise SourceError(
                f"{images}: holds the radiograph of none of {len(scanpaths)} scanpaths of {path.name}; files must be "
                f"named by dicom_id, such as {scanpaths[0].dicom_id}.jpg, in MIMIC-CXR's tree"
            )
        found = [scanpath for scanpath in scanpaths if scanpath.dicom_id in radiographs]
        hygiene["scanpaths_without_radiograph"] = len(scanpaths) - len(found)
        self.notes = [f"{len(found):,} of {len(scanpaths):,} scanpaths found their radiograph"]
        return found, radiographs

    def cases(self) -> Sequence[Case]:
        """One case a scanpath whose radiograph is there, or each scanpath without images, in the file's order."""
        return self._cases


def list_radiographs(gaze: Path) -> list[str]:
    """The radiographs' file names, each once. Raises TableError."""
    return list(dict.fromkeys(f"{scanpath.dicom_id}.dcm" for scanpath in read_scanpaths(gaze, Counter())))


def read_scanpaths(path: Path, hygiene: Counter[str]) -> list[Scanpath]:
    """Every scanpath in which a finding was present, in the file's order.

    Dropped and counted: searches for a finding that was absent, fixations without a duration above 0, and scanpaths
    without a fixation that is left.

    Raises:
        TableError: not such a file.
    """
    content = read_json(path, table_limits().gaze_json_bytes, "EGAZE_TABLE_GAZE_JSON_BYTES")
    if not isinstance(content, list) or not content:
        raise TableError(f"{path}: holds {'nothing' if content == [] else kind_of(content)}, expected scanpaths")
    counted = ("scanpaths_dropped_finding_absent", "scanpaths_dropped_without_fixation", "scanpaths_with_other_fields")
    hygiene.update(dict.fromkeys((*counted, "fixations_dropped_no_duration"), 0))
    hygiene["scanpaths_read"] = len(content)
    read = (_scanpath(f"{path}: record {number}", number, item, hygiene) for number, item in enumerate(content, 1))
    scanpaths = [scanpath for scanpath in read if scanpath is not None]
    if not scanpaths:
        raise TableError(f"{path}: holds no scanpath with a finding and a fixation")
    return scanpaths


def _scanpath(where: str, number: int, item: Any, hygiene: Counter[str]) -> Scanpath | None:
    if not isinstance(item, dict):
        raise TableError(f"{where} holds {kind_of(item)}, expected an object")
    if missing := sorted(_NEEDED - item.keys()):
        raise TableError(f"{where}: field {missing[0]!r} is missing")
    hygiene["scanpaths_with_other_fields"] += bool(item.keys() - _KNOWN)
    for name in _TEXTS:
        if not isinstance(item[name], str) or not item[name].strip():
            raise TableError(f"{where}, field {name!r} holds {kind_of(item[name])}, expected text")
    if (named := _NAME.fullmatch(item["name"])) is None:
        raise TableError(f"{where}, field 'name' holds {shorten(item['name'])}, expected a dicom_id with .jpg")
    if item["split"] not in _SPLITS:
        raise TableError(f"{where}, field 'split' holds {shorten(item['split'])}, expected one of {', '.join(_SPLITS)}")
    if item["condition"] not in (_PRESENT, "absent"):
        raise TableError(f"{where}, field 'condition' holds {shorten(item['condition'])}, expected present or absent")
    reader = item["subject"]
    if isinstance(reader, bool) or not isinstance(reader, int | str) or not re.fullmatch(r"\w{1,40}", str(reader)):
        raise TableError(f"{where}, field 'subject' holds {kind_of(reader)}, expected a reader's number or name")
    columns = {name: read_numbers(where, name, item[name]) for name in _LISTS}
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1 or item.get("length", lengths["X"]) != lengths["X"]:
        raise TableError(f"{where}: its lists must be of one length, and that of field 'length': {lengths}")
    for name in ("X", "Y"):
        off = (columns[name] < -SIDE_PX) | (columns[name] > 2 * SIDE_PX)
        refuse_number(where, name, columns[name], off, f"pixels of {SIDE_PX} x {SIDE_PX}")
    refuse_number(where, "T", columns["T"], columns["T"] < 0, "a duration")
    if item["condition"] != _PRESENT:
        hygiene["scanpaths_dropped_finding_absent"] += 1
        return None
    kept = columns["T"].astype(np.float32) > 0
    hygiene["fixations_dropped_no_duration"] += int((~kept).sum())
    if not kept.any():
        hygiene["scanpaths_dropped_without_fixation"] += 1
        return None
    finding = " ".join(item["task"].split())
    x_px, y_px, weight = (columns[name][kept] for name in _LISTS)
    return Scanpath(number, named[1], finding, _SPLITS[item["split"]], str(reader), x_px, y_px, weight)


def _cases(
    path: Path, scanpaths: Sequence[Scanpath], radiographs: Mapping[str, Path] | None, hygiene: Counter[str]
) -> list[Case]:
    """The cases of these scanpaths; without the files of radiographs, on the square."""
    dicom_ids = [scanpath.dicom_id for scanpath in scanpaths]
    if radiographs is None:
        patients, sizes = dict(zip(dicom_ids, dicom_ids, strict=True)), dict.fromkeys(dicom_ids, (SIDE_PX, SIDE_PX))
    else:
        patients = {dicom_id: _patient(file) for dicom_id, file in radiographs.items()}
        sizes = {dicom_id: _size(file) for dicom_id, file in radiographs.items()}
    findings: dict[str, set[str]] = {}
    sides: dict[str, set[str]] = {}
    for scanpath in scanpaths:
        findings.setdefault(scanpath.dicom_id, set()).add(scanpath.finding)
        sides.setdefault(patients[scanpath.dicom_id], set()).add(scanpath.split)
    torn = sum(len(of) > 1 for of in sides.values())
    hygiene["patients_on_two_sides_of_the_given_split"] = torn
    hygiene["splits_dropped"] = len(scanpaths) if torn else 0
    hygiene["cases_of_radiographs_with_several_findings"] = sum(len(findings[one.dicom_id]) > 1 for one in scanpaths)
    seen: Counter[str] = Counter()
    cases = []
    for scanpath in scanpaths:
        words = re.sub(r"\W+", "-", scanpath.finding).strip("-").lower()
        name = f"{scanpath.dicom_id}-{words}-{scanpath.reader_id}"
        seen[name] += 1
        cases.append(
            Case(
                case_id=name if seen[name] == 1 else f"{name}-{seen[name]}",
                patient_id=patients[scanpath.dicom_id],
                image_path=None if radiographs is None else radiographs[scanpath.dicom_id],
                fixations=_fixations(scanpath, sizes[scanpath.dicom_id], hygiene),
                label=scanpath.finding,
                reader_id=scanpath.reader_id,
                split=None if torn else scanpath.split,
                radiograph_size_px=sizes[scanpath.dicom_id],
                gaze_origin=f"{path}: record {scanpath.number}",
                radiograph_id=scanpath.dicom_id,
                shape_is_known=radiographs is not None,
            )
        )
    return cases


def _patient(radiograph: Path) -> str:
    """The patient's number, as MIMIC-CXR's other data sets have it, of p10/p10000032/s50414267/<dicom_id>.jpg."""
    if (named := _PATIENT.fullmatch(radiograph.parent.parent.name)) is None:
        raise SourceError(
            f"{radiograph.name}: lies in no folder of a patient, as MIMIC-CXR's do (p10/p10000032/s50414267/); without "
            "it nothing says whose radiograph it is, and a patient would be on two sides of a split"
        )
    return named[1]


def _size(radiograph: Path) -> tuple[int, int]:
    if (size := mimic_cxr.read_radiograph_size(radiograph)) is None:
        raise SourceError(f"{radiograph.name}: its size cannot be read, without which its gaze has no place on it")
    return size


def _fixations(scanpath: Scanpath, size_px: tuple[float, float], hygiene: Counter[str]) -> Fixations:
    x_px, y_px = (
        rescale_px(values, side_px / SIDE_PX)
        for values, side_px in zip((scanpath.x_px, scanpath.y_px), size_px, strict=True)
    )
    hygiene["fixations_kept"] += len(x_px)
    on_radiograph = is_within(x_px, size_px[0]) & is_within(y_px, size_px[1])
    hygiene["kept_fixations_outside_radiograph"] += int((~on_radiograph).sum())
    return Fixations(
        x_px=x_px.astype(np.float32),
        y_px=y_px.astype(np.float32),
        duration_s=scanpath.weight.astype(np.float32),
        duration_unit="relative",
    )
