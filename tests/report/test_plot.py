from xml.etree import ElementTree

import pytest

from egaze.report.plots.plot import Axis, Plot, unit_axis


def test_words_and_places():
    plot = Plot(
        "p", "a < b & c", 'said "so"', unit_axis("x"), unit_axis("y"), width=200, height=200, margins=(50, 50, 50, 50)
    )
    plot.line([(0, 0), (float("nan"), 0.5), (0.5, 0.5), (1, 1)], "s0")
    plot.dot(1.0, 0.0, "s1", said="<b>")
    plot.text(0, 1, "<script>", shift=(1, 2))
    svg = ElementTree.fromstring(str(plot.svg()))
    assert svg.attrib["aria-labelledby"] == "p-title p-desc"
    assert [svg[0].text, svg[1].text] == ["a < b & c", 'said "so"']
    line = next(e for e in svg.iter() if e.attrib.get("class") == "line s0")
    # From the point after the gap a new line begins.
    assert line.attrib["d"] == "M50.0 150.0M100.0 100.0L150.0 50.0"
    dot = next(e for e in svg.iter() if e.tag == "circle")
    assert (dot.attrib["cx"], dot.attrib["cy"], dot[0].text) == ("150.0", "150.0", "<b>")
    assert any(e.text == "<script>" for e in svg.iter() if e.tag == "text")


@pytest.mark.parametrize("values", [[0.3], [0.31, 0.87], [-2, 5], [float("nan")], [1, 24], [0.5712, 0.5713]])
def test_an_axis_holds_its_values(values):
    axis = Axis.around(values, "v")
    finite = [value for value in values if value == value]
    assert all(axis.low <= value <= axis.high for value in finite) and axis.low < axis.high
    assert len(axis.ticks) >= 2 and all(axis.low <= tick <= axis.high for tick in axis.ticks)
    said = [f"{tick:.{axis.decimals}f}" for tick in axis.ticks]
    assert len(set(said)) == len(said)


def test_an_axis_may_grow_downwards_and_zero_has_no_sign():
    x, y = Axis(-1.0, 1.0, "x", (-1.0, -0.0, 1.0), 1), Axis(100.0, 0.0, "y, px", (0.0, 50.0, 100.0), 0)
    plot = Plot("p", "title", "said", x, y, width=200, height=200, margins=(50, 50, 50, 50))
    plot.dot(0.0, 10.0, "s0")
    svg = ElementTree.fromstring(str(plot.svg()))
    dot = next(e for e in svg.iter() if e.tag == "circle")
    assert (dot.attrib["cx"], dot.attrib["cy"]) == ("100.0", "60.0")
    ticks = [e for e in svg.iter() if e.attrib.get("class") == "tick"]
    assert [e.text for e in ticks] == ["-1.0", "0.0", "1.0", "0", "50", "100"]
    heights = [float(e.attrib["y"]) for e in ticks[3:]]
    assert heights == sorted(heights)
    assert Axis(0.0, 1.0, decimals=2).said(-0.004) == "0.00"
