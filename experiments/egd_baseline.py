"""Why does `egd-baseline` classify worse than `joint`? One is changed into the other, one part at a time.

Every variant is a recipe between the two, trained on the radiographs of gaze_helps.py: `joint` with the first, the
first two, ... and all of egd-baseline's parts (the path), and `joint` with one of them alone. The parts are copied from
the recipe itself, and all of them together are egd-baseline, which ends the path. Its run without gaze, its run with
the code's blur of 150 px, which is three times too wide for the twin's radiographs, and encoder-only are trained beside
them. The encoder has no pretrained weights and images have 128 px in all of them, so weights and resolution are not
compared.

auc_joint                    macro AUC of joint on the test radiographs, mean over seeds, 250 training radiographs
auc_difference, _low, _high  egd-baseline less joint, paired, with its 95 % interval over seeds and test patients
costliest_step               the part that lowers the AUC most on the path, and by how much
costliest_alone              the part that lowers the AUC of joint most when it is the only one, and by how much
seeds                        how many seeds all variants have

This takes hours; an interrupted experiment resumes. Trials go seed by seed, and `--stored` trains nothing and reports
the trials that are there: each variant with the seeds that it has, each difference over the seeds that both have.

    python experiments/egd_baseline.py --workers 2 [--stored] [--folder build/gaze_helps]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from gaze_helps import CALIBRATED, CONTROL, FULL, QUICK, TWIN_SEED, Plan, Results, outcomes, twins_folder
from gaze_trials import ENCODER, PRECISION, SIZE_PX, Outcome, Trial, deal, make_study, resolved
from numpy.typing import NDArray
from record import finish, rounded

from egaze.settings import from_table
from egaze.sources.synthetic.reader import READER_VERSION
from egaze.study import Study
from egaze.training import Recipe

JOINT, EGD, EGD_WITHOUT_GAZE, EGD_WIDE = "joint", "egd-baseline", "egd-baseline-no-gaze", "egd-baseline-150-px"
#: The parts of a recipe in which the two differ, in the order in which they are changed, with the keys of each. Parts
#: that make training slower come last; the target comes after the augmentation, because it cannot follow a moved image.
STEPS: dict[str, tuple[str, ...]] = {
    "augmentation": ("augmentation",),
    "target": ("heatmap_target", "egd_sigma_px"),
    "losses": (
        "stages.0.classification_loss",
        "stages.0.heatmap_losses",
        "stages.0.classification_weight",
        "stages.0.heatmap_weight",
    ),
    "dropout": ("model.dropout", "model.drop_path"),
    "batch": ("batch_size",),
    "optimiser": ("stages.0.optimizer", "stages.0.weight_decay", "stages.0.clip_norm", "stages.0.clip_value"),
    "schedule": (
        "stages.0.schedule",
        "stages.0.learning_rate",
        "stages.0.warmup_epochs",
        "stages.0.half_cycle_epochs",
    ),
    "decoder": ("model.decoder_stride", "model.decoder_channels"),
}
#: The variants on the path from joint to egd-baseline, with the parts changed in each.
PATH: dict[str, tuple[str, ...]] = {
    JOINT: (),
    **{f"path-{number}-{step}": tuple(STEPS)[:number] for number, step in enumerate(tuple(STEPS)[:-1], start=1)},
    EGD: tuple(STEPS),
}
#: Joint with one part changed. The augmentation is the path's first step, and the target needs its change.
ALONE: dict[str, tuple[str, ...]] = {
    f"only-{step}": (step,) for step in STEPS if step not in ("augmentation", "target")
}


def variant(trial: Trial) -> Recipe:
    """Return the recipe of a trial of any variant."""
    if trial.recipe == EGD_WITHOUT_GAZE:
        whole = resolved(replace(trial, recipe=EGD))
        return replace(whole, stages=tuple(replace(stage, heatmap_weight=0.0) for stage in whole.stages))
    if trial.recipe == EGD_WIDE:
        return replace(resolved(replace(trial, recipe=EGD)), egd_sigma_px=150.0)
    if trial.recipe == EGD or trial.recipe not in PATH | ALONE:
        return resolved(trial)
    own = asdict(resolved(replace(trial, recipe=JOINT)))
    other = asdict(resolved(replace(trial, recipe=EGD)))
    for step in (PATH | ALONE)[trial.recipe]:
        for key in STEPS[step]:
            _copy(key, other, own)
    recipe: Recipe = from_table(Recipe, own, trial.recipe)
    return recipe


def _copy(key: str, source: Any, target: Any) -> None:
    *parents, last = key.split(".")
    for name in parents:
        place = int(name) if name.isdecimal() else name
        source, target = source[place], target[place]
    target[last] = source[last]


@dataclass(frozen=True, slots=True, eq=False)
class Variants:
    """The outcomes of all variants, of which each may have fewer seeds than another.

    Attributes:
        study: the study with its splits.
        masks: finding masks of all its radiographs.
        plan: the plan of the trials.
        found: outcomes of the trials.
    """

    study: Study
    masks: NDArray[np.bool_]
    plan: Plan
    found: dict[Trial, Outcome]

    def seeds(self, name: str) -> int:
        """How many seeds the variant has, from the first on."""
        done = [trial in self.found for trial in self.plan.trials((name,), (self.plan.radiographs,))]
        return done.index(False) if False in done else len(done)

    def rows(self, names: Iterable[str]) -> dict[str, Any]:
        """Summarise each variant that has a seed."""
        return {
            name: {"seeds": seeds, **self._over(seeds).recipe(name, self.plan.radiographs)}
            for name in names
            if (seeds := min(self.seeds(name), self.seeds(CONTROL))) > 0
        }

    def differences(self, pairs: Mapping[str, str]) -> dict[str, Any]:
        """Return the paired difference in macro AUC of each variant from the one that it is compared with."""
        found = {}
        for name, reference in pairs.items():
            if (seeds := min(self.seeds(name), self.seeds(reference))) == 0:
                continue
            difference = self._over(seeds).auc_difference(name, reference, self.plan.radiographs)
            found[name] = {"of": reference, "seeds": seeds, **difference["macro"]}
        return found

    def _over(self, seeds: int) -> Results:
        return Results(self.study, self.masks, replace(self.plan, seeds=range(seeds)), self.found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="tiny, under 50 s on two processors; writes nothing")
    parser.add_argument("--workers", type=int, default=2, help="trainings at once, a processor each")
    parser.add_argument("--stored", action="store_true", help="train nothing, and report the trials that are there")
    parser.add_argument(
        "--folder", type=Path, default=Path("build/gaze_helps"), help="that of gaze_helps.py, whose trials are shared"
    )
    given = parser.parse_args()
    plan = replace(QUICK, seeds=range(1)) if given.quick else FULL
    folder = twins_folder(given.folder, quick=given.quick) / CALIBRATED
    folder.mkdir(parents=True, exist_ok=True)
    study, masks = make_study(folder, TWIN_SEED, radiographs=plan.twin_radiographs, workers=given.workers)
    dealt = deal(study, plan.radiographs, **plan.splits)

    path = list(PATH)
    names = (CONTROL, *PATH, *ALONE, EGD_WITHOUT_GAZE, EGD_WIDE)
    # Of each seed, the ends of the path come first, and last those with the decoder of full resolution, which take
    # three times as long.
    ends, full = {CONTROL, JOINT, path[-2]}, {path[-1], "only-decoder", EGD_WITHOUT_GAZE, EGD_WIDE}
    order = sorted(names, key=lambda name: (name in full, name not in ends))
    wanted = plan.trials(tuple(order), (plan.radiographs,))
    if given.stored:
        wanted = [trial for trial in wanted if trial.stored_in(folder, variant(trial), dealt).exists()]
    variants = Variants(
        dealt, masks, plan, outcomes(wanted, study, masks, folder, plan, given.workers, recipe_of=variant)
    )
    rows = variants.rows(names)
    if not rows.keys() >= {CONTROL, JOINT}:
        raise SystemExit(f"{folder}: no trial of {CONTROL} and {JOINT} is there yet: run this without --stored")
    steps = variants.differences(dict(zip(path[1:], path, strict=False)))
    alone = variants.differences({path[1]: JOINT, **dict.fromkeys(ALONE, JOINT)})
    whole = variants.differences(dict.fromkeys(path[1:], JOINT))
    beside = variants.differences({EGD_WITHOUT_GAZE: path[-1], EGD_WIDE: path[-1]})
    details = {
        "synthetic": True,
        "settings": {
            "encoder": ENCODER,
            "weights": "none",
            "size_px": SIZE_PX,
            "precision": PRECISION,
            "epochs": plan.epochs[plan.radiographs],
            "training_radiographs": plan.radiographs,
            **plan.splits,
            "seeds": min(variants.seeds(name) for name in names),
            "seeds_planned": len(plan.seeds),
            "twin_seed": TWIN_SEED,
            "twin_reader_version": READER_VERSION,
        },
        "variants": rows,
        "steps": steps,
        "alone": alone,
        "whole": whole,
        "beside": beside,
    }
    difference = whole.get(path[-1], {})
    headline = {
        "auc_joint": rounded(rows[JOINT]["auc"]["macro"]["value"]),
        **{
            f"auc_difference{end}": rounded(difference[key]) if difference else None
            for end, key in {"": "difference", "_low": "low", "_high": "high"}.items()
        },
        "costliest_step": _costliest(steps, len(path) - 1),
        "costliest_alone": _costliest(alone, 1 + len(ALONE)),
        "seeds": details["settings"]["seeds"],
    }
    finish("egd_baseline", headline, details, ["torch", "timm"], quick=given.quick)


def _costliest(found: Mapping[str, Any], wanted: int) -> str | None:
    if len(found) < wanted:
        return None  # another may cost more
    name = min(found, key=lambda variant: found[variant]["difference"])
    return f"{(PATH | ALONE)[name][-1]} {found[name]['difference']:+.3f}"


if __name__ == "__main__":
    main()
