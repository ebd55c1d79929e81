"""Codes of what egaze predicts. DICOM and SNOMED have none for gaze, and classes are named by who trained the model."""

from __future__ import annotations

import hashlib
import re

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import CodedConcept

from egaze.dicom_objects.kinds import CODING_SCHEME
from egaze.errors import EgazeError

PREDICTED_GAZE = CodedConcept("PREDICTED-GAZE", CODING_SCHEME, "Predicted gaze")

_LONGEST_MEANING = 64


def coding_schemes() -> list[CodingSchemeIdentificationItem]:
    """What an object says of egaze's own codes."""
    return [
        CodingSchemeIdentificationItem(
            designator=CODING_SCHEME,
            name="Codes of egaze: classes by their names in the model",
            responsible_organization="egaze",
        )
    ]


def class_code(name: str) -> CodedConcept:
    """The code of a class: its name, or 16 digits of its SHA-256 where the name is no code value.

    Raises:
        EgazeError: the name is too long, or has characters that no code meaning may have.
    """
    if len(name) > _LONGEST_MEANING or "\\" in name or not name.isprintable() or not name.strip():
        raise EgazeError(
            f"class {name!r} cannot be named in a structured report: expected 1 to {_LONGEST_MEANING} printable "
            "characters without a backslash"
        )
    is_code = re.fullmatch(r"[A-Za-z0-9_-]{1,16}", name)
    return CodedConcept(name if is_code else hashlib.sha256(name.encode()).hexdigest()[:16], CODING_SCHEME, name)
