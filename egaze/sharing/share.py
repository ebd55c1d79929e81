"""Writing a run's best model into a folder for others."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from egaze.atomic import new_directory, require_free
from egaze.errors import RunError
from egaze.evaluation import Evaluation, open_evaluation
from egaze.evaluation.stored import FORMAT_VERSION as METRICS_VERSION
from egaze.loading import DeviceLoader
from egaze.models import DualHeadUNet
from egaze.serialize import write_json
from egaze.sharing.card import model_page
from egaze.sharing.shared import CARD, DIGESTED, FORMAT_VERSION, METRICS, RECIPE, SPEC, WEIGHTS, SharedSpec
from egaze.sharing.weights import write_weights
from egaze.study import Study
from egaze.study.layout import sha256_file
from egaze.training.engine import predict
from egaze.training.run import Run

# So many radiographs are predicted again; more than other hardware and precisions change is taken for other weights.
_COMPARED, _LARGEST_DIFFERENCE = 16, 0.02


def share_run(run: Run, folder: str | Path, *, split: str = "test", license: str | None = None) -> Path:
    """Write a run's best model into a new folder for others: weights, spec, recipe, metrics and model card.

    None of the files names a patient, a case or a path. `fetch_model` makes a model file of the folder.

    Args:
        run: a finished run that was evaluated on `split`, with its study.
        folder: the folder, which must be empty or new.
        split: the split whose evaluation is shared.
        license: the licence of the weights, as model hubs call it, such as "cc-by-4.0"; None states none.

    Returns:
        `folder`.

    Raises:
        RunError: the run is not finished or not evaluated on that split, its evaluation is of other weights, or its
            recipe trains no classifier.
        StudyError: the study is missing.
        EgazeError: the folder is not empty, or cannot be written.

    Example:
        >>> from egaze.sharing import share_run
        >>> from egaze.training import open_run
        >>> sorted(path.name for path in share_run(open_run("run"), "shared", license="cc-by-4.0").iterdir())
        ['README.md', 'metrics.json', 'model.safetensors', 'recipe.toml', 'spec.json']
    """
    folder = Path(folder)
    require_free(folder)
    run.require_classifier("a shared model predicts class probabilities")
    if not run.is_finished:
        raise RunError(f"{run.path}: not finished; continue with `egaze train --resume` before sharing it")
    evaluation = open_evaluation(run.path / "evaluation" / split)
    study, model = run.open_study(), run.load_model()
    _require_own(evaluation, run, study, model)
    with new_directory(folder) as new:
        write_weights(new / WEIGHTS, model)
        (new / RECIPE).write_text(run.recipe.without_paths().to_toml(), encoding="utf-8")
        write_json(new / METRICS, METRICS_VERSION, evaluation.metrics)
        spec = SharedSpec(
            egaze_version=version("egaze"),
            torch_version=torch.__version__.partition("+")[0],
            class_names=run.class_names,
            label_kind=run.label_kind,
            canvas=run.canvas,
            seed=run.facts["seed"],
            training_split_sha256=run.training_split_sha256,
            study_sha256=run.facts["study_sha256"],
            encoder_weights_sha256=run.facts.get("encoder_weights_sha256") or "",
            files_sha256={name: sha256_file(new / name) for name in DIGESTED},
        )
        write_json(new / SPEC, FORMAT_VERSION, spec)
        (new / CARD).write_text(model_page(run, study, evaluation.metrics, license), encoding="utf-8")
    return folder


def _require_own(evaluation: Evaluation, run: Run, study: Study, model: DualHeadUNet) -> None:
    """Raise RunError unless the evaluation is of this model: the first of its radiographs are predicted again."""
    table = evaluation.predictions[:_COMPARED]
    cases = table["case_index"].to_numpy().astype(np.int64)
    stored = table.select(f"prob_{name}" for name in run.class_names).to_numpy()
    loader = DeviceLoader(study, cases, batch_size=_COMPARED, size_px=run.recipe.input_size_px, target=None)
    again = predict(model, loader, run.recipe.stages[-1], keep_heatmaps=False).class_probs
    if not np.abs(again - stored).max(initial=0.0) <= _LARGEST_DIFFERENCE:
        raise RunError(
            f"{evaluation.path}: the predictions there are of other weights than the run's; run `egaze evaluate` again"
        )
