"""How far predictions in bfloat16 differ from those in float32.

Models of four recipes and two encoders are trained on synthetic radiographs and predict 200 others. This takes a
quarter of an hour on two processors.

models                   number of models, each exported in both precisions
probs_worst              largest difference of a class probability, over radiographs, models, `egaze-run` and Python's
                         Predictor
heatmap_worst            largest difference of a heatmap's pixel
auc_worst                largest difference of the macro AUC, which changes in steps with few radiographs
radiograph_8_bits_worst  for comparison: the largest change of a float32 probability when the radiograph is rounded to
                         8 bits
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from gaze_trials import PRECISION, Trial, deal, make_study, one_thread, resolved
from numpy.typing import NDArray
from record import RUNNER, arguments, finish, rounded

from egaze import Predictor
from egaze.deploy import export_torchscript
from egaze.metrics.multiclass_auc import macro_auc
from egaze.study import Study
from egaze.training import train

RECIPES = ("encoder-only", "joint", "generator-first", "class-generators")
ENCODERS = ("resnet10t", "tf_efficientnet_b0")
TWIN_SEED = 2207

Answers = tuple[NDArray[np.float32], NDArray[np.float32]]  # (N, C) probabilities, (N, H, W) heatmaps


@dataclass(frozen=True, slots=True)
class Plan:
    """The numbers of radiographs, epochs and models."""

    recipes: tuple[str, ...] = RECIPES
    encoders: tuple[str, ...] = ENCODERS
    radiographs: int = 250
    validation: int = 100
    test: int = 200
    epochs: int = 20


QUICK = Plan(("joint",), ("resnet10t",), radiographs=40, validation=20, test=20, epochs=1)


def differences(recipe: str, encoder: str, plan: Plan, study: Study, folder: Path) -> dict[str, Any]:
    """Train one model, export it in both precisions, and compare predictions."""
    chosen = resolved(Trial(recipe, plan.radiographs, 0, plan.epochs))
    chosen = replace(chosen, model=replace(chosen.model, encoder=encoder))
    name = f"{recipe}-{encoder}"
    run = train(study, chosen, folder / name, device="cpu", precision=PRECISION, threads=1)
    files = {precision: folder / f"{name}-{precision}.pt" for precision in ("fp32", "bf16")}
    for precision, file in files.items():
        export_torchscript(run, file, precision=precision)
    test = study.splits.indices("test")
    radiographs = [study.images[index] for index in test]
    exact, coarse = (
        write_radiographs(radiographs, folder / f"{name}-16", 65535),
        write_radiographs(radiographs, folder / f"{name}-8", 255),
    )
    expected = by_python(files["fp32"], exact)
    found = {"python": by_python(files["bf16"], exact), "egaze_run": by_runner(files["bf16"], exact)}
    np.testing.assert_allclose(by_runner(files["fp32"], exact)[0], expected[0], atol=1e-5)
    aucs = {engine: macro_auc(study.labels.values[test], answers[0]) for engine, answers in found.items()}
    auc = macro_auc(study.labels.values[test], expected[0])
    return {
        "recipe": recipe,
        "encoder": encoder,
        "auc": auc,
        **{
            engine: {
                "probs_worst": largest(answers[0], expected[0]).max(),
                "probs_median": np.median(largest(answers[0], expected[0])),
                "heatmap_worst": largest(answers[1], expected[1]).max(),
                "auc": abs(aucs[engine] - auc),
            }
            for engine, answers in found.items()
        },
        "radiograph_8_bits_worst": largest(by_python(files["fp32"], coarse)[0], expected[0]).max(),
    }


def largest(values: NDArray[np.float32], expected: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the (N,) largest difference of each radiograph."""
    return np.abs(values - expected).reshape(len(values), -1).max(axis=1)


def write_radiographs(radiographs: list[NDArray[np.uint16]], folder: Path, levels: int) -> list[Path]:
    """Write the radiographs as arrays with the given number of grey levels above black."""
    folder.mkdir()
    paths = [folder / f"{index:03d}.npy" for index in range(len(radiographs))]
    for path, radiograph in zip(paths, radiographs, strict=True):
        np.save(path, np.rint(radiograph / 65535 * levels).astype(np.uint16 if levels > 255 else np.uint8))
    return paths


def by_python(model: Path, radiographs: list[Path]) -> Answers:
    predictor = Predictor(model, threads=1)
    answers = [predictor.predict(radiograph) for radiograph in radiographs]
    return np.stack([answer.class_probs for answer in answers]), np.stack([answer.heatmap for answer in answers])


def by_runner(model: Path, radiographs: list[Path]) -> Answers:
    out = model.with_suffix("")
    command = [RUNNER, model, *radiographs, "--threads", "1", "--out", out]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    answers = json.loads(done.stdout)["predictions"]
    probs = np.array([list(answer["class_probs"].values()) for answer in answers], np.float32)
    if "heatmap_npy" not in answers[0]:
        return probs, np.zeros((len(radiographs), 128, 128), np.float32)
    return probs, np.stack([np.load(answer["heatmap_npy"]) for answer in answers])


def measure(folder: Path, plan: Plan) -> tuple[dict[str, float], dict[str, Any]]:
    wanted = plan.radiographs + plan.validation + plan.test
    study, _ = make_study(folder, TWIN_SEED, radiographs=wanted + 60, workers=os.cpu_count() or 1)
    study = deal(study, plan.radiographs, validation=plan.validation, test=plan.test)
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), initializer=one_thread) as pool:
        pairs = [(recipe, encoder) for encoder in plan.encoders for recipe in plan.recipes]
        tasks = [pool.submit(differences, *pair, plan, study, folder) for pair in pairs]
        models = [task.result() for task in tasks]
    worst = {
        f"{what}_worst": rounded(max(model[engine][key] for model in models for engine in ("python", "egaze_run")))
        for what, key in (("probs", "probs_worst"), ("heatmap", "heatmap_worst"), ("auc", "auc"))
    }
    scale = rounded(max(model["radiograph_8_bits_worst"] for model in models))
    return {"models": len(models), **worst, "radiograph_8_bits_worst": scale}, {"plan": asdict(plan), "models": models}


def main() -> None:
    quick = arguments(__doc__).quick
    one_thread()
    with tempfile.TemporaryDirectory() as folder:
        headline, details = measure(Path(folder), QUICK if quick else Plan())
    details = json.loads(json.dumps(details, default=float))
    finish("bf16", headline, details, ["torch", "timm"], quick=quick)


if __name__ == "__main__":
    main()
