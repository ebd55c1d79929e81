"""Training, validation and test sides of a study, by patient."""

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
from egaze.study.layout import CASES, FORMAT_VERSION, MANIFEST, SPLIT, read_json

SIDES = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Which case is on which side.

    Attributes:
        seed: of the shuffle.
        ratio: shares of train, validation and test among the patients.
        sides: (N,) int64: 0 train, 1 validation, 2 test.

    Example:
        >>> from egaze import open_study
        >>> split = open_study("study").split
        >>> split.seed, split.ratio
        (42, (8, 1, 1))
        >>> split.indices("validation").dtype
        dtype('int64')
    """

    seed: int
    ratio: tuple[float, float, float]
    sides: NDArray[np.int64]

    def indices(self, side: str) -> NDArray[np.int64]:
        """The cases of one side, ascending. Raises StudyError for a side without a case."""
        if side not in SIDES:
            raise StudyError(f"split {side!r} is not one of {', '.join(SIDES)}")
        found = np.flatnonzero(self.sides == SIDES.index(side))
        if not found.size:
            raise StudyError(f"the {side} split is empty; split again with another ratio or seed")
        return found

    def digest(self, case_ids: Sequence[str], side: str = "train") -> str:
        """SHA-256 over the sorted ids of one side's cases, one a line."""
        lines = sorted(case_ids[i] for i in np.flatnonzero(self.sides == SIDES.index(side)).tolist())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def split_patients(patients: int, seed: int, ratio: tuple[float, float, float]) -> NDArray[np.int64]:
    """Deal patients 0..n-1, in the order of the source's files, to sides; returns (n,) int64.

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
    sides = np.full(patients, 2, dtype=np.int64)
    sides[order[:trained]] = 0
    sides[order[trained : trained + validated]] = 1
    return sides


def make_split(cases: pl.DataFrame, patients: dict[str, int], *, seed: int, ratio: tuple[float, float, float]) -> Split:
    """Split each source by patient; cases whose source already says a side keep it.

    A patient of several sources stays on the side that the first of them puts them on, so that the split of the first
    source is the one that it has alone.

    Args:
        cases: the study's cases, with columns source, patient, patient_place and given_split.
        patients: how many patients each source has, also those without a case in the study.
    """
    require_seed(seed)
    _require_ratio(ratio)
    sides = np.empty(len(cases), dtype=np.int64)
    side_of_patient = np.full(int(cases["patient"].to_numpy().max(initial=0)) + 1, -1)
    for source, count in patients.items():
        rows = np.flatnonzero((cases["source"] == source).to_numpy())
        own = cases[rows]
        found = split_patients(count, seed, ratio)[own["patient_place"].to_numpy()]
        for number, side in enumerate(SIDES):
            found[(own["given_split"] == side).fill_null(False).to_numpy()] = number
        earlier = side_of_patient[own["patient"].to_numpy()]
        sides[rows] = np.where(earlier >= 0, earlier, found)
        side_of_patient[own["patient"].to_numpy()] = sides[rows]
    _require_no_leak(cases, sides)
    return Split(seed, ratio, sides)


def split_study(path: str | Path, *, seed: int, ratio: tuple[float, float, float] = (8, 1, 1)) -> Split:
    """Split a study anew by patient and store it; see `split_patients` for the rule.

    Raises:
        StudyError: not a study, a seed below 0, or a ratio that is not three shares with training above 0.

    Example:
        >>> from egaze.study import split_study
        >>> split = split_study("study", seed=1, ratio=(6, 2, 2))
        >>> len(split.indices("train")) > len(split.indices("validation")) > 0
        True
    """
    path = Path(path)
    patients = {source["key"]: source["patients"] for source in read_json(path / MANIFEST)["sources"]}
    split = make_split(pl.read_parquet(path / CASES), patients, seed=seed, ratio=ratio)
    save_split(path, split)
    return split


def save_split(path: Path, split: Split) -> None:
    """Write split.json into a study's folder."""
    content = {
        "format_version": FORMAT_VERSION,
        "seed": split.seed,
        "ratio": list(split.ratio),
        "sides": split.sides.tolist(),
    }
    write_text(path / SPLIT, json.dumps(content))


def load_split(path: Path, cases: pl.DataFrame) -> Split:
    """Read split.json. Raises StudyError when it is missing, malformed, or puts a patient on two sides."""
    content = read_json(path / SPLIT)
    try:
        sides = np.asarray(content["sides"], dtype=np.int64)
        split = Split(int(content["seed"]), tuple(content["ratio"]), sides)
    except (KeyError, TypeError, ValueError) as error:
        raise StudyError(f"{path / SPLIT}: malformed split") from error
    if sides.shape != (len(cases),) or not np.isin(sides, (0, 1, 2)).all():
        raise StudyError(f"{path / SPLIT}: does not fit the study's {len(cases)} cases")
    _require_no_leak(cases, sides)
    return split


def require_seed(seed: int) -> None:
    """Raise StudyError for a seed below 0: random generators take none, or the one without the sign."""
    if seed < 0:
        raise StudyError(f"seed must be 0 or more, got {seed}")


def _require_ratio(ratio: tuple[float, float, float]) -> None:
    if len(ratio) != 3 or min(ratio) < 0 or not ratio[0] > 0 or not np.isfinite(ratio).all():
        raise StudyError(f"ratio must be three shares, the first above 0, got {':'.join(map(str, ratio))}")


def _require_no_leak(cases: pl.DataFrame, sides: NDArray[np.int64]) -> None:
    per_patient = (
        cases.select("patient")
        .with_columns(pl.Series("side", sides))
        .group_by("patient")
        .agg(pl.col("side").n_unique())
    )
    leaking = per_patient.filter(pl.col("side") > 1).height
    if leaking:
        raise StudyError(f"the split puts {leaking} patients on two sides")
