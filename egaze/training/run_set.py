"""A set of runs: one recipe trained on the folds of a study, from several seeds, or both.

runs.json          study, recipe and their digests, folds, seeds, versions
fold-F-seed-S/     a run, with its fold's split.json; seed-S/ in a set without folds
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egaze.errors import RunError
from egaze.training.run import SET, Run, open_run

FORMAT_VERSION = 1
#: More would be a mistake.
MAX_RUNS = 10_000


@dataclass(frozen=True, slots=True)
class Member:
    """One run of a set: `fold` is None in a set without folds."""

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
        facts: runs.json.
        study_path: where the study is, if not where it was.
    """

    path: Path
    facts: dict[str, Any]
    study_path: Path | None = None

    @property
    def folds(self) -> int | None:
        """How many folds, None for a set on the study's own split."""
        return self.facts["folds"] and self.facts["folds"]["count"]

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(self.facts["seeds"])

    @property
    def members(self) -> tuple[Member, ...]:
        """The runs in the order of training: all seeds of the first fold, then of the next."""
        folds = [None] if self.folds is None else range(self.folds)
        return tuple(Member(self.path / _name(fold, seed), fold, seed) for fold in folds for seed in self.seeds)

    def runs(self) -> list[Run]:
        """The members' runs. Raises RunError when one has not been finished."""
        runs = []
        for member in self.members:
            run = open_run(member.path, study=self.study_path) if member.path.exists() else None
            if run is None or not run.is_finished:
                raise RunError(f"{self.path}: {member.name} is not finished; go on with `egaze train --resume`")
            runs.append(run)
        return runs

    def runs_of_seed(self, seed: int | None = None) -> list[Run]:
        """The runs of one seed, one for each fold; of the first seed when None.

        Raises:
            RunError: there is no such seed, or a member has not been finished.
        """
        seed = self.seeds[0] if seed is None else seed
        if seed not in self.seeds:
            raise RunError(f"{self.path}: no runs of seed {seed}; its seeds are {', '.join(map(str, self.seeds))}")
        return [run for run, member in zip(self.runs(), self.members, strict=True) if member.seed == seed]


def is_run_set(path: Path) -> bool:
    """Whether a folder says of itself that it is a set of runs."""
    return (Path(path) / SET).is_file()


def open_run_set(path: Path, *, study: Path | None = None) -> RunSet:
    """Open a folder that `train_set` wrote; `study` says where its study is now. Raises RunError for anything else."""
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
    whole = isinstance(seeds, list) and seeds and all(type(seed) is int and seed >= 0 for seed in seeds)
    if folds is not None:
        whole = whole and isinstance(folds, dict) and type(folds.get("count")) is int and folds["count"] >= 3
    if not whole or len(set(seeds)) != len(seeds) or len(seeds) * (folds["count"] if folds else 1) > MAX_RUNS:
        raise RunError(f"{path / SET}: damaged: folds {str(folds)[:40]}, seeds {str(seeds)[:40]}")
    return RunSet(path, facts, study)


def _name(fold: int | None, seed: int) -> str:
    return f"seed-{seed}" if fold is None else f"fold-{fold}-seed-{seed}"
