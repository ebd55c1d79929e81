"""The splits of a study into training, validation and test cases, by patient."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.atomic import write_text
from egaze.errors import StudyError
from egaze.sources.case import TRAIN_OR_VALIDATION
from egaze.study.layout import CASES, FORMAT_VERSION, MANIFEST, SPLITS_JSON, read_json

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, eq=False)
class Splits:
    """The assignment of cases to splits.

    Attributes:
        seed: of the shuffle.
        ratio: the shares of patients in train, validation and test.
        split_index: (N,) int64: 0 train, 1 validation, 2 test, -1 none of them.

    Example:
        >>> from egaze import open_study
        >>> splits = open_study("study").splits
        >>> splits.seed, splits.ratio
        (42, (8, 1, 1))
        >>> splits.indices("validation").dtype
        dtype('int64')
    """

    seed: int
    ratio: tuple[float, float, float]
    split_index: NDArray[np.int64]

    def indices(self, split: str) -> NDArray[np.int64]:
        """The indices of the cases in one split, ascending. Raises StudyError for an unknown or empty split."""
        if split not in SPLITS:
            raise StudyError(f"split {split!r} is not one of {', '.join(SPLITS)}")
        found = np.flatnonzero(self.split_index == SPLITS.index(split))
        if not found.size:
            raise StudyError(f"the {split} split is empty; split again with another ratio or seed")
        return found

    def without_test(self) -> Splits:
        """The same splits, but for the test cases, which are in no split: for work that must not see them."""
        return replace(self, split_index=np.where(self.split_index == SPLITS.index("test"), -1, self.split_index))

    def digest(self, case_ids: Sequence[str], split: str = "train") -> str:
        """The SHA-256 of the sorted ids of the cases in one split, one per line."""
        lines = sorted(case_ids[i] for i in np.flatnonzero(self.split_index == SPLITS.index(split)).tolist())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def split_patients(patients: int, seed: int, ratio: tuple[float, float, float]) -> NDArray[np.int64]:
    """Assign n patients, in the order of the source's files, to splits.

    The rule is that of EGD-CXR's published code: `random.seed(s); random.shuffle(ids)`, the first round(0.8 n) are
    train, the next round(0.5 rest) validation, the others test. Seeds 42 and 1 with the ratio 8:1:1 therefore give the
    two published splits.

    Returns:
        (n,) int64: 0 train, 1 validation, 2 test.
    """
    train, validation, test = ratio
    order = list(range(patients))
    random.Random(seed).shuffle(order)
    trained = round(train / (train + validation + test) * patients)
    rest = patients - trained
    validated = round(validation / (validation + test) * rest) if validation + test > 0 else 0
    split_index = np.full(patients, 2, dtype=np.int64)
    split_index[order[:trained]] = 0
    split_index[order[trained : trained + validated]] = 1
    return split_index


def make_splits(
    cases: pl.DataFrame, patients: dict[str, int], *, seed: int, ratio: tuple[float, float, float]
) -> Splits:
    """Split each source by patient; a split given by the source is kept. Patients that it gives to train or validation
    are divided between them in the ratio of the two.

    A patient of several sources is in the split that the first of these sources assigns, so that the first source is
    split as if it were alone.

    Args:
        cases: the cases of the study, with columns source, patient, patient_place and given_split.
        patients: the number of patients of each source, including those without a case in the study.
        seed: of the shuffle, 0 or more.
        ratio: the shares of train, validation and test.

    Raises:
        StudyError: a seed or ratio out of range, or a source that puts a patient into two splits.
    """
    require_seed(seed)
    _require_ratio(ratio)
    split_index = np.empty(len(cases), dtype=np.int64)
    index_of_patient = np.full(int(cases["patient"].to_numpy().max(initial=0)) + 1, -1)
    for source, count in patients.items():
        rows = np.flatnonzero((cases["source"] == source).to_numpy())
        own = cases[rows]
        places = own["patient_place"].to_numpy()
        found = split_patients(count, seed, ratio)[places]
        undivided = (own["given_split"] == TRAIN_OR_VALIDATION).fill_null(False).to_numpy()
        found[undivided] = split_patients(count, seed, (*ratio[:2], 0))[places[undivided]]
        for number, split in enumerate(SPLITS):
            found[(own["given_split"] == split).fill_null(False).to_numpy()] = number
        earlier = index_of_patient[own["patient"].to_numpy()]
        split_index[rows] = np.where(earlier >= 0, earlier, found)
        index_of_patient[own["patient"].to_numpy()] = split_index[rows]
    _require_no_leak(cases, split_index)
    return Splits(seed, ratio, split_index)


def split_study(path: str | Path, *, seed: int, ratio: tuple[float, float, float] = (8, 1, 1)) -> Splits:
    """Split a study again by patient and store the splits.

    Patients are shuffled with the seed and assigned in this order, as in EGD-CXR's published code.

    Args:
        path: the folder of the study.
        seed: of the shuffle, 0 or more.
        ratio: the shares of train, validation and test among the patients; they need not sum to 1.

    Raises:
        StudyError: not a study, a seed below 0, or a ratio that is not three shares with the first above 0.

    Example:
        >>> from egaze.study import split_study
        >>> splits = split_study("study", seed=1, ratio=(6, 2, 2))
        >>> len(splits.indices("train")) > len(splits.indices("validation")) > 0
        True
    """
    path = Path(path)
    patients = {source["key"]: source["patients"] for source in read_json(path / MANIFEST)["sources"]}
    splits = make_splits(pl.read_parquet(path / CASES), patients, seed=seed, ratio=ratio)
    save_splits(path, splits)
    return splits


def save_splits(path: Path, splits: Splits) -> None:
    """Write splits.json into a study's folder."""
    content = {
        "format_version": FORMAT_VERSION,
        "seed": splits.seed,
        "ratio": list(splits.ratio),
        "split_index": splits.split_index.tolist(),
    }
    write_text(path / SPLITS_JSON, json.dumps(content))


def load_splits(path: Path, cases: pl.DataFrame) -> Splits:
    """Read splits.json. Raises StudyError if it is missing, malformed, or puts a patient into two splits."""
    content = read_json(path / SPLITS_JSON)
    try:
        split_index = np.asarray(content["split_index"], dtype=np.int64)
        splits = Splits(int(content["seed"]), tuple(content["ratio"]), split_index)
    except (KeyError, TypeError, ValueError) as error:
        raise StudyError(f"{path / SPLITS_JSON}: malformed splits") from error
    if split_index.shape != (len(cases),) or not np.isin(split_index, (0, 1, 2)).all():
        raise StudyError(f"{path / SPLITS_JSON}: does not match the {len(cases)} cases of the study")
    _require_no_leak(cases, split_index)
    return splits


def require_seed(seed: int) -> None:
    """Raise StudyError for a seed below 0, which random generators refuse or take without its sign."""
    if seed < 0:
        raise StudyError(f"seed must be 0 or more, got {seed}")


def _require_ratio(ratio: tuple[float, float, float]) -> None:
    if len(ratio) != 3 or min(ratio) < 0 or not ratio[0] > 0 or not np.isfinite(ratio).all():
        raise StudyError(f"ratio must be three shares, the first above 0, got {':'.join(map(str, ratio))}")


def _require_no_leak(cases: pl.DataFrame, split_index: NDArray[np.int64]) -> None:
    per_patient = (
        cases.select("patient")
        .with_columns(pl.Series("split_index", split_index))
        .group_by("patient")
        .agg(pl.col("split_index").n_unique())
    )
    leaking = per_patient.filter(pl.col("split_index") > 1).height
    if leaking:
        raise StudyError(f"{leaking} patients are in two splits")
