"""A study becomes visible as a whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

from egaze.unfinished import discard, sync

_STUDY = "study"


def new_study_folder(folder: Path) -> Path:
    """Make an empty folder inside the unfinished one that will become the study."""
    study = folder / _STUDY
    shutil.rmtree(study, ignore_errors=True)
    study.mkdir()
    return study


def publish(folder: Path, out: Path) -> None:
    """Move the finished study to its final path, as a whole or not at all, even if the power fails."""
    study = folder / _STUDY
    for path in (*study.iterdir(), study):
        sync(path)
    study.replace(out)
    sync(out.absolute().parent)
    discard(folder)
