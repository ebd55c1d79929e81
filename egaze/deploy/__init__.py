"""One TorchScript file that Python and C++ run to the same numbers."""

from egaze.deploy.export import export_torchscript
from egaze.deploy.predictor import Prediction, Predictor
from egaze.deploy.spec import ModelSpec, read_spec, verify_digest

__all__ = ["ModelSpec", "Prediction", "Predictor", "export_torchscript", "read_spec", "verify_digest"]
