"""The report of a model of independent classes."""

import json
import re

import pytest

from egaze.evaluation import evaluate, open_evaluation
from egaze.report import write_report


@pytest.fixture(scope="module")
def page(findings_run, findings_study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    ids = findings_study.case_ids
    rows = [f"{case_id},r{reader},{number % 2},1" for number, case_id in enumerate(ids) for reader in (0, 1)]
    (folder / "readers.csv").write_text("\n".join(["case_id,reader_id,chf,opacity", *rows]) + "\n")
    evaluate(findings_run, split="train", readers=folder / "readers.csv", threads=1)
    return write_report(findings_run, folder / "report.html", split="train", limit=6).read_text(encoding="utf-8")


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
