"""The formats that `egaze export` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from egaze.deploy.export import export_torchscript
from egaze.deploy.onnx.export import export_onnx
from egaze.deploy.signature import require_no_key
from egaze.deploy.spec import DEFAULT_LIMITS, ModelLimits, ModelSpec, Thresholds
from egaze.errors import EgazeError
from egaze.registry import Registry
from egaze.training.run import Run


class Exporter(Protocol):
    """Writes a run's best model to a file, whole or not at all (`egaze.atomic.write_file`).

    Returns:
        The file's spec; None from a format without egaze's spec.

    Raises:
        EgazeError: the format cannot hold the run or the precision.
    """

    def __call__(self, run: Run, path: Path, *, precision: str) -> ModelSpec | None: ...


#: The format of a file whose suffix says what it holds.
SUFFIXES = {".pt": "torchscript", ".onnx": "onnx"}

_OWN = {"torchscript": export_torchscript, "onnx": export_onnx}

#: Exporters by the names that `egaze export --format` takes; other packages add theirs as `egaze.exports`.
EXPORTS: Registry[Exporter] = Registry("egaze.exports", "export", _OWN, fits=callable)


def export_run(
    run: Run,
    path: str | Path,
    *,
    format: str | None = None,
    precision: str = "fp32",
    sign: str | Path | None = None,
    thresholds: Thresholds | None = None,
    limits: ModelLimits = DEFAULT_LIMITS,
) -> ModelSpec | None:
    """Write a run's best model in one of the formats of `EXPORTS`.

    Args:
        run: a run with a checkpoint.
        path: the file to write, which is replaced whole.
        format: one of `EXPORTS`; see `export_torchscript` and `export_onnx` for egaze's own. None for that of the
            path's suffix.
        precision: "fp32" or "bf16".
        sign: a PEM file with an Ed25519 private key, by which the file is signed; for egaze's own formats only.
        thresholds: thresholds of the class probabilities that the file is to carry; for egaze's own formats only.
        limits: how large the program may be; for egaze's own formats only. See `export_torchscript`.

    Returns:
        The file's spec; None from a format without egaze's spec.

    Raises:
        EgazeError: the format is unknown or not told by the suffix, or cannot be signed, carry thresholds or have
            limits; the path holds a key; or as the format's own function raises it.

    Example:
        >>> from egaze.deploy import export_run
        >>> from egaze.training import open_run
        >>> spec = export_run(open_run("run"), "exported.pt", format="torchscript", precision="bf16")
        >>> spec.precision
        'bf16'
    """
    require_no_key(path)
    if format is None:
        format = _format_of(Path(path))
    if format not in EXPORTS:
        raise EgazeError(f"no export format {format!r}; there are {', '.join(EXPORTS)}")
    if format in _OWN:
        return _OWN[format](run, path, precision=precision, sign=sign, thresholds=thresholds, limits=limits)
    if limits != DEFAULT_LIMITS:
        raise EgazeError(f"a file of the format {format!r} has no limits; one of 'torchscript' has")
    for asked, cannot in ((sign, "be signed"), (thresholds, "carry thresholds")):
        if asked is not None:
            raise EgazeError(f"a file of the format {format!r} cannot {cannot}; one of 'torchscript' can")
    return EXPORTS[format](run, Path(path), precision=precision)


def _format_of(path: Path) -> str:
    suffix = path.suffix
    if (found := SUFFIXES.get(suffix.lower())) is None:
        known = ", ".join(f"{suffix} ({name})" for suffix, name in SUFFIXES.items())
        said = f"suffix {suffix!r} stands for no export format" if suffix else "a suffix has to say the export format"
        raise EgazeError(f"{path}: {said}: {known}; rename it, or choose one by --format ({', '.join(EXPORTS)})")
    return found
