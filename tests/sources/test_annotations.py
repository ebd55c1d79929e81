import pytest

from egaze.sources import Phrase, Region


def test_regions_and_phrases_keep_what_they_are_given():
    region = Region("opacity", "ellipse", 1, 2, 30.5, 40, certainty=4)
    assert (region.x_max_px, region.certainty) == (30.5, 4)
    assert Phrase("clear lungs", 0.5, 0.5).end_s == 0.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Region("a", "circle", 0, 0, 1, 1), "shape must be one of box, ellipse, mask, got 'circle'"),
        (lambda: Region("a", "box", 5, 0, 1, 1), "must be finite and ordered"),
        (lambda: Region("a", "box", 0, 0, float("nan"), 1), "must be finite and ordered"),
        (lambda: Phrase("a", 2.0, 1.0), "times must be finite and ordered, got 2.0 to 1.0 s"),
        (lambda: Phrase("a", 0.0, float("inf")), "times must be finite"),
    ],
)
def test_bad_values_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
