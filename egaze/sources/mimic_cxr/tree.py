"""MIMIC-CXR's tree of radiographs: DICOM (MIMIC-CXR 2.0.0) or JPEG (MIMIC-CXR-JPG) in the same folders."""

from __future__ import annotations

import os.path
import warnings
from io import BytesIO
from pathlib import Path, PurePosixPath

import pydicom
from PIL import Image

from egaze.errors import TableError
from egaze.tables.delimited import inside

#: EGD-CXR and REFLACX both have patients of MIMIC-CXR, with the same identifiers.
POPULATION = "mimic-cxr"
_TREE = "files"
# Rows and Columns are within the first kilobytes of a DICOM file; nothing beyond is read.
_HEAD_BYTES = 1 << 17
_REMEDY = "; use --images to name the folder of the radiographs"


def radiograph_path(root: Path, relative: str, where: str) -> Path:
    """The path of a radiograph that a table names as `.../files/p10/p10000032/s50414267/<dicom_id>.dcm`.

    No file is opened. The part of the table's path before the last `files/` is dropped (REFLACX's paths begin with
    `physionet.org/files/mimic-cxr/2.0.0/`); a path without `files/` is taken as relative to the root.

    Args:
        root: the folder that contains `files/`, or `files/` itself.
        relative: the path in the table.
        where: the cell, for the message.

    Returns:
        The .dcm file if it exists, else the .jpg file of that name if it exists, else the path of the .dcm file.

    Raises:
        TableError: a path that does not stay inside the root.
    """
    inside(root, relative, where, _REMEDY)
    parts, is_tree = _below_tree(relative)
    if is_tree:
        root = root / _TREE if (root / _TREE).is_dir() else root
    radiograph = inside(root, "/".join(parts), where, _REMEDY)
    # A path that does not name a .dcm file, such as ".", has no JPEG beside it.
    if not parts or PurePosixPath(parts[-1]).suffix != ".dcm" or os.path.isfile(radiograph):
        return radiograph
    picture = radiograph.with_suffix(".jpg")
    return picture if os.path.isfile(picture) else radiograph


def tree_path(relative: str, where: str) -> str:
    """A table's path as a path in MIMIC-CXR's tree: `files/p10/p10000032/s50414267/<dicom_id>.dcm`.

    Args:
        relative: the path in the table.
        where: the cell, for the message.

    Raises:
        TableError: a path that contains ".." or does not contain `files/`.
    """
    inside(Path(), relative, where)
    parts, is_tree = _below_tree(relative)
    if not is_tree or not parts:
        raise TableError(f"{where}: the path does not contain {_TREE}/, as MIMIC-CXR's paths do")
    return "/".join((_TREE, *parts))


def _below_tree(relative: str) -> tuple[tuple[str, ...], bool]:
    """The parts of a path below the last `files/`, and true; or, if there is none, all parts and false."""
    parts = PurePosixPath(relative.replace("\\", "/")).parts
    return (parts[len(parts) - parts[::-1].index(_TREE) :], True) if _TREE in parts else (parts, False)


def read_radiograph_size(path: Path) -> tuple[int, int] | None:
    """The width and height of a radiograph in pixels, from the header of its file.

    None if the file is missing or damaged; the error is left for the study, which reads the radiograph.
    """
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")
            if path.suffix.lower() in {".jpg", ".jpeg", ".png"}:
                with Image.open(file) as picture:
                    return picture.width, picture.height
            head = BytesIO(file.read(_HEAD_BYTES))
            header = pydicom.dcmread(head, stop_before_pixels=True, specific_tags=["Rows", "Columns"])
            size = int(header.Columns), int(header.Rows)
    except Exception:  # pydicom raises many kinds of errors for damaged headers
        return None
    return size if min(size) > 0 else None
