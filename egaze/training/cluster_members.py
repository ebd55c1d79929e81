"""The runs of a set, each trained by a process of a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import torch

from egaze.cluster import Cluster
from egaze.errors import EgazeError, RunError
from egaze.progress import NamedProgress
from egaze.study import Splits, Study, open_study
from egaze.training.recipe import Recipe
from egaze.training.run import open_run
from egaze.training.run_set import Member, RunSet
from egaze.training.train import train


def train_on_cluster(
    cluster: Cluster,
    study: Study,
    recipe: Recipe,
    run_set: RunSet,
    by_fold: Sequence[Splits],
    *,
    device: str,
    precision: str,
    threads: int | None,
    compute_threads: int,
    progress: NamedProgress | None,
) -> None:
    """Train the members of a set that are not finished, several at a time; each is the run that `train` makes here.

    A run whose process or machine is lost is continued elsewhere after its last finished epoch. See `train_set` for
    the arguments.

    Raises:
        EgazeError: as `Cluster.map` or `train`, with the run's name.
    """
    wanted = [member for member in run_set.members if not (member.path.exists() and open_run(member.path).is_finished)]
    how = _Training(
        str(study.path), study.digest(), recipe, device, precision, threads or compute_threads, compute_threads
    )
    trained = cluster.map(
        partial(_train_there, how),
        ((member, study.splits if member.fold is None else by_fold[member.fold]) for member in wanted),
        processors=compute_threads,
        gpus=int(device == "cuda" or (device == "auto" and torch.cuda.is_available())),
        alike=("torch", "timm", "lightning-fabric"),
    )
    with closing(trained):
        for done, _ in enumerate(trained, start=1):
            if progress:
                progress("runs on the cluster", done, len(wanted))


@dataclass(frozen=True, slots=True)
class _Training:
    """What all runs of a set have in common."""

    study: str
    study_sha256: str
    recipe: Recipe
    device: str
    precision: str
    threads: int
    compute_threads: int


def _train_there(how: _Training, given: tuple[Member, Splits]) -> str:
    """Run in a process of a cluster: train one member, or continue it."""
    member, splits = given
    study = _kept_study(how.study, how.study_sha256)
    try:
        train(
            study if member.fold is not None else study.with_splits(splits),
            how.recipe,
            member.path,
            splits=None if member.fold is None else splits,
            seed=member.seed,
            device=how.device,
            precision=how.precision,
            threads=how.threads,
            compute_threads=how.compute_threads,
            resume=member.path.exists(),
        )
    except EgazeError as error:
        raise RunError(f"{member.name}: {error}") from error
    return member.name


@lru_cache(maxsize=1)
def _kept_study(path: str, sha256: str) -> Study:
    """The study of a process of a cluster, from one run to the next."""
    study = open_study(Path(path))
    if study.digest() != sha256:
        raise RunError(f"{path}: a machine of the cluster has another study there")
    return study
