"""Evaluating and comparing models of independent classes."""

import math

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import roc_auc_score

from egaze.cli import cli
from egaze.evaluation import compare, evaluate, evaluate_set, open_evaluation
from egaze.evaluation.classification import Scored, measure_classification
from egaze.labels import IndependentLabels
from egaze.metrics import delong_test, holm, youden_threshold
from egaze.training import load_recipe, train_set

NAMES = ("effusion", "mass", "hernia")


def draw(n, seed, sharpness=3.0):
    """Radiographs whose probabilities are too sure of themselves; masses are often unknown or uncertain."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(n, 3)) * 1.5 - [0.5, 1.0, 3.5]
    certainty = (generator.random((n, 3)) < 1 / (1 + np.exp(-logits))).astype(np.float32)
    certainty[generator.random(n) < 0.3, 1] = np.nan
    certainty[generator.random(n) < 0.2, 1] = 0.5
    labels = IndependentLabels(NAMES, certainty, "one")
    return Scored(labels, 1 / (1 + np.exp(-sharpness * logits)), np.arange(n) // 2)


@pytest.fixture(scope="module")
def measured():
    scored, validation, notes = draw(160, 0), draw(150, 1), []
    return scored, validation, measure_classification(NAMES, scored, validation, notes), notes


def test_each_class_is_measured_on_certain_labels(measured):
    scored, validation, found, notes = measured
    assert found.label_kind == "independent" and found.accuracy is None and found.confusion is None
    for number, name in enumerate(NAMES):
        answers = scored.labels.certainty[:, number]
        certain = np.isin(answers, (0, 1))
        result = found.classes[name]
        assert (result.cases, result.judged) == ((answers == 1).sum(), certain.sum())
        assert result.auc.value == pytest.approx(roc_auc_score(answers[certain], scored.class_probs[certain, number]))
        chosen = validation.labels.certainty[:, number]
        known = np.isin(chosen, (0, 1))
        threshold = youden_threshold(chosen[known].astype(int), validation.class_probs[known, number])
        assert result.operating_points[0].thresholds == (threshold,)
    few = found.classes["hernia"].cases
    assert few < 10 and any(note.startswith(f"hernia: {few} radiographs with it and") for note in notes)
    both = [found.classes[name].auc.value for name in NAMES[:2]]
    assert found.macro_auc.value == pytest.approx(np.mean(both))
    assert found.macro_auc.low < found.macro_auc.value < found.macro_auc.high


def test_each_class_is_calibrated_by_its_own_temperature(measured):
    scored, _, found, _ = measured
    calibration = found.classes["effusion"].calibration
    assert calibration.temperature == pytest.approx(3, rel=0.35)
    answers, probs = scored.labels.certainty[:, 0], scored.class_probs[:, 0]
    assert calibration.before.brier.value == pytest.approx(((probs - answers) ** 2).mean())
    cooler = 1 / (1 + np.exp(-np.log(probs / (1 - probs)) / calibration.temperature))
    assert calibration.after.brier.value == pytest.approx(((cooler - answers) ** 2).mean())
    assert calibration.after.log_loss.value < calibration.before.log_loss.value


def test_nothing_is_measured_where_no_class_has_both_answers():
    scored, notes = draw(40, 0), []
    labels = IndependentLabels(NAMES, np.ones((40, 3), np.float32), "ignore")
    assert measure_classification(NAMES, Scored(labels, scored.class_probs, scored.patients), scored, notes) is None
    assert notes == [
        "classification: no class has both radiographs with it and without it in this split, so nothing is measured"
    ]


def test_a_run_is_evaluated_and_printed(findings_run, findings_study):
    for split in ("train", "test"):
        evaluation = evaluate(findings_run, split=split, threads=1)
    assert evaluation.predictions["label_opacity"].null_count() < len(evaluation.predictions)
    found = open_evaluation(findings_run.path / "evaluation" / "train").metrics.classification
    cases = findings_study.splits.indices("train")
    answers = findings_study.labels.answers[cases]
    for number, name in enumerate(findings_study.class_names):
        assert found.classes[name].judged == np.isfinite(answers[:, number]).sum()
    assert not math.isnan(found.macro_auc.value)
    done = CliRunner().invoke(cli, ["evaluate", str(findings_run.path), "--split", "train"])
    assert done.exit_code == 0, done.output
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line.startswith("  ")}
    opacity = found.classes["opacity"]
    assert rows["macro"][0] == f"{found.macro_auc.value:.3f}"
    assert "prevalence" in done.stdout and f"{opacity.cases} of {opacity.judged}" in done.stdout


def test_sets_and_comparisons(findings_study, tmp_path):
    small = ["input_size_px=32", "model.encoder=mobilenetv3_small_050", "stages.epochs=1", "batch_size=16"]
    recipe = load_recipe("encoder-only", small)
    sets = [
        train_set(findings_study, recipe, tmp_path / name, folds=3, seeds=seeds, device="cpu", threads=1)
        for name, seeds in (("a", (0,)), ("b", (1,)))
    ]
    found = [evaluate_set(one, threads=1).metrics.classification for one in sets]
    assert found[0].accuracy is None and found[0].classes["chf"].judged == len(findings_study)
    compared = compare(*sets, resamples=100).result
    classes = compared.classification
    assert compared.predictions is None and classes.label_kind == "independent"
    p_values = [item.p_value for item in classes.classes.values()]
    np.testing.assert_allclose(list(classes.holm_p_values.values()), holm(p_values))
    answers = findings_study.labels.answers[:, 1]
    known = np.isfinite(answers)
    probs = []
    for one in sets:
        table = open_evaluation(one.path / "evaluation" / "test").predictions.sort("case_index")
        probs.append(table["prob_opacity"].to_numpy()[known])
    expected = delong_test(answers[known].astype(int), *probs)
    assert classes.classes["opacity"].difference == pytest.approx(expected.difference)
    assert classes.classes["opacity"].p_value == pytest.approx(expected.p_value)
    done = CliRunner().invoke(cli, ["compare", str(tmp_path / "a"), str(tmp_path / "b")])
    assert done.exit_code == 0 and "p (Holm)" in done.output and "they disagree" not in done.output, done.output
