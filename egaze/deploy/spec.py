"""What an exported model says of itself, and the digest that proves it whole."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import MISSING, dataclass, fields
from os import PathLike
from pathlib import Path
from typing import Any

from egaze.errors import ModelFileError
from egaze.imaging import PRESENTATIONS
from egaze.imaging.fit import FITS

FORMAT_VERSION = 1
SPEC_NAME = "egaze_spec.json"
CLASS_PROBS = ("softmax", "sigmoid")

# An archive holds a few hundred members; its spec is some hundred bytes. Larger ones are not ours.
_MAX_MEMBERS = 100_000
_MAX_SPEC_BYTES = 1 << 20
_MAX_CODE_BYTES = 64 << 20
_MAX_SIDE_PX = 4096


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The extra file "egaze_spec.json" of an exported model.

    Attributes:
        format_version: of the file; this egaze reads 1.
        egaze_version, torch_version: what exported it.
        recipe: the recipe's name.
        precision: "fp32".
        presentation: how film pixels become [0, 1]; see `read_radiograph`.
        fit: "stretch" or "letterbox": how a film is placed on the model's input.
        input_height_px, input_width_px: the model's input.
        class_names: in the order of the probabilities.
        heatmap_head: whether the heatmap is a prediction; it is zeros when not.
        training_split_sha256: of the ids of the films it was trained on.
        model_sha256: of everything else in the archive; see `archive_digest`.
        class_probs: "softmax": the probabilities sum to 1; "sigmoid": each class was learnt on its own.
    """

    format_version: int
    egaze_version: str
    torch_version: str
    recipe: str
    precision: str
    presentation: str
    fit: str
    input_height_px: int
    input_width_px: int
    class_names: tuple[str, ...]
    heatmap_head: bool
    training_split_sha256: str
    model_sha256: str
    class_probs: str = "softmax"  # of files from before there was a choice


def read_spec(path: str | PathLike[str]) -> ModelSpec:
    """Read an exported model's spec without running anything of it.

    Raises:
        ModelFileError: no such file, not a model that egaze exported, or of another format version.
    """
    path = Path(path)
    with _open(path) as archive:
        names = [name for name in archive.namelist() if name.partition("/")[2] == f"extra/{SPEC_NAME}"]
        if len(names) != 1:
            raise ModelFileError(f"{path}: not a model that egaze exported: it holds no {SPEC_NAME}")
        if archive.getinfo(names[0]).file_size > _MAX_SPEC_BYTES:
            raise ModelFileError(f"{path}: its {SPEC_NAME} is too large")
        try:
            content = json.loads(archive.read(names[0]))
        except (ValueError, OSError, zipfile.BadZipFile) as error:
            raise ModelFileError(f"{path}: its {SPEC_NAME} cannot be read") from error
    return _spec(path, content)


def verify_digest(path: str | PathLike[str]) -> ModelSpec:
    """Read the spec and prove the archive whole.

    Raises:
        ModelFileError: as `read_spec`, or contents that do not have the digest the spec gives.
    """
    spec = read_spec(path)
    if archive_digest(path) != spec.model_sha256:
        raise ModelFileError(f"{path}: damaged or changed: its contents do not have the digest its spec gives")
    return spec


def archive_digest(path: str | PathLike[str]) -> str:
    """SHA-256 of an archive's members except the spec, in the order of their names without the top folder: for
    each the name, a NUL byte, the length as 8 bytes little endian, the content."""
    path = Path(path)
    digest = hashlib.sha256()
    with _open(path) as archive:
        members = sorted((name.partition("/")[2].encode(), name) for name in archive.namelist())
        for key, name in members:
            if key == f"extra/{SPEC_NAME}".encode():
                continue
            digest.update(key + b"\0" + archive.getinfo(name).file_size.to_bytes(8, "little"))
            try:
                with archive.open(name) as member:
                    while piece := member.read(1 << 20):
                        digest.update(piece)
            except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
                raise ModelFileError(f"{path}: damaged: cannot read its member {name!r}") from error
    return digest.hexdigest()


def _open(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise ModelFileError(f"{path}: no such file") from error
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{path}: not a TorchScript archive, or cut short") from error
    # torch compresses the code alone, which is small: an archive that would grow much is a bomb.
    infos = archive.infolist()
    allowed = 4 * path.stat().st_size + _MAX_CODE_BYTES
    if len(infos) > _MAX_MEMBERS or sum(info.file_size for info in infos) > allowed:
        archive.close()
        raise ModelFileError(f"{path}: not a TorchScript archive: too many members or too large when unpacked")
    return archive


def _spec(path: Path, content: Any) -> ModelSpec:
    version = content.get("format_version") if isinstance(content, dict) else None
    if version != FORMAT_VERSION:
        raise ModelFileError(f"{path}: model format version {version!r}, this egaze reads {FORMAT_VERSION}")
    values = {}
    for field in fields(ModelSpec):
        value = content.get(field.name, None if field.default is MISSING else field.default)
        expected: type = {"int": int, "bool": bool, "tuple[str, ...]": list}.get(str(field.type), str)
        if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
            raise ModelFileError(f"{path}: its spec's {field.name} is {value!r}")
        values[field.name] = value
    names = values["class_names"]
    if not names or not all(isinstance(name, str) for name in names):
        raise ModelFileError(f"{path}: its spec's class_names is {names!r}")
    values["class_names"] = tuple(names)
    for side in ("input_height_px", "input_width_px"):
        if not 1 <= values[side] <= _MAX_SIDE_PX:
            raise ModelFileError(f"{path}: its spec's {side} is {values[side]}, expected 1 to {_MAX_SIDE_PX}")
    for name, known in (("presentation", PRESENTATIONS), ("fit", FITS), ("class_probs", CLASS_PROBS)):
        if values[name] not in known:
            raise ModelFileError(f"{path}: its spec's {name} is {values[name]!r}, expected one of {', '.join(known)}")
    return ModelSpec(**values)
