"""Exporting a model as one TorchScript file, and predicting with it; C++ computes the same numbers from the file."""

from egaze.deploy.export import export_torchscript
from egaze.deploy.exports import EXPORTS, export_run
from egaze.deploy.predictor import Prediction, Predictor
from egaze.deploy.spec import ModelLimits, ModelSpec, check_model

__all__ = [
    "EXPORTS",
    "ModelLimits",
    "ModelSpec",
    "Prediction",
    "Predictor",
    "check_model",
    "export_run",
    "export_torchscript",
]
