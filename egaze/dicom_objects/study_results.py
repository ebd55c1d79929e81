"""From the radiographs of a study in an archive to predictions, and from these to objects in the archive."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom.uid import ComputedRadiographyImageStorage, DigitalXRayImageStorageForPresentation

from egaze.deploy import Prediction, Predictor
from egaze.dicom_objects.archive import Archive, Instance
from egaze.dicom_objects.objects import ObjectOptions, dicom_objects
from egaze.dicom_objects.source_image import read_source_image
from egaze.dicom_objects.write import DicomFolder
from egaze.errors import ArchiveError, EgazeError
from egaze.progress import Progress

_RADIOGRAPHS = {ComputedRadiographyImageStorage, DigitalXRayImageStorageForPresentation}
_CHEST = {"CHEST", "THORAX", "LUNG", "LUNGS", "RIB", "RIBS"}
_LATERAL = {"LL", "RL", "LATERAL", "LAT"}


@dataclass(frozen=True, slots=True)
class StudyResult:
    """What became of one radiograph of a study.

    Attributes:
        name: such as "radiograph 1 of 2"; names of files and UIDs are the archive's.
        prediction: what the model says of it, or None if it was left out or cannot be read.
        stored: the kinds of objects that were stored.
        present: the kinds of objects that the archive had already.
        left_out: why it was not predicted, such as that it is a lateral view, or "".
        error: why it cannot be predicted, or no objects can be made of it, or "".
    """

    name: str
    prediction: Prediction | None = None
    stored: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    left_out: str = ""
    error: str = ""


def radiographs_of(archive: Archive, study_uid: str) -> list[Instance]:
    """List the radiographs of a study: computed and digital ones for presentation.

    Raises:
        ArchiveError: there are none, or as `Archive.instances`.
    """
    instances = archive.instances(study_uid)
    found = [instance for instance in instances if instance.sop_class_uid in _RADIOGRAPHS]
    if not found:
        raise ArchiveError(f"{archive.url}: none of the study's {len(instances)} objects is a radiograph to be shown")
    return found


def study_results(
    archive: Archive,
    study_uid: str,
    predictor: Predictor,
    options: ObjectOptions,
    *,
    store: bool = False,
    folder: DicomFolder | None = None,
    progress: Progress | None = None,
) -> Iterator[StudyResult]:
    """Predict the chest radiographs of a study in an archive, one after the other.

    A radiograph is in memory or in a temporary file while it is predicted, and nowhere afterwards. Lateral views and
    radiographs of other parts of the body are left out where their headers say so.

    Args:
        archive: where the study is.
        study_uid: its Study Instance UID.
        predictor: the model.
        options: which objects are made.
        store: whether they are stored in the archive; an object that it has already is not stored again.
        folder: where they are written, too.
        progress: called with (radiographs done, radiographs of the study).

    Yields:
        One result for each radiograph.

    Raises:
        ArchiveError: an error of the connection, or the archive does not store an object.
        EgazeError: as `DicomFolder.write`, or `ModelFileError` if the model fails.
    """
    instances = radiographs_of(archive, study_uid)
    for number, instance in enumerate(instances, start=1):
        name = f"radiograph {number} of {len(instances)}"
        with tempfile.TemporaryDirectory(prefix="egaze-") as private:
            path = Path(private) / f"radiograph-{number}.dcm"
            archive.retrieve(study_uid, instance, path)
            try:
                result = _result(archive, name, path, predictor, options, store=store, folder=folder)
            except ArchiveError:
                raise
            except EgazeError as error:
                result = StudyResult(name, error=str(error).replace(str(path), name))
        yield result
        if progress is not None:
            progress(number, len(instances))


def _result(
    archive: Archive,
    name: str,
    path: Path,
    predictor: Predictor,
    options: ObjectOptions,
    *,
    store: bool,
    folder: DicomFolder | None,
) -> StudyResult:
    source = read_source_image(path)
    if source.body_part and source.body_part not in _CHEST:
        return StudyResult(name, left_out="shows another part of the body than the chest")
    if source.view in _LATERAL:
        return StudyResult(name, left_out="is a lateral view")
    prediction = predictor.predict(path)
    if not store and folder is None:
        return StudyResult(name, prediction)
    objects = dicom_objects(prediction, source, predictor.spec, options)
    if folder is not None:
        folder.write_objects(source.sop_instance_uid, objects)
    stored, present = [], []
    for kind, dataset in objects.items() if store else ():
        if archive.holds(dataset):
            present.append(kind)
        else:
            archive.store(dataset)
            stored.append(kind)
    return StudyResult(name, prediction, tuple(stored), tuple(present))
