"""MIMIC-CXR's tree of radiographs: DICOM (MIMIC-CXR 2.0.0) or JPEG (MIMIC-CXR-JPG), the same folders and names."""

from __future__ import annotations

import os.path
from pathlib import Path, PurePosixPath

from egaze.errors import TableError
from egaze.sources.delimited import inside

#: EGD-CXR and REFLACX both have MIMIC-CXR's patients, by the same numbers.
POPULATION = "mimic-cxr"
_TREE = "files"
_REMEDY = "; --images says in which folder the radiographs lie"


def radiograph_path(root: Path, relative: str, where: str) -> Path:
    """Where a radiograph lies whose place a table gives as `.../files/p10/p10000032/s50414267/<dicom_id>.dcm`.

    Nothing is opened. What stands before the last `files/` in the table's path (REFLACX's begin with
    `physionet.org/files/mimic-cxr/2.0.0/`) is left out; a path without `files/` lies under the root as it is.

    Args:
        root: the folder that holds `files/`, or `files/` itself.
        relative: the path in the table's cell.
        where: the cell, for the message.

    Returns:
        The .dcm file if it is there, else the .jpg file of that name, else the path of the missing .dcm file.

    Raises:
        TableError: a path that does not stay inside the root.
    """
    inside(root, relative, where, _REMEDY)
    parts, is_tree = _below_tree(relative)
    if is_tree:
        root = root / _TREE if (root / _TREE).is_dir() else root
    radiograph = inside(root, "/".join(parts), where, _REMEDY)
    # A path that names no .dcm file, such as ".", has no sibling to look for.
    if not parts or PurePosixPath(parts[-1]).suffix != ".dcm" or os.path.isfile(radiograph):
        return radiograph
    picture = radiograph.with_suffix(".jpg")
    return picture if os.path.isfile(picture) else radiograph


def tree_path(relative: str, where: str) -> str:
    """A table's path as MIMIC-CXR's tree has it: `files/p10/p10000032/s50414267/<dicom_id>.dcm`.

    Raises:
        TableError: a path that climbs, or has no `files/`; `where` says which cell gave it.
    """
    inside(Path(), relative, where)
    parts, is_tree = _below_tree(relative)
    if not is_tree or not parts:
        raise TableError(f"{where}: the path has no {_TREE}/, as MIMIC-CXR's have")
    return "/".join((_TREE, *parts))


def _below_tree(relative: str) -> tuple[tuple[str, ...], bool]:
    """A path's parts below the last `files/`, and whether there is one; all its parts where there is none."""
    parts = PurePosixPath(relative.replace("\\", "/")).parts
    return (parts[len(parts) - parts[::-1].index(_TREE) :], True) if _TREE in parts else (parts, False)
