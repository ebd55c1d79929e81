"""The frame of reference of a parametric map, which the standard demands (PS3.3 A.75) and no radiograph has.

It is the map's own: the plane of the image, with the origin at the centre of its first pixel. It says where pixels lie
relative to each other and to the patient's axes, and nothing of where the patient was.
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from egaze.dicom_objects.source_image import SourceImage, positive_pair
from egaze.dicom_objects.uids import uid_of
from egaze.errors import RadiographError

_NEEDED = "which a parametric map needs; the other kinds of objects do not"
# Left, posterior and head are positive (PS3.3 C.7.6.2.1.1).
_AXES = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "H": (0, 0, 1), "F": (0, 0, -1)}


def place_on_detector(source: SourceImage, reference: Dataset) -> None:
    """Give highdicom's reference a frame of reference, and the position of its one plane in it.

    Raises:
        RadiographError: the image does not say how its sides lie in the patient, or how large its pixels are.
    """
    reference.FrameOfReferenceUID = uid_of([b"frame of reference", source.sop_instance_uid.encode()])
    reference.PositionReferenceIndicator = None
    reference.ImagePositionPatient = [0.0, 0.0, 0.0]
    reference.ImageOrientationPatient = list(_orientation(source))
    reference.PixelSpacing, reference.SliceThickness = list(_spacing_mm(source)), None


def _spacing_mm(source: SourceImage) -> tuple[float, float]:
    """The distance of rows and of columns, in the patient if that is known, or else at the detector."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        if (spacing_mm := positive_pair(source.pixels.get(keyword, b""))) is not None:
            return spacing_mm
    raise RadiographError(f"{source.path}: has no Pixel Spacing or Imager Pixel Spacing above 0, {_NEEDED}")


def _orientation(source: SourceImage) -> tuple[int, ...]:
    stated = source.pixels.get("PatientOrientation", b"").decode("latin-1").replace(" ", "").split("\\")
    axes = [_AXES[letter] for letter in stated if letter in _AXES]
    if len(stated) != 2 or len(axes) != 2 or any(a and b for a, b in zip(*axes, strict=True)):
        raise RadiographError(
            f"{source.path}: Patient Orientation does not name the directions of its rows and columns (L\\F if the "
            f"patient's left and feet are right and below), {_NEEDED}"
        )
    return (*axes[0], *axes[1])
