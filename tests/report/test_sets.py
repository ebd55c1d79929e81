"""Reports and explanations of a set of runs."""

import json
import re
import shutil

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from egaze.cli import cli
from egaze.errors import RunError
from egaze.report import write_report


@pytest.fixture(scope="module")
def folds(cross_validated):
    return cross_validated


def read(path):
    text = path.read_text(encoding="utf-8")
    parts = dict(re.findall(r'<script type="application/json" id="([\w-]+)">(.*?)</script>', text))
    words = " ".join(re.sub(r"<[^>]+>", " ", text.split('<script type="application/json"')[0]).split())
    return words, {name: json.loads(part) for name, part in parts.items()}


def test_each_case_is_predicted_by_the_run_that_tests_it(folds, study, tmp_path):
    words, parts = read(write_report(folds, tmp_path / "report.html", seed=1))
    radiographs = parts["report-data"]["radiographs"]
    assert len(radiographs) == len(study) and {radiograph["id"] for radiograph in radiographs} == set(study.case_ids)
    for run in folds.runs()[1::2]:
        own = pl.read_parquet(run.path / "evaluation" / "test" / "predictions.parquet")
        probs = dict(zip(own["case_id"], own.select("^prob_.*$").rows(), strict=True))
        predicted = [radiograph for radiograph in radiographs if radiograph["run"] == run.path.name]
        assert {radiograph["id"] for radiograph in predicted} == set(probs)
        for radiograph in predicted:
            np.testing.assert_allclose([value for _, value in radiograph["probs"]], probs[radiograph["id"]], atol=1e-4)
            assert "grad_cam" in radiograph["has"]
    assert "Report of a set of runs" in words and "Runs of the set" in words and "are those of seed 1" in words
    macro = json.loads((folds.path / "evaluation" / "test" / "metrics.json").read_text())["classification"]["macro_auc"]
    assert f"{macro['value']:.3f}" in words and f"{macro['low']:.3f} to {macro['high']:.3f}" in words
    assert all(member.name in words for member in folds.members) and "Standard deviation" in words


def test_heatmaps_in_a_set_are_those_of_the_predicting_run(folds, tmp_path):
    from egaze.report.evaluated_cases import open_evaluated_cases

    evaluated = open_evaluated_cases(folds, "test")
    for row in range(len(evaluated.table)):
        run = evaluated.runs[evaluated.run_of[row]]
        own = pl.read_parquet(run.path / "evaluation" / "test" / "predictions.parquet")
        place = own["case_index"].to_list().index(int(evaluated.case_index[row]))
        maps = np.load(run.path / "evaluation" / "test" / "heatmaps.npy")
        np.testing.assert_array_equal(evaluated.heatmap(row), maps[place].astype(np.float32))


def test_a_missing_seed_and_the_training_split_of_folds_are_refused(folds, tmp_path):
    with pytest.raises(RunError, match="there is no run of seed 9; seeds: 0, 1"):
        write_report(folds, tmp_path / "report.html", seed=9)
    with pytest.raises(RunError, match="folds train on each other's cases"):
        (folds.path / "evaluation" / "train").mkdir(parents=True, exist_ok=True)
        for name in ("metrics.json", "predictions.parquet"):
            source = folds.path / "evaluation" / "test" / name
            (folds.path / "evaluation" / "train" / name).write_bytes(source.read_bytes())
        write_report(folds, tmp_path / "report.html", split="train")
    shutil.rmtree(folds.path / "evaluation" / "train")


def test_explain_takes_the_run_that_tests_a_case(folds, study, tmp_path):
    out = tmp_path / "why"
    said = CliRunner().invoke(cli, ["explain", str(folds.path), "--limit", "6", "--steps", "0", "--out", str(out)])
    assert said.exit_code == 0, said.output
    assert "seed 0" in said.output
    table = pl.read_csv(out / "index.csv")
    runs = {run.path.name: run for run in folds.runs()}
    for case_id, name, *probs in table.select("case_id", "run", "^prob_.*$").rows():
        own = pl.read_parquet(runs[name].path / "evaluation" / "test" / "predictions.parquet")
        expected = own.filter(case_id=case_id).select("^prob_.*$").rows()[0]
        np.testing.assert_allclose(probs, expected, atol=1e-3)
    assert table["run"].n_unique() == 3 and len(table) == 6
    # Each is on the test split of the run that explains it, whichever split it is on of the others.
    assert table["split"].unique().to_list() == ["test"]


def test_a_set_s_counts_and_calibration_are_pooled_over_its_folds(folds, study, tmp_path):
    """Every radiograph once: by the run of the seed that tests it, with that run's own threshold and temperature."""
    words, _ = read(write_report(folds, tmp_path / "report.html", seed=1))
    for heading in ("Calibration", "Operating points", "How the radiographs were read", "after temperature scaling"):
        assert heading in words
    runs = folds.runs()[1::2]
    metrics = [json.loads((run.path / "evaluation" / "test" / "metrics.json").read_text()) for run in runs]
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    for name in study.class_names:
        points = [own["classification"]["classes"][name]["operating_points"] for own in metrics]
        if None in points:
            assert f"{name}: {points.count(None)} of 3 runs have no operating points, so none are pooled" in words
            continue
        for each in zip(*points, strict=True):
            found, missed, false = (
                sum(point[key] for point in each) for key in ("true_positives", "false_negatives", "false_positives")
            )
            thresholds = [f"{point['thresholds'][0]:.3f}" for point in each]
            row = re.search(
                rf"{name}</th><td>{each[0]['name']}</td><td class=\"number\">{min(thresholds)} to {max(thresholds)}<.*",
                text,
            )[0]
            counts = re.findall(r'<td class="number">(\d+)</td>', row)
            assert counts == [str(found), str(missed), str(false)]
            assert found + missed == sum(own["classification"]["classes"][name]["cases"] for own in metrics)
    # Brier scores of the radiographs at hand are a mean over all of them.
    brier = sum(
        own["classification"]["calibration"]["after"]["brier"]["value"] * own["classification"]["cases"]
        for own in metrics
    ) / sum(own["classification"]["cases"] for own in metrics)
    assert re.search(rf"after temperature scaling {brier:.3f} ", words)
    # Each run has its line in the plots of training.
    plots = re.findall(r'<svg[^>]*aria-labelledby="training-0-title.*?</svg>', text, re.DOTALL)
    assert len(plots) == 1 and plots[0].count('class="line s1"') == 6
    # How readers read does not depend on the runs.
    scanpath = json.loads((folds.path / "evaluation" / "test" / "metrics.json").read_text())["scanpath"]
    assert scanpath["cases"] == len(study)
    of_runs = sum(own["scanpath"]["dwell_s"]["value"] * own["scanpath"]["cases"] for own in metrics) / len(study)
    assert scanpath["dwell_s"]["value"] == pytest.approx(of_runs)
