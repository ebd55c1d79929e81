"""One TorchScript file that Python and C++ run to the same numbers."""

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
