import pytest

from egaze.pictures.lettering import BOLD, REGULAR, drawable, fitted, width_of


def test_what_the_font_lacks_is_replaced():
    assert drawable("naïve µs 3 × 4") == "naïve µs 3 × 4"
    assert drawable("a\x00b\nc\u202e患\ud800") == "a\ufffdb\ufffdc\ufffd\ufffd\ufffd"


@pytest.mark.parametrize("font", [REGULAR, BOLD])
def test_long_text_is_shortened_in_the_middle(font):
    text = "begin" + "x" * 5000 + "end"
    short = fitted(text, font, 10, 150)
    assert width_of(short, font, 10) <= 150 < width_of(short + "xx", font, 10)
    assert short.startswith("begin") and "…" in short
    assert fitted("short", font, 10, 150) == "short"
    assert fitted("wide", font, 10, 1) == "…"
