"""The report as a file: what it holds, and that nothing it was made from can break out of it."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest

from egaze.errors import RunError
from egaze.report import report, write_report
from egaze.training import open_run

HOSTILE = '</script><script>document.title = "owned"</script><img src=x onerror=alert(1)>"\'&\u2028${1}'


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.scripts = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.cdata_elem == "script":
            self.scripts[-1] += data
        else:
            self.text += data

    def data(self, name):
        places = [attributes.get("id") for tag, attributes in self.tags if tag == "script"]
        return json.loads(self.scripts[places.index(name)])


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
        assert not any(name.startswith("on") or name == "style" for name in attributes)
    assert not re.search(r"@import|url\(\s*['\"]?(?!#)|fetch\(|XMLHttpRequest", text)
    policy = next(a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:;") and "unsafe" not in policy


def test_it_shows_what_it_promises(text, study, run):
    page = Page(text)
    words = " ".join(page.text.split())
    assert "Synthetic data." in words and "not a medical device" in words
    for expected in ("This run", "Centre bias", "epochs, seed 1"):
        assert expected in words
    for heading in ("ROC curves", "What is taken for what", "Calibration", "Data hygiene", "Model card", "Limits"):
        assert heading in words
    assert run.facts["training_split_sha256"] in words and "fixations dropped" in words
    charts = [attributes for tag, attributes in page.tags if tag == "svg" and attributes.get("role") == "img"]
    kinds = {attributes["aria-labelledby"].split("-")[0] for attributes in charts}
    assert {"roc", "forest", "reliability", "agreement", "training"} <= kinds
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_every_film_is_there_with_its_layers(text, study):
    page = Page(text)
    test_ids = {study.case_ids[index] for index in study.split.indices("test")}
    films = page.data("report-data")["films"]
    assert {film["id"] for film in films} == test_ids
    assert all(case_id in page.text for case_id in test_ids)
    for number, film in enumerate(films):
        drawing = page.data(f"film-{number}")
        index = study.case_ids.index(film["id"])
        assert film["has"] == ["gaze", "predicted", "grad_cam", "regions", "fixations"]
        assert len(drawing["fixations"]) == study.cases["fixations"][index]
        assert len(drawing["regions"]) == study.cases["regions"][index]
        x, y = np.array(drawing["fixations"]).T[:2]
        where = study.gaze.filter(pl.col("case_index") == index)
        height_px, width_px = study.cases["height_px"][index], study.cases["width_px"][index]
        np.testing.assert_allclose(x, (where["x_px"] + 0.5) / width_px, atol=2e-4)
        np.testing.assert_allclose(y, (where["y_px"] + 0.5) / height_px, atol=2e-4)
    # Wrong answers first, then the least sure.
    keys = [(film["right"] is not False, film["confidence"]) for film in films]
    assert keys == sorted(keys)


def test_what_the_data_says_cannot_become_markup(run, study, tmp_path, monkeypatch):
    answers = report.open_answers(run, "test")
    hostile = answers.table.with_columns(case_id=pl.col("case_id") + HOSTILE)
    monkeypatch.setattr(report, "open_answers", lambda *_: replace(answers, table=hostile))
    monkeypatch.setattr(report, "_title", lambda *_: HOSTILE)
    text = write_report(run, tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert "<img" not in text and "<script>document" not in text
    assert sum(tag == "script" for tag, _ in page.tags) == 2 + len(hostile)
    assert {film["id"] for film in page.data("report-data")["films"]} == set(hostile["case_id"])
    assert HOSTILE in page.text


def test_the_gallery_can_be_limited(run, tmp_path):
    page = Page(write_report(run, tmp_path / "report.html", films=2).read_text(encoding="utf-8"))
    assert len(page.data("report-data")["films"]) == 2
    page = Page(write_report(run, tmp_path / "report.html", films=0).read_text(encoding="utf-8"))
    assert "the gallery is empty" in page.text and page.data("report-data")["films"] == []


def test_before_an_evaluation(run, tmp_path):
    with pytest.raises(RunError, match="not evaluated yet"):
        write_report(open_run(run.path), tmp_path / "report.html", split="validation")
    assert not list(tmp_path.iterdir())
