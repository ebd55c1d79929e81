"""The sections of gpu.py: tests, loader, prediction and training. Each measures what it has time for."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from baseline import their_image, their_learner
from gpu_record import Record
from harness import RUNNER, Sampler, quartiles, rounded, take_turns
from lightning_fabric import Fabric
from loader import InMemory, OnFiles, Transform, check, copies, make_study, ours
from model_files import CLASSES, bench, export, export_onnx, run_runner
from torch.utils.data import DataLoader

from egaze import Predictor
from egaze.deploy.export import ExportedModel
from egaze.loading import Batch, DeviceLoader, Shuffled
from egaze.models import DualHeadUNet
from egaze.study import Study
from egaze.training import load_recipe
from egaze.training.cost import CostMeter, EpochCost
from egaze.training.device import PRECISIONS, speed_up
from egaze.training.engine import train_one_epoch
from egaze.training.run import build_model
from egaze.training.trained import Trained

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Setup:
    """What the sections measure with.

    Attributes:
        device: "cuda", or "cpu" to go the same way without a GPU.
        folder: for files that are not kept.
        workers: processes of the alternatives' loaders, and threads of ours; 0 for none beside the main one.
        sides: of images, in pixels; the loader and prediction are measured at the first.
        radiographs: of the first side's study; others have at most 256.
        batch: images per training step.
        batches: images per prediction.
        encoder: of our models.
        turns, steps: how often alternatives take turns, and the training steps of one turn.
        files, file_shape: radiographs on disk for the baseline's loader, and their rows and columns.
        compile_s: how long compiling a model may take; 0 to leave it out.
        recipes, compiled: the recipes that are trained, and those also with a compiled model.
        tests: files of tests; None for all of the project's that need a GPU.
    """

    device: str
    folder: Path
    workers: int = os.cpu_count() or 1
    sides: tuple[int, ...] = (224, 512)
    radiographs: int = 1083
    batch: int = 32
    batches: tuple[int, ...] = (1, 8, 32)
    encoder: str = "tf_efficientnet_b0"
    turns: int = 3
    steps: int = 8
    files: int = 4
    file_shape: tuple[int, int] = (3056, 2544)
    compile_s: float = 60.0
    recipes: tuple[str, ...] = ("joint", "class-generators")
    compiled: tuple[str, ...] = ("joint", "class-generators")
    tests: tuple[Path, ...] | None = None

    @property
    def torch_device(self) -> torch.device:
        return torch.device(self.device)

    @property
    def module(self) -> Any:
        return torch.get_device_module(self.torch_device)

    def study(self, side: int) -> Study:
        folder = self.folder / str(side)
        folder.mkdir(parents=True, exist_ok=True)
        return make_study(folder, self.radiographs if side == self.sides[0] else min(self.radiographs, 256), side)

    def data_loader(self, data: Any) -> DataLoader[Any]:
        """The alternative's loader, at its best: pinned memory, processes that stay, whole batches."""
        return DataLoader(
            data,
            self.batch,
            shuffle=True,
            drop_last=True,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=self.device != "cpu",
        )


def tests(setup: Setup, record: Record) -> None:
    """Run the project's tests that need a GPU."""

    def run() -> dict[str, Any]:
        if importlib.util.find_spec("pytest") is None:
            raise ImportError("pytest", name="pytest")
        sources = sorted((ROOT / "tests").rglob("test_*.py"))
        paths = setup.tests or [path for path in sources if "mark.needs_cuda" in path.read_text(encoding="utf-8")]
        report = setup.folder / "tests.xml"
        command = [sys.executable, "-m", "pytest", "-m", "needs_cuda", "-q", f"--junitxml={report}", *map(str, paths)]
        needed = {} if setup.device == "cpu" else {"EGAZE_REQUIRE_CUDA": "1"}
        needed |= {"EGAZE_RUN": str(RUNNER)} if RUNNER.is_file() else {}
        limit_s = max(1.0, record.seconds_left)
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **needed}, capture_output=True, text=True, timeout=limit_s
        )
        outcomes = {"passed": 0, "failed": 0, "skipped": 0}
        for case in ElementTree.parse(report).iter("testcase"):
            name, found = f"{case.get('classname')}.{case.get('name')}", {child.tag: child for child in case}
            outcome = "failed" if {"failure", "error"} & set(found) else "skipped" if "skipped" in found else "passed"
            outcomes[outcome] += 1
            if outcome == "skipped":
                record.leave_out(name, str(found["skipped"].get("message")))
            if outcome == "failed":
                record.wrong[name] = (
                    "failed: "
                    + " ".join(
                        str(child.get("message")) for tag, child in found.items() if tag in ("failure", "error")
                    )[:300]
                )
        assert sum(outcomes.values()), f"pytest found no test: {done.stdout[-300:]}{done.stderr[-300:]}"
        return outcomes

    if (outcomes := record.run("tests that need a GPU", run)) is not None:
        record.keep("tests", outcomes)


def loader(setup: Setup, record: Record) -> None:
    """Compare the loader with torch's DataLoader and torchvision v2, both into the device's memory."""
    study = setup.study(setup.sides[0])
    memory = InMemory(study)
    if (errors := record.run("samples are what they must be", lambda: check(study, memory))) is None:
        return
    record.keep("errors", errors)
    into = {"device": setup.device, "threads": max(1, setup.workers), "batch_size": setup.batch}
    record.run("the device's samples are the host's", lambda: _equal(ours(study), ours(study, device=setup.device)))

    def rival(*, packed: bool) -> Sampler:
        data = InMemory(study)
        data.transform = Transform(packed=packed)
        return _samples_s(setup, setup.data_loader(data))

    def rates() -> dict[str, Any]:
        samplers = {
            "ours": _samples_s(setup, ours(study, **into)),
            "dataloader": rival(packed=False),
            "dataloader_packed": rival(packed=True),
        }
        turns = take_turns(samplers, setup.turns)
        return {
            "samples_per_s": {name: rounded(1 / turns.median(name)) for name in samplers},
            "vs_dataloader": turns.ratio("dataloader", "ours"),
            "vs_dataloader_packed": turns.ratio("dataloader_packed", "ours"),
            "seconds_a_sample": turns.details(),
        }

    for name, measure in {
        "rates": rates,
        "copies": lambda: copies(study, setup.torch_device, min(256, len(study))),
    }.items():
        if (found := record.run(name, measure, takes_s=5)) is not None:
            record.keep(name, found)


def _equal(here: Iterable[Batch], there: Iterable[Batch]) -> None:
    for one, other in zip(here, there, strict=True):
        for own, copied in zip(one.tensors(), other.tensors(), strict=True):
            assert torch.equal(own, copied.cpu()), "a batch on the device differs from the host's"


def _samples_s(setup: Setup, batches: Iterable[Any]) -> Sampler:
    """Return a sampler of the seconds per sample until all samples of an epoch are in the device's memory."""

    def sample() -> float:
        started, samples = time.perf_counter(), 0
        for batch in batches:
            tensors = batch.tensors() if isinstance(batch, Batch) else batch
            there = [tensor.to(setup.device, non_blocking=True) for tensor in tensors]
            samples += len(there[0])
        setup.module.synchronize()
        return (time.perf_counter() - started) / samples

    sample()
    return sample


def prediction(setup: Setup, record: Record) -> None:
    """Compare the engines that predict, given images of the model's size on the host."""
    torch.manual_seed(0)
    side = setup.sides[0]
    bare = DualHeadUNet(setup.encoder, len(CLASSES)).eval()
    files = {}
    for precision in ("fp32", "bf16"):
        files[precision] = export(bare, setup.folder / f"{precision}.pt", precision, side)
    model = ExportedModel(bare).eval()
    onnx = record.run("writing ONNX", lambda: export_onnx(files["fp32"], setup.folder / "model.onnx"))
    model.to(setup.device)
    image = np.random.default_rng(0).random((max(setup.batches), 1, side, side), dtype=np.float32)
    np.save(setup.folder / "image.npy", image[0, 0])
    made: dict[str, Callable[[], Callable[[np.ndarray], Any]]] = {
        "eager": lambda: _by_torch(setup, model),
        "torchscript": lambda: _by_torch(setup, torch.jit.load(files["fp32"], map_location=setup.device)),
        "onnxruntime": lambda: _by_onnxruntime(setup, onnx),
    }
    if onnx is None:
        del made["onnxruntime"]
    engines: dict[str, Callable[[np.ndarray], Any]] = {}
    expected: Any = None
    for name, make in made.items():
        tried = record.run(name, partial(_tried, setup, name, make, image, expected))
        if tried is not None:
            engines[name], found = tried
            expected = found if expected is None else expected
    if expected is None:
        return
    runs = {name: partial(_seconds, engine, image) for name, engine in engines.items()}
    own = record.run("Predictor of Python", lambda: _by_predictor(setup, files["fp32"], image[0, 0], expected))
    for precision, path in files.items():
        runner = record.run(
            f"egaze-run, {precision}",
            lambda precision=precision, path=path: _by_runner(setup, path, precision, expected),
        )
        if runner is not None:
            runs[f"cpp_{precision}"] = runner
    for batch in setup.batches:
        samplers: dict[str, Sampler] = {name: partial(run, batch) for name, run in runs.items()}
        if batch == 1 and own is not None:
            samplers["python_predictor"] = own
        _compare(setup, record, f"batch_{batch}", batch, samplers, "cpp_fp32" if "cpp_fp32" in samplers else "eager")
    record.keep("eager_memory_mb", _peak_mb(setup, lambda: engines["eager"](image)))
    if not setup.compile_s:
        return
    # Compiling comes last, because it takes longest.
    compiled = partial(_tried, setup, "compiled", lambda: _by_torch(setup, torch.compile(model, dynamic=True)))
    if (tried := record.run("compiled", partial(compiled, image, expected), takes_s=setup.compile_s)) is not None:
        for batch in setup.batches:
            both = {"eager": engines["eager"], "compiled": tried[0]}
            samplers = {name: partial(_seconds, engine, image, batch) for name, engine in both.items()}
            _compare(setup, record, f"compiled_batch_{batch}", batch, samplers, "compiled")


def _compare(setup: Setup, record: Record, name: str, batch: int, samplers: dict[str, Sampler], ours: str) -> None:
    """Let engines take turns with one batch, and keep their times and how many times as long as `ours` they take."""

    def measure() -> dict[str, Any]:
        taken = take_turns(samplers, setup.turns)
        return {
            "milliseconds": {each: rounded(1e3 * taken.median(each)) for each in samplers},
            "images_per_s": {each: rounded(batch / taken.median(each)) for each in samplers},
            f"times_of_{ours}": {each: taken.ratio(each, ours) for each in samplers if each != ours},
            "seconds": taken.details(),
        }

    if (found := record.run(f"{name} in turns", measure, takes_s=3)) is not None:
        record.keep(name, found)


def _tried(
    setup: Setup, name: str, make: Callable[[], Callable[[np.ndarray], Any]], images: np.ndarray, expected: Any
) -> tuple[Callable[[np.ndarray], Any], Any]:
    """An engine, warm and checked against the first of them, and its prediction of all images."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        engine = make()
        for batch in setup.batches:
            found = engine(images[:batch])
            if expected is not None:
                _require_close(name, found, [part[:batch] for part in expected], setup)
    return engine, found


def _require_close(name: str, found: Any, expected: Any, setup: Setup) -> None:
    """On a GPU convolutions may compute in TF32, whose products have 11 bits."""
    limit = 2e-2 if "bf16" in name else 1e-4 if setup.device == "cpu" else 1e-2
    for one, other in zip(found, expected, strict=True):
        difference = float(np.abs(np.asarray(one, np.float32) - other).max())
        assert difference < limit, f"{name} differs from eager by {difference:.2g}"


def _by_torch(setup: Setup, module: Callable[[torch.Tensor], Any]) -> Callable[[np.ndarray], Any]:
    def predict(images: np.ndarray) -> Any:
        with torch.inference_mode():
            return [part.float().cpu().numpy() for part in module(torch.from_numpy(images).to(setup.device))]

    return predict


def _by_onnxruntime(setup: Setup, path: Path) -> Callable[[np.ndarray], Any]:
    import onnxruntime

    provider = "CPUExecutionProvider" if setup.device == "cpu" else "CUDAExecutionProvider"
    if provider not in onnxruntime.get_available_providers():
        raise RuntimeError(f"this onnxruntime has no {provider}; onnxruntime-gpu has")
    session = onnxruntime.InferenceSession(str(path), providers=[provider])
    if provider not in session.get_providers():
        raise RuntimeError(f"onnxruntime could not load its {provider}")
    return lambda images: session.run(None, {"image": images})


def _by_predictor(setup: Setup, path: Path, image: np.ndarray, expected: Any) -> Sampler:
    predictor = Predictor(path, device=setup.device)
    found = predictor.predict(image)
    _require_close("Predictor", [found.class_probs, found.heatmap], [expected[0][0], expected[1][0, 0]], setup)

    def sample() -> float:
        started = time.perf_counter()
        for _ in range(5):
            predictor.predict(image)
        return (time.perf_counter() - started) / 5

    return sample


def _by_runner(setup: Setup, path: Path, precision: str, expected: Any) -> Callable[[int], float]:
    if not RUNNER.is_file():
        raise RuntimeError(f"{RUNNER.name} is not built (EGAZE_RUN names another)")
    image, options = setup.folder / "image.npy", ("--device", setup.device)
    (said,) = json.loads(run_runner(path, image, "--out", setup.folder, *options))["predictions"]
    found = [list(said["class_probs"].values()), np.load(said["heatmap_npy"])]
    _require_close(f"egaze-run {precision}", found, [expected[0][0], expected[1][0, 0]], setup)
    threads = max(1, setup.workers)
    return lambda batch: float(bench(path, image, threads, batch, 5, *options)["model_s"]["median_s"])


def _seconds(predict: Callable[[np.ndarray], Any], images: np.ndarray, batch: int) -> float:
    started = time.perf_counter()
    for _ in range(5):
        predict(images[:batch])
    return (time.perf_counter() - started) / 5


def _peak_mb(setup: Setup, work: Callable[[], Any]) -> float | None:
    """The memory that some work takes on the device beyond what was there before; None on a CPU."""
    if setup.device == "cpu":
        work()
        return None
    setup.module.synchronize()
    setup.module.reset_peak_memory_stats()
    before = setup.module.memory_allocated()
    work()
    setup.module.synchronize()
    return rounded((setup.module.max_memory_allocated() - before) / 1e6)


#: Ours, by name: precision, whether in the channels-last format.
VARIANTS = {
    "fp32": ("fp32", False),
    "fp32_channels_last": ("fp32", True),
    "bf16": ("bf16", False),
    "bf16_channels_last": ("bf16", True),
}
COMPILED, UNCOMPILED = "bf16_channels_last_compiled", "bf16_channels_last"


def training(setup: Setup, record: Record) -> None:
    """Compare training steps, loaders included, with those of the EGD-CXR baseline's model and loader."""
    studies = {}
    for side in setup.sides:
        studies[side] = setup.study(side)
        rivals = _built_rivals(setup, record, studies[side], side)
        for name in setup.recipes:
            learners = _built(setup, record, studies[side], name, side, VARIANTS)
            _take_turns(setup, record, f"{name}_{side}", {**learners, **rivals})
    if not setup.compile_s:
        return
    for side, study in studies.items():
        for name in setup.compiled:
            chosen = {UNCOMPILED: VARIANTS[UNCOMPILED], COMPILED: VARIANTS[UNCOMPILED]}
            _take_turns(setup, record, f"{name}_{side}_compiled", _built(setup, record, study, name, side, chosen))


class Learner:
    """A model with its optimiser and its loader, which go on from turn to turn."""

    def __init__(self, turn: Callable[[], tuple[float, float, float]]) -> None:
        self._turn = turn
        self.waits: list[float] = []
        self.losses: list[float] = []

    def __call__(self) -> float:
        """Train for a turn, and return the seconds per image."""
        seconds, loss, waiting = self._turn()
        assert np.isfinite(loss), f"the loss is {loss}"
        self.losses.append(loss)
        self.waits.append(waiting)
        return seconds


def _built(
    setup: Setup, record: Record, study: Study, recipe: str, side: int, variants: dict[str, tuple[str, bool]]
) -> dict[str, Learner]:
    learners: dict[str, Learner] = {}
    for name, (precision, channels_last) in variants.items():
        compiled, what = name == COMPILED, f"{name}_{recipe}_{side}"

        def build(
            precision: str = precision, channels_last: bool = channels_last, compiled: bool = compiled, what: str = what
        ) -> Learner:
            made: list[Learner] = []

            def work() -> None:
                made.append(_ours(setup, study, recipe, side, precision, channels_last, compiled))
                made[0]()

            record.keep(f"{what}_memory_mb", _peak_mb(setup, work))
            first = next(iter(learners.values()), made[0]).losses[0]
            difference = abs(made[0].losses[0] - first)
            assert difference < 0.1 * abs(first), f"its first loss is {made[0].losses[0]:.4g}, and not {first:.4g}"
            return made[0]

        learner = record.run(what, build, takes_s=setup.compile_s if compiled else 2)
        if learner is not None:
            learners[name] = learner
    return learners


def _built_rivals(setup: Setup, record: Record, study: Study, side: int) -> dict[str, Learner]:
    learners = {}
    for precision, loads in (("fp32", "memory"), ("bf16", "memory"), ("fp32", "files")):
        name = f"baseline_{precision}_from_{loads}"

        def build(precision: str = precision, loads: str = loads, name: str = name) -> Learner:
            made: list[Learner] = []

            def work() -> None:
                made.append(_baseline(setup, study, side, precision, loads))
                made[0]()

            record.keep(f"{name}_{side}_memory_mb", _peak_mb(setup, work))
            return made[0]

        learner = record.run(f"{name}_{side}", build, takes_s=5)
        if learner is not None:
            learners[name] = learner
    return learners


def _take_turns(setup: Setup, record: Record, name: str, learners: dict[str, Learner]) -> None:
    if not learners:
        return

    def measure() -> dict[str, Any]:
        taken = take_turns(learners, setup.turns)
        ratios = {
            f"{ours}_vs_{rival}": taken.ratio(rival, ours)
            for ours in learners
            for rival in learners
            if ours != rival
            and (rival.startswith("baseline") or COMPILED in (ours, rival))
            and ours in (*VARIANTS, COMPILED)
        }
        return {
            "images_per_s": {each: rounded(1 / taken.median(each)) for each in learners},
            "ratios": ratios,
            "waiting_frac": {each: rounded(float(np.median(learner.waits))) for each, learner in learners.items()},
            "losses": {each: [learner.losses[0], learner.losses[-1]] for each, learner in learners.items()},
            "seconds_an_image": {each: quartiles(seconds) for each, seconds in taken.seconds.items()},
        }

    if (found := record.run(f"{name} in turns", measure, takes_s=3)) is not None:
        record.keep(name, found)


class _Steps:
    """A loader that never ends, as one of a turn's steps, of whole batches."""

    def __init__(self, batches: Iterator[Any], steps: int) -> None:
        self._batches, self._steps = batches, steps

    def __len__(self) -> int:
        return self._steps

    def __iter__(self) -> Iterator[Any]:
        return islice(self._batches, self._steps)

    def case_ids(self, batch: int) -> list[str]:
        return [f"batch {batch}"]


def _endless(batches: Iterable[Any], size: int) -> Iterator[Any]:
    epoch = 0
    while True:
        if isinstance(batches, DeviceLoader):
            batches.set_epoch(epoch)
        yield from (batch for batch in batches if not isinstance(batch, Batch) or len(batch) == size)
        epoch += 1


def _ours(
    setup: Setup, study: Study, name: str, side: int, precision: str, channels_last: bool, compiled: bool
) -> Learner:
    overrides = [f"input_size_px={side}", f"batch_size={setup.batch}", f"model.encoder={setup.encoder}"]
    recipe = replace(load_recipe(name, overrides), compile=compiled)
    stage = recipe.stages[0]
    fabric = Fabric(accelerator=setup.device, devices=1, precision=PRECISIONS[precision])
    torch.manual_seed(0)
    bare = speed_up(build_model(recipe.model, len(study.class_names)), fabric.device)
    if channels_last:
        bare.to(memory_format=torch.channels_last)
    trained = Trained(fabric, bare, recipe, stage)
    batches = DeviceLoader(
        study,
        Shuffled(np.arange(len(study))),
        batch_size=setup.batch,
        size_px=side,
        target=recipe.batch_target,
        augmentation=recipe.augmentation,
        device=fabric.device,
        threads=max(1, setup.workers),
    )
    steps = _Steps(_endless(batches, setup.batch), setup.steps)

    def turn() -> tuple[float, float, float]:
        meter = CostMeter(fabric.device)
        started = time.perf_counter()
        losses = train_one_epoch(
            fabric, trained.model, trained.optimizer, steps, stage, lambda _: stage.learning_rate, meter=meter
        )
        seconds = (time.perf_counter() - started) / (setup.steps * setup.batch)
        cost: EpochCost = meter.cost()
        return seconds, losses["loss"], cost.waiting_frac

    return Learner(turn)


def _baseline(setup: Setup, study: Study, side: int, precision: str, loads: str) -> Learner:
    if loads == "files":
        folder = setup.folder / "files"
        folder.mkdir(exist_ok=True)
        repeats = -(-2 * setup.batch // setup.files)
        data: Any = OnFiles(folder, setup.files, side, setup.file_shape, repeats)
    else:
        data = InMemory(study)
        data.transform = Transform()
    torch.manual_seed(0)
    learn = their_learner(PRECISIONS[precision], accelerator=setup.device)
    # Files are read so slowly that fewer steps take as long.
    count = max(1, setup.steps // 4) if loads == "files" else setup.steps
    steps = _Steps(_endless(setup.data_loader(data), setup.batch), count)

    def turn() -> tuple[float, float, float]:
        started, waited, loss = time.perf_counter(), 0.0, torch.zeros(())
        batches = iter(steps)
        for _ in range(count):
            asked = time.perf_counter()
            batch = next(batches)
            waited += time.perf_counter() - asked
            image, heatmap, label = (tensor.to(setup.device, non_blocking=True) for tensor in batch)
            loss = learn(their_image(image), heatmap, label)
        last = float(loss)
        seconds = time.perf_counter() - started
        return seconds / (count * setup.batch), last, waited / seconds

    return Learner(turn)


SECTIONS = {"tests": tests, "loader": loader, "prediction": prediction, "training": training}
