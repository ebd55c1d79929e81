"""Which cases of a study train, validate and test, by patient."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from egaze.atomic import write_text
from egaze.errors import StudyError
from egaze.study.layout import CASES, FORMAT_VERSION, MANIFEST, SPLITS_JSON, read_json

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, eq=False)
class Splits:
    """Which case is in which split.

    Attributes:
        seed: of the shuffle.
        ratio: shares of train, validation and test among the patients.
        split_index: (N,) int64: 0 train, 1 validation, 2 test.

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
        """The cases of one split, ascending. Raises StudyError for a split without a case."""
        if split not in SPLITS:
            raise StudyError(f"split {split!r} is not one of {', '.join(SPLITS)}")
        found = np.flatnonzero(self.split_index == SPLITS.index(split))
        if not found.size:
            raise StudyError(f"the {split} split is empty; split again with another ratio or seed")
        return found

    def digest(self, case_ids: Sequence[str], split: str = "train") -> str:
        """SHA-256 over the sorted ids of one split's cases, one a line."""
        lines = sorted(case_ids[i] for i in np.flatnonzero(self.split_index == SPLITS.index(split)).tolist())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def split_patients(patients: int, seed: int, ratio: tuple[float, float, float]) -> NDArray[np.int64]:
    """Deal patients 0..n-1, in the order of the source's files, to splits; returns (n,) int64.

    The rule is the one of EGD-CXR's published code: `random.seed(s); random.shuffle(ids)`, the first round(.8 n)
    train, the next round(.5 rest) validate, the others test; so seeds 42 and 1 with ratio 8:1:1 give the two
    published splits.
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
    """Split each source by patient; cases whose source already names a split keep it.

    A patient of several sources stays in the split that the first of them puts them in, so that the first source is
    split as it would be alone.

    Args:
        cases: the study's cases, with columns source, patient, patient_place and given_split.
        patients: how many patients each source has, also those without a case in the study.
    """
    require_seed(seed)
    _require_ratio(ratio)
    split_index = np.empty(len(cases), dtype=np.int64)
    index_of_patient = np.full(int(cases["patient"].to_numpy().max(initial=0)) + 1, -1)
    for source, count in patients.items():
        rows = np.flatnonzero((cases["source"] == source).to_numpy())
        own = cases[rows]
        found = split_patients(count, seed, ratio)[own["patient_place"].to_numpy()]
        for number, split in enumerate(SPLITS):
            found[(own["given_split"] == split).fill_null(False).to_numpy()] = number
        earlier = index_of_patient[own["patient"].to_numpy()]
        split_index[rows] = np.where(earlier >= 0, earlier, found)
        index_of_patient[own["patient"].to_numpy()] = split_index[rows]
    _require_no_leak(cases, split_index)
    return Splits(seed, ratio, split_index)


def split_study(path: str | Path, *, seed: int, ratio: tuple[float, float, float] = (8, 1, 1)) -> Splits:
    """Split a study anew by patient and store it; see `split_patients` for the rule.

    Raises:
        StudyError: not a study, a seed below 0, or a ratio that is not three shares with training above 0.

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
    """Read splits.json. Raises StudyError when it is missing, malformed, or puts a patient in two splits."""
    content = read_json(path / SPLITS_JSON)
    try:
        split_index = np.asarray(content["split_index"], dtype=np.int64)
        splits = Splits(int(content["seed"]), tuple(content["ratio"]), split_index)
    except (KeyError, TypeError, ValueError) as error:
        raise StudyError(f"{path / SPLITS_JSON}: malformed splits") from error
    if split_index.shape != (len(cases),) or not np.isin(split_index, (0, 1, 2)).all():
        raise StudyError(f"{path / SPLITS_JSON}: does not fit the study's {len(cases)} cases")
    _require_no_leak(cases, split_index)
    return splits


def require_seed(seed: int) -> None:
    """Raise StudyError for a seed below 0: random generators take none, or the one without the sign."""
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
        raise StudyError(f"the split puts {leaking} patients in two splits")
