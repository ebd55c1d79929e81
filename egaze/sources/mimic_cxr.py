"""MIMIC-CXR's tree of films: DICOM (MIMIC-CXR 2.0.0) or JPEG (MIMIC-CXR-JPG), the same folders and names."""

from __future__ import annotations

import os.path
from pathlib import Path, PurePosixPath

from egaze.sources.tables import inside

#: EGD-CXR and REFLACX both have MIMIC-CXR's patients, by the same numbers.
POPULATION = "mimic-cxr"
_TREE = "files"


def film_path(root: Path, relative: str, where: str) -> Path:
    """Where a film lies whose place a table gives as `.../files/p10/p10000032/s50414267/<dicom_id>.dcm`.

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
    inside(root, relative, where)
    parts = PurePosixPath(relative.replace("\\", "/")).parts
    if _TREE in parts:
        parts = parts[len(parts) - parts[::-1].index(_TREE) :]
        root = root / _TREE if (root / _TREE).is_dir() else root
    film = inside(root, "/".join(parts), where)
    # A path that names no .dcm file, such as ".", has no sibling to look for.
    if not parts or PurePosixPath(parts[-1]).suffix != ".dcm" or os.path.isfile(film):
        return film
    picture = film.with_suffix(".jpg")
    return picture if os.path.isfile(picture) else film
