"""Radiographs in a folder, each file named by the radiograph's UID."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path

from egaze.errors import SourceError

SUFFIXES = (".dcm", ".dicom", ".png", ".jpg", ".jpeg")


def find_radiographs(root: Path, image_ids: Collection[str]) -> tuple[dict[str, Path], int]:
    """The files of some radiographs, and how many other radiographs' files there are.

    They may lie in the folder itself or below it at any depth, as Kaggle's
    `dicom-images-train/<study>/<series>/<SOPInstanceUID>.dcm` do; links are followed, hidden files left out. A file
    without one of `SUFFIXES` counts when its whole name is a radiograph's UID.

    Raises:
        SourceError: no such folder, or two files of one radiograph.
    """
    if not root.is_dir():
        raise SourceError(f"{root}: no such folder of radiographs")
    wanted, found, others = set(image_ids), dict[str, Path](), 0
    seen: set[str] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        if (real := os.path.realpath(folder)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in names if not name.startswith(".")):
            stem, suffix = os.path.splitext(name)
            # A UID has dots of its own.
            image_id = stem if suffix.lower() in SUFFIXES else name
            if image_id not in wanted:
                others += suffix.lower() in SUFFIXES
            elif image_id in found:
                places = " and ".join(_shown(root, path) for path in (found[image_id], Path(folder, name)))
                raise SourceError(f"{root}: two files of radiograph {image_id}: {places}; keep one")
            else:
                found[image_id] = Path(folder, name)
    return found, others


def _shown(root: Path, path: Path) -> str:
    """A path below the root, without the number of a patient or a study that MIMIC-CXR's folders have."""
    return re.sub(r"\b[ps]\d{8}\b", "…", str(path.relative_to(root)))
