"""Does gaze help, and by how much? Five recipes are trained on synthetic radiographs with synthetic gaze.

This takes hours; an interrupted experiment resumes.

best_recipe              the recipe that learns from gaze and has the best AUC on the VALIDATION radiographs
auc_control              macro AUC of encoder-only on the test radiographs, mean over seeds, 250 training radiographs
auc_best                 macro AUC of best_recipe
auc_gain, _low, _high    their paired difference, with its 95 % interval over seeds and test patients
map_cc, centre_cc        CC with gaze of best_recipe's heatmaps, and of the training radiographs' centre-bias map
peak_in_finding          fraction of radiographs with a finding on which best_recipe's heatmap has its peak in it
gradcam_peak_in_finding  the same for Grad-CAM of encoder-only and the true class
auc_gain_loose           the gain of best_recipe where gaze tells less of findings than radiologists' gaze does
auc_gain_tell_all        the same where it tells nearly all

class-generators is also trained on controls of gaze: gaze on other radiographs of the same class and of other classes,
a uniform map, the centre-bias map, and half and a tenth of the fixations. What it gains over the first four is due to
where the reader of the radiograph looked, and not to any map or any regulariser.

A learning curve of encoder-only and best_recipe then shows how many radiographs gaze is worth. The radiographs are
phantoms and the gaze follows rules, so the experiment shows whether the method can work, not that it works on patients.

    python experiments/gaze_helps.py --workers 2 [--folder build/gaze_helps]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from gaze_trials import (
    ABLATIONS,
    CONTROLLED,
    CONTROLS,
    ENCODER,
    MEASURES,
    PRECISION,
    SIZE_PX,
    Outcome,
    Trial,
    carry_out,
    centre_agreement,
    deal,
    make_study,
    one_thread,
    peaks,
    resolved,
)
from numpy.typing import NDArray
from record import finish, rounded

from egaze.metrics import mean_ci
from egaze.metrics.over_seeds import aucs_over_seeds, mean_over_seeds
from egaze.metrics.paired import paired_aucs, paired_mean
from egaze.sources.synthetic.reader import READER_VERSION
from egaze.study import Study
from egaze.training import Recipe

CONTROL = "encoder-only"
GAZE_RECIPES = ("egd-baseline", "joint", "generator-first", "class-generators")
RECIPES = (CONTROL, *GAZE_RECIPES, *ABLATIONS)
TWIN_SEED = 2207
#: The quality of gaze by its name; recipes are compared on the calibrated one.
CALIBRATED = "calibrated"
GAZE_QUALITIES = {"loose": 0.5, CALIBRATED: 1.0, "tell-all": 4.0}


@dataclass(frozen=True, slots=True)
class Plan:
    """The sizes of the experiment.

    Attributes:
        twin_radiographs: number of radiographs to synthesize.
        radiographs: number of training radiographs in the comparison of recipes.
        splits: numbers of validation and test radiographs.
        curve: numbers of training radiographs in the learning curve.
        seeds: seeds of the trainings.
        epochs: epochs of all stages together, by the number of training radiographs.
    """

    twin_radiographs: int
    radiographs: int
    splits: dict[str, int]
    curve: tuple[int, ...]
    seeds: range
    epochs: dict[int, int]

    def trials(self, recipes: tuple[str, ...], counts: tuple[int, ...]) -> list[Trial]:
        return [
            Trial(recipe, radiographs, seed, self.epochs[radiographs])
            for radiographs in counts
            for seed in self.seeds
            for recipe in recipes
        ]


# With fewer radiographs, each is seen more often: a training has 4,000 to 10,000 views.
FULL = Plan(
    1290, 250, {"validation": 125, "test": 640}, (60, 125, 250, 500), range(5), {60: 66, 125: 46, 250: 30, 500: 20}
)
QUICK = Plan(60, 20, {"validation": 12, "test": 18}, (10, 20), range(2), {10: 2, 20: 2})


def twins_folder(folder: Path, *, quick: bool) -> Path:
    """Return the folder that has a folder for each quality of gaze, with its twin and the outcomes of its trials."""
    return folder / f"{'quick' if quick else 'full'}-reader-{READER_VERSION}"


def outcomes(
    wanted: list[Trial],
    study: Study,
    masks: NDArray[np.bool_],
    folder: Path,
    plan: Plan,
    workers: int,
    recipe_of: Callable[[Trial], Recipe] = resolved,
) -> dict[Trial, Outcome]:
    """Carry out all trials, several at a time, and keep each outcome in the folder."""
    found = {}
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=one_thread) as pool:
        jobs = {
            pool.submit(
                carry_out, trial, recipe_of(trial), deal(study, trial.radiographs, **plan.splits), masks, folder
            ): trial
            for trial in wanted
        }
        for number, job in enumerate(as_completed(jobs), start=1):
            found[jobs[job]] = job.result()
            auc = job.result().validation_auc
            print(f"{number}/{len(jobs)} {jobs[job].name}: validation AUC {auc:.3f}", file=sys.stderr, flush=True)
    return found


class Results:
    """The outcomes of trials over the same test radiographs.

    Args:
        study: the study with its splits.
        masks: finding masks of all its radiographs.
        plan: the plan of the trials.
        found: outcomes of the trials.
    """

    def __init__(self, study: Study, masks: NDArray[np.bool_], plan: Plan, found: dict[Trial, Outcome]) -> None:
        test = study.splits.indices("test")
        self.labels, self.groups = study.labels.values[test], study.patients[test]
        self.has_finding = masks[test].any(axis=(1, 2))
        self.class_names = study.class_names
        self._plan, self._found = plan, found

    def stacked(self, recipe: str, radiographs: int, name: str) -> NDArray[np.float64]:
        """Stack one field of the outcomes over the S seeds."""
        outcomes = [self._found[trial] for trial in self._plan.trials((recipe,), (radiographs,))]
        return np.stack([np.asarray(getattr(outcome, name), dtype=np.float64) for outcome in outcomes])

    def recipe(self, recipe: str, radiographs: int) -> dict[str, Any]:
        """Summarise one recipe at one number of radiographs, with intervals over seeds and patients."""
        probs = self.stacked(recipe, radiographs, "class_probs")
        aucs = aucs_over_seeds(self.labels, probs, self.groups)
        content: dict[str, Any] = {
            "validation_auc": float(self.stacked(recipe, radiographs, "validation_auc").mean()),
            "training_s": float(np.median(self.stacked(recipe, radiographs, "seconds"))),
            "auc": self._by_class(aucs.macro, aucs.classes),
            "gradcam": self._maps(self.stacked(recipe, radiographs, "gradcam")),
            "gradcam_peak_in_finding": self._peaks(self.stacked(recipe, radiographs, "gradcam_peak")),
        }
        if recipe != CONTROL:
            content["auc_gain"] = self.auc_difference(recipe, CONTROL, radiographs)
            content["map"] = self._maps(self.stacked(recipe, radiographs, "maps"))
            content["map_peak_in_finding"] = self._peaks(self.stacked(recipe, radiographs, "map_peak"))
        return content

    def auc_difference(self, recipe: str, reference: str, radiographs: int) -> dict[str, Any]:
        """Return the paired difference in AUC of a recipe from another: macro, and by class."""
        probs, others = (self.stacked(name, radiographs, "class_probs") for name in (recipe, reference))
        difference = paired_aucs(self.labels, probs, others, self.groups)
        return self._by_class(difference.macro, difference.classes)

    def map_gains(
        self, recipe: str, radiographs: int, centre: NDArray[np.float64], centre_peak: NDArray[np.float64]
    ) -> Any:
        """Compare the recipe's heatmaps with the centre-bias map and with the control's Grad-CAM, in agreement and
        peaks."""
        maps = self.stacked(recipe, radiographs, "maps")
        peak = self.stacked(recipe, radiographs, "map_peak")[:, self.has_finding]
        rivals = {
            "centre_bias": (centre[None], centre_peak[None, self.has_finding]),
            "gradcam_of_control": (
                self.stacked(CONTROL, radiographs, "gradcam"),
                self.stacked(CONTROL, radiographs, "gradcam_peak")[:, self.has_finding],
            ),
        }
        return {
            f"over_{name}": {
                **{
                    measure: asdict(
                        paired_mean(maps[..., k], np.broadcast_to(rival[..., k], maps.shape[:2]), self.groups)
                    )
                    for k, measure in enumerate(MEASURES)
                },
                "peak_in_finding": asdict(
                    paired_mean(peak, np.broadcast_to(rival_peak, peak.shape), self.groups[self.has_finding])
                ),
            }
            for name, (rival, rival_peak) in rivals.items()
        }

    def _by_class(self, macro: Any, classes: tuple[Any, ...]) -> dict[str, Any]:
        named = {"macro": macro, **dict(zip(self.class_names, classes, strict=True))}
        return {name: asdict(figure) for name, figure in named.items() if figure is not None}

    def _maps(self, agreement: NDArray[np.float64]) -> dict[str, Any]:
        return {measure: asdict(mean_over_seeds(agreement[..., k], self.groups)) for k, measure in enumerate(MEASURES)}

    def _peaks(self, peak: NDArray[np.float64]) -> dict[str, Any]:
        """Average over the radiographs with a finding: over all, and by class."""
        kinds = {"all": self.has_finding}
        for number, name in enumerate(self.class_names):
            if (chosen := self.has_finding & (self.labels == number)).any():
                kinds[name] = chosen
        return {name: asdict(mean_over_seeds(peak[:, chosen], self.groups[chosen])) for name, chosen in kinds.items()}


def learning_curve(results: Results, recipes: tuple[str, str], counts: tuple[int, ...]) -> dict[str, Any]:
    """Return the AUCs of the control and the best recipe by the number of radiographs, and how many radiographs the
    control needs for the same AUC."""
    rows = {
        str(radiographs): {recipe: results.recipe(recipe, radiographs) for recipe in recipes} for radiographs in counts
    }
    control, best = (
        [rows[str(radiographs)][recipe]["auc"]["macro"]["value"] for radiographs in counts] for recipe in recipes
    )
    rising = np.maximum.accumulate(control)
    worth = {}
    for radiographs, auc in zip(counts, best, strict=True):
        # Along the control's curve over the logarithm of radiographs; beyond its end there is only a bound.
        enough = float(np.exp(np.interp(auc, rising, np.log(counts)))) if auc <= rising[-1] else None
        worth[str(radiographs)] = {
            "control_needs_radiographs": enough,
            "control_needs_more_than": None if enough else counts[-1],
        }
    return {"rows": rows, "worth": worth}


def of_quality(name: str, best: str, found: dict[Trial, Outcome], plan: Plan, folder: Path, workers: int) -> Any:
    """Return the results of the control and the best recipe with gaze of one quality over the same radiographs.

    The control sees no gaze, so that its outcomes are those of the calibrated twin.
    """
    place = folder / name
    place.mkdir(exist_ok=True)
    study, masks = make_study(
        place,
        TWIN_SEED,
        radiographs=plan.twin_radiographs,
        gaze_quality=GAZE_QUALITIES[name],
        workers=workers,
    )
    dealt = deal(study, plan.radiographs, **plan.splits)
    own = outcomes(plan.trials((best,), (plan.radiographs,)), study, masks, place, plan, workers)
    _, centre = centre_agreement(dealt)
    results = Results(dealt, masks, plan, found | own)
    return {
        "gaze_quality": GAZE_QUALITIES[name],
        **results.recipe(best, plan.radiographs),
        "centre_bias": {measure: asdict(mean_ci(centre[:, k], results.groups)) for k, measure in enumerate(MEASURES)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="tiny, under 50 s on two processors; writes nothing")
    parser.add_argument("--workers", type=int, default=2, help="trainings at once, a processor each")
    parser.add_argument("--folder", type=Path, default=Path("build/gaze_helps"), help="what is done is kept here")
    given = parser.parse_args()
    plan = QUICK if given.quick else FULL
    qualities = twins_folder(given.folder, quick=given.quick)
    folder = qualities / CALIBRATED
    folder.mkdir(parents=True, exist_ok=True)
    study, masks = make_study(
        folder,
        TWIN_SEED,
        radiographs=plan.twin_radiographs,
        gaze_quality=GAZE_QUALITIES[CALIBRATED],
        workers=given.workers,
    )
    dealt = deal(study, plan.radiographs, **plan.splits)

    wanted = plan.trials((*RECIPES, *CONTROLS), (plan.radiographs,))
    found = outcomes(wanted, study, masks, folder, plan, given.workers)
    best = max(
        GAZE_RECIPES,
        key=lambda recipe: np.mean(
            [found[trial].validation_auc for trial in plan.trials((recipe,), (plan.radiographs,))]
        ),
    )
    found |= outcomes(plan.trials((CONTROL, best), plan.curve), study, masks, folder, plan, given.workers)

    results = Results(dealt, masks, plan, found)
    centre_map, centre = centre_agreement(dealt)
    test_masks = masks[dealt.splits.indices("test")]
    centre_peak = peaks(np.broadcast_to(centre_map, test_masks.shape), test_masks)
    recipes = {recipe: results.recipe(recipe, plan.radiographs) for recipe in RECIPES}
    for recipe in RECIPES[1:]:
        recipes[recipe] |= results.map_gains(recipe, plan.radiographs, centre, centre_peak)
    details = {
        "synthetic": True,
        "settings": {
            "encoder": ENCODER,
            "weights": "none",
            "size_px": SIZE_PX,
            "precision": PRECISION,
            "epochs_by_radiographs": plan.epochs,
            "training_radiographs": plan.radiographs,
            **plan.splits,
            "seeds": len(plan.seeds),
            "twin_seed": TWIN_SEED,
            "twin_reader_version": READER_VERSION,
            "twin_gaze_quality": GAZE_QUALITIES[CALIBRATED],
        },
        "best_recipe_by_validation": best,
        "recipes": recipes,
        "controls": {
            name: {
                **results.recipe(name, plan.radiographs),
                "auc_less_own_gaze": results.auc_difference(name, CONTROLLED, plan.radiographs),
            }
            for name in CONTROLS
        },
        "centre_bias": {
            **{name: asdict(mean_ci(centre[:, k], results.groups)) for k, name in enumerate(MEASURES)},
            "peak_in_finding": float(np.nanmean(centre_peak)),
        },
        "finding_share_of_radiograph": float(test_masks[results.has_finding].mean()),
        "learning_curve": learning_curve(results, (CONTROL, best), plan.curve),
        "gaze_qualities": {
            name: of_quality(name, best, found, plan, qualities, given.workers) for name in GAZE_QUALITIES
        },
    }
    gain = recipes[best]["auc_gain"]["macro"]
    gains = {name: row["auc_gain"]["macro"]["difference"] for name, row in details["gaze_qualities"].items()}
    headline = {
        "best_recipe": best,
        "auc_control": recipes[CONTROL]["auc"]["macro"]["value"],
        "auc_best": recipes[best]["auc"]["macro"]["value"],
        "auc_gain": gain["difference"],
        "auc_gain_low": gain["low"],
        "auc_gain_high": gain["high"],
        "auc_gain_loose": gains["loose"],
        "auc_gain_tell_all": gains["tell-all"],
        "map_cc": recipes[best]["map"]["cc"]["value"],
        "centre_cc": details["centre_bias"]["cc"]["value"],
        "peak_in_finding": recipes[best]["map_peak_in_finding"]["all"]["value"],
        "gradcam_peak_in_finding": recipes[CONTROL]["gradcam_peak_in_finding"]["all"]["value"],
    }
    headline = {name: value if isinstance(value, str) else rounded(value) for name, value in headline.items()}
    finish("gaze_helps", headline, details, ["torch", "timm"], quick=given.quick)


if __name__ == "__main__":
    main()
