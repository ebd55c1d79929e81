"""The whole road on synthetic radiographs: from tables and radiographs to a report and a model that C++ runs."""

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

#: A small model, so that two processors are done in minutes.
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
    """Synthesize, prepare, train, evaluate, explain, report, export, predict in Python and, with a runner, in C++.

    Args:
        out: a new folder for all of it.
        cases: synthetic radiographs.
        seed: of the radiographs and the training.
        runner: the program egaze-run; without it the C++ step is left out.
        say: gets a line a step.
        progress: gets (what is being done, done, in all).

    Returns:
        The report.

    Raises:
        EgazeError: `out` is not free, the seed is negative, or C++'s numbers are further than 1e-5 from Python's.
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
    with _step(say, "train both heads (recipe joint, made small)"):
        run = train(study, load_recipe("joint", RECIPE_OVERRIDES), out / "run", seed=seed, progress=progress)
    with _step(say, "evaluate on the test split"):
        metrics = evaluate(run, progress=counter("predicting")).metrics
        if metrics.classification is not None:
            auc = metrics.classification.macro_auc
            say(f"    macro AUC {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})")
        if metrics.heatmap is not None:
            cc, centre = metrics.heatmap.predicted["cc"], metrics.heatmap.centre_bias["cc"]
            if cc is not None and centre is not None:
                say(f"    CC with gaze {cc.value:.3f}, of the centre-bias map {centre.value:.3f}")
    with _step(say, f"explain {EXPLAINED} test radiographs"):
        explain(run, out / "explanations", limit=EXPLAINED, progress=counter("explaining"))
    with _step(say, "write the report"):
        report = write_report(run, out / "report.html")
    with _step(say, "export the model"):
        model = out / "model.pt"
        export_torchscript(run, model)
    if runner is None:
        say("    egaze-run was not built: the C++ step is left out")
    else:
        with _step(say, "predict the test radiographs in Python and in C++"):
            radiographs, furthest = compare_runner(
                runner, model, _save_radiographs(study, twin.images, out / "radiographs"), out
            )
            say(f"    {radiographs} radiographs: probabilities and heatmaps differ by at most {furthest:.1e}")
    return report


def compare_runner(runner: Path, model: Path, radiographs: list[Path], out: Path) -> tuple[int, float]:
    """Run egaze-run and Python's Predictor over the same radiographs.

    Returns:
        How many radiographs, and the largest difference of any probability or heatmap value.

    Raises:
        EgazeError: the runner failed, or the difference is over 1e-5.
    """
    command = [str(runner), str(model), *map(str, radiographs), "--out", str(out / "heatmaps")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise EgazeError(f"{runner}: exit code {done.returncode}: {done.stderr.strip().splitlines()[-1:]}")
    predictor = Predictor(model)
    furthest = 0.0
    for radiograph, answer in zip(radiographs, json.loads(done.stdout)["predictions"], strict=True):
        expected = predictor.predict(radiograph)
        probs = np.array([answer["class_probs"][name] for name in expected.class_names])
        heatmap = np.load(answer["heatmap_npy"], allow_pickle=False)
        furthest = max(
            furthest,
            float(np.abs(probs - expected.class_probs).max()),
            float(np.abs(heatmap - expected.heatmap).max()),
        )
    if not furthest <= PARITY:
        raise EgazeError(f"C++ and Python differ by {furthest:.1e}, more than {PARITY:.0e}")
    return len(radiographs), furthest


def _save_radiographs(study: Study, images: Path, folder: Path) -> list[Path]:
    """The test radiographs as .npy, which the C++ side reads without any library."""
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
