"""What the makers of all kinds of objects share: the prediction, its source image, and the elements around them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from itertools import chain
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from egaze.deploy import ModelSpec, Prediction
from egaze.dicom_objects.kinds import KINDS, MANUFACTURER
from egaze.dicom_objects.source_image import SourceImage
from egaze.dicom_objects.uids import ObjectUids, uid_of


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """One prediction of which objects are made.

    Attributes:
        source: the image of the radiograph.
        prediction: what the model says of it.
        spec: the model's spec.
        threshold_frac: the share of the heatmap's peak from which on pixels are inside a segmentation.
        created: when the objects are made.
    """

    source: SourceImage
    prediction: Prediction
    spec: ModelSpec
    threshold_frac: float
    created: datetime

    def uids(self, kind: str, *content: bytes) -> ObjectUids:
        """The UIDs of an object of a kind with this content."""
        source = self.source
        identity = chain.from_iterable((key.encode(), value) for key, value in sorted(source.identity.items()))
        maker = (kind, version("egaze"), self.spec.model_sha256, source.series_uid)
        series = uid_of([*(text.encode() for text in maker), *identity])
        image = (series, source.sop_class_uid, source.sop_instance_uid, str(source.instance_number))
        pixels = chain.from_iterable((key.encode(), value) for key, value in sorted(source.pixels.items()))
        return ObjectUids(series, uid_of([*(text.encode() for text in image), *pixels, *content]))

    def reference(self) -> Dataset:
        """The source image as highdicom wants it, without what identifies the patient, which `finish` copies."""
        source = self.source
        dataset = Dataset()
        dataset.SOPClassUID, dataset.SOPInstanceUID = source.sop_class_uid, source.sop_instance_uid
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = source.study_uid, source.series_uid
        dataset.Modality = source.modality
        dataset.Rows, dataset.Columns = source.radiograph.shape
        for keyword in ("PatientID", "PatientName", "PatientSex", "PatientBirthDate", "AccessionNumber", "StudyID"):
            setattr(dataset, keyword, "")
        dataset.StudyDate = dataset.StudyTime = None
        return dataset

    def heading(self, kind: str, uids: ObjectUids) -> dict[str, Any]:
        """highdicom's arguments for the series, the instance and the equipment of an object."""
        return {
            "series_instance_uid": uids.series,
            "series_number": KINDS[kind].series,
            "series_description": KINDS[kind].description,
            "sop_instance_uid": uids.instance,
            "instance_number": self.source.instance_number,
            "manufacturer": MANUFACTURER,
            "manufacturer_model_name": self.spec.recipe[:64],
            "software_versions": version("egaze"),
            "device_serial_number": self.spec.model_sha256,
            "content_date": self.created.date(),
            "content_time": self.created.time(),
        }

    def finish(self, dataset: Dataset) -> Dataset:
        """Add what objects of all kinds have, and the source image's identity."""
        dataset.InstanceCreationDate = f"{self.created:%Y%m%d}"
        dataset.InstanceCreationTime = f"{self.created:%H%M%S}"
        dataset.ContentDate, dataset.ContentTime = dataset.InstanceCreationDate, dataset.InstanceCreationTime
        if "ContributingEquipmentSequence" in dataset:  # of a reference that names none
            del dataset.ContributingEquipmentSequence
        if "SpecificCharacterSet" in dataset:
            del dataset.SpecificCharacterSet
        self.source.copy_identity(dataset)
        meta = dataset.file_meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
        meta.FileMetaInformationVersion, meta.FileMetaInformationGroupLength = b"\0\1", 0
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.ImplementationClassUID = UID(uid_of([b"implementation"]))
        meta.ImplementationVersionName = f"egaze {version('egaze')}"[:16]
        dataset.preamble = b"\0" * 128
        return dataset
