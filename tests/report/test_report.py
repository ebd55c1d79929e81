import re
from html.parser import HTMLParser

import pytest

from egaze.errors import RunError
from egaze.report import write_report
from egaze.training import open_run


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def text(run, tmp_path_factory):
    return write_report(run, tmp_path_factory.mktemp("report") / "report.html").read_text(encoding="utf-8")


def test_the_page_asks_nobody_for_anything(text):
    page = Page(text)
    for tag, attributes in page.tags:
        for name in ("src", "href", "xlink:href", "data", "action", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:", "#")), (tag, value)
        assert tag not in {"link", "iframe", "object", "embed", "base"}
    assert not re.search(r"@import|url\(\s*['\"]?(?!#)|fetch\(|XMLHttpRequest", text)


def test_it_shows_what_it_promises(text, study, run):
    page = Page(text)
    assert "Synthetic data." in page.text and "not a medical device" in page.text
    for word in ("ROC curves", "this run", "Watanabe et al. 2022", "centre bias", "Karargyris", "epochs, seed 1"):
        assert word in page.text
    figures = [attributes for tag, attributes in page.tags if tag == "svg" and "aria-label" in attributes]
    assert len(figures) == 2
    test_ids = [study.case_ids[index] for index in study.split.indices("test")]
    assert all(case_id in page.text for case_id in test_ids)
    alts = [attributes.get("alt", "") for tag, attributes in page.tags if tag == "img"]
    for words in ("heatmap of the reader's gaze", "predicted heatmap"):
        assert alts.count(words) == len(test_ids)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_case_ids_are_escaped(run, study, tmp_path, monkeypatch):
    """An id is shown as text, whatever it holds."""
    from egaze.assessment import open_assessment
    from egaze.report import report

    assessment = open_assessment(run.path / "evaluation" / "test")
    table = assessment.predictions
    hostile = table.with_columns(case_id=table["case_id"] + "<script>alert(1)</script>")
    changed = type(assessment)(assessment.path, assessment.metrics, hostile, assessment.heatmaps)
    monkeypatch.setattr(report, "open_assessment", lambda path: changed)
    text = write_report(run, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in text and "&lt;script&gt;alert" in text


def test_the_gallery_can_be_limited(run, tmp_path):
    text = write_report(run, tmp_path / "report.html", films=2).read_text(encoding="utf-8")
    assert text.count('class="film"') == 2


def test_before_an_evaluation(run, tmp_path):
    with pytest.raises(RunError, match="not evaluated yet"):
        write_report(open_run(run.path), tmp_path / "report.html", split="validation")
    assert not list(tmp_path.iterdir())
