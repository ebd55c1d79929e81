"""The files of a study and their digests."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from egaze.errors import StudyError
from egaze.labels import LabelKind
from egaze.progress import Progress
from egaze.serialize import JsonObject

FORMAT_VERSION = 4
MANIFEST = "study.json"
IMAGES = "images.npy"
CASES = "cases.parquet"
FIXATIONS = "fixations.parquet"
REGIONS = "regions.parquet"
PHRASES = "phrases.parquet"
SPLITS_JSON = "splits.json"

_TABLES = (CASES, FIXATIONS, REGIONS, PHRASES)


def sha256_file(path: Path, progress: Progress | None = None) -> str:
    """The SHA-256 of a file as hexadecimal digits; `progress` is called with (bytes read, bytes in all)."""
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        total = os.fstat(file.fileno()).st_size
        while piece := file.read(1 << 20):
            digest.update(piece)
            done += len(piece)
            if progress is not None:
                progress(done, total)
    return digest.hexdigest()


def open_images(path: Path) -> NDArray[np.uint16]:
    """Memory-map images.npy.

    The length of the file is checked, because reading a map of a file that is too short would end the process.

    Raises:
        ValueError: the file is not an array, or is shorter or longer than its header says.
    """
    images = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(images, np.memmap):
        raise ValueError(f"{path.name} is not an array")
    if (found := path.stat().st_size) != (expected := images.offset + images.nbytes):
        raise ValueError(f"{path.name} has {found} bytes, expected {expected}")
    return images


class SourceFacts(TypedDict):
    """The facts about a source in study.json; see `egaze.sources.Source`."""

    key: str
    layout: str
    synthetic: bool
    cases: int
    patients: int
    class_names: list[str]
    options: dict[str, object]
    hygiene: dict[str, int]


class LabelFacts(TypedDict):
    """What the labels of a study are, and of independent ones what an uncertain label teaches, one of
    `egaze.labels.UNCERTAIN`; None of exclusive ones, which are never uncertain."""

    kind: LabelKind
    uncertain: str | None


class Counts(TypedDict):
    """The counts of a study; `classes` counts the cases that certainly have a class."""

    cases: int
    left_out: int
    patients: int
    with_gaze: int
    with_label: int
    fixations: int
    regions: int
    phrases: int
    classes: dict[str, int]


class ReaderQuality(TypedDict):
    """Medians over the readings of one reader; None where no reading tells.

    `fixated_frac` is the share of the time, from the first onset to the last end, that is in fixations, and
    `on_radiograph_frac` the share of fixations on the part of the radiograph that was shown.
    """

    reader_id: str | None
    readings: int
    fixations: float | None
    fixation_s: float | None
    fixated_frac: float | None
    on_radiograph_frac: float | None


class MarkedReading(TypedDict):
    """A case whose gaze passes limits of quality, and which it passes; the case is kept."""

    case_id: str
    marks: list[str]


class GazeQualityFacts(TypedDict):
    """What fixations tell of the quality of gaze."""

    limits: dict[str, float]
    readers: list[ReaderQuality]
    marked: list[MarkedReading]


class GazeFacts(TypedDict):
    """The number of cases whose gaze was trusted or scaled, the smallest and largest factor, and the gaze's quality,
    which studies of earlier versions lack."""

    trusted: int
    scaled: int
    scale_factors: list[float] | None
    quality: GazeQualityFacts


class LeftOutFacts(TypedDict):
    """A case that was left out and the reason, without any part of a path or a patient's identifier."""

    case_id: str
    reason: str


class _OfGazeAlone(TypedDict, total=False):
    images: bool


class Manifest(_OfGazeAlone):
    """The content of study.json; `files` has the SHA-256 of each file by name. Only a study without images.npy has
    `images`, which is then false."""

    format_version: int
    egaze_version: str
    sources: list[SourceFacts]
    presentation: str
    fit: str
    image_size_px: int
    class_names: list[str]
    labels: LabelFacts
    counts: Counts
    gaze: GazeFacts
    left_out: list[LeftOutFacts]
    files: dict[str, str]


def has_images(manifest: Manifest) -> bool:
    """Whether a study has images.npy. Raises TypeError if its manifest has no answer."""
    if not isinstance(answer := manifest.get("images", True), bool):
        raise TypeError(f"images must be true or false, got {answer!r}")
    return answer


def digested(manifest: Manifest) -> tuple[str, ...]:
    """The files whose digests are in the manifest."""
    return (IMAGES, *_TABLES) if has_images(manifest) else _TABLES


def read_json(path: Path) -> JsonObject:
    """Read a JSON file of a study. Raises StudyError if it is missing, not JSON, or of another format version."""
    try:
        content: JsonObject = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StudyError(
            f"{path.parent}: not a prepared study: {path.name} is missing; `egaze prepare` makes one"
        ) from error
    except (OSError, ValueError) as error:
        raise StudyError(f"{path}: cannot be read: {error}") from error
    found = content.get("format_version") if isinstance(content, dict) else None
    if isinstance(found, int) and 1 <= found < FORMAT_VERSION:
        raise StudyError(
            f"{path}: made by an older egaze (format version {found}): prepare it again{_command(content)}"
        )
    if found != FORMAT_VERSION:
        raise StudyError(f"{path}: format version {found!r}, this egaze reads {FORMAT_VERSION}")
    return content


def command_with_images(manifest: Manifest) -> str:
    """The command that prepares a study without images again, with them."""
    words = [word for source in manifest["sources"] for word in (source["layout"], "--images", "DIR")]
    words += ["--size", str(manifest["image_size_px"]), "--fit", manifest["fit"]]
    return f"`egaze prepare {shlex.join(words)} --out NEW` and the options that name the sources' tables"


def _command(manifest: JsonObject) -> str:
    """The command that prepares an older study again, as far as its manifest tells: paths are never stored."""
    try:
        words = [str(source["layout"]) for source in manifest["sources"]]
        options = (("size", "image_size_px"), ("fit", "fit"), ("presentation", "presentation"))
        words += [word for option, key in options for word in (f"--{option}", str(manifest[key]))]
    except (KeyError, TypeError):
        return ""
    return f" with `egaze prepare {shlex.join(words)} --out NEW` and the options that name the sources' files"


def version_or_none(package: str) -> str | None:
    """The version of a package, or None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
