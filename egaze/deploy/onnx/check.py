"""Checks an ONNX file before any engine sees it."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from egaze import _core
from egaze.deploy.onnx import messages
from egaze.deploy.onnx.builder import GraphBuilder, promised_results
from egaze.deploy.onnx.graph import Graph, GraphError
from egaze.deploy.onnx.messages import LayoutError, Parts
from egaze.deploy.onnx.rules import RULES
from egaze.deploy.onnx.wire import Buffer
from egaze.deploy.signature import require_trusted
from egaze.deploy.spec import CheckedModel, ModelLimits, ModelSpec, ProgramProof
from egaze.errors import ModelFileError

#: Protocol buffers hold no more.
MAX_BYTES = (1 << 31) - 1
_SIGNATURE_BYTES = 96


def read_onnx(path: str | PathLike[str], trust: Iterable[str | PathLike[str]], limits: ModelLimits) -> CheckedModel:
    """Check an ONNX file; return its spec and content, whose every byte follows from the graph that was proved.

    Raises:
        ModelFileError, EgazeError: as `egaze.deploy.check_model`.
    """
    checked = check_onnx(path, _content(path), limits)
    require_trusted(path, checked.signature, checked.spec.model_sha256, trust)
    return checked


def check_onnx(path: str | PathLike[str], content: bytes, limits: ModelLimits) -> CheckedModel:
    """The same for the content of a file, whose path is used in messages only.

    Raises:
        ModelFileError: as `egaze.deploy.check_model`.
    """
    if len(content) > MAX_BYTES:
        raise ModelFileError(f"{path}: it is larger than {MAX_BYTES} bytes", "model_archive")
    try:
        parts = messages.read_parts(content)
        spec = _spec(path, parts)
        if spec.precision != "fp32":
            raise LayoutError(
                f"its spec states the precision {spec.precision}, which ONNX files do not have", "model_spec"
            )
        unsigned = memoryview(content)[: parts.unsigned_bytes]
        if digest(unsigned, parts.spec_json, spec.model_sha256) != spec.model_sha256:
            what = "is damaged or changed: its content does not have the SHA-256 in its spec"
            raise LayoutError(what, "model_digest")
        signature = _signature(parts)
        started_s = time.perf_counter()
        graph, proof = _prove(messages.read_graph(parts.graph, limits.nodes), spec, limits)
        _require_written(content, messages.write(graph, spec, parts.spec_json, signature))
        proof = proof._replace(seconds=time.perf_counter() - started_s)
    except LayoutError as error:
        raise ModelFileError(f"{path}: {error}", error.code) from None
    except GraphError as error:
        raise ModelFileError(f"{path}: its program {error}", "model_operator") from None
    return CheckedModel(spec, content, signature, proof)


def _prove(graph: Graph, spec: ModelSpec, limits: ModelLimits) -> tuple[Graph, ProgramProof]:
    """Infer the shapes of all values of a graph for the input that the spec describes.

    Raises:
        GraphError: the graph is not proved.
    """
    builder = GraphBuilder(RULES, spec.input_shape, limits)
    for name, constant in graph.constants.items():
        builder.add_constant(name, constant)
    for node in graph.nodes:
        builder.add(node)
    return builder.finish(promised_results(spec))


def digest(unsigned: Buffer, spec_json: bytes, model_sha256: str) -> str:
    """Compute the SHA-256 of a file without its signature, with 64 zeros in the place of the digest, in hex."""
    sha = hashlib.sha256()
    before = len(unsigned) - len(spec_json)
    sha.update(unsigned[:before])
    sha.update(without_digest(spec_json, model_sha256))
    return sha.hexdigest()


def without_digest(spec_json: bytes, model_sha256: str) -> bytes:
    """The text of a spec with 64 zeros in the place of its digest."""
    at = spec_json.find(model_sha256.encode(), max(spec_json.find(b'"model_sha256"'), 0))
    return spec_json if at < 0 else spec_json[:at] + b"0" * 64 + spec_json[at + 64 :]


def _content(path: str | PathLike[str]) -> bytes:
    try:
        size = os.stat(path)
        if not stat.S_ISREG(size.st_mode):
            raise ModelFileError(f"{path}: is not a file", "model_foreign")
        if size.st_size > MAX_BYTES:
            raise ModelFileError(f"{path}: it is larger than {MAX_BYTES} bytes", "model_archive")
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise ModelFileError(f"{path}: no such file", "file_not_found") from None
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror}", "file_not_found") from None


def _spec(path: str | PathLike[str], parts: Parts) -> ModelSpec:
    try:
        return ModelSpec(**_core.read_model_spec(os.fsencode(path), parts.spec_json))
    except _core.ModelError as error:
        code, message = error.args
        raise ModelFileError(message.decode(errors="replace"), code) from None


def _signature(parts: Parts) -> bytes | None:
    if parts.signature is None:
        return None
    if not re.fullmatch(rb"[0-9a-f]{%d}" % (2 * _SIGNATURE_BYTES), parts.signature):
        raise LayoutError(f"its signature does not have {_SIGNATURE_BYTES} bytes in hexadecimal digits")
    return bytes.fromhex(parts.signature.decode())


def _require_written(content: bytes, written: Iterable[Buffer]) -> None:
    """Check that a file has the bytes in which egaze writes its content, so that it holds nothing else."""
    at = 0
    for part in written:
        if not content.startswith(part, at):
            raise LayoutError(
                "it is not written as egaze writes its content: its inputs or outputs are not those of its spec, or it "
                "was changed"
            )
        at += len(part)
    if at < len(content):
        raise LayoutError("it is followed by other data")
