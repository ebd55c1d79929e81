"""Where the heatmap is high, as a DICOM segmentation (PS3.3 A.51)."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from egaze.dicom_objects.codes import PREDICTED_GAZE, coding_schemes
from egaze.dicom_objects.context import Context
from egaze.dicom_objects.drawing import above
from egaze.dicom_objects.frames import finish_frames
from egaze.dicom_objects.kinds import MARK


def segmentation(context: Context) -> Dataset:
    """Make a binary segmentation in the pixels of the source image, of pixels with at least a share of the peak."""
    inside = above(context.prediction.radiograph_heatmap(), context.threshold_frac)
    share = f"{context.threshold_frac:g}"
    uids = context.uids("seg", share.encode(), np.packbits(inside).tobytes())
    segment = SegmentDescription(
        segment_number=1,
        segment_label="Predicted gaze",
        segmented_property_category=codes.SCT.SpatialAndRelationalConcept,
        segmented_property_type=PREDICTED_GAZE,
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=AlgorithmIdentificationSequence(
            name="egaze",
            family=codes.DCM.ArtificialIntelligence,
            version=version("egaze"),
            parameters={"threshold as a share of the peak": share, "model": context.spec.model_sha256},
        ),
        tracking_id="predicted gaze",
        tracking_uid=uids.within("segment"),
    )
    segment.SegmentDescription = f"Heatmap of at least {share} of its peak. {MARK}"
    dataset = Segmentation(
        source_images=[context.reference()],
        pixel_array=inside,
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[segment],
        content_label="PREDICTED_GAZE",
        content_description=MARK,
        omit_empty_frames=False,
        coding_schemes=coding_schemes(),
        **context.heading("seg", uids),
    )
    if spacing := context.source.pixels.get("PixelSpacing"):
        # Imager Pixel Spacing is no substitute: it holds at the detector, not in the patient.
        measures = Dataset()
        measures.PixelSpacing = spacing.decode("latin-1").split("\\")
        dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence = [measures]
    finished = finish_frames(context, dataset, uids)
    finished.pop("Laterality", None)  # a segmentation's is that of its segments
    return finished
