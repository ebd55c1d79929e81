"""DICOM films, through pydicom and its decoders. Sections are those of DICOM PS3.3."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.pixels.processing import apply_modality_lut

from egaze.errors import FilmError
from egaze.imaging import present
from egaze.imaging.radiograph import MAX_PIXELS, Presentation, Radiograph

Values = NDArray[np.float64]


def read_dicom(path: Path, policy: str) -> Radiograph:
    """Read one monochrome frame; see `read_radiograph`."""
    try:
        dataset = pydicom.dcmread(path)
        _require_one_grey_frame(path, dataset)
        stored = dataset.pixel_array
        return _present(path, dataset, stored, policy)
    except FilmError:
        raise
    except (InvalidDicomError, EOFError) as error:
        raise FilmError(f"{path}: not a readable DICOM file") from error
    except Exception as error:
        # Decoders raise whatever they like. Their words may quote header fields, so only the kind is passed on.
        raise FilmError(f"{path}: cannot decode the film ({type(error).__name__})") from error


def _require_one_grey_frame(path: Path, dataset: Dataset) -> None:
    if "PixelData" not in dataset:
        raise FilmError(f"{path}: holds no pixels")
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    if rows < 1 or columns < 1 or rows * columns > MAX_PIXELS:
        raise FilmError(f"{path}: {rows}x{columns} pixels are not between 1 and {MAX_PIXELS}")
    frames = int(dataset.get("NumberOfFrames", 1) or 1)
    if frames != 1:
        raise FilmError(f"{path}: {frames} frames, expected one film")
    photometric = str(dataset.get("PhotometricInterpretation", ""))
    if photometric not in {"MONOCHROME1", "MONOCHROME2"}:
        raise FilmError(f"{path}: photometric interpretation {photometric!r}, expected MONOCHROME1 or MONOCHROME2")
    if not 1 <= int(dataset.BitsStored) <= int(dataset.BitsAllocated) <= 16:
        raise FilmError(f"{path}: {dataset.BitsStored} of {dataset.BitsAllocated} bits stored, expected at most 16")


def _present(path: Path, dataset: Dataset, stored: NDArray[np.integer], policy: str) -> Radiograph:
    bits = int(dataset.BitsStored)
    if policy == "raw-max":
        return Radiograph(present.look_up(stored, present.raw_max), Presentation(policy, bits))
    inverted = str(dataset.PhotometricInterpretation) == "MONOCHROME1"
    voi, described = _voi(path, dataset) if policy == "voi" else (present.full_range, None)
    padding = _padding(dataset)

    def as_shown(values: Values, counts: NDArray[np.int64]) -> Values:
        is_padding = np.zeros(len(values), dtype=bool) if padding is None else padding(values)
        counts = np.where(is_padding, 0, counts)
        # Modality first (C.11.1), whatever the policy: a negative slope turns the film's sense round.
        measured = np.asarray(apply_modality_lut(values.astype(np.int64), dataset), dtype=np.float64)
        shown = np.clip(voi(measured, counts), 0.0, 1.0)
        if inverted:
            shown = 1.0 - shown
        if policy == "equalize" and counts.any():
            shown = present.equalized(shown, counts)
        return np.where(is_padding, 0.0, shown)

    pixels = present.look_up(stored, as_shown)
    return Radiograph(pixels, Presentation(policy, bits, voi=described, inverted=inverted))


def _padding(dataset: Dataset) -> Callable[[Values], NDArray[np.bool_]] | None:
    """Pixel Padding Value and its Range Limit (C.7.5.1.1.2), in stored values."""
    if (value := dataset.get("PixelPaddingValue")) is None:
        return None
    low, high = sorted((int(value), int(dataset.get("PixelPaddingRangeLimit", value))))
    return lambda values: (values >= low) & (values <= high)


def _voi(path: Path, dataset: Dataset) -> tuple[Callable[[Values, NDArray[np.int64]], Values], str | None]:
    """The film's first VOI transform (C.11.2.1), to [0, 1], and its name."""
    if dataset.get("VOILUTSequence"):
        return _voi_lut(path, dataset.VOILUTSequence[0]), "VOI LUT"
    if dataset.get("WindowCenter") is None or dataset.get("WindowWidth") is None:
        return present.full_range, None
    centre, width = _first(dataset.WindowCenter), _first(dataset.WindowWidth)
    function = str(dataset.get("VOILUTFunction", "LINEAR") or "LINEAR").upper()
    window = _window(path, centre, width, function)
    return (lambda values, counts: window(values)), f"window {centre:g}/{width:g} {function}"


def _first(value: object) -> float:
    return float(value[0]) if isinstance(value, pydicom.multival.MultiValue) else float(value)  # type: ignore[arg-type]


def _window(path: Path, centre: float, width: float, function: str) -> Callable[[Values], Values]:
    if function == "LINEAR":  # C.11.2.1.2.1
        if width < 1:
            raise FilmError(f"{path}: window width {width:g}, expected at least 1")
        if width == 1:
            return lambda values: (values > centre - 0.5).astype(np.float64)
        return lambda values: (values - (centre - 0.5)) / (width - 1.0) + 0.5
    if width <= 0:
        raise FilmError(f"{path}: window width {width:g}, expected above 0")
    if function == "LINEAR_EXACT":  # C.11.2.1.3.2
        return lambda values: (values - centre) / width + 0.5
    if function == "SIGMOID":  # C.11.2.1.3.1
        return lambda values: 1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - centre) / width, -700.0, 700.0)))
    raise FilmError(f"{path}: unknown VOI LUT Function {function!r}")


def _voi_lut(path: Path, item: Dataset) -> Callable[[Values, NDArray[np.int64]], Values]:
    entries, first, bits = (int(v) for v in item.LUTDescriptor)
    entries = entries or 65536
    data = item.LUTData
    table = np.frombuffer(data, dtype="<u2") if isinstance(data, bytes) else np.asarray(data)
    table = table.astype(np.float64).ravel() / (2.0**bits - 1.0)
    if len(table) < entries:
        raise FilmError(f"{path}: VOI LUT of {entries} entries holds {len(table)}")
    return lambda values, counts: table[np.clip(values - first, 0, entries - 1).astype(np.intp)]
