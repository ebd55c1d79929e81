"""The report as a file: what it holds, and that nothing it was made from can break out of it."""

import json
import re
import tracemalloc
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest
from report.relative_run import relative_report

from egaze.errors import RunError, StudyError
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


def test_the_page_loads_nothing(text):
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
    for heading in ("ROC curves", "Confusion matrix", "Calibration", "Data hygiene", "Model card", "Limits"):
        assert heading in words
    assert run.facts["training_split_sha256"] in words and "fixations dropped" in words
    plots = [attributes for tag, attributes in page.tags if tag == "svg" and attributes.get("role") == "img"]
    kinds = {attributes["aria-labelledby"].split("-")[0] for attributes in plots}
    assert {"roc", "forest", "reliability", "agreement", "training"} <= kinds
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_every_radiograph_is_there_with_its_layers(text, study):
    page = Page(text)
    test_ids = {study.case_ids[index] for index in study.splits.indices("test")}
    radiographs = page.data("report-data")["radiographs"]
    assert {radiograph["id"] for radiograph in radiographs} == test_ids
    assert all(case_id in page.text for case_id in test_ids)
    for number, radiograph in enumerate(radiographs):
        drawing = page.data(f"radiograph-{number}")
        index = study.case_ids.index(radiograph["id"])
        assert radiograph["has"] == ["gaze", "predicted", "grad_cam", "regions", "fixations"]
        assert len(drawing["fixations"]) == study.cases["fixations"][index]
        assert len(drawing["regions"]) == study.cases["regions"][index]
        x, y = np.array(drawing["fixations"]).T[:2]
        where = study.gaze.filter(pl.col("case_index") == index)
        height_px, width_px = study.cases["height_px"][index], study.cases["width_px"][index]
        np.testing.assert_allclose(x, (where["x_px"] + 0.5) / width_px, atol=2e-4)
        np.testing.assert_allclose(y, (where["y_px"] + 0.5) / height_px, atol=2e-4)
    # Wrong predictions first, then by confidence from the lowest.
    keys = [(radiograph["right"] is not False, radiograph["confidence"]) for radiograph in radiographs]
    assert keys == sorted(keys)


def test_relative_durations_are_not_shown_as_time(run, text, tmp_path, monkeypatch):
    page, before = (
        Page(relative_report(run, monkeypatch, tmp_path / "report.html").read_text(encoding="utf-8")),
        Page(text),
    )
    words = " ".join(page.text.split())
    assert "Dwell time" in before.text and "Dwell time" not in words and "Share of dwell" in words
    assert re.search(r"Durations of (\d+) of them are relative, so they are not in the dwell times", words)
    for number in range(len(page.data("report-data")["radiographs"])):
        relative, seconds = page.data(f"radiograph-{number}"), before.data(f"radiograph-{number}")
        assert relative["relative"] is True and seconds["relative"] is False
        assert seconds["maps"]["gaze"]["unit"] == "ms of dwell time"
        assert relative["maps"]["gaze"] == seconds["maps"]["gaze"] | {"unit": "thousandths of the relative duration"}
        begins, lasts, sizes = np.array(relative["fixations"]).T[2:]
        durations = np.array(seconds["fixations"]).T[3]
        # Until the next one begins; circles are in proportion, the mean one's that of a third of a second.
        np.testing.assert_allclose(lasts[:-1], np.diff(begins), atol=2e-4)
        np.testing.assert_allclose(sizes, durations / durations.mean() / 3, rtol=1e-2, atol=2e-4)


def test_text_in_the_data_cannot_become_markup(run, study, tmp_path, monkeypatch):
    evaluated = report.open_evaluated_cases(run, "test")
    hostile = evaluated.table.with_columns(case_id=pl.col("case_id") + HOSTILE)
    monkeypatch.setattr(report, "open_evaluated_cases", lambda *_: replace(evaluated, table=hostile))
    monkeypatch.setattr(report, "_title", lambda *_: HOSTILE)
    text = write_report(run, tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert "<img" not in text and "<script>document" not in text
    assert sum(tag == "script" for tag, _ in page.tags) == 2 + len(hostile)
    assert {radiograph["id"] for radiograph in page.data("report-data")["radiographs"]} == set(hostile["case_id"])
    assert HOSTILE in page.text


def test_the_gallery_can_be_limited(run, tmp_path):
    page = Page(write_report(run, tmp_path / "report.html", limit=2).read_text(encoding="utf-8"))
    assert len(page.data("report-data")["radiographs"]) == 2
    page = Page(write_report(run, tmp_path / "report.html", limit=0).read_text(encoding="utf-8"))
    assert "The gallery is empty" in page.text and page.data("report-data")["radiographs"] == []


def test_before_an_evaluation(run, tmp_path):
    with pytest.raises(RunError, match="not evaluated yet"):
        write_report(open_run(run.path), tmp_path / "report.html", split="validation")
    assert not list(tmp_path.iterdir())


def test_radiographs_from_original_files_are_shown_in_their_own_size(run, study, twin, tmp_path):
    from PIL import Image

    index = int(study.splits.indices("test")[0])
    case_id, (height_px, width_px) = study.case_ids[index], study.geometry(index, 64).radiograph_shape
    folder = tmp_path / "originals"
    folder.mkdir()
    grey = np.tile(np.linspace(0, 255, width_px).astype(np.uint8), (height_px, 1))
    Image.fromarray(grey).save(folder / f"{case_id}.png")
    page = Page(write_report(run, tmp_path / "a.html", radiographs_from=folder).read_text(encoding="utf-8"))
    number = next(
        n for n, radiograph in enumerate(page.data("report-data")["radiographs"]) if radiograph["id"] == case_id
    )
    assert page.data(f"radiograph-{number}")["shown_px"] == [width_px, height_px]
    others = [
        page.data(f"radiograph-{n}")["shown_px"]
        for n in range(len(page.data("report-data")["radiographs"]))
        if n != number
    ]
    assert all(max(shown) <= study.image_size_px for shown in others)
    assert f"1 of {len(others) + 1} are from the original files" in " ".join(page.text.split())
    Image.fromarray(grey[:-1]).save(folder / f"{case_id}.png")
    with pytest.raises(StudyError, match=f"but case {case_id} was prepared from a radiograph of"):
        write_report(run, tmp_path / "b.html", radiographs_from=folder)
    (folder / f"{case_id}.jpg").write_bytes(b"")
    with pytest.raises(StudyError, match="are both named after case"):
        write_report(run, tmp_path / "b.html", radiographs_from=folder)
    with pytest.raises(StudyError, match="no file is named after a case"):
        write_report(run, tmp_path / "b.html", radiographs_from=twin.images)
    assert not (tmp_path / "b.html").exists()


def test_memory_does_not_grow_with_the_radiographs(run, tmp_path, monkeypatch):
    drawn = {"radiograph": "A" * 100_000}
    evaluated = report.open_evaluated_cases(run, "test")
    cards, _, missing = report._gallery(evaluated, 1, None)
    peaks = []
    for count in (100, 400):
        monkeypatch.setattr(report, "_gallery", lambda *_, n=count: (cards * n, None, missing))
        monkeypatch.setattr(
            report, "draw_radiograph", lambda *_: dict(drawn, radiograph=drawn["radiograph"][:-1] + "B")
        )
        tracemalloc.start()
        path = write_report(run, tmp_path / "report.html")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert path.stat().st_size > 100_000 * count
    assert peaks[1] - peaks[0] < 5_000_000, peaks


def test_the_card_names_the_weights_without_their_folder(run):
    from egaze.report.card import model_card

    recipe = replace(run.recipe, model=replace(run.recipe.model, weights="/home/somebody/private/b0.safetensors"))
    facts = run.facts | {"encoder_weights_sha256": "ab12"}
    words = dict(model_card(replace(run, recipe=recipe, facts=facts), run.open_study()))
    assert words["Encoder's initial weights"] == "b0.safetensors; SHA-256 ab12."


def test_a_radiograph_that_was_read_twice_is_said_to_be_counted_twice(run, tmp_path, monkeypatch):
    evaluated = report.open_evaluated_cases(run, "test")
    rows = np.r_[np.arange(len(evaluated.table)), 0]
    twice = replace(
        evaluated, table=evaluated.table[rows], run_of=evaluated.run_of[rows], row_of=evaluated.row_of[rows]
    )
    said = "readings of"
    assert said not in write_report(run, tmp_path / "once.html", limit=1).read_text(encoding="utf-8")
    monkeypatch.setattr(report, "open_evaluated_cases", lambda *_: twice)
    page = write_report(run, tmp_path / "twice.html", limit=1).read_text(encoding="utf-8")
    assert f"these are {len(rows)} {said} {len(rows) - 1} radiographs" in page
