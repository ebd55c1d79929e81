"""Templates of cases.csv and fixations.csv for the table source."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from egaze.atomic import new_files, require_folder
from egaze.errors import SourceError
from egaze.sources.cell_names import NO_VALUE, as_seen
from egaze.tables.delimited import has_control

#: The suffixes of radiographs. DICOM files, which often have another suffix or none, are recognised by content.
ENDINGS = frozenset({".dcm", ".dicom", ".ima", ".png", ".jpg", ".jpeg", ".npy"})
CASE_HEADER = ("case_id", "image", "patient_id", "label", "split", "reader_id")
FIXATION_HEADER = ("case_id", "x_px", "y_px", "duration_s", "onset_s")
_CASES = (
    ("radiograph-1", "radiographs/radiograph-1.png", "patient-1", "normal", "", ""),
    ("radiograph-2", "radiographs/radiograph-2.png", "patient-2", "pneumonia", "", ""),
)
_FIXATIONS = (
    ("radiograph-1", 812.5, 1034, 0.25, 0.0),
    ("radiograph-1", 1240, 690.5, 0.31, 0.29),
    ("radiograph-2", 655, 1502, 0.44, 0.12),
)
_DICOM_MARK = (128, b"DICM")


def write_new_table(folder: Path, images: Path | None = None) -> int:
    """Write cases.csv and fixations.csv into a folder, which may exist already.

    Without `images` both contain examples. With it, cases.csv has one row per radiograph in that folder, sorted by
    path, with the path relative to the folder; patient_id and label are left empty, and fixations.csv has only its
    header.

    Args:
        folder: where to write.
        images: a folder of radiographs, or None.

    Returns:
        The number of radiographs found.

    Raises:
        SourceError: one of the two files exists already, `images` is not a folder, or it contains no radiograph.
        EgazeError: the folder is not writable.
    """
    folder = Path(folder)
    require_folder(folder)
    for name in ("cases.csv", "fixations.csv"):
        if os.path.lexists(folder / name):
            raise SourceError(f"{folder / name}: already exists; choose another folder or remove it first")
    radiographs = [] if images is None else _find_radiographs(Path(images))
    cases = (
        _CASES
        if images is None
        else [(*pair, "", "", "", "") for pair in zip(_case_ids(radiographs), radiographs, strict=True)]
    )
    fixations = _FIXATIONS if images is None else ()
    with new_files(folder) as new:
        (new / "fixations.csv").write_text(_table(FIXATION_HEADER, fixations), encoding="utf-8", newline="")
        (new / "cases.csv").write_text(_table(CASE_HEADER, cases), encoding="utf-8", newline="")
    return len(radiographs)


def _find_radiographs(images: Path) -> list[str]:
    """The sorted paths of the radiographs, relative to the folder. Each linked folder is visited once."""
    if not images.is_dir():
        raise SourceError(f"{images}: no such folder of radiographs")
    radiographs = sorted(_walk(images, images, {os.path.realpath(images)}))
    if not radiographs:
        raise SourceError(f"{images}: contains no radiograph (no DICOM, PNG, JPEG or .npy file)")
    for radiograph in radiographs:
        if has_control(radiograph) or not _is_text(radiograph):
            raise SourceError(f"{images}: the file name {radiograph!r} cannot be written into a table; rename it")
    return radiographs


def _walk(folder: Path, top: Path, seen: set[str]) -> Iterator[str]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if (real := os.path.realpath(path)) not in seen:
                seen.add(real)
                yield from _walk(path, top, seen)
        elif path.is_file() and (path.suffix.lower() in ENDINGS or _is_dicom(path)):
            yield path.relative_to(top).as_posix()


def _is_dicom(path: Path) -> bool:
    offset, mark = _DICOM_MARK
    try:
        with path.open("rb") as file:
            return file.read(offset + len(mark))[offset:] == mark
    except OSError:
        return False


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _case_ids(radiographs: Sequence[str]) -> list[str]:
    """The file names of the radiographs without folder and suffix, or more of the path where these are not unique."""
    names: list[str] = []
    seen: set[str] = set()
    for radiograph in radiographs:
        stem = radiograph.rpartition("/")[2]
        stem = stem.rpartition(".")[0] if Path(stem).suffix.lower() in ENDINGS else stem
        for name in (stem, radiograph, *(f"{radiograph}-{number}" for number in range(2, len(radiographs) + 2))):
            if as_seen(name) not in seen and as_seen(name) and name.lower() not in NO_VALUE:
                seen.add(as_seen(name))
                names.append(name)
                break
    return names


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()
