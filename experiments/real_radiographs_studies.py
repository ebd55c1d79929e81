"""Real radiographs and real gaze as studies, and the folds in which they are judged."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.sources import Table
from egaze.study import Splits, Study, open_study, prepare_study
from egaze.study.splits import SPLITS, save_splits

DATA = Path(os.environ.get("EGAZE_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
RADIOGRAPHS = "radiographs"
FOLDS = 5
CLASSES = ("normal", "chf_proxy")
# A model has at least one class; no image is of this one.
SCENE_CLASSES = ("scene",)
# Of NIH ChestX-ray14; a radiograph of none of them is "No Finding".
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


def require_data() -> None:
    """Say plainly what is missing."""
    for name in ("nih_cxr/labels.csv", "osie_gaze/fixations.csv"):
        if not (DATA / name).is_file():
            raise SystemExit(
                f"no real radiographs: {DATA / name} is not there; set EGAZE_REAL_DATA to the data's folder"
            )


def chest_radiographs(limit: int | None = None) -> pl.DataFrame:
    """A row a radiograph: image, patient_id, class3_proxy, view (PA or AP), and each finding as 0 or 1.

    Args:
        limit: at most so many of each class.
    """
    rows = pl.read_csv(DATA / "nih_cxr" / "labels.csv").sort("image")
    rows = rows if limit is None else rows.group_by("class3_proxy", maintain_order=True).head(limit).sort("image")
    named = pl.col("finding_labels").str.split("|")
    return rows.select(
        "image",
        pl.col("patient_id").cast(pl.String),
        "class3_proxy",
        "view",
        *(named.list.contains(finding).cast(pl.Int64).alias(finding) for finding in FINDINGS),
    )


def chest_study(radiographs: pl.DataFrame, class_names: tuple[str, ...], out: Path, size_px: int) -> Study:
    """The radiographs as a study with `class3_proxy` for a label; an earlier call's is opened."""
    if out.exists():
        return open_study(out)
    table = _folder(out, DATA / "nih_cxr" / "png512") / "cases.csv"
    radiographs.select(
        pl.col("image").alias("case_id"),
        (RADIOGRAPHS + "/" + pl.col("image")).alias("image"),
        "patient_id",
        pl.col("class3_proxy").alias("label"),
    ).write_csv(table)
    return prepare_study([Table(table, class_names=class_names)], out, size_px=size_px)


def scene_names(limit: int | None = None) -> list[str]:
    """The images that gaze was recorded on and that are there."""
    return sorted(path.name for path in (DATA / "osie_gaze" / "stimuli").glob("*.jpg"))[:limit]


def scene_gaze() -> pl.DataFrame:
    """A row a fixation: case_id, viewer, x_px, y_px, duration_s, in the viewer's order; also of images not there."""
    # Their pixels count from 1.
    return pl.read_csv(DATA / "osie_gaze" / "fixations.csv").select(
        pl.col("image").alias("case_id"),
        pl.col("subject").alias("viewer"),
        pl.col("x_px") - 1,
        pl.col("y_px") - 1,
        (pl.col("duration_ms") / 1000).alias("duration_s"),
    )


def scene_study(names: list[str], out: Path, size_px: int) -> Study:
    """The images, grey, with the gaze of all viewers together; an earlier call's is opened."""
    if out.exists():
        return open_study(out)
    folder = _folder(out, DATA / "osie_gaze" / "stimuli")
    cases = {"case_id": names, "image": [f"{RADIOGRAPHS}/{name}" for name in names], "patient_id": names}
    pl.DataFrame(cases).write_csv(folder / "cases.csv")
    scene_gaze().filter(pl.col("case_id").is_in(names)).drop("viewer").write_csv(folder / "fixations.csv")
    return prepare_study([Table(folder / "cases.csv", folder / "fixations.csv", SCENE_CLASSES)], out, size_px=size_px)


def deal(groups: NDArray[np.str_], strata: NDArray[np.str_], seed: int) -> NDArray[np.int64]:
    """(N,) a fold for each sample: groups (patients) are dealt in turn, shuffled within their stratum."""
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    generator = np.random.default_rng(seed)
    fold_of_group = np.empty(len(first), dtype=np.int64)
    place = 0
    for stratum in np.unique(strata[first]):
        members = generator.permutation(np.flatnonzero(strata[first] == stratum))
        fold_of_group[members] = (place + np.arange(len(members))) % FOLDS
        # The next stratum goes on where this one ended, so that folds differ by one group at most.
        place += len(members)
    return fold_of_group[group]


def hold_out(study: Study, folds: NDArray[np.int64], fold: int, seed: int) -> Study:
    """The study with one fold to test; one in eight of the other cases, each of a patient of its own, validates."""
    split_index = np.where(folds == fold, SPLITS.index("test"), SPLITS.index("train"))
    others = np.random.default_rng((seed, fold)).permutation(np.flatnonzero(folds != fold))
    split_index[others[: -(-len(others) // 8)]] = SPLITS.index("validation")
    save_splits(study.path, Splits(seed, (7.0, 1.0, 2.0), split_index))
    return open_study(study.path)


def _folder(out: Path, radiographs: Path) -> Path:
    """Where a study's tables go, with a link to its radiographs, which stay where they are."""
    folder = out.parent / f"{out.name}-tables"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / RADIOGRAPHS
    link.unlink(missing_ok=True)
    link.symlink_to(radiographs.resolve())
    return folder
