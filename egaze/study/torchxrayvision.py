"""A study of any torchxrayvision data set, of which it takes images, labels and patients."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egaze.errors import StudyError
from egaze.imaging import Canvas
from egaze.progress import Progress
from egaze.sources.case import Case, is_synthetic
from egaze.sources.table import require_class_names
from egaze.study.prepare import prepare_study, require_settings, study_place
from egaze.study.study import Study

#: Images run from -_FULL (black) to _FULL (white).
_FULL = 1024.0
_ROUNDING = 1e-3


@dataclass(frozen=True, slots=True)
class _TorchXrayVision:
    """The `Source` of a data set whose images lie in a folder."""

    class_names: tuple[str, ...]
    options: dict[str, object]
    hygiene: dict[str, int]
    synthetic: bool
    given: list[Case]
    name: str = "torchxrayvision"
    population: None = None

    @property
    def patient_order(self) -> list[str]:
        return list(dict.fromkeys(case.patient_id for case in self.given))

    def cases(self) -> list[Case]:
        return self.given


def from_torchxrayvision(
    dataset: Any,
    out: str | Path,
    *,
    size_px: int = 224,
    fit: str = "stretch",
    seed: int = 42,
    uncertain: str = "ignore",
    progress: Progress | None = None,
) -> Study:
    """Make a study of independent labels of a torchxrayvision data set, or of any object that is built like one.

    It has `pathologies`, C names; `labels`, (N, C) of 1, 0, or NaN where nothing is known, or certainties between; and
    N items of which `["img"]` is (1, H, W) from -1024 to 1024, as its `transform` makes them. If its table `csv` has a
    column `patientid`, all radiographs of a patient are in one split; each radiograph without one stands for a patient
    of its own, which `hygiene` counts. Radiographs without a known label, and pathologies that are known of no
    radiograph, are left out and counted.

    A case is named by the class of the data set and its index in it. Images are placed on the canvas in this process,
    and lie beside `out` until the study is there.

    Args:
        dataset: the data set.
        out: the folder of the study, which must not exist yet.
        size_px, fit, seed, uncertain: see `prepare_study`.
        progress: called with (radiographs done, radiographs in all).

    Raises:
        StudyError: no such data set, one with `data_aug`, which would store random images, a label that is none, an
            image of another shape or range or that cannot be read, or an argument out of range.
        TableError: pathologies without a name, or with names that look alike.
        EgazeError: `out` exists already or is not writable.

    Example:
        >>> import numpy as np
        >>> from egaze.study import from_torchxrayvision
        >>> class Radiographs:
        ...     pathologies = ["Effusion", "Mass"]
        ...     labels = np.array([[1, 0], [np.nan, 1], [0, 0]])
        ...     def __len__(self):
        ...         return 3
        ...     def __getitem__(self, index):
        ...         return {"img": np.full((1, 64, 64), -1024.0 + index)}
        >>> study = from_torchxrayvision(Radiographs(), "of-radiographs", size_px=32)
        >>> study.class_names, study.labels.text(1)
        (('Effusion', 'Mass'), 'Mass')
    """
    require_settings(size_px=size_px, seed=seed, uncertain=uncertain)
    place = study_place(Path(out))
    try:
        canvas = Canvas.square(size_px, fit, "voi")
    except ValueError as error:
        raise StudyError(str(error)) from error
    name = type(dataset).__name__
    class_names, labels = _labels(name, dataset)
    if augmented := [type(part).__name__ for part in _parts(dataset) if getattr(part, "data_aug", None) is not None]:
        raise StudyError(f"{augmented[0]}: has data_aug, whose random images a study would keep; set it to None")
    hygiene = {
        "radiographs_read": len(labels),
        "radiographs_dropped_without_label": int(np.isnan(labels).all(axis=1).sum()),
        "radiographs_of_unknown_patient": 0,
    }
    hygiene |= {f"pathology_of_no_radiograph_{left}": 1 for left in dataset.pathologies if str(left) not in class_names}
    patients = _patients(name, dataset, len(labels))
    with tempfile.TemporaryDirectory(prefix=f".{place.name}.radiographs-", dir=place.parent) as folder:
        cases = []
        for index, row in enumerate(labels):
            if not np.isnan(row).all():
                case_id = f"{name}-{index:06d}"
                file = Path(folder, f"{case_id}.npy")
                np.save(file, canvas.place(_image(name, dataset, index)))
                known = {of: float(value) for of, value in zip(class_names, row, strict=True) if not np.isnan(value)}
                hygiene["radiographs_of_unknown_patient"] += patients[index] is None
                cases.append(Case(case_id, patients[index] or case_id, file, certainties=known))
            if progress is not None:
                progress(index + 1, len(labels))
        options: dict[str, object] = {"labels": "independent", "dataset": name}
        synthetic = any(is_synthetic(Path(path)) for part in _parts(dataset) if (path := getattr(part, "imgpath", "")))
        source = _TorchXrayVision(class_names, options, hygiene, synthetic, cases)
        return prepare_study([source], place, size_px=size_px, fit=fit, seed=seed, uncertain=uncertain, strict=True)


def _parts(dataset: Any) -> Iterator[Any]:
    """The data set and those of which it consists: torchxrayvision merges, filters and cuts data sets."""
    yield dataset
    for part in (*getattr(dataset, "datasets", ()), *filter(None, [getattr(dataset, "dataset", None)])):
        yield from _parts(part)


def _labels(name: str, dataset: Any) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The pathologies that are known of some radiograph, and their (N, C) labels."""
    try:
        pathologies = [str(pathology) for pathology in dataset.pathologies]
        labels = np.asarray(dataset.labels, dtype=np.float64)
        count = len(dataset)
    except (AttributeError, TypeError, ValueError) as error:
        raise StudyError(f"{name}: is no torchxrayvision data set: {error}") from error
    if labels.shape != (count, len(pathologies)) or not labels.size:
        raise StudyError(
            f"{name}: labels must be ({count}, {len(pathologies)}), radiographs and pathologies, got {labels.shape}"
        )
    for index, place in np.argwhere(~(np.isnan(labels) | ((labels >= 0) & (labels <= 1))))[:1]:
        raise StudyError(
            f"{name}: radiograph {index}, pathology {pathologies[place]!r}: the label is {labels[index, place]:g}, "
            "expected 1 (present), 0 (absent), NaN (unknown), or a certainty between 0 and 1"
        )
    is_known: NDArray[np.bool_] = np.any(~np.isnan(labels), axis=0)
    if not is_known.any():
        raise StudyError(f"{name}: no radiograph has a label")
    class_names = tuple(pathology for pathology, kept in zip(pathologies, is_known, strict=True) if kept)
    require_class_names(class_names)
    return class_names, labels[:, is_known]


def _patients(name: str, dataset: Any, count: int) -> Sequence[str | None]:
    """The patient of each radiograph, None where it is not known."""
    table = getattr(dataset, "csv", None)
    if table is None or "patientid" not in table:
        return [None] * count
    patients = list(table["patientid"])
    if len(patients) != count:
        raise StudyError(f"{name}: its table csv has {len(patients)} rows, but there are {count} radiographs")
    # A merged table has NaN for the radiographs of a data set without patients.
    return [None if patient is None or patient != patient else str(patient) for patient in patients]


def _image(name: str, dataset: Any, index: int) -> NDArray[np.float32]:
    """An image as grey values in [0, 1]."""
    where = f"{name}: radiograph {index}"
    try:
        image = np.asarray(dataset[index]["img"], dtype=np.float64)
    except Exception as error:  # it may be of any kind: files are read by whatever the data set uses
        raise StudyError(f"{where} cannot be read: {type(error).__name__} {' '.join(str(error).split())}") from error
    if image.ndim == 3 and len(image) == 1:
        image = image[0]
    if image.ndim != 2 or not image.size:
        raise StudyError(f"{where} has shape {image.shape}, expected one channel: (1, height, width)")
    low, high = image.min(), image.max()
    if not (low >= -_FULL - _ROUNDING and high <= _FULL + _ROUNDING):  # also true for NaN
        raise StudyError(
            f"{where} has values from {low:g} to {high:g}, expected -{_FULL:g} (black) to {_FULL:g} (white)"
        )
    grey: NDArray[np.float32] = np.clip((image + _FULL) / (2 * _FULL), 0, 1).astype(np.float32)
    return grey
