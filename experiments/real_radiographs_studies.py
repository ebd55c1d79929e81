"""Studies of the real radiographs and of the real gaze, and their folds."""

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
# A model needs at least one class; no image belongs to this one.
SCENE_CLASSES = ("scene",)
# The findings of NIH ChestX-ray14; a radiograph without any of them is "No Finding".
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
    """Raise an error that says which data is missing."""
    for name in ("nih_cxr/labels.csv", "osie_gaze/fixations.csv"):
        if not (DATA / name).is_file():
            raise SystemExit(
                f"no real radiographs: {DATA / name} is not there; set EGAZE_REAL_DATA to the data's folder"
            )


def chest_radiographs(limit: int | None = None) -> pl.DataFrame:
    """Return one row per radiograph: image, patient_id, class3_proxy, view (PA or AP), and each finding as 0 or 1.

    Args:
        limit: the largest number per class.
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
    """Prepare the radiographs with `class3_proxy` as the label, or open the study if it exists."""
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
    """List the images that exist and have gaze."""
    return sorted(path.name for path in (DATA / "osie_gaze" / "stimuli").glob("*.jpg"))[:limit]


def scene_gaze() -> pl.DataFrame:
    """Return one row per fixation, in the viewer's order: case_id, viewer, x_px, y_px, duration_s.

    Fixations on images that do not exist are included.
    """
    # Pixels in the files are counted from 1.
    return pl.read_csv(DATA / "osie_gaze" / "fixations.csv").select(
        pl.col("image").alias("case_id"),
        pl.col("subject").alias("viewer"),
        pl.col("x_px") - 1,
        pl.col("y_px") - 1,
        (pl.col("duration_ms") / 1000).alias("duration_s"),
    )


def scene_study(names: list[str], out: Path, size_px: int) -> Study:
    """Prepare the images in grey with the gaze of all viewers together, or open the study if it exists."""
    if out.exists():
        return open_study(out)
    folder = _folder(out, DATA / "osie_gaze" / "stimuli")
    cases = {"case_id": names, "image": [f"{RADIOGRAPHS}/{name}" for name in names], "patient_id": names}
    pl.DataFrame(cases).write_csv(folder / "cases.csv")
    scene_gaze().filter(pl.col("case_id").is_in(names)).drop("viewer").write_csv(folder / "fixations.csv")
    return prepare_study([Table(folder / "cases.csv", folder / "fixations.csv", SCENE_CLASSES)], out, size_px=size_px)


def deal(groups: NDArray[np.str_], strata: NDArray[np.str_], seed: int) -> NDArray[np.int64]:
    """Return the (N,) fold of each sample: groups (patients) are shuffled within their stratum and dealt in turn."""
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    generator = np.random.default_rng(seed)
    fold_of_group = np.empty(len(first), dtype=np.int64)
    place = 0
    for stratum in np.unique(strata[first]):
        members = generator.permutation(np.flatnonzero(strata[first] == stratum))
        fold_of_group[members] = (place + np.arange(len(members))) % FOLDS
        # The next stratum continues where this one ended, so that folds differ by one group at most.
        place += len(members)
    return fold_of_group[group]


def hold_out(study: Study, folds: NDArray[np.int64], fold: int, seed: int) -> Study:
    """Split the study so that one fold is tested, and one eighth of the other cases are the validation split."""
    split_index = np.where(folds == fold, SPLITS.index("test"), SPLITS.index("train"))
    others = np.random.default_rng((seed, fold)).permutation(np.flatnonzero(folds != fold))
    split_index[others[: -(-len(others) // 8)]] = SPLITS.index("validation")
    save_splits(study.path, Splits(seed, (7.0, 1.0, 2.0), split_index))
    return open_study(study.path)


def _folder(out: Path, radiographs: Path) -> Path:
    """Make a folder for a study's tables, with a link to its radiographs."""
    folder = out.parent / f"{out.name}-tables"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / RADIOGRAPHS
    link.unlink(missing_ok=True)
    link.symlink_to(radiographs.resolve())
    return folder
