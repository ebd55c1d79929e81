"""From a prediction to its DICOM objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec

from pydicom.dataset import Dataset

from egaze.deploy import ModelSpec, Prediction
from egaze.dicom_objects.context import Context
from egaze.dicom_objects.kinds import KINDS
from egaze.dicom_objects.quiet import quiet
from egaze.dicom_objects.secondary_capture import secondary_capture
from egaze.dicom_objects.source_image import SourceImage
from egaze.errors import EgazeError, RadiographError


@dataclass(frozen=True, slots=True)
class ObjectOptions:
    """Which objects are made.

    Attributes:
        kinds: some of KINDS, each once.
        threshold_frac: of a segmentation: the share of the heatmap's peak from which on a pixel is inside, above 0 and
            at most 1.

    Raises:
        ValueError: an unknown kind, a kind given twice or none, or a threshold out of range.

    Example:
        >>> from egaze.dicom_objects import ObjectOptions
        >>> ObjectOptions(("seg", "sr")).threshold_frac
        0.5
    """

    kinds: tuple[str, ...] = ("sc",)
    threshold_frac: float = 0.5

    def __post_init__(self) -> None:
        if not self.kinds or len(set(self.kinds)) != len(self.kinds) or not set(self.kinds) <= KINDS.keys():
            raise ValueError(f"kinds must be some of {', '.join(KINDS)}, each once, got {', '.join(self.kinds)}")
        if not 0.0 < self.threshold_frac <= 1.0:
            raise ValueError(f"threshold_frac must be above 0 and at most 1, got {self.threshold_frac:g}")


def require_kinds(kinds: Sequence[str], spec: ModelSpec, model: object) -> None:
    """Check, before work begins, that objects of these kinds can be made of a model's predictions.

    Raises:
        EgazeError: the model makes no heatmaps, or highdicom is not installed.
    """
    for name in kinds:
        kind = KINDS[name]
        if kind.needs_heatmap and not spec.heatmap_head:
            raise EgazeError(f"{model} makes no heatmaps, so {kind.title} ({name}) cannot be made of its predictions")
        if kind.needs_highdicom and find_spec("highdicom") is None:
            raise EgazeError(f"{kind.title} ({name}) needs highdicom: pip install 'egaze[dicom]'")


def dicom_objects(
    prediction: Prediction,
    source: SourceImage,
    spec: ModelSpec,
    options: ObjectOptions,
    *,
    created: datetime | None = None,
) -> dict[str, Dataset]:
    """Make the DICOM objects of one prediction, which belong to the study of the source image and refer to it.

    Their UIDs follow from their content, so that the same prediction gives the same objects but for the time at which
    they were made.

    Args:
        prediction: what the model says of the radiograph.
        source: the radiograph's image, of `read_source_image`.
        spec: the model's spec.
        options: which objects.
        created: when they are made; now by default.

    Returns:
        The objects by kind, with file meta information, in explicit VR little endian.

    Raises:
        RadiographError: the source image is not that of the prediction, or no object can be made of it.
        EgazeError: as `require_kinds`, or a class whose name cannot be a code's meaning.

    Example:
        >>> from pathlib import Path
        >>> from egaze import Predictor
        >>> from egaze.dicom_objects import ObjectOptions, dicom_objects, read_source_image
        >>> predictor = Predictor("model.pt")
        >>> prediction, source = predictor.predict("radiograph.dcm"), read_source_image(Path("radiograph.dcm"))
        >>> objects = dicom_objects(prediction, source, predictor.spec, ObjectOptions(("sc",)))
        >>> objects["sc"].Modality, objects["sc"].StudyInstanceUID == source.study_uid
        ('OT', True)
    """
    require_kinds(options.kinds, spec, "the model")
    if prediction.geometry.radiograph_shape != source.radiograph.shape:
        raise RadiographError(f"{source.path}: is not the radiograph that was predicted")
    context = Context(source, prediction, spec, options.threshold_frac, created or datetime.now())
    objects = {}
    for kind in options.kinds:
        make = _maker(kind)
        try:
            with quiet():
                objects[kind] = make(context)
        except (EgazeError, MemoryError):
            raise
        except Exception as error:
            # highdicom raises many classes, and quotes values of the image.
            what = KINDS[kind].title
            raise RadiographError(f"{source.path}: cannot make {what} of it ({type(error).__name__})") from error
    return objects


def _maker(kind: str) -> Callable[[Context], Dataset]:
    """highdicom is loaded only when it is needed: it takes a second."""
    if kind == "seg":
        from egaze.dicom_objects.segmentation import segmentation

        return segmentation
    if kind == "pm":
        from egaze.dicom_objects.parametric_map import parametric_map

        return parametric_map
    if kind == "sr":
        from egaze.dicom_objects.probability_report import probability_report

        return probability_report
    return secondary_capture
