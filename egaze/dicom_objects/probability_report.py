"""The probabilities of the classes, as a structured report of the template TID 1500 (PS3.16)."""

from __future__ import annotations

from importlib.metadata import version

from highdicom.sr import (
    AlgorithmIdentification,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom.charset import python_encoding
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from egaze.dicom_objects.codes import class_code, coding_schemes
from egaze.dicom_objects.context import Context
from egaze.dicom_objects.kinds import MARK
from egaze.dicom_objects.uids import ObjectUids, uid_of
from egaze.errors import RadiographError

_PROBABILITY = Code("122157", "DCM", "Probability")
_COMMENT = Code("121106", "DCM", "Comment")
_RADIOGRAPHY = Code("399208008", "SCT", "Plain X-ray of chest")


def probability_report(context: Context) -> Dataset:
    """Make a structured report with one measurement group for each class: the class as finding, its probability.

    Raises:
        EgazeError: a class has a name that cannot be a code's meaning.
        RadiographError: the names of classes do not fit into the character set of the source image.
    """
    names, probs = context.prediction.class_names, context.prediction.class_probs
    uids = context.uids("sr", *(name.encode() for name in names), probs.astype("<f4").tobytes())
    charset = _character_set(context)
    content = _content(context, uids)
    heading = context.heading("sr", uids)
    dataset = ComprehensiveSR(
        evidence=[context.reference()],
        content=content[0],
        is_complete=True,
        is_final=False,
        is_verified=False,
        coding_schemes=coding_schemes(),
        **heading,
    )
    finished = context.finish(dataset)
    if charset is not None:
        finished.SpecificCharacterSet = charset
    return finished


def _content(context: Context, uids: ObjectUids) -> MeasurementReport:
    spec, source = context.spec, context.source
    image = SourceImageForMeasurementGroup(source.sop_class_uid, source.sop_instance_uid)
    algorithm = AlgorithmIdentification(
        name="egaze", version=version("egaze"), parameters=[f"model {spec.model_sha256}", f"recipe {spec.recipe}"]
    )
    groups = [
        MeasurementsAndQualitativeEvaluations(
            tracking_identifier=TrackingIdentifier(uid=uids.within(f"class {number}"), identifier=f"class {number}"),
            finding_type=class_code(name),
            algorithm_id=algorithm,
            measurements=[Measurement(_PROBABILITY, float(str(prob)), codes.UCUM.NoUnits)],
            source_images=[image],
        )
        for number, (name, prob) in enumerate(
            zip(context.prediction.class_names, context.prediction.class_probs, strict=True), start=1
        )
    ]
    device = DeviceObserverIdentifyingAttributes(
        uid=uid_of([b"device", spec.model_sha256.encode()]),
        name="egaze",
        manufacturer_name="egaze",
        model_name=spec.recipe[:64],
        serial_number=spec.model_sha256,
    )
    report = MeasurementReport(
        observation_context=ObservationContext(
            observer_device_context=ObserverContext(
                observer_type=codes.DCM.Device, observer_identifying_attributes=device
            )
        ),
        procedure_reported=_RADIOGRAPHY,
        imaging_measurements=groups,
    )
    mark = TextContentItem(_COMMENT, MARK, RelationshipTypeValues.CONTAINS)
    report[0].ContentSequence.append(mark)
    return report


def _character_set(context: Context) -> str | None:
    """UTF-8 if the names of classes need it, None if the source image's character set will do."""
    names = "".join(context.prediction.class_names)
    if names.isascii():
        return None
    identity = context.source.identity
    stated = identity.get("SpecificCharacterSet", b"").decode("latin-1")
    try:
        names.encode(python_encoding.get(stated, "ascii"))
    except (UnicodeEncodeError, LookupError):
        values = b"".join(value for keyword, value in identity.items() if keyword != "SpecificCharacterSet")
        if values.isascii() and b"\x1b" not in values:
            return "ISO_IR 192"
        raise RadiographError(
            f"{context.source.path}: its character set has no letters for the names of the model's classes, so no "
            "structured report can be made of it"
        ) from None
    return None
