"""A set of runs: one recipe trained on several folds of a study, with several seeds, or both.

runs.json          study, recipe and their digests, folds, seeds, versions
fold-F-seed-S/     a run with its fold's splits.json; in a set without folds, seed-S/
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, cast

from egaze.errors import RunError
from egaze.training.run import SET, Run, open_run

FORMAT_VERSION = 1
#: A larger set is taken for a mistake.
MAX_RUNS = 10_000


class FoldFacts(TypedDict):
    """The number of folds, the seed that they were dealt with, and the digest of each fold's test split."""

    count: int
    seed: int
    test_sha256: list[str]


class SetFacts(TypedDict):
    """The content of runs.json."""

    format_version: int
    study: str
    study_sha256: str
    training_split_sha256: list[str]
    recipe: str
    recipe_sha256: str
    folds: FoldFacts | None
    seeds: list[int]
    precision: str
    compute_threads: int
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Member:
    """One run of a set. `fold` is None in a set without folds."""

    path: Path
    fold: int | None
    seed: int

    @property
    def name(self) -> str:
        return self.path.name


@dataclass(frozen=True, slots=True, eq=False)
class RunSet:
    """A set of runs on disk.

    Attributes:
        path: its folder.
        facts: the content of runs.json.
        study_path: the study's folder, if it has moved since training.
    """

    path: Path
    facts: SetFacts
    study_path: Path | None = None

    @property
    def folds(self) -> int | None:
        """The number of folds; None for a set trained on the study's own splits."""
        return int(self.facts["folds"]["count"]) if self.facts["folds"] else None

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(self.facts["seeds"])

    @property
    def members(self) -> tuple[Member, ...]:
        """The runs in the order of training: all seeds of the first fold, then all of the second, and so on."""
        folds = [None] if self.folds is None else range(self.folds)
        return tuple(Member(self.path / _name(fold, seed), fold, seed) for fold in folds for seed in self.seeds)

    def runs(self) -> list[Run]:
        """Open the runs of all members. Raises RunError if one is not finished."""
        runs = []
        for member in self.members:
            run = open_run(member.path, study=self.study_path) if member.path.exists() else None
            if run is None or not run.is_finished:
                raise RunError(f"{self.path}: {member.name} is not finished; continue with `egaze train --resume`")
            runs.append(run)
        return runs

    def runs_of_seed(self, seed: int | None = None) -> list[Run]:
        """Open the runs of one seed, one per fold; of the first seed if None.

        Raises:
            RunError: there is no such seed, or a member is not finished.
        """
        seed = self.seeds[0] if seed is None else seed
        if seed not in self.seeds:
            raise RunError(f"{self.path}: there is no run of seed {seed}; seeds: {', '.join(map(str, self.seeds))}")
        return [run for run, member in zip(self.runs(), self.members, strict=True) if member.seed == seed]


def is_run_set(path: str | Path) -> bool:
    """Whether a folder holds a set of runs.

    Example:
        >>> from egaze.training import is_run_set
        >>> is_run_set("run")
        False
    """
    return (Path(path) / SET).is_file()


def open_run_set(path: str | Path, *, study: str | Path | None = None) -> RunSet:
    """Open a folder that `train_set` wrote.

    Args:
        path: the set's folder.
        study: the study's folder, if it has moved since training.

    Raises:
        RunError: the folder is not a set of runs, or is damaged.

    Example:
        >>> from egaze import open_study
        >>> from egaze.training import load_recipe, open_run_set, train_set
        >>> small = ["input_size_px=32", "model.encoder=mobilenetv3_small_050", "stages.epochs=1"]
        >>> recipe = load_recipe("encoder-only", small)
        >>> train_set(open_study("study"), recipe, "runs", seeds=(3,), device="cpu").path.name
        'runs'
        >>> open_run_set("runs").seeds
        (3,)
    """
    path = Path(path)
    try:
        facts = json.loads((path / SET).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"{path}: not a set of runs: {SET} is missing") from error
    except (OSError, ValueError) as error:
        raise RunError(f"{path / SET}: cannot be read: {error}") from error
    if not isinstance(facts, dict) or facts.get("format_version") != FORMAT_VERSION:
        raise RunError(f"{path / SET}: not a set of runs of format version {FORMAT_VERSION}")
    folds, seeds = facts.get("folds"), facts.get("seeds")
    if not 1 <= _runs(folds, seeds) <= MAX_RUNS:
        raise RunError(f"{path / SET}: damaged: folds {str(folds)[:40]}, seeds {str(seeds)[:40]}")
    return RunSet(path, cast(SetFacts, facts), None if study is None else Path(study))


def _runs(folds: object, seeds: object) -> int:
    """Count the runs of a set with these folds and seeds; 0 if they are not as `train_set` writes them."""
    if not isinstance(seeds, list) or not all(type(seed) is int and seed >= 0 for seed in seeds):
        return 0
    count = 1 if folds is None else folds.get("count") if isinstance(folds, dict) else None
    if type(count) is not int or (folds is not None and count < 3) or len(set(seeds)) != len(seeds):
        return 0
    return len(seeds) * count


def _name(fold: int | None, seed: int) -> str:
    return f"seed-{seed}" if fold is None else f"fold-{fold}-seed-{seed}"
