"""Exporting a model as one file of TorchScript or ONNX, and predicting with it."""

from typing import TYPE_CHECKING

from egaze.lazy_names import lazy_names

if TYPE_CHECKING:
    from egaze.deploy.export import export_torchscript
    from egaze.deploy.exports import EXPORTS, export_run
    from egaze.deploy.onnx.export import export_onnx
    from egaze.deploy.predictor import Prediction, Predictor
    from egaze.deploy.spec import ModelLimits, ModelSpec, check_model

# Predicting needs nothing of what models are made and trained with.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "EXPORTS": "exports",
        "ModelLimits": "spec",
        "ModelSpec": "spec",
        "Prediction": "predictor",
        "Predictor": "predictor",
        "check_model": "spec",
        "export_onnx": "onnx.export",
        "export_run": "exports",
        "export_torchscript": "export",
    },
)

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
