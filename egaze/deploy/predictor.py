"""An exported model, ready to predict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egaze.deploy import torchscript
from egaze.deploy.onnx.engine import OnnxModel
from egaze.deploy.spec import DEFAULT_LIMITS, ModelLimits, ModelSpec, is_onnx, read_model
from egaze.errors import EgazeError, ModelFileError
from egaze.imaging import FitGeometry, StoredRadiograph, read_stored, resize, to_input
from egaze.loading import FailedRadiograph, RadiographLoader

#: Said of a model that gives no class heatmaps, as C++ says it.
NO_CLASS_HEATMAPS = "the model gives no heatmap of each class; one of a recipe with one heatmap per class does"


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """The model's prediction for one radiograph.

    Attributes:
        class_probs: (C,) float32 probabilities, in the order of `class_names`.
        heatmap: (H, W) float32 in [0, 1], of the size of the model's input; zeros from a model without a heatmap head.
        class_names: names of the classes.
        geometry: how the radiograph is placed on the canvas, which is resized to the model's input; see `ModelSpec`.
        thresholds: those that the model file carries; see `ModelSpec`.
        notes: statements of the radiograph's file that were not followed; see `Presentation`.
        class_heatmaps: (C, H, W) float32 in [0, 1], the heatmap of each class, if the predictor was asked for them.
    """

    class_probs: NDArray[np.float32]
    heatmap: NDArray[np.float32]
    class_names: tuple[str, ...]
    geometry: FitGeometry
    notes: tuple[str, ...] = ()
    thresholds: tuple[float | None, ...] = ()
    class_heatmaps: NDArray[np.float32] | None = None

    def above_thresholds(self) -> tuple[bool | None, ...]:
        """Whether each class's probability is at least its threshold; None for a class without one.

        Raises:
            EgazeError: the model file carries no thresholds.
        """
        if not self.thresholds:
            raise EgazeError("the model file carries no thresholds; export it with thresholds")
        pairs = zip(self.class_probs.tolist(), self.thresholds, strict=True)
        return tuple(None if threshold is None else prob >= threshold for prob, threshold in pairs)

    def radiograph_heatmap(self, class_name: str | None = None) -> NDArray[np.float32]:
        """Return the heatmap, or that of a class, at the radiograph's own size, (H, W) float32.

        Raises:
            EgazeError: there is no such class, or the predictor was not asked for class heatmaps.
        """
        cut = self.geometry.cut_out(self.heatmap if class_name is None else self._class_heatmap(class_name))
        return resize(cut, self.geometry.radiograph_shape, filter="bilinear")

    def _class_heatmap(self, class_name: str) -> NDArray[np.float32]:
        if self.class_heatmaps is None:
            raise EgazeError(
                "the prediction has no class heatmaps; ask for them by Predictor(..., class_heatmaps=True)"
            )
        if class_name not in self.class_names:
            raise EgazeError(f"no class {class_name!r}; there are {', '.join(self.class_names)}")
        heatmap: NDArray[np.float32] = self.class_heatmaps[self.class_names.index(class_name)]
        return heatmap


#: A loaded model, which maps (N, 1, H, W) images to class probabilities, heatmaps and, if it has them, class heatmaps.
Engine = Callable[[Tensor], tuple[Tensor, ...]]


class Predictor:
    """Predicts with an exported model file; C++'s `egaze::Predictor` computes the same numbers.

    A file named .onnx runs through ONNX Runtime on the CPU, every other one through TorchScript.

    Args:
        path: the model file; it is checked by `check_model` before anything in it is loaded.
        device: "cpu", "cuda", or "auto", which is CUDA if there is a device and otherwise the CPU.
        threads: number of threads within one prediction; 0 keeps the engine's default. In TorchScript they are those
            of the whole process.
        trust: PEM files of Ed25519 public keys. If there are any, the model must be signed with one of them.
        limits: how large the model's program may be.
        class_heatmaps: whether predictions have the heatmap of each class.

    Raises:
        ModelFileError: there is no such file, or it is not a valid exported model; its `code` says what is wrong.
        EgazeError: the device is not available, ONNX Runtime is needed and not installed, a key cannot be read, or the
            model gives no class heatmaps.

    Example:
        >>> from egaze import Predictor
        >>> predictor = Predictor("model.pt")
        >>> prediction = predictor.predict("radiograph.dcm")
        >>> prediction.class_names, prediction.class_probs.shape
        (('normal', 'chf', 'pneumonia'), (3,))
        >>> prediction.heatmap.shape
        (64, 64)
    """

    spec: ModelSpec

    def __init__(
        self,
        path: str | PathLike[str],
        device: str = "cpu",
        threads: int = 0,
        trust: Iterable[str | PathLike[str]] = (),
        limits: ModelLimits = DEFAULT_LIMITS,
        class_heatmaps: bool = False,
    ) -> None:
        self._path, self._limits = Path(path), limits
        self.spec, content, *_ = read_model(self._path, trust, limits)
        if class_heatmaps and not self.spec.class_heatmaps:
            raise EgazeError(f"{path}: {NO_CLASS_HEATMAPS}")
        self.class_heatmaps = class_heatmaps
        if is_onnx(path):
            self._device = _device("cpu" if device == "auto" else device)
            if self._device.type != "cpu":
                raise EgazeError(
                    f"device {device}: an ONNX model runs on the CPU only, unlike a TorchScript model (.pt)"
                )
            self._module: Engine = OnnxModel(self._path, content, threads)
            return
        self._device = _device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        if self._device.type == "cuda" and not torch.cuda.is_available():
            raise EgazeError(f"device {device}: no CUDA device is available; use auto or cpu, or see `egaze info`")
        if threads > 0:
            torch.set_num_threads(threads)
        self._module = torchscript.load(self._path, content, self._device)

    @property
    def loading(self) -> ModelLoading:
        """How another process loads this model, to compute the same numbers."""
        engine = self._module
        threads = engine.threads if isinstance(engine, OnnxModel) else torch.get_num_threads()  # for the last digits
        return ModelLoading(
            str(self._path), self.spec.model_sha256, self._device.type, threads, self._limits, self.class_heatmaps
        )

    def predict(self, radiograph: NDArray[np.generic] | str | PathLike[str]) -> Prediction:
        """Predict one radiograph.

        Args:
            radiograph: a path, which is read with the model's presentation, or (H, W) pixels in the MONOCHROME2 sense:
                float32 in [0, 1], or uint8 or uint16, which are divided by the maximum of their type.

        Raises:
            RadiographError: the file cannot be read.
            ModelFileError: the model fails, or its outputs are not what its spec promises.
            TypeError, ValueError: pixels have another dtype or shape, are not finite, or lie outside [0, 1].
        """
        if isinstance(radiograph, np.ndarray):
            if radiograph.ndim != 2:
                raise ValueError(f"a radiograph has shape (H, W), got {radiograph.shape}")
            return self._predict(radiograph)
        return self._predict(read_stored(radiograph, presentation=self.spec.presentation))

    def predict_files(
        self, radiographs: Sequence[str | PathLike[str]], *, workers: int = 1
    ) -> Iterator[Prediction | FailedRadiograph]:
        """Predict many radiographs in their order, with the same results as `predict`, while reading ahead.

        Args:
            radiographs: paths, which are read with the model's presentation.
            workers: number of threads that read radiographs; at most this many radiographs are read ahead.

        Yields:
            For each radiograph the prediction, or the reason why it cannot be read.
        """
        loader = RadiographLoader(
            radiographs,
            self.spec.input_shape,
            canvas=self.spec.canvas,
            device=self._device,
            threads=workers,
        )
        for batch in loader:
            # One radiograph at a time: a batch may be computed in another order, so that the last digits differ.
            (radiograph,) = batch.radiographs
            yield (
                radiograph
                if isinstance(radiograph, FailedRadiograph)
                else self._prediction(batch.image, radiograph.geometry, radiograph.notes)
            )

    def _predict(self, radiograph: NDArray[np.generic] | StoredRadiograph) -> Prediction:
        canvas = self.spec.canvas
        image = to_input(canvas.place(radiograph), self.spec.input_shape)
        geometry = canvas.geometry((radiograph.shape[0], radiograph.shape[1]))
        notes = radiograph.presentation.notes if isinstance(radiograph, StoredRadiograph) else ()
        return self._prediction(torch.from_numpy(image)[None, None].to(self._device), geometry, notes)

    def _prediction(self, image: Tensor, geometry: FitGeometry, notes: tuple[str, ...]) -> Prediction:
        try:
            with torch.inference_mode():
                class_probs, heatmap, *of_classes = self._module(image)
        except Exception as error:  # torch raises many classes, depending on the file
            message = f"{self._path}: the model failed: {torchscript.one_line(error)}"
            raise ModelFileError(message, "model_failed") from error
        probs = self._checked(class_probs, (1, len(self.spec.class_names)), "class probabilities")
        values = self._checked(heatmap, (1, 1, *self.spec.input_shape), "heatmap values")
        class_heatmaps = None
        if self.class_heatmaps:
            promised = (1, len(self.spec.class_names), *self.spec.input_shape)
            class_heatmaps = self._checked(of_classes[0], promised, "values of class heatmaps")[0]
        spec = self.spec
        return Prediction(probs[0], values[0, 0], spec.class_names, geometry, notes, spec.thresholds, class_heatmaps)

    def _checked(self, output: Any, promised: tuple[int, ...], name: str) -> NDArray[np.float32]:
        """Check that an output is float32 in [0, 1] and has the promised shape, and return a copy of its values."""

        def require(fits: object, what: str) -> None:
            if not fits:
                raise ModelFileError(f"{self._path}: the model gave {name} {what}", "model_failed")

        require(isinstance(output, Tensor), "that are not a tensor")
        dense, place = output.layout == torch.strided and not output.is_neg(), self._device.type
        require(dense and output.device.type == place, f"that are not a dense tensor on the {place}")
        require(output.dtype == torch.float32, f"of type {output.dtype}, promised torch.float32")
        require(output.shape == promised, f"of shape {list(output.shape)}, promised {list(promised)}")
        values = np.array(output.cpu().numpy(), order="C")
        require(np.isfinite(values).all(), "that are not all finite numbers")
        require(((values >= 0) & (values <= 1)).all(), "outside [0, 1]")
        return values


@dataclass(frozen=True, slots=True)
class ModelLoading:
    """How a model is loaded in another process: from which file with which digest, and the arguments of `Predictor`."""

    path: str
    sha256: str
    device: str
    threads: int
    limits: ModelLimits
    class_heatmaps: bool

    def load(self) -> Predictor:
        """Load the model. Raises EgazeError if the file holds another one."""
        predictor = Predictor(
            self.path, self.device, threads=self.threads, limits=self.limits, class_heatmaps=self.class_heatmaps
        )
        if predictor.spec.model_sha256 != self.sha256:
            raise EgazeError(f"{self.path}: a machine of the cluster has another model there")
        return predictor


def _device(name: str) -> torch.device:
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise EgazeError(f"no device {name!r}: expected auto, cpu or cuda") from error
