"""`explain`: why a run, or a set of runs, said what it said of radiographs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from egaze.atomic import require_free
from egaze.errors import RunError
from egaze.explain.cases import ExplainOptions
from egaze.explain.results import ExplanationResult
from egaze.explain.write_explanations import Part, write_explanations
from egaze.progress import Progress
from egaze.study.choose import choose_cases, spread
from egaze.training import Run, RunSet


def explain(
    source: Run | RunSet,
    out: Path,
    *,
    split: str = "test",
    cases: Sequence[str] = (),
    limit: int | None = None,
    seed: int | None = None,
    options: ExplainOptions | None = None,
    progress: Progress | None = None,
) -> ExplanationResult:
    """Explain a run's best model on cases of one split of its study, in a new folder.

    There is a folder for each case with explanation.png (all side by side), gaze.png, predicted.png and grad_cam.png,
    then index.csv with every case's numbers and explain.json with their means and how all of it was made. A case lacks
    the pictures and numbers of what it has not; a heatmap head that no stage of the recipe trained is left out. The
    folder exists whole or not at all.

    Args:
        source: the run, or the set; in a set with folds each case is explained by the run that has it in that split.
        out: a new folder.
        split: "train", "validation" or "test".
        cases: ids of cases, or patterns with `*` and `?`; all of the split when empty. Those in another split are left
            out and counted.
        limit: at most this many of them, spread evenly; all when None.
        seed: of a set, whose runs explain; its first when None.
        options: whose evidence is shown, and how.
        progress: called with (cases done, cases in all).

    Raises:
        RunError: no checkpoint, no classifier that was trained, no such seed, or the training split of a set with
            folds.
        StudyError: the study is gone; no such case or class; a finding mask that does not fit its radiograph.
        RadiographError: a finding mask that cannot be read.
        EgazeError: an option that the model or the study has not; or `out` is not free or cannot be written.

    Example:
        >>> from pathlib import Path
        >>> from egaze.explain import ExplainOptions, explain
        >>> from egaze.training import open_run
        >>> result = explain(open_run("run"), Path("why"), limit=2, options=ExplainOptions(steps=0))
        >>> result.cases, result.figures["grad_cam_gaze_cc"].cases
        (2, 2)
    """
    out, options = Path(out), options or ExplainOptions()
    require_free(out)
    runs = [source] if isinstance(source, Run) else source.runs_of_seed(seed)
    if len(runs) > 1 and split == "train":
        raise RunError(f"{source.path}: folds train on each other's cases; explain a single run's")
    runs[0].require_classifier("so there is no evidence for a class to show")
    studies = [run.open_study() for run in runs]
    study = studies[0]
    options.class_index(study.class_names)
    asked = choose_cases(study, cases)
    in_split = [np.intersect1d(asked, own.splits.indices(split)) for own in studies]
    chosen = np.unique(np.concatenate(in_split))
    if not len(chosen):
        chosen = choose_cases(study, cases, split)  # says which of the cases asked for is at fault
    explained = chosen if limit is None else spread(chosen, limit)
    parts = [
        Part(run, its) for run, own in zip(runs, in_split, strict=True) if len(its := np.intersect1d(explained, own))
    ]
    return write_explanations(
        parts,
        study,
        out,
        options,
        split=split,
        elsewhere=len(asked) - len(chosen) if cases else 0,
        names_runs=isinstance(source, RunSet),
        progress=progress,
    )
