"""A film's size from its header."""

from __future__ import annotations

import warnings
from pathlib import Path

import pydicom
from PIL import Image


def read_film_size(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels, without reading a pixel; None when the file is missing or tells no size.

    What is wrong with the file is said by whoever reads the film.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if path.suffix.lower() in {".jpg", ".jpeg", ".png"}:
                with Image.open(path) as picture:
                    return picture.size
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["Rows", "Columns"])
            size = int(header.Columns), int(header.Rows)
    except Exception:  # a damaged header fails in pydicom in many ways
        return None
    return size if min(size) > 0 else None
