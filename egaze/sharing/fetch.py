"""Making a model file of a folder in which somebody has shared a model."""

from __future__ import annotations

import os
from pathlib import Path

from egaze.deploy.export import export_torchscript
from egaze.deploy.exports import SUFFIXES
from egaze.deploy.onnx.export import export_onnx
from egaze.deploy.spec import DEFAULT_LIMITS, ModelLimits, ModelSpec
from egaze.errors import EgazeError, SharedModelError
from egaze.serialize import read_json
from egaze.sharing.shared import (
    DIGESTED,
    FILES,
    FORMAT_VERSION,
    METRICS,
    RECIPE,
    SPEC,
    WEIGHTS,
    SharedModel,
    SharedSpec,
)
from egaze.study.layout import sha256_file
from egaze.training.recipe_file import load_recipe

_LARGEST_BYTES = {SPEC: 1 << 20, RECIPE: 1 << 20, METRICS: 16 << 20, WEIGHTS: 16 << 30}


def fetch_model(
    shared: SharedModel, path: str | Path, *, precision: str = "fp32", limits: ModelLimits = DEFAULT_LIMITS
) -> ModelSpec:
    """Write a shared model as a model file, which is the one that `export_run` would write of its run.

    Args:
        shared: the result of `open_shared`.
        path: the file to write: .pt is TorchScript, .onnx is ONNX.
        precision: "fp32" or, in TorchScript, "bf16"; see `export_torchscript`.
        limits: how large the program may be.

    Returns:
        The file's spec.

    Raises:
        SharedModelError: the weights are not those of the recipe's model.
        EgazeError: another suffix; or as the export raises it.

    Example:
        >>> from egaze.sharing import fetch_model, open_shared, share_run
        >>> from egaze.training import open_run
        >>> folder = share_run(open_run("run"), "to-share")
        >>> fetch_model(open_shared(folder), "fetched.pt").class_names
        ('normal', 'chf', 'pneumonia')
    """
    path = Path(path)
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        known = " or ".join(f"{suffix} ({name})" for suffix, name in SUFFIXES.items())
        raise EgazeError(f"{path}: the suffix says what is written: {known}")
    export = {"torchscript": export_torchscript, "onnx": export_onnx}[kind]
    return export(shared, path, precision=precision, limits=limits)


def open_shared(folder: str | Path) -> SharedModel:
    """Open a folder that `share_run` wrote, from wherever it comes, and check all of it but the weights' tensors.

    Nothing in it can run: its files are read as JSON, TOML and bytes, and others are not read.

    Raises:
        SharedModelError: a file is missing, too large, or changed since it was shared; the spec is of another format
            version or contradicts itself; or the recipe trains no classifier, or is not one that this egaze knows.

    Example:
        >>> from egaze.sharing import open_shared, share_run
        >>> from egaze.training import open_run
        >>> shared = open_shared(share_run(open_run("run"), "shared-folder"))
        >>> shared.spec.label_kind, shared.recipe.name, shared.other_files
        ('exclusive', 'joint', ())
    """
    folder = Path(folder)
    if not (folder / SPEC).exists():
        raise SharedModelError(f"{folder}: not a shared model ({SPEC} is missing); `egaze share` writes one")
    for name, largest in _LARGEST_BYTES.items():
        _require_file(folder / name, largest)
    try:
        spec = read_json(folder / SPEC, FORMAT_VERSION, SharedSpec, remedy="fetch it again, or with a newer egaze")
        changed = [name for name in DIGESTED if sha256_file(folder / name) != spec.files_sha256[name]]
        if changed:
            raise SharedModelError(
                f"{folder / changed[0]}: not the file that {SPEC} names by its digest: it is damaged or was changed"
            )
        recipe = load_recipe(folder / RECIPE)
        recipe.require_classifier(folder, "a shared model predicts class probabilities")
    except SharedModelError:
        raise
    except EgazeError as error:
        raise SharedModelError(str(error)) from error
    except OSError as error:
        raise SharedModelError(f"{folder}: cannot be read: {error.strerror or type(error).__name__}") from error
    others = tuple(sorted(set(os.listdir(folder)) - set(FILES)))
    return SharedModel(folder, recipe, spec, others)


def _require_file(path: Path, largest_bytes: int) -> None:
    if not path.is_file():
        raise SharedModelError(f"{path}: the file is missing, so the shared model is incomplete")
    if (size := path.stat().st_size) > largest_bytes:
        raise SharedModelError(f"{path}: {size:,} bytes; at most {largest_bytes:,} are read")
