"""The demo: everything on synthetic radiographs, from tables and radiographs to a report and a model run by C++."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from egaze.atomic import require_free
from egaze.deploy import Predictor, export_torchscript
from egaze.errors import EgazeError
from egaze.evaluation import evaluate
from egaze.explain import explain
from egaze.imaging import read_radiograph
from egaze.progress import NamedProgress, Progress
from egaze.report import write_report
from egaze.sources import EgdCxr
from egaze.sources.synthetic import synthesize
from egaze.study import Study, prepare_study
from egaze.study.splits import require_seed
from egaze.training import load_recipe, train

#: A small model, so that two processors finish in minutes.
RECIPE_OVERRIDES = (
    "input_size_px=128",
    "model.encoder=resnet18",
    "stages.epochs=20",
    "stages.patience=0",
)
EXPLAINED = 6
PARITY = 1e-5


def run_demo(
    out: Path,
    *,
    cases: int = 300,
    seed: int = 0,
    runner: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
    progress: NamedProgress = lambda what, done, total: None,
) -> Path:
    """Synthesize, prepare, train, evaluate, explain, report, export, and predict in Python and C++.

    Args:
        out: a new folder for all files.
        cases: number of synthetic radiographs.
        seed: seed of the radiographs and the training.
        runner: the program egaze-run; if None, prediction is left out.
        say: called with a line of text for each step.
        progress: called with what is being done, how much of it is done, and how much there is.

    Returns:
        Path of the report.

    Raises:
        EgazeError: `out` exists, the seed is negative, or predictions in C++ differ from Python's by more than 1e-5.
    """
    out = Path(out)
    require_seed(seed)
    require_free(out)
    workers = os.cpu_count() or 1

    def counter(what: str) -> Progress:
        return lambda done, total: progress(what, done, total)

    with _step(say, f"synthesize {cases} radiographs with gaze, seed {seed}"):
        twin = synthesize(out / "twin", cases=cases, seed=seed, workers=workers, progress=counter("making radiographs"))
    with _step(say, "prepare the study"):
        study = prepare_study(
            [EgdCxr(twin.tables, twin.images)],
            out / "study",
            size_px=128,
            workers=workers,
            progress=counter("reading radiographs"),
        )
    with _step(say, "train both heads (recipe joint with a small model)"):
        run = train(study, load_recipe("joint", RECIPE_OVERRIDES), out / "run", seed=seed, progress=progress)
    with _step(say, "evaluate on the test split"):
        metrics = evaluate(run, progress=counter("predicting")).metrics
        if metrics.classification is not None:
            auc = metrics.classification.macro_auc
            say(f"    macro AUC {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})")
        if metrics.heatmap is not None:
            cc, centre = metrics.heatmap.predicted["cc"], metrics.heatmap.centre_bias["cc"]
            if cc is not None and centre is not None:
                say(f"    CC with gaze {cc.value:.3f}, centre-bias map {centre.value:.3f}")
    with _step(say, f"explain {EXPLAINED} test radiographs"):
        explain(run, out / "explanations", limit=EXPLAINED, progress=counter("explaining"))
    with _step(say, "write the report"):
        report = write_report(run, out / "report.html")
    with _step(say, "export the model"):
        model = out / "model.pt"
        export_torchscript(run, model)
    if runner is None:
        say("    egaze-run was not built, so prediction in C++ is left out")
    else:
        with _step(say, "predict the test radiographs in Python and in C++"):
            radiographs, furthest = compare_runner(
                runner, model, _save_radiographs(study, twin.images, out / "radiographs"), out
            )
            say(f"    {radiographs} radiographs: probabilities and heatmaps differ by at most {furthest:.1e}")
    return report


def compare_runner(runner: Path, model: Path, radiographs: list[Path], out: Path) -> tuple[int, float]:
    """Predict the same radiographs with egaze-run and with Python's Predictor.

    Returns:
        The number of radiographs, and the largest difference of any probability or heatmap value.

    Raises:
        EgazeError: the runner failed, or the difference is above 1e-5.
    """
    command = [str(runner), str(model), *map(str, radiographs), "--out", str(out / "heatmaps")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise EgazeError(f"{runner}: exit code {done.returncode}: {done.stderr.strip().splitlines()[-1:]}")
    predictor = Predictor(model)
    furthest = 0.0
    for radiograph, predicted in zip(radiographs, json.loads(done.stdout)["predictions"], strict=True):
        expected = predictor.predict(radiograph)
        probs = np.array([predicted["class_probs"][name] for name in expected.class_names])
        heatmap = np.load(predicted["heatmap_npy"], allow_pickle=False)
        furthest = max(
            furthest,
            float(np.abs(probs - expected.class_probs).max()),
            float(np.abs(heatmap - expected.heatmap).max()),
        )
    if not furthest <= PARITY:
        raise EgazeError(f"C++ and Python differ by {furthest:.1e}, more than {PARITY:.0e}")
    return len(radiographs), furthest


def _save_radiographs(study: Study, images: Path, folder: Path) -> list[Path]:
    """Save the test radiographs as .npy, which C++ reads without any library."""
    folder.mkdir(parents=True)
    paths = {path.stem: path for path in images.rglob("*.dcm")}
    saved = []
    for index in study.splits.indices("test"):
        case_id = study.case_ids[index]
        radiograph = folder / f"{case_id}.npy"
        np.save(radiograph, read_radiograph(paths[case_id]).pixels)
        saved.append(radiograph)
    return saved


@contextmanager
def _step(say: Callable[[str], None], what: str) -> Iterator[None]:
    started_s = time.perf_counter()
    say(what)
    yield
    say(f"    {time.perf_counter() - started_s:.1f} s")
