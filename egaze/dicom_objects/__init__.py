"""DICOM objects of predictions, which refer to the radiograph's image, and archives that hold both."""

from egaze.dicom_objects.kinds import KINDS
from egaze.dicom_objects.objects import ObjectOptions, dicom_objects
from egaze.dicom_objects.source_image import SourceImage, read_source_image
from egaze.dicom_objects.write import DicomFolder

__all__ = ["KINDS", "DicomFolder", "ObjectOptions", "SourceImage", "dicom_objects", "read_source_image"]
