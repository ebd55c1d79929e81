"""The heatmap's values, as a DICOM parametric map (PS3.3 A.75)."""

from __future__ import annotations

from highdicom import VOILUTTransformation
from highdicom.enum import ContentQualificationValues
from highdicom.pm import DerivedPixelContrastValues, ImageFlavorValues, ParametricMap, RealWorldValueMapping
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from egaze.dicom_objects.codes import PREDICTED_GAZE, coding_schemes
from egaze.dicom_objects.context import Context
from egaze.dicom_objects.detector_plane import place_on_detector
from egaze.dicom_objects.drawing import stored_map
from egaze.dicom_objects.frames import finish_frames
from egaze.dicom_objects.kinds import MARK

_LABEL = "PREDICTED_GAZE"


def parametric_map(context: Context) -> Dataset:
    """Make a map of the heatmap in the pixels of the source image.

    Values are stored in 16 bits, of which 65535 stands for 1: more viewers show such maps than floating-point ones, and
    the rounding, at most 8e-6, is less than that between egaze's engines.
    """
    stored = stored_map(context.prediction.radiograph_heatmap())
    uids = context.uids("pm", stored.tobytes())
    highest = max(int(stored.max()), 1)
    reference = context.reference()
    place_on_detector(context.source, reference)
    dataset = ParametricMap(
        source_images=[reference],
        pixel_array=stored,
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[
            RealWorldValueMapping(
                lut_label=_LABEL,
                lut_explanation="Heatmap of predicted gaze, 0 to 1",
                unit=codes.UCUM.NoUnits,
                value_range=(0, 65535),
                slope=1.0 / 65535.0,
                intercept=0.0,
                quantity_definition=PREDICTED_GAZE,
            )
        ],
        voi_lut_transformations=[VOILUTTransformation(window_center=(highest + 1) / 2, window_width=highest + 1)],
        content_label=_LABEL,
        content_description=MARK,
        content_qualification=ContentQualificationValues.RESEARCH,
        image_flavor=ImageFlavorValues.STATIC,
        derived_pixel_contrast=DerivedPixelContrastValues.QUANTITY,
        coding_schemes=coding_schemes(),
        **context.heading("pm", uids),
    )
    for measures in dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence:
        measures.pop("SpacingBetweenSlices", None)  # of an only plane there is none, though highdicom says 1 mm
    return finish_frames(context, dataset, uids)
