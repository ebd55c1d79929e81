"""A run's best model as one ONNX file."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from egaze import _core
from egaze.atomic import write_file
from egaze.deploy import torchscript
from egaze.deploy.export import TrainedModel, export_torchscript
from egaze.deploy.onnx.engine import OnnxModel
from egaze.deploy.onnx.graph import GraphError
from egaze.deploy.onnx.translate import translate
from egaze.deploy.signature import read_signing_key, sign_digest
from egaze.deploy.spec import DEFAULT_LIMITS, ModelLimits, ModelSpec, Thresholds, checked_model, is_onnx, read_model
from egaze.errors import EgazeError, RunError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def export_onnx(
    run: TrainedModel,
    path: str | Path,
    *,
    precision: str = "fp32",
    sign: str | Path | None = None,
    thresholds: Thresholds | None = None,
    limits: ModelLimits = DEFAULT_LIMITS,
) -> ModelSpec:
    """Write a run's best model as an ONNX file with its spec in the metadata; the file is replaced whole.

    The graph maps "image", (N, 1, H, W) float32 in [0, 1] with any N, to "class_probs", (N, C), and "heatmap",
    (N, 1, H, W) in [0, 1] (zeros from a model without a heatmap head that was trained), and from a model with one
    heatmap per class to "class_heatmaps", (N, C, H, W), too; normalisation is inside. The graph uses ONNX's own
    operators only, in version 18. It is written from the program of the TorchScript
    file, and its predictions are compared with that file's before the file is there.

    Args:
        run: a run with a checkpoint, or another trained model.
        path: the file to write, with the suffix .onnx.
        precision: "fp32", the only one.
        sign: a PEM file with an Ed25519 private key, by which the file is signed.
        thresholds: thresholds of the class probabilities that the file is to carry.
        limits: how large the program may be. Whoever loads a file that exceeds the defaults must raise them too.

    Raises:
        RunError: the run has no checkpoint yet, or its recipe trains no classifier.
        EgazeError: another precision or suffix, ONNX Runtime is not installed, a key that cannot be used, a model that
            ONNX cannot hold or that `check` would refuse, or a file that cannot be written.

    Example:
        >>> from egaze import Predictor
        >>> from egaze.deploy import export_onnx
        >>> from egaze.training import open_run
        >>> spec = export_onnx(open_run("run"), "exported.onnx")
        >>> Predictor("exported.onnx").predict("radiograph.dcm").class_probs.shape
        (3,)
    """
    path = Path(path)
    if precision != "fp32":
        raise EgazeError(f"{path}: an ONNX file holds fp32, not {precision}; a TorchScript file (.pt) can hold both")
    if not is_onnx(path):
        raise EgazeError(f"{path}: an ONNX file must be named .onnx, by which it is recognised")
    key = None if sign is None else read_signing_key(sign)
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "model.pt"
        try:
            export_torchscript(run, program, thresholds=thresholds, limits=limits)
            spec, content = converted(program, key, limits)
        except RunError:
            raise
        except EgazeError as error:
            why = str(error).removeprefix(f"{program}: ")
            for said in ("this model cannot be exported: ", "the model cannot be exported: "):
                why = why.removeprefix(said)
            raise EgazeError(f"{path}: this model cannot be exported: {why}") from error
    write_file(path, lambda partial: partial.write_bytes(content))
    return spec


def converted(program: Path, key: Ed25519PrivateKey | None, limits: ModelLimits) -> tuple[ModelSpec, bytes]:
    """Turn a TorchScript file into the content of an ONNX file, whose spec differs in its digest.

    Args:
        program: the TorchScript file, in float32.
        key: the key by which the ONNX file is signed, if it is.
        limits: how large the program may be, in either form.

    Raises:
        EgazeError: ONNX Runtime is not installed, ONNX has no operators for the program, `check` would refuse the
            result, or it predicts something else.
    """
    spec, content, *_ = read_model(program, limits=limits)
    module = torchscript.load(program, content, torch.device("cpu"))
    try:
        graph = translate(module.graph, spec, limits)
    except GraphError as error:
        raise EgazeError(f"{program}: its program {error}") from error
    spec, written = _sealed(graph, spec, key)
    checked_model(lambda: _core.check_onnx_model(os.fsencode(program), written, **asdict(limits)))
    model = OnnxModel(program, written)
    images = torchscript.random_images(3, spec.input_shape)
    for given in (images, images[:1]):
        with torch.no_grad():
            torchscript.require_same(model(given), module(given))
    return spec, written


def _sealed(graph: _core.OnnxGraph, spec: ModelSpec, key: Ed25519PrivateKey | None) -> tuple[ModelSpec, bytes]:
    """Return the spec with the digest of the file, and the file's content."""
    spec = replace(spec, model_sha256="0" * 64)
    spec = replace(spec, model_sha256=hashlib.sha256(graph.written(spec.to_json())).hexdigest())
    signature = None if key is None else sign_digest(key, spec.model_sha256).hex()
    return spec, graph.written(spec.to_json(), signature)
