"""A picture of the prediction for people: the heatmap on the radiograph, as a Secondary Capture (PS3.3 A.8).

C++ writes the same elements (csrc/imaging/secondary_capture.cpp).
"""

from __future__ import annotations

from importlib.metadata import version

from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from egaze.dicom_objects.context import Context
from egaze.dicom_objects.drawing import marked_overlay
from egaze.dicom_objects.kinds import KINDS, MANUFACTURER, MARK
from egaze.errors import RadiographError

#: Rows and Columns are words of 16 bits.
_LONGEST_PX = 65535


def secondary_capture(context: Context) -> Dataset:
    """Make a Secondary Capture.

    Its pixels are those of the source image, with the colour bar and the mark on the right and below, so that the rows
    and columns of the radiograph, and sizes in millimetres, remain what they were.

    Raises:
        RadiographError: the radiograph is so long that the picture would not fit.
    """
    picture = marked_overlay(context.source.radiograph, context.prediction)
    height, width, _ = picture.shape
    if max(height, width) > _LONGEST_PX:
        raise RadiographError(
            f"{context.source.path}: a picture of {height}x{width} pixels is longer than DICOM's {_LONGEST_PX}"
        )
    content = picture.tobytes()
    uids = context.uids("sc", str(height).encode(), str(width).encode(), content)
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = SecondaryCaptureImageStorage, uids.instance
    dataset.Modality, dataset.SeriesInstanceUID = "OT", uids.series
    dataset.SeriesNumber, dataset.SeriesDescription = KINDS["sc"].series, KINDS["sc"].description
    dataset.InstanceNumber = context.source.instance_number
    dataset.Manufacturer, dataset.ManufacturerModelName = MANUFACTURER, context.spec.recipe[:64]
    dataset.DeviceSerialNumber, dataset.SoftwareVersions = context.spec.model_sha256, version("egaze")
    dataset.ConversionType = "WSD"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.ImageComments = MARK
    dataset.DerivationDescription = "Heatmap predicted by a model, laid on the radiograph"
    dataset.SourceImageSequence = [_source(context)]
    context.source.copy_pixels(dataset)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.Rows, dataset.Columns = height, width
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.add_new("PixelData", "OB", content + b"\0" * (len(content) % 2))
    return context.finish(dataset)


def _source(context: Context) -> Dataset:
    item = context.source.reference()
    purpose = Dataset()
    purpose.CodeValue, purpose.CodingSchemeDesignator = "121322", "DCM"
    purpose.CodeMeaning = "Source image for image processing operation"
    item.PurposeOfReferenceCodeSequence = [purpose]
    item.SpatialLocationsPreserved = "YES"
    return item
