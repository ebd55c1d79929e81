"""One trial of the gaze experiment: a recipe, a number of radiographs and a seed, and its results on the test split.

The radiographs are a synthetic twin at the default difficulty, which was fixed before any of these recipes was trained.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from egaze.atomic import write_file
from egaze.evaluation.agreement import centre_bias
from egaze.imaging import resize
from egaze.loading import DeviceLoader
from egaze.metrics import cc, kld, nss
from egaze.metrics.localisation import pointing_game
from egaze.metrics.multiclass_auc import macro_auc
from egaze.models import grad_cam, to_image_size
from egaze.sources import Table
from egaze.sources.synthetic import synthesize
from egaze.sources.synthetic.plan import FULL_LONG_SIDE_PX
from egaze.sources.synthetic.twin import DEFAULT_LONG_SIDE_PX
from egaze.study import Study, open_study, prepare_study
from egaze.study.splits import Splits
from egaze.training import Recipe, Run, load_recipe, train
from egaze.training.engine import predict

SIZE_PX = 128
ENCODER = "resnet10t"
#: egd-baseline's blur of 150 px on the twin's radiographs, which are smaller than those that it was written for.
EGD_SIGMA_PX = round(150 * DEFAULT_LONG_SIDE_PX / FULL_LONG_SIDE_PX, 1)
PRECISION = "bf16"
MEASURES = ("cc", "kld", "nss")
#: Ablations of recipes: the recipe, and what is changed in it.
ABLATIONS = {"class-generators-no-gaze": ("class-generators", ("stages.heatmap_weight=0",))}
CONTROLLED = "class-generators"
#: Controls of what gaze teaches a recipe, in the same form; see `egaze.targets.GazeControl`.
CONTROLS = {
    f"{CONTROLLED}-{name}": (CONTROLLED, (f"control.{change}",))
    for name, change in {
        "same-class": "gaze=same-class",
        "other-class": "gaze=other-class",
        "uniform": "gaze=uniform",
        "centre-bias": "gaze=centre-bias",
        "50-percent": "fixations_frac=0.5",
        "10-percent": "fixations_frac=0.1",
    }.items()
}


@dataclass(frozen=True, slots=True)
class Trial:
    """A recipe or ablation, the number of training radiographs, the seed of the training, and the epochs of all
    stages."""

    recipe: str
    radiographs: int
    seed: int
    epochs: int

    @property
    def name(self) -> str:
        return f"{self.recipe}-{self.radiographs}-{self.seed}"

    def stored_in(self, folder: Path, recipe: Recipe, study: Study) -> Path:
        """The file that keeps the outcome of the trial with this recipe on this study and its splits."""
        facts = f"{recipe.without_paths().to_toml()}{study.digest()}{study.splits.split_index.tolist()}"
        return folder / f"{self.name}-{hashlib.sha256(facts.encode()).hexdigest()[:8]}.npz"


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The results of a trained model on the T test radiographs; those of heatmaps are NaN if the model has none.

    Attributes:
        validation_auc: macro AUC on the validation radiographs.
        class_probs: (T, C).
        maps: (T, 3) CC, KL divergence and NSS of the predicted map and gaze.
        map_peak, gradcam_peak: (T,) whether the peak of the map, or of Grad-CAM of the true class, lies in the true
            finding; NaN for radiographs without one.
        gradcam: (T, 3) the same for Grad-CAM of the true class.
        seconds: duration of the training.
    """

    validation_auc: float
    class_probs: NDArray[np.float32]
    maps: NDArray[np.float64]
    map_peak: NDArray[np.float64]
    gradcam_peak: NDArray[np.float64]
    gradcam: NDArray[np.float64]
    seconds: float


def make_study(
    folder: Path, seed: int, *, radiographs: int, gaze_quality: float = 1.0, workers: int
) -> tuple[Study, NDArray[np.bool_]]:
    """Prepare the twin once; returns the study and the (N, SIZE_PX, SIZE_PX) masks of the true findings."""
    twin, study = folder / "twin", folder / "study"
    if not twin.exists():
        synthesize(twin, cases=radiographs, seed=seed, layout="table", gaze_quality=gaze_quality, workers=workers)
    if not study.exists():
        source = Table(twin / "cases.csv", twin / "fixations.csv")
        prepare_study([source], study, size_px=SIZE_PX, workers=workers)
    opened = open_study(study)
    return opened, np.stack([_mask(twin / "findings" / f"{case_id}.png") for case_id in opened.case_ids])


def _mask(path: Path) -> NDArray[np.bool_]:
    """Place a finding mask on the canvas: pixels of which it covers at least half."""
    with Image.open(path) as picture:
        return resize(np.asarray(picture.convert("L"), dtype=np.float32), (SIZE_PX, SIZE_PX)) >= 127.5


def deal(study: Study, radiographs: int, *, validation: int, test: int) -> Study:
    """Split the study by patient, with `radiographs` for training; smaller training splits lie within larger ones."""
    split_index = np.full(len(study), -1, dtype=np.int64)
    patients = iter(np.random.default_rng(0).permutation(np.unique(study.patients)))
    for split, wanted in ((2, test), (1, validation), (0, radiographs)):
        while (split_index == split).sum() < wanted:
            split_index[study.patients == next(patients)] = split
    return replace(study, splits=Splits(0, (radiographs, validation, test), split_index))


def resolved(trial: Trial) -> Recipe:
    """Return the trial's recipe with a small encoder without pretrained weights, small images and its epochs."""
    name, changes = (ABLATIONS | CONTROLS).get(trial.recipe, (trial.recipe, ()))
    shares = (0.4, 0.1, 0.5) if name == "generator-first" else (1.0,)
    epochs = [f"stages.{number}.epochs={max(1, round(share * trial.epochs))}" for number, share in enumerate(shares)]
    common = (f"model.encoder={ENCODER}", "model.weights=none", f"input_size_px={SIZE_PX}", "stages.patience=0")
    scaled = (f"egd_sigma_px={EGD_SIGMA_PX}",) if name == "egd-baseline" else ()
    return load_recipe(name, [*common, *epochs, *scaled, *changes])


def carry_out(trial: Trial, recipe: Recipe, study: Study, masks: NDArray[np.bool_], folder: Path) -> Outcome:
    """Train the trial's recipe and evaluate the test radiographs once; an outcome that is already in `folder` is
    returned."""
    kept = trial.stored_in(folder, recipe, study)
    if kept.exists():
        with np.load(kept, allow_pickle=False) as arrays:
            return Outcome(**{name: arrays[name] if arrays[name].ndim else float(arrays[name]) for name in arrays})
    torch.set_num_threads(1)
    place = folder / f"{trial.name}.run"
    shutil.rmtree(place, ignore_errors=True)
    run = train(
        study,
        recipe,
        place,
        seed=trial.seed,
        device="cpu",
        precision=PRECISION,
        threads=1,
    )
    outcome = _outcome(run, study, masks)
    write_file(kept, lambda partial: _save(partial, outcome))
    shutil.rmtree(place)
    return outcome


def _save(path: Path, outcome: Outcome) -> None:
    with path.open("wb") as file:
        np.savez(file, **{name: np.asarray(value) for name, value in asdict(outcome).items()})


def _outcome(run: Run, study: Study, masks: NDArray[np.bool_]) -> Outcome:
    model, stage = run.load_model(), run.recipe.stages[-1]
    options = {"size_px": SIZE_PX, "target": run.recipe.heatmap, "batch_size": 32}
    validation = predict(
        model, DeviceLoader(study, study.splits.indices("validation"), **options), stage, keep_heatmaps=False
    )
    test = study.splits.indices("test")
    loader = DeviceLoader(study, test, **options)
    predicted = predict(model, loader, stage, keep_heatmaps=model.heatmap_head)
    cams = np.concatenate(
        [to_image_size(grad_cam(model, batch.image, batch.label), (SIZE_PX, SIZE_PX)).numpy() for batch in loader]
    )
    none = np.full((len(test), len(MEASURES)), np.nan)
    maps = none if predicted.heatmap is None else predicted.heatmap.astype(np.float64)
    labels = study.labels.values[validation.case_index]
    return Outcome(
        validation_auc=macro_auc(labels, validation.class_probs),
        class_probs=predicted.class_probs,
        maps=none if predicted.heatmap is None else agreement(study, maps, test),
        map_peak=np.full(len(test), np.nan) if predicted.heatmap is None else peaks(maps, masks[test]),
        gradcam_peak=peaks(cams, masks[test]),
        gradcam=agreement(study, cams, test),
        seconds=sum(entry.seconds for entry in run.log()),
    )


def agreement(study: Study, maps: NDArray[np.floating], cases: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (T, 3) CC, KL divergence and NSS of (T, H, W) maps with the gaze of the cases."""
    target = load_recipe("joint").heatmap
    rows = []
    for case_index, values in zip(cases, maps, strict=True):
        truth = target.heatmap(study, [int(case_index)], SIZE_PX)
        fixations = study.fixations(int(case_index), SIZE_PX)
        rows.append((cc(values, truth), kld(values, truth), nss(values, fixations.x_px, fixations.y_px)))
    return np.array(rows)


def centre_agreement(study: Study) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the training radiographs' centre-bias map, (SIZE_PX, SIZE_PX), and its agreement with gaze, (T, 3)."""
    centre = centre_bias(study, load_recipe("joint").heatmap, SIZE_PX)
    test = study.splits.indices("test")
    return centre, agreement(study, np.broadcast_to(centre, (len(test), *centre.shape)), test)


def peaks(maps: NDArray[np.floating], masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return (T,) whether each map's peak lies in the radiograph's finding; NaN for radiographs without one."""
    return np.array(
        [pointing_game(values, mask) if mask.any() else np.nan for values, mask in zip(maps, masks, strict=True)]
    )


def one_thread() -> None:
    """Limit a worker process to one thread, because each training has its own process."""
    os.environ["OMP_NUM_THREADS"] = "1"
