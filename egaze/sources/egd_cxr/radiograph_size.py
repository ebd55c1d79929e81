"""A radiograph's size from its header."""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path

import pydicom
from PIL import Image

# Rows and Columns stand within the first kilobytes; what a header promises beyond is not looked at.
_HEAD_BYTES = 1 << 17


def read_radiograph_size(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels, without reading a pixel; None when the file is missing or tells no size.

    What is wrong with the file is said by whoever reads the radiograph.
    """
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")
            if path.suffix.lower() in {".jpg", ".jpeg", ".png"}:
                with Image.open(file) as picture:
                    return picture.width, picture.height
            head = BytesIO(file.read(_HEAD_BYTES))
            header = pydicom.dcmread(head, stop_before_pixels=True, specific_tags=["Rows", "Columns"])
            size = int(header.Columns), int(header.Rows)
    except Exception:  # a damaged header fails in pydicom in many ways
        return None
    return size if min(size) > 0 else None
