"""The report of a model of independent classes."""

import base64
import io
import json
import re
import time

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from egaze.evaluation import evaluate, open_evaluation
from egaze.imaging import to_input
from egaze.report import write_report
from egaze.report.encode import HEATMAP_PX
from egaze.report.gallery import MOST_CLASS_HEATMAPS, CaseCard


@pytest.fixture(scope="module")
def path(findings_run, findings_study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    ids = findings_study.case_ids
    rows = [f"{case_id},r{reader},{number % 2},1" for number, case_id in enumerate(ids) for reader in (0, 1)]
    (folder / "readers.csv").write_text("\n".join(["case_id,reader_id,chf,opacity", *rows]) + "\n")
    evaluate(findings_run, split="train", readers=folder / "readers.csv", threads=1)
    return write_report(findings_run, folder / "report.html", split="train", limit=6)


@pytest.fixture(scope="module")
def page(path):
    return path.read_text(encoding="utf-8")


def test_every_class_is_shown_with_its_prevalence(page, findings_run, findings_study):
    found = open_evaluation(findings_run.path / "evaluation" / "train").metrics.classification
    for name, result in found.classes.items():
        row = re.search(rf'<tr><th scope="row">{name}</th>(.*?)</tr>', page)[1]
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
        assert cells[:3] == [str(result.cases), str(result.judged), f"{100 * result.prevalence:.1f} %"]
        assert cells[3].startswith(f"{result.auc.value:.3f}")
        assert f"{name}, {result.cases} of {result.judged}" in page  # the forest plot
    assert "Confusion matrix" not in page and "Classes together" in page and "Kappa of 2 readers" in page
    answers = findings_study.labels.answers[findings_study.splits.indices("train")] == 1
    together = re.search(r'aria-label="Classes together".*?</tbody>', page, flags=re.DOTALL)[0]
    row = re.search(r'<tr><th scope="row">odd</th>(.*?)</tr>', together)[1]
    counts = [(answers[:, 2] & answers[:, number]).sum() for number in range(3)]
    assert list(map(int, re.findall(r">(\d+)<", row))) == counts


def test_the_gallery_is_sorted_by_error_and_filtered_by_class(page, findings_study):
    data = json.loads(re.search(r'<script type="application/json" id="report-data">(.*?)</script>', page, re.DOTALL)[1])
    cards = data["radiographs"]
    assert data["labels"] == "independent" and len(cards) == 6
    errors = [card["error"] for card in cards]
    assert errors == sorted(errors, reverse=True)
    for card in cards:
        answers = findings_study.labels.answers[findings_study.case_ids.index(card["id"])]
        names = [name for name, answer in zip(findings_study.class_names, answers, strict=True) if answer == 1]
        assert card["present"] == names and card["predicted"] is None and card["right"] is None
        known = [abs(p - answer) for (_, p), answer in zip(card["probs"], answers, strict=True) if answer == answer]
        assert card["error"] == pytest.approx(max(known), abs=2e-4)
    assert "Probability at least 0.5" in page and ">Prediction<" not in page


def test_the_gallery_has_the_heatmap_of_each_class(page, findings_run, findings_study):
    model, cards = findings_run.load_model(), blocks(page, "report-data")["radiographs"]
    assert all("class_heatmap" in card["has"] for card in cards) and 'id="class-shown"' in page
    for number in (0, 3):
        drawn = blocks(page, f"radiograph-{number}")["class_heatmaps"]
        assert [name for name, _ in drawn] == list(findings_study.class_names)
        image = findings_study.images[findings_study.case_ids.index(cards[number]["id"])]
        with torch.inference_mode():
            logits = model(torch.from_numpy(to_input(image, (64, 64)))[None, None]).heatmap_logits
        expected = functional.adaptive_avg_pool2d(logits.sigmoid(), HEATMAP_PX)[0].numpy()
        for (_, found), of_class in zip(drawn, expected, strict=True):
            assert found["peak"] == pytest.approx(of_class.max(), rel=1e-2)
            levels = np.asarray(Image.open(io.BytesIO(base64.b64decode(found["png"]))), dtype=float) / 255
            np.testing.assert_allclose(levels, of_class / of_class.max(), atol=0.01)


def test_of_many_classes_the_present_and_most_probable_are_drawn():
    probs = tuple((name, value) for name, value in zip("abcdefg", (0.9, 0.1, 0.5, 0.6, 0.7, 0.2, 0.3), strict=True))
    card = CaseCard("id", "b", (("b", 1.0), ("a", 0.0)), None, None, probs, None, None, 1.0, (), None, 0)
    assert card.classes_shown == ["a", "b", "c", "d", "e"] and len(card.classes_shown) == MOST_CLASS_HEATMAPS


def test_a_reader_chooses_the_class_whose_heatmap_is_shown(open_report, path, findings_study):
    reading = open_report(path)
    page = reading.page
    assert page.eval_on_selector_all("#class-shown option", "all => all.map((o) => o.value)") == list(
        findings_study.class_names
    )
    page.eval_on_selector(
        "#opacity-class_heatmap", "input => { input.value = '100'; input.dispatchEvent(new Event('input')) }"
    )
    before = reading.stage_pixels()
    for name in (*findings_study.class_names[1:], findings_study.class_names[0]):
        if page.input_value("#class-shown") != name:
            page.select_option("#class-shown", name)
            before = changed(reading, before)
    assert page.inner_text("#scale-unit") == "Predicted heatmap of the class: its own sigmoid."
    case = page.inner_text("#case-id")
    page.click("#next")
    page.wait_for_function("id => document.getElementById('case-id').textContent !== id", arg=case)
    changed(reading, before)
    assert page.input_value("#class-shown") == findings_study.class_names[0]
    assert reading.complaints == []


def changed(reading, before):
    """The stage's pixels once they are others."""
    deadline = time.monotonic() + 10
    while np.array_equal(pixels := reading.stage_pixels(), before):
        assert time.monotonic() < deadline, "nothing changed"
    return pixels


def blocks(page, name):
    return json.loads(re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)[1])
