"""The DICOM image of a radiograph, as far as objects of its study need it: its UIDs, identity and pixel geometry.

Values are copied as the bytes that the file has, in the file's character set, so that an archive finds the same patient
and study in the objects as in the image. Nothing else of egaze keeps them, and no message quotes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import UID, JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless

from egaze.errors import RadiographError
from egaze.imaging import StoredRadiograph
from egaze.imaging.dicom import read_dicom
from egaze.imaging.dicom_elements import Header, fragments, read_header
from egaze.imaging.dicom_pixels import ALLOCATED, COLUMNS, ROWS
from egaze.imaging.read import file_content

#: The UIDs that every object refers to.
_UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")

#: What is copied into every object: types 1 and 2 of the Patient and General Study modules (PS3.3 C.7.1.1, C.7.2.1),
#: and what tells patients of several issuers apart. Elements without a value are copied as such.
IDENTITY = {
    "SpecificCharacterSet": "CS",
    "PatientName": "PN",
    "PatientID": "LO",
    "IssuerOfPatientID": "LO",
    "PatientBirthDate": "DA",
    "PatientSex": "CS",
    "StudyInstanceUID": "UI",
    "StudyDate": "DA",
    "StudyTime": "TM",
    "ReferringPhysicianName": "PN",
    "StudyID": "SH",
    "AccessionNumber": "SH",
}
_OPTIONAL = {"SpecificCharacterSet", "IssuerOfPatientID"}

#: What is copied into images, if it is there: how the pixels lie in the patient, how large they are, and what has been
#: lost or burned into them.
PIXELS = {
    "Laterality": "CS",
    "ImageLaterality": "CS",
    "PatientOrientation": "CS",
    "PixelSpacing": "DS",
    "PixelSpacingCalibrationType": "CS",
    "PixelSpacingCalibrationDescription": "LO",
    "ImagerPixelSpacing": "DS",
    "NominalScannedPixelSpacing": "DS",
    "PixelAspectRatio": "IS",
    "BurnedInAnnotation": "CS",
    "LossyImageCompression": "CS",
    "LossyImageCompressionRatio": "DS",
    "LossyImageCompressionMethod": "CS",
}

#: Lateral views of CID 4010 (PS3.16), in SNOMED CT and its earlier codes.
_LATERAL_CODES = {"399067008", "399198007", "399173006", "R-102CD", "R-10232", "R-10236"}

#: Pairs of lengths or shares, of which some devices write 0 for unknown ones. Such pairs are not copied.
_PAIRS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio")
_PAIR = re.compile(rb" *([0-9]{0,9}\.?[0-9]{0,12}) *\\ *([0-9]{0,9}\.?[0-9]{0,12}) *")
#: What only describes Pixel Spacing.
_CALIBRATION = ("PixelSpacingCalibrationType", "PixelSpacingCalibrationDescription")

#: Transfer syntaxes that lose something, and what Lossy Image Compression Method calls them.
_LOSSY: dict[str, str] = {
    JPEGBaseline8Bit: "ISO_10918_1",
    JPEGExtended12Bit: "ISO_10918_1",
    JPEGLSNearLossless: "ISO_14495_1",
}

_LONGEST_BYTES = 1024


@dataclass(frozen=True, slots=True, eq=False)
class SourceImage:
    """The DICOM image of a radiograph.

    Attributes:
        path: its file.
        sop_class_uid, sop_instance_uid, study_uid, series_uid: its UIDs.
        modality, body_part, view: such as "DX", "CHEST" and "PA", or "" if the file does not say.
        instance_number: its number in its series, 1 if the file has none that is positive.
        identity: the bytes of the elements of IDENTITY by keyword.
        pixels: the bytes of those elements of PIXELS that are there, by keyword; lengths are positive.
        lossy: the ratio and the method of its lossy compression, if its transfer syntax is lossy; the file may not say.
        radiograph: its pixels, as a viewer shows them.
    """

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str
    modality: str
    body_part: str
    view: str
    instance_number: int
    identity: dict[str, bytes]
    pixels: dict[str, bytes]
    lossy: tuple[float, str] | None
    radiograph: StoredRadiograph

    def copy_identity(self, dataset: Dataset) -> None:
        """Give an object the identity of the image."""
        _copy(self.identity, IDENTITY, dataset)

    def copy_pixels(self, dataset: Dataset, *, without: tuple[str, ...] = ()) -> None:
        """Give an image object what is known of the image's pixels."""
        dataset.PatientOrientation = None  # may be unknown, but not absent
        if "ImageLaterality" not in self.pixels:
            dataset.Laterality = None
        _copy({keyword: value for keyword, value in self.pixels.items() if keyword not in without}, PIXELS, dataset)

    def reference(self) -> Dataset:
        """A new item that refers to the image."""
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = self.sop_class_uid, self.sop_instance_uid
        return item


def read_source_image(path: Path) -> SourceImage:
    """Read a DICOM radiograph, of which objects are to be made.

    Args:
        path: the file.

    Raises:
        RadiographError: the file is not DICOM or cannot be read, lacks a UID that objects refer to, or has an unusual
            value in an element that is copied.

    Example:
        >>> from pathlib import Path
        >>> from egaze.dicom_objects import read_source_image
        >>> source = read_source_image(Path("radiograph.dcm"))
        >>> source.modality, source.view, source.pixels["PatientOrientation"]
        ('DX', 'PA', b'L\\\\F')
    """
    content = file_content(path)
    if content[128:132] != b"DICM":
        raise RadiographError(f"{path}: is not DICOM, so no DICOM object can be made of it")
    syntax, header = read_header(path, content)
    sop_class_uid, sop_instance_uid, study_uid, series_uid = (_uid(header, keyword) for keyword in _UIDS)
    if not UID(sop_class_uid).keyword.endswith(("ImageStorage", "ForPresentation", "ForProcessing")):
        raise RadiographError(f"{path}: SOP Class UID is that of no image, so no DICOM object can be made of it")
    identity = {
        keyword: _value(header, keyword) for keyword in IDENTITY if keyword not in _OPTIONAL or _tag(keyword) in header
    }
    pixels = {keyword: _value(header, keyword) for keyword in PIXELS if _tag(keyword) in header}
    unknown = [keyword for keyword in _PAIRS if positive_pair(pixels.get(keyword, b"")) is None]
    for keyword in (*unknown, *(_CALIBRATION if "PixelSpacing" in unknown else ())):
        pixels.pop(keyword, None)
    return SourceImage(
        path,
        sop_class_uid,
        sop_instance_uid,
        study_uid,
        series_uid,
        header.first_text(_tag("Modality")).upper(),
        header.first_text(_tag("BodyPartExamined")).upper(),
        _view(header),
        _instance_number(header),
        identity,
        pixels,
        _lossy(syntax, header),
        read_dicom(path, content, "voi"),
    )


def positive_pair(value: bytes) -> tuple[float, float] | None:
    """Two positive numbers, such as the distances of rows and of columns, or None if a value is not that."""
    found = _PAIR.fullmatch(value)
    if len(value) > 64 or not found or not re.search(b"[1-9]", found[1]) or not re.search(b"[1-9]", found[2]):
        return None
    return float(found[1]), float(found[2])


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    return tag


def _value(header: Header, keyword: str) -> bytes:
    value = header.value(_tag(keyword)).strip(b" \0")
    if len(value) > _LONGEST_BYTES:
        raise header.fail(_tag(keyword), f"is {len(value)} bytes long, expected at most {_LONGEST_BYTES}")
    return value


def _uid(header: Header, keyword: str) -> str:
    value = _value(header, keyword)
    if not value:
        raise header.fail(_tag(keyword), "is missing, so no DICOM object can be made of it")
    if not re.fullmatch(rb"[0-9]+(\.[0-9]+)+", value) or len(value) > 64:
        raise header.fail(_tag(keyword), "is no UID, so no DICOM object can be made of it")
    return value.decode()


def _view(header: Header) -> str:
    """The view by its code, if it is lateral, or else by its name."""
    code = header.first_item(_tag("ViewCodeSequence"))
    if code is not None and code.first_text(_tag("CodeValue")) in _LATERAL_CODES:
        return "LATERAL"
    return header.first_text(_tag("ViewPosition")).upper()


def _lossy(syntax: str, header: Header) -> tuple[float, str] | None:
    if syntax not in _LOSSY:
        return None
    coded = sum(map(len, fragments(header)[1:]))
    whole = header.word(ROWS) * header.word(COLUMNS) * header.word(ALLOCATED) // 8
    return whole / max(coded, 1), _LOSSY[syntax]


def _instance_number(header: Header) -> int:
    number = re.fullmatch(rb"\+?([0-9]{1,9})", _value(header, "InstanceNumber"))
    return max(1, int(number[1])) if number else 1


def _copy(values: dict[str, bytes], vrs: dict[str, str], dataset: Dataset) -> None:
    for keyword, value in values.items():
        tag, vr = Tag(_tag(keyword)), vrs[keyword]
        padded = value + (b"\0" if vr == "UI" else b" ") * (len(value) % 2)
        dataset[tag] = RawDataElement(tag, vr, len(padded), padded, 0, False, True)
