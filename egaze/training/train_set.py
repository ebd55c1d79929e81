"""`train_set`: carry out one recipe on every fold of a study with every seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from egaze.atomic import new_directory
from egaze.cluster import Cluster
from egaze.errors import EgazeError, RunError
from egaze.progress import NamedProgress
from egaze.study import Splits, Study
from egaze.training import run_set as set_files
from egaze.training.cluster_members import train_on_cluster
from egaze.training.device import default_compute_threads, open_fabric, require_devices, usable_precision
from egaze.training.epoch_log import EpochLog
from egaze.training.folds import deal_folds
from egaze.training.launch import launch
from egaze.training.lock import only_process_in
from egaze.training.ranks import Placement, from_first, naming_the_rank, settle_placement
from egaze.training.recipe import Recipe
from egaze.training.requirements import require_shares, require_trainable
from egaze.training.run import SET, Run, open_run
from egaze.training.run_loggers import require_loggers
from egaze.training.run_set import FoldFacts, Member, RunSet, SetFacts, open_run_set
from egaze.training.train import train


def train_set(
    study: Study,
    recipe: Recipe,
    out: str | Path,
    *,
    folds: int | None = None,
    seeds: Sequence[int] = (0,),
    fold_seed: int = 0,
    device: str = "auto",
    precision: str = "fp32",
    threads: int | None = None,
    compute_threads: int | None = None,
    devices: int | None = None,
    num_nodes: int | None = None,
    sync_batch_norm: bool | None = None,
    cluster: Cluster | None = None,
    resume: bool = False,
    progress: NamedProgress | None = None,
    on_epoch: Callable[[Member, EpochLog], None] | None = None,
    on_run: Callable[[Member, Run, bool], None] | None = None,
    loggers: Sequence[str] = (),
) -> RunSet:
    """Train one run per fold and seed, each as `train` trains it with that fold's splits and that seed.

    Args:
        study, recipe, device, precision, threads, compute_threads, devices, num_nodes, sync_batch_norm, loggers: see
            `train`. All devices train one run after the other.
        out: the set's folder, which must not exist yet.
        folds: the number of folds, see `deal_folds`; None trains on the study's own splits.
        seeds: seeds of the runs, distinct and not negative.
        fold_seed: seed that the folds are dealt with.
        cluster: trains the runs, several at a time, in place of this process; `on_epoch` is then not called. See
            `egaze.cluster.open_cluster`.
        resume: continue the set in `out`. Finished runs are left unchanged; the first unfinished run continues after
            its last finished epoch.
        progress: see `train`; the name of what is done says which run it belongs to.
        on_epoch: called with the member and each epoch's log entry.
        on_run: called with the member, its finished run, and whether the run had been finished before.

    Returns:
        The set, with all runs finished.

    Raises:
        StudyError: a fold lacks what the recipe learns from; raised before anything is written.
        RunError: `out` cannot be resumed, or another process trains there.
        EgazeError: seeds repeat or are negative; or what `train` raises, with the run's name.

    Example:
        >>> from egaze import open_study
        >>> from egaze.training import load_recipe, train_set
        >>> small = ["input_size_px=32", "model.encoder=mobilenetv3_small_050", "stages.epochs=1"]
        >>> recipe = load_recipe("encoder-only", small)
        >>> runs = train_set(open_study("study"), recipe, "runs", seeds=(0, 1), device="cpu")
        >>> [member.name for member in runs.members]
        ['seed-0', 'seed-1']
    """
    if not seeds or min(seeds) < 0 or len(set(seeds)) != len(seeds):
        raise EgazeError(f"seeds must be distinct and not negative, got {', '.join(map(str, seeds)) or 'none'}")
    if len(seeds) * (folds or 1) > set_files.MAX_RUNS:
        raise EgazeError(f"{len(seeds) * (folds or 1)} runs are more than {set_files.MAX_RUNS}")
    require_loggers(loggers)
    by_fold = [study.splits] if folds is None else deal_folds(study, folds, seed=fold_seed)
    for splits in by_fold:
        require_trainable(study.with_splits(splits), recipe)
    placement = settle_placement(devices, num_nodes)
    require_devices(device, placement)
    require_shares(recipe, placement)
    if cluster is not None and placement.ranks > 1:
        raise EgazeError("a cluster trains several runs at a time, each on one device: leave out devices and nodes")
    if cluster is not None and loggers:
        raise EgazeError("a cluster's runs are shown by no logger: leave out the loggers, or the cluster")
    given: dict[str, Any] = {
        "recipe": recipe,
        "out": Path(out),
        "seeds": tuple(seeds),
        "device": device,
        "precision": precision,
        "threads": threads,
        "compute_threads": compute_threads,
        "sync_batch_norm": sync_batch_norm,
        "resume": resume,
        "loggers": tuple(loggers),
    }
    callbacks: dict[str, Any] = {"progress": progress, "on_epoch": on_epoch, "on_run": on_run}
    if placement.is_launched:
        with naming_the_rank(placement):
            dealt_with = None if folds is None else fold_seed
            return _train_set(study, placement, by_fold, dealt_with, cluster=cluster, **given, **callbacks)
    given |= {"devices": placement.devices, "num_nodes": placement.nodes, "folds": folds, "fold_seed": fold_seed}
    run_set: RunSet = launch(placement, train_set, study, given, callbacks)
    return run_set


def _train_set(
    study: Study,
    placement: Placement,
    by_fold: Sequence[Splits],
    fold_seed: int | None,
    *,
    recipe: Recipe,
    out: Path,
    seeds: Sequence[int],
    device: str,
    precision: str,
    threads: int | None,
    compute_threads: int | None,
    sync_batch_norm: bool | None,
    cluster: Cluster | None,
    resume: bool,
    loggers: Sequence[str],
    progress: NamedProgress | None,
    on_epoch: Callable[[Member, EpochLog], None] | None,
    on_run: Callable[[Member, Run, bool], None] | None,
) -> RunSet:
    """Train the runs on the only device, or as one of the ranks."""
    precision = usable_precision(device, precision)
    fabric = open_fabric(device, precision, placement)

    with ExitStack() as until_the_end:

        def begun() -> tuple[RunSet, int]:
            then = open_run_set(out).facts.get("compute_threads") if resume else None
            of_set = compute_threads or then or default_compute_threads(placement.devices)
            facts = _facts(study, recipe, by_fold, fold_seed, seeds, precision, of_set)
            run_set = _resumed(out, facts) if resume else _started(out, facts)
            until_the_end.enter_context(only_process_in(run_set.path))
            return run_set, of_set

        run_set, compute_threads = from_first(fabric, begun)
        if cluster is not None:
            train_on_cluster(
                *(cluster, study, recipe, run_set, by_fold),
                device=device,
                precision=precision,
                threads=threads,
                compute_threads=compute_threads,
                progress=progress,
            )
        for number, member in enumerate(run_set.members):
            run = from_first(fabric, partial(_run_of, member))
            was_finished = from_first(fabric, partial(_is_finished, run))
            if not was_finished:
                try:
                    run = train(
                        study,
                        recipe,
                        member.path,
                        splits=None if member.fold is None else by_fold[member.fold],
                        seed=member.seed,
                        device=device,
                        precision=precision,
                        threads=threads,
                        compute_threads=compute_threads,
                        devices=placement.devices,
                        num_nodes=placement.nodes,
                        sync_batch_norm=sync_batch_norm,
                        resume=run is not None,
                        progress=_told(progress, f"run {number + 1} of {len(run_set.members)} ({member.name})"),
                        on_epoch=None if on_epoch is None else partial(on_epoch, member),
                        loggers=loggers,
                    )
                except EgazeError as error:
                    raise type(error)(f"{member.name}: {error}") from error
            if on_run and run and fabric.is_global_zero:
                on_run(member, run, was_finished)
    return run_set


def _is_finished(run: Run | None) -> bool:
    return run is not None and run.is_finished


def _run_of(member: Member) -> Run | None:
    return open_run(member.path) if member.path.exists() else None


def _told(progress: NamedProgress | None, which: str) -> NamedProgress | None:
    return progress and (lambda what, done, total: progress(f"{which}: {what}", done, total))


def _facts(
    study: Study,
    recipe: Recipe,
    by_fold: Sequence[Splits],
    fold_seed: int | None,
    seeds: Sequence[int],
    precision: str,
    compute_threads: int,
) -> SetFacts:
    folds: FoldFacts | None = None
    if fold_seed is not None:
        folds = {
            "count": len(by_fold),
            "seed": fold_seed,
            "test_sha256": [splits.digest(study.case_ids, "test") for splits in by_fold],
        }
    return {
        "format_version": set_files.FORMAT_VERSION,
        "study": str(study.path.resolve()),
        "study_sha256": study.digest(),
        "training_split_sha256": [splits.digest(study.case_ids) for splits in by_fold],
        "recipe": recipe.name,
        "recipe_sha256": hashlib.sha256(recipe.to_toml().encode()).hexdigest(),
        "folds": folds,
        "seeds": list(seeds),
        "precision": precision,
        "compute_threads": compute_threads,
        "versions": {name: version(name) for name in ("egaze", "torch", "timm", "numpy")},
    }


def _started(out: Path, facts: SetFacts) -> RunSet:
    with new_directory(out) as partial:
        (partial / SET).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return RunSet(out, facts)


def _resumed(out: Path, facts: SetFacts) -> RunSet:
    run_set = open_run_set(out)
    names = {
        "study_sha256": "study differs from the one",
        "recipe_sha256": "recipe differs from the one",
        "folds": "folds differ from those",
        "seeds": "seeds differ from those",
        "training_split_sha256": "split differs from the one",
        "precision": "precision differs from the one",
        "compute_threads": "number of compute threads differs from the one",
    }
    # A set from before they were recorded goes on with any number of threads.
    begun: Mapping[str, object] = {"compute_threads": facts["compute_threads"], **run_set.facts}
    asked: Mapping[str, object] = facts
    for key, name in names.items():
        if (then := begun.get(key)) != asked[key]:
            both = f": {then} then, {asked[key]} now" if key in ("seeds", "precision", "compute_threads") else ""
            raise RunError(f"{out}: cannot resume: the {name} that the set began with{both}")
    return run_set
