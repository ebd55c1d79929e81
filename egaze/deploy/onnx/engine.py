"""Running a proved ONNX file through ONNX Runtime."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from egaze.deploy.onnx.graph import IMAGE
from egaze.deploy.torchscript import one_line
from egaze.errors import EgazeError, ModelFileError

if TYPE_CHECKING:
    import onnxruntime


class OnnxModel:
    """A model that is loaded into ONNX Runtime; it is called as the module of a TorchScript file is.

    Args:
        path: the model file, for messages.
        content: its content, which `read_model` has checked.
        threads: number of threads within one prediction; 0 is one per processor.

    Attributes:
        threads: the number of threads that it has.

    Raises:
        EgazeError: ONNX Runtime is not installed.
        ModelFileError: it cannot load the model.
    """

    def __init__(self, path: Path, content: bytes, threads: int = 0) -> None:
        self.threads = threads if threads > 0 else os.cpu_count() or 1
        self._session = _session(path, content, self.threads)

    def __call__(self, image: Tensor) -> tuple[Tensor, ...]:
        """Map (N, 1, H, W) float32 in [0, 1] to the results that the spec promises, in their order."""
        results: Any = self._session.run(None, {IMAGE: image.numpy()})
        return tuple(map(torch.from_numpy, results))


def _session(path: Path, content: bytes, threads: int) -> onnxruntime.InferenceSession:
    try:
        import onnxruntime
    except ImportError as error:
        raise EgazeError(f"{path}: an ONNX model runs through ONNX Runtime: pip install 'egaze[onnx]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what fails is raised
    # Threads that spin while they wait slow down whatever else uses the processors.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises many classes, depending on the file
        raise ModelFileError(f"{path}: cannot be loaded: {one_line(error)}", "model_failed") from error
