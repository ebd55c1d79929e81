"""Exporting a model as one file of TorchScript or ONNX, and predicting with it."""

from egaze.deploy.export import export_torchscript
from egaze.deploy.exports import EXPORTS, export_run
from egaze.deploy.onnx.export import export_onnx
from egaze.deploy.predictor import Prediction, Predictor
from egaze.deploy.spec import ModelLimits, ModelSpec, check_model

__all__ = [
    "EXPORTS",
    "ModelLimits",
    "ModelSpec",
    "Prediction",
    "Predictor",
    "check_model",
    "export_onnx",
    "export_run",
    "export_torchscript",
]
