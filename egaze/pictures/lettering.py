"""Text on pictures: the font, which comes with matplotlib, and the preparation of text from tables."""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from pathlib import Path

import matplotlib
from matplotlib.font_manager import FontProperties, get_font
from matplotlib.textpath import TextToPath

FAMILY = "DejaVu Sans"
FONT_FILE = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
REGULAR = FontProperties(fname=str(FONT_FILE))
BOLD = FontProperties(fname=str(FONT_FILE.with_name("DejaVuSans-Bold.ttf")))
# Longer text is cut off before it is measured.
_LONGEST = 400


def drawable(text: str) -> str:
    """The text with characters that the font cannot draw, such as control characters, replaced."""
    known = _characters()
    return "".join(letter if letter.isprintable() and ord(letter) in known else "\ufffd" for letter in text[:_LONGEST])


def fitted(text: str, font: FontProperties, size_pt: float, width_pt: float) -> str:
    """The text in drawable form, shortened in the middle if it is too wide."""
    text = drawable(text)
    if width_of(text, font, size_pt) <= width_pt:
        return text
    # Find the number of letters from which it is too wide; more letters are never narrower.
    too_many = bisect_left(
        range(1, len(text)), True, key=lambda keep: width_of(_shortened(text, keep), font, size_pt) > width_pt
    )
    return _shortened(text, too_many)


def width_of(text: str, font: FontProperties, size_pt: float) -> float:
    """The width of the text on one line, in points."""
    sized = font.copy()
    sized.set_size(size_pt)
    width, _, _ = TextToPath().get_text_width_height_descent(text, sized, ismath=False)
    return float(width)


def _shortened(text: str, keep: int) -> str:
    return f"{text[: (keep + 1) // 2]}…{text[len(text) - keep // 2 :]}"


@lru_cache(maxsize=1)
def _characters() -> frozenset[int]:
    return frozenset(get_font(str(FONT_FILE)).get_charmap())
