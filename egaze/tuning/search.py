"""`tune`: vary a recipe's keys over trials, and keep the recipe that does best on validation.

search.json    what the search is of: digests of study, splits, recipe and space, and how trials compute
journal.log    Optuna's journal of the trials, unless they are in a storage elsewhere
trials/NUMBER/ the run of each trial; see `egaze.training.run`
result.json    all trials, and the best; trials.csv is the same as a table
best.toml      the best trial's recipe
history.png, importance.png, slices.png
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from egaze.atomic import new_directory, require_free, write_text
from egaze.errors import EgazeError
from egaze.progress import NamedProgress
from egaze.serialize import to_json
from egaze.study import Study
from egaze.study.splits import require_seed
from egaze.training.device import default_compute_threads, usable_precision
from egaze.training.epoch_log import EpochLog
from egaze.training.recipe import Recipe
from egaze.training.requirements import require_monitors, require_trainable
from egaze.tuning.plots import write_plots
from egaze.tuning.result import SearchResult, TrialResult, result_of, write_result
from egaze.tuning.space import SearchSpace
from egaze.tuning.storage import open_search, require_optuna
from egaze.tuning.trial import Trials

if TYPE_CHECKING:
    import optuna

T = TypeVar("T", int, str)

FORMAT_VERSION = 1
SEARCH, JOURNAL, STORAGE_ID = "search.json", "journal.log", ".storage-id"
#: Trials are pruned once so many have finished.
_BEFORE_PRUNING = 5


def tune(
    study: Study,
    recipe: Recipe,
    space: SearchSpace,
    out: str | Path,
    *,
    trials: int,
    storage: str | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str = "fp32",
    threads: int | None = None,
    compute_threads: int | None = None,
    progress: NamedProgress | None = None,
    on_epoch: Callable[[int, EpochLog], None] | None = None,
    on_trial: Callable[[TrialResult, SearchResult], None] | None = None,
) -> SearchResult:
    """Search for values of a recipe's keys that do well on validation. The test split is taken out of the study first.

    Each trial is a run of the recipe with values that Optuna's TPE has drawn in view of the trials before. Its score is
    the monitored value of its best epoch in the last stage, and a trial whose best epoch so far is worse than the
    median of the others' at this epoch is pruned. A trial whose recipe is refused, whose loss is not finite, or for
    which memory does not suffice fails with its reason, and the search goes on.

    The same call goes on with a search: finished trials stay, and a trial that was interrupted here is continued. Any
    number of processes, on one machine or many, can share a search, with a common `storage` and a common or their own
    `out`; then one trial more than `trials` may be begun by each.

    Args:
        study, recipe, device, precision, threads, compute_threads: see `train`.
        space: the keys that are searched; see `load_space`.
        out: the search's folder, new or of this search.
        trials: the number of trials of the whole search, failed and pruned ones among them.
        storage: see `egaze.tuning.storage.open_search`; a journal in `out` if None.
        seed: decides what trials draw, and together with a trial's number the seed of its run.
        progress: see `train`; the name of what is done says which trial it belongs to.
        on_epoch: called with a trial's number and each of its epochs' log entries.
        on_trial: called with each trial of this process that has ended, and the result so far.

    Returns:
        The result of the search with all trials that are in the storage.

    Raises:
        StudyError: the study lacks what the recipe learns from, or what its monitor is measured on.
        EgazeError: `out` or the storage holds something else or another search, cannot be used, or no trial has
            finished; Optuna is not installed.

    Example:
        >>> from pathlib import Path
        >>> from egaze import open_study
        >>> from egaze.training import load_recipe
        >>> from egaze.tuning import load_space, tune
        >>> small = ["input_size_px=32", "model.encoder=mobilenetv3_small_050", "stages.epochs=1"]
        >>> recipe = load_recipe("encoder-only", small)
        >>> _ = Path("space.toml").write_text("stages.learning_rate = {low = 1e-4, high = 1e-2, log = true}")
        >>> space = load_space("space.toml", recipe)
        >>> result = tune(open_study("study"), recipe, space, "search", trials=1, device="cpu")
        >>> result.best, result.optimistic
        (0, True)
    """
    require_optuna()
    require_seed(seed)
    if trials < 1:
        raise EgazeError(f"trials must be 1 or more, got {trials}")
    out = Path(out)
    study = study.with_splits(study.splits.without_test())
    require_trainable(study, recipe)
    require_monitors(study, recipe, "validation", falls_back=False)
    facts = _facts(study, recipe, space, seed, usable_precision(device, precision))
    _require_place(out, facts)
    if storage is None:
        _make_folder(out, facts)
    search = open_search(storage or str(out / JOURNAL), facts)
    _make_folder(out, facts)
    _require_own_storage(out, search)
    _set_up(search, recipe, seed)
    if compute_threads is None:
        compute_threads = _common(search, "compute_threads", default_compute_threads())
    mine = Trials(
        *(search, study, recipe, space, out, seed),
        {"device": device, "precision": precision, "threads": threads, "compute_threads": compute_threads},
        progress,
        on_epoch,
    )
    for number in mine.carried_out(trials):
        result = result_of(search, recipe, space)
        write_result(out, result, recipe)
        if on_trial:
            on_trial(result.trials[number], result)
    result = result_of(search, recipe, space)
    if result.best is None:
        reasons = [trial.reason for trial in result.trials if trial.reason]
        last = f"; the last failed: {reasons[-1]}" if reasons else ""
        raise EgazeError(f"{out}: no trial of {len(result.trials)} has finished{last}")
    write_result(out, result, recipe)
    write_plots(out, search, result)
    return result


def _facts(study: Study, recipe: Recipe, space: SearchSpace, seed: int, precision: str) -> dict[str, object]:
    splits = [study.splits.digest(study.case_ids, split) for split in ("train", "validation")]
    return {
        "study_sha256": study.digest(),
        "splits_sha256": _sha256(splits),
        "recipe_sha256": _sha256(recipe.to_toml()),
        "space_sha256": _sha256(to_json(dict(space.dimensions))),
        "seed": seed,
        "precision": precision,
    }


def _sha256(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _require_place(out: Path, facts: dict[str, object]) -> None:
    """Check that the search's folder can be made, or is of this search."""
    if not (out / SEARCH).exists():
        return require_free(out)
    try:
        found = json.loads((out / SEARCH).read_text(encoding="utf-8"))
        then = {key: found[key] for key in facts}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EgazeError(f"{out / SEARCH}: damaged; choose another folder") from error
    for key, value in facts.items():
        if then[key] != value:
            both = "" if key.endswith("sha256") else f": {then[key]} then, {value} now"
            raise EgazeError(
                f"{out}: holds another search: its {key.removesuffix('_sha256')} differs{both}; choose another folder"
            )


def _make_folder(out: Path, facts: dict[str, object]) -> None:
    """Make the search's folder, unless it is there."""
    try:
        if not (out / SEARCH).exists():
            with new_directory(out) as partial:
                content = {"format_version": FORMAT_VERSION, **facts}
                (partial / SEARCH).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except EgazeError:
        if not (out / SEARCH).exists():  # another process may have made it just now
            raise
    _require_place(out, facts)


def _require_own_storage(out: Path, search: optuna.Study) -> None:
    """Check that the folder's trials are those of the storage: in another one, numbers would begin again."""
    own = _common(search, "id", uuid4().hex)
    path = out / STORAGE_ID
    if not path.exists():
        write_text(path, own)
    if path.read_text(encoding="utf-8") != own:
        raise EgazeError(f"{out}: its trials are in another storage; name that one, or choose another folder")


def _set_up(search: optuna.Study, recipe: Recipe, seed: int) -> None:
    from optuna.pruners import MedianPruner

    from egaze.tuning.sampling import NumberedTPE

    search.sampler = NumberedTPE(seed)
    search.pruner = MedianPruner(n_startup_trials=_BEFORE_PRUNING, n_warmup_steps=recipe.stages[-1].warmup_epochs)


def _common(search: optuna.Study, name: str, own: T) -> T:
    """A value that all processes of a search share: that of the first."""
    if name not in search.user_attrs:
        search.set_user_attr(name, own)
    common = search.user_attrs[name]
    return type(own)(common)
