"""What segmentations and parametric maps share: frames with functional groups."""

from __future__ import annotations

from pydicom.dataset import Dataset

from egaze.dicom_objects.context import Context
from egaze.dicom_objects.uids import ObjectUids

#: Not of images with functional groups, in which sizes are in Pixel Measures.
_SINGLE_FRAME = (
    "PixelSpacing",
    "PixelSpacingCalibrationType",
    "PixelSpacingCalibrationDescription",
    "ImagerPixelSpacing",
    "NominalScannedPixelSpacing",
    "PixelAspectRatio",
    "BurnedInAnnotation",  # a map has only the heatmap's pixels
)


def finish_frames(context: Context, dataset: Dataset, uids: ObjectUids) -> Dataset:
    """Finish an image object of highdicom's, whose frame refers to the source image pixel by pixel."""
    organization = uids.within("dimensions")
    for item in (*dataset.DimensionOrganizationSequence, *dataset.DimensionIndexSequence):
        item.DimensionOrganizationUID = organization
    if context.source.lossy is not None:
        ratio, dataset.LossyImageCompressionMethod = context.source.lossy
        dataset.LossyImageCompression, dataset.LossyImageCompressionRatio = "01", f"{ratio:.2f}"
    context.source.copy_pixels(dataset, without=_SINGLE_FRAME)
    return context.finish(dataset)
