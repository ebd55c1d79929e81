"""`train_set`: carry out one recipe on every fold of a study with every seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

from egaze.atomic import new_directory
from egaze.cluster import Cluster
from egaze.errors import EgazeError, RunError
from egaze.progress import NamedProgress
from egaze.study import Splits, Study
from egaze.training import run_set as set_files
from egaze.training.cluster_members import train_on_cluster
from egaze.training.device import default_compute_threads, usable_precision
from egaze.training.epoch_log import EpochLog
from egaze.training.folds import deal_folds
from egaze.training.lock import only_process_in
from egaze.training.recipe import Recipe
from egaze.training.requirements import require_trainable
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
    cluster: Cluster | None = None,
    resume: bool = False,
    progress: NamedProgress | None = None,
    on_epoch: Callable[[Member, EpochLog], None] | None = None,
    on_run: Callable[[Member, Run, bool], None] | None = None,
    loggers: Sequence[str] = (),
) -> RunSet:
    """Train one run per fold and seed, each as `train` trains it with that fold's splits and that seed.

    Args:
        study, recipe, device, precision, threads, compute_threads, loggers: see `train`.
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
    precision = usable_precision(device, precision)
    if compute_threads is None:
        then = open_run_set(out).facts.get("compute_threads") if resume else None
        compute_threads = then or default_compute_threads()
    facts = _facts(study, recipe, by_fold, None if folds is None else fold_seed, seeds, precision, compute_threads)
    run_set = _resumed(Path(out), facts) if resume else _started(Path(out), facts)
    with only_process_in(run_set.path):
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
            begun = open_run(member.path) if member.path.exists() else None
            if begun is not None and begun.is_finished:
                run, was_finished = begun, True
            else:
                was_finished = False
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
                        resume=begun is not None,
                        progress=_told(progress, f"run {number + 1} of {len(run_set.members)} ({member.name})"),
                        on_epoch=None if on_epoch is None else partial(on_epoch, member),
                        loggers=loggers,
                    )
                except EgazeError as error:
                    raise type(error)(f"{member.name}: {error}") from error
            if on_run:
                on_run(member, run, was_finished)
    return run_set


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
