"""DICOM objects as files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from egaze.atomic import require_folder, write_file
from egaze.deploy import ModelSpec, Prediction
from egaze.dicom_objects.objects import ObjectOptions, dicom_objects, require_kinds
from egaze.dicom_objects.quiet import quiet
from egaze.dicom_objects.source_image import read_source_image


@dataclass(frozen=True, slots=True)
class DicomFolder:
    """A folder for the objects of predictions: NAME_sc.dcm, NAME_seg.dcm, NAME_pm.dcm and NAME_sr.dcm.

    Attributes:
        folder: created with the first file.
        options: which objects.
        model: the model's file, for messages.
        spec: its spec.

    Raises:
        EgazeError: the folder cannot be written, or as `require_kinds`.

    Example:
        >>> from pathlib import Path
        >>> from egaze import Predictor
        >>> from egaze.dicom_objects import DicomFolder, ObjectOptions
        >>> predictor = Predictor("model.pt")
        >>> folder = DicomFolder(Path("objects"), ObjectOptions(("sc",)), Path("model.pt"), predictor.spec)
        >>> folder.write("radiograph", Path("radiograph.dcm"), predictor.predict("radiograph.dcm"))[0].name
        'radiograph_sc.dcm'
    """

    folder: Path
    options: ObjectOptions
    model: Path
    spec: ModelSpec

    def __post_init__(self) -> None:
        require_kinds(self.options.kinds, self.spec, self.model)
        require_folder(self.folder)

    def write(self, name: str, radiograph: Path, prediction: Prediction) -> tuple[Path, ...]:
        """Write the objects of one prediction and return their paths.

        A file that holds the same object already is left as it is, with the time at which it was made; others of the
        same names are replaced.

        Raises:
            EgazeError: as `read_source_image` and `dicom_objects`, or an error of the disk.
        """
        return self.write_objects(
            name, dicom_objects(prediction, read_source_image(radiograph), self.spec, self.options)
        )

    def write_objects(self, name: str, objects: Mapping[str, Dataset]) -> tuple[Path, ...]:
        """Write the objects of one prediction by kind, as `write` does."""
        paths = tuple(self.folder / f"{name}_{kind}.dcm" for kind in objects)
        for path, dataset in zip(paths, objects.values(), strict=True):
            content = encoded(dataset)
            if not _holds(path, dataset, len(content)):
                write_file(path, partial(Path.write_bytes, data=content))
        return paths


def encoded(dataset: Dataset) -> bytes:
    """An object as the content of a DICOM file."""
    content = BytesIO()
    with quiet():
        pydicom.dcmwrite(content, dataset, enforce_file_format=True)
    return content.getvalue()


def _holds(path: Path, dataset: Dataset, size_bytes: int) -> bool:
    """Whether a file holds an object of the same UID, whole: only times differ, which are equally long."""
    try:
        if path.stat().st_size != size_bytes:
            return False
        with quiet():
            found = pydicom.dcmread(path, specific_tags=["SOPInstanceUID", "StudyInstanceUID"])
            return bool(found.get("SOPInstanceUID") == dataset.SOPInstanceUID)
    except (OSError, InvalidDicomError, EOFError, ValueError):
        return False
