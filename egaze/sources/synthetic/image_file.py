"""The image files of a twin: radiographs as DICOM or PNG, and masks as PNG.

DICOM files have 16 bits allocated and 12 stored, and contain nothing that depends on the time of writing.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from egaze.sources.synthetic.plan import FULL_LONG_SIDE_PX, CasePlan, Presentation

_DX_FOR_PRESENTATION = UID("1.2.840.10008.5.1.4.1.1.1.1")
_FULL_SPACING_MM = 0.139
_MAX = 4095
_TWELVE_TO_SIXTEEN = 16  # scales 12-bit grey to 16 bits, so that it does not look black


def stored_values(pixels: np.ndarray, presentation: Presentation) -> np.ndarray:
    """From (H, W) uint16 grey in the MONOCHROME2 sense to the stored values, 0 to 4095."""
    grey = np.rint(presentation.offset + presentation.gain * pixels.astype(np.float32))
    stored: np.ndarray = np.clip(grey, 0, _MAX).astype(np.uint16)
    return np.subtract(_MAX, stored) if presentation.inverted else stored


def write_dicom(path: Path, pixels: np.ndarray, plan: CasePlan, female: bool) -> None:
    """Write one radiograph of (H, W) uint16 pixels from 0 to 4095 in the MONOCHROME2 sense."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = _DX_FOR_PRESENTATION
    meta.MediaStorageSOPInstanceUID = _uid(plan, 3)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = _DX_FOR_PRESENTATION
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID = _uid(plan, 1)
    dataset.SeriesInstanceUID = _uid(plan, 2)
    dataset.Modality = "DX"
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.Manufacturer = "egaze synthetic phantom"
    dataset.InstitutionName = "No hospital"
    dataset.StudyDescription = "CHEST (PA) - SYNTHETIC"
    dataset.DerivationDescription = "Computed phantom; shows no person"
    dataset.PatientName = f"Phantom^{plan.patient_id}"
    dataset.PatientID = plan.patient_id
    dataset.PatientSex = "F" if female else "M"
    dataset.PatientBirthDate = ""
    dataset.StudyDate = "22000101"
    dataset.StudyTime = "000000"
    dataset.StudyID = plan.study_id
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = 1
    dataset.BodyPartExamined = "CHEST"
    dataset.ViewPosition = "PA"
    dataset.PatientOrientation = ["L", "F"]
    dataset.ImageLaterality = "U"
    dataset.BurnedInAnnotation = "NO"
    dataset.PixelSpacing = [round(_FULL_SPACING_MM * FULL_LONG_SIDE_PX / max(pixels.shape), 4)] * 2
    dataset.SamplesPerPixel = 1
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    inverted = plan.presentation.inverted
    dataset.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    dataset.PresentationLUTShape = "INVERSE" if inverted else "IDENTITY"
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    windows = plan.presentation.windows
    if len(windows) == 1:
        dataset.WindowCenter, dataset.WindowWidth = windows[0]
    elif windows:
        dataset.WindowCenter, dataset.WindowWidth = (list(values) for values in zip(*windows, strict=True))
        dataset.WindowCenterWidthExplanation = ["NORMAL", "HARDER"][: len(windows)]
    dataset.PixelData = stored_values(pixels, plan.presentation).astype("<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    content = io.BytesIO()  # pydicom's errors on writing are pages long
    pydicom.dcmwrite(content, dataset, enforce_file_format=True)
    path.write_bytes(content.getbuffer())


def _uid(plan: CasePlan, level: int) -> UID:
    """A UID under 2.25 (a number of up to 128 bits) derived from the invented id of the radiograph."""
    digits = plan.dicom_id.replace("-", "")[:30]
    return UID(f"2.25.{int(digits, 16) * 10 + level}")


def write_grey16(path: Path, pixels: np.ndarray) -> None:
    """Write (H, W) uint16 pixels from 0 to 4095 as a 16-bit grey PNG."""
    Image.fromarray(pixels * np.uint16(_TWELVE_TO_SIXTEEN)).save(path, compress_level=1)


def write_mask(path: Path, mask: np.ndarray) -> None:
    """Write a (H, W) bool mask as an 8-bit PNG of 0 and 255."""
    Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(path, compress_level=3)
