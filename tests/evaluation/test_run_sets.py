import json
import shutil
import warnings
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from egaze.errors import RunError, StudyError
from egaze.evaluation import compare, evaluate, evaluate_set, open_evaluation, write_comparison
from egaze.evaluation.pooled import pool
from egaze.evaluation.results import TrainedHeads
from egaze.metrics import StatisticsWarning, delong_test
from egaze.metrics.paired import paired_aucs, paired_mean
from egaze.study import open_study
from egaze.study.splits import save_splits
from egaze.training import load_recipe, open_run, open_run_set, train, train_set

TINY = ["input_size_px=32", "model.encoder=mobilenetv3_small_050", "batch_size=16", "stages.epochs=1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sets")


@pytest.fixture(scope="module")
def joint(cross_validated):
    return cross_validated


@pytest.fixture(scope="module")
def other(joint, folder):
    """A set whose runs have other predictions."""
    shutil.copytree(joint.path, folder / "other")
    generator = np.random.default_rng(0)
    for path in sorted(folder.glob("other/*/evaluation/test/predictions.parquet")):
        table = pl.read_parquet(path)
        names = [name for name in table.columns if name.startswith("prob_")]
        probs = generator.dirichlet(np.ones(3), len(table))
        nss = table["nss"] + generator.normal(size=len(table))
        table.with_columns(nss, *(pl.Series(name, probs[:, k]) for k, name in enumerate(names))).write_parquet(path)
    return open_run_set(folder / "other")


def macro(labels, probs):
    return np.mean([roc_auc_score(labels == number, probs[:, number]) for number in range(probs.shape[1])])


def test_out_of_fold_predictions_are_pooled_by_case(joint, study):
    metrics = open_evaluation(joint.path / "evaluation" / "test").metrics
    pooled = pool(joint, "test")
    np.testing.assert_array_equal(pooled.case_index, np.arange(len(study)))
    assert pooled.class_probs.shape == (2, len(study), 3) and metrics.cases == len(study)
    for number, run in enumerate(joint.runs()):
        own = open_evaluation(run.path / "evaluation" / "test").predictions
        cases = own["case_index"].to_numpy()
        np.testing.assert_array_equal(cases, run.open_study().splits.indices("test"))
        probs = own.select(f"prob_{name}" for name in study.class_names).to_numpy()
        np.testing.assert_array_equal(pooled.class_probs[number % 2, cases], probs)
        np.testing.assert_array_equal(pooled.agreement["cc"][number % 2, cases], own["cc"].to_numpy())
    known = study.labels.values >= 0
    expected = np.mean([macro(study.labels.values[known], probs[known]) for probs in pooled.class_probs])
    found = metrics.classification.macro_auc
    assert found.value == pytest.approx(expected) and found.low < expected < found.high
    assert metrics.heatmap.predicted["cc"].value == pytest.approx(np.nanmean(pooled.agreement["cc"]))
    assert metrics.intervals.startswith("95 %, bootstrap over seeds and patients")
    assert [run.run for run in metrics.runs] == [member.name for member in joint.members]
    assert sum(run.cases for run in metrics.runs) == 2 * len(study)
    table = pl.read_parquet(joint.path / "evaluation" / "test" / "predictions.parquet")
    assert len(table) == 2 * len(study) and table["fold"].n_unique() == 3


def test_two_sets_differ_as_their_pooled_predictions_do(joint, other):
    found = compare(joint, other, resamples=200)
    a, b = pool(joint, "test"), pool(other, "test")
    labels = a.labels.values
    known = labels >= 0
    probs_a, probs_b = a.class_probs[:, known], b.class_probs[:, known]
    expected = paired_aucs(labels[known], probs_a, probs_b, a.patients[known], resamples=200)
    macro_auc = found.result.classification.macro_auc
    assert macro_auc.difference == expected.macro.difference == pytest.approx(macro_auc.a - macro_auc.b)
    assert (macro_auc.low, macro_auc.p_value) == (expected.macro.low, expected.macro.p_value)
    chf = found.result.classification.classes["chf"]
    assert chf.high == expected.classes[1].high
    gazed = np.isfinite(a.agreement["nss"]).all(axis=0)
    nss = paired_mean(a.agreement["nss"][:, gazed], b.agreement["nss"][:, gazed], a.patients[gazed], resamples=200)
    assert found.result.heatmap.metrics["nss"].low == nss.low and found.result.heatmap.cases == gazed.sum()
    back = compare(other, joint, resamples=200)
    assert back.result.classification.macro_auc.difference == -macro_auc.difference
    assert back.result.predictions.only_a_right == found.result.predictions.only_b_right


def test_the_radiographs_on_which_they_disagree(joint, other, study, tmp_path):
    found = compare(joint, other, resamples=100)
    probs_a, probs_b = (pool(one, "test").class_probs.mean(axis=0) for one in (joint, other))
    differ = probs_a.argmax(axis=1) != probs_b.argmax(axis=1)
    table, answers = found.disagreements, found.result.predictions
    assert set(table["case_id"]) == {name for name, one in zip(study.case_ids, differ, strict=True) if one}
    assert answers.disagree == differ.sum() > 0 and answers.agree == (~differ).sum()
    parts = ("only_a_right", "only_b_right", "neither_right", "without_label")
    assert sum(getattr(answers, name) for name in parts) == answers.disagree
    right = (table["label"] == table["prediction_a"]).sum()
    assert answers.only_a_right == right
    radiograph = table.row(0, named=True)
    case = study.case_ids.index(radiograph["case_id"])
    assert radiograph["prob_a"] == probs_a[case].max() and radiograph["prob_b_chf"] == probs_b[case, 1]
    furthest = np.abs(probs_a - probs_b)[differ].max()
    assert (
        max(abs(radiograph[f"prob_a_{name}"] - radiograph[f"prob_b_{name}"]) for name in study.class_names) == furthest
    )
    write_comparison(found, tmp_path / "out")
    written = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert written == json.loads(json.dumps(found.to_json())) and len(written["disagreements"]) == differ.sum()
    assert pl.read_csv(tmp_path / "out" / "disagreements.csv").columns == table.columns
    assert not any("patient" in column for column in table.columns)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_two_runs_are_compared_by_delong(study, run, folder, monkeypatch):
    control = train(study, load_recipe("encoder-only", TINY), folder / "control", seed=7, device="cpu")
    with pytest.raises(RunError, match="not evaluated yet; run `egaze evaluate` first"):
        compare(run, control)
    evaluate(control, threads=1)
    found = compare(run, control, resamples=100)
    a, b = pool(run, "test"), pool(control, "test")
    labels = a.labels.values
    known = labels >= 0
    is_chf = (labels[known] == 1).astype(int)
    exact = delong_test(is_chf, a.class_probs[0, known, 1], b.class_probs[0, known, 1])
    chf = found.result.classification.classes["chf"]
    assert (chf.difference, chf.low, chf.p_value) == (exact.difference, exact.low, exact.p_value)
    assert found.result.heatmap is None and "were not compared with gaze" in found.result.heatmap_remark
    assert found.result.a.seeds == (1,) and found.result.b.seeds == (7,)

    def doubtful(*arrays):
        warnings.warn("few radiographs", StatisticsWarning, stacklevel=1)
        return exact

    monkeypatch.setitem(compare.__globals__, "delong_test", doubtful)
    few = "AUC: fewer than 10 patients in a stratum: the interval is too narrow"
    assert compare(run, control, resamples=100).result.warnings == (few, "AUC: few radiographs")
    itself = compare(run, run, resamples=100)
    assert itself.result.classification.macro_auc.p_value == 1
    assert itself.disagreements.is_empty() and itself.result.predictions.agree == len(a.case_index)


def test_heatmaps_measured_in_different_ways_are_not_compared(study, run, folder):
    small = train(study, load_recipe("joint", TINY), folder / "small", device="cpu")
    evaluate(small, threads=1)
    found = compare(run, small, resamples=100).result
    assert found.heatmap is None and found.heatmap_remark.startswith("heatmaps of 64 px and of 32 px are not compared")
    assert found.classification.macro_auc.has_interval


def change(path, **facts):
    """Write other facts into a run.json or runs.json."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))


def test_what_cannot_be_compared(study, run, joint, tmp_path):
    for name in ("seeds", "two"):
        shutil.copytree(joint.path, tmp_path / name)
    for fold in range(3):
        renamed = (tmp_path / "seeds" / f"fold-{fold}-seed-1").rename(tmp_path / "seeds" / f"fold-{fold}-seed-2")
        change(renamed / "run.json", seed=2)
    change(tmp_path / "seeds" / "runs.json", seeds=[0, 2])
    change(tmp_path / "two" / "runs.json", folds=None)
    for seed in (0, 1):
        shutil.copytree(run.path, tmp_path / "two" / f"seed-{seed}")
        change(tmp_path / "two" / f"seed-{seed}" / "run.json", seed=seed)
    other_seeds, two_seeds = open_run_set(tmp_path / "seeds"), open_run_set(tmp_path / "two")
    for one, two, message in (
        (joint, other_seeds, r"seeds 0, 1 and 0, 2"),
        (joint, run, "one has 3 folds, the other none"),
        (two_seeds, joint, "one has no folds, the other 3"),
        (run, two_seeds, "seeds 1 and 0, 1"),
    ):
        with pytest.raises(RunError, match=f"cannot compare .*: .*{message}"):
            compare(one, two)
    assert compare(two_seeds, two_seeds, resamples=100).result.cases == len(study.splits.indices("test"))
    measured = tmp_path / "two" / "seed-0" / "evaluation" / "test" / "metrics.json"
    written = json.loads(measured.read_text())
    del written["heatmap"]["definitions"]["nss"]
    measured.write_text(json.dumps(written))
    with pytest.raises(RunError, match="its runs were evaluated with different metrics"):
        compare(two_seeds, two_seeds)
    with pytest.raises(RunError, match="folds train on each other's cases"):
        compare(joint, joint, split="train")
    with pytest.raises(RunError, match="folds train on each other's cases"):
        evaluate_set(joint, split="train")
    shutil.copytree(run.path, tmp_path / "run")
    change(tmp_path / "run" / "run.json", seed=5)
    predictions = tmp_path / "run" / "evaluation" / "test" / "predictions.parquet"
    table = pl.read_parquet(predictions)
    table.head(3).write_parquet(predictions)
    with pytest.raises(RunError, match="evaluated on different cases"):
        compare(run, open_run(tmp_path / "run"))
    for damage, message in (
        (table.drop("prob_chf"), "damaged: "),
        (table.with_columns(case_index=pl.lit(1000)), "does not fit the run's study"),
        (table.with_columns(prob_chf=pl.lit(float("nan"))), "does not fit the run's study"),
        (table.with_columns(case_index=pl.lit(2)), "evaluated on different cases"),
    ):
        damage.write_parquet(predictions)
        with pytest.raises(RunError, match=message):
            compare(run, open_run(tmp_path / "run"))
    table.write_parquet(predictions)
    change(tmp_path / "run" / "run.json", class_names=["normal", "chf"])
    with pytest.raises(RunError, match="classes normal, chf, pneumonia and normal, chf"):
        compare(run, open_run(tmp_path / "run"))


def test_runs_on_different_splits_are_not_compared(study, run, tmp_path):
    """Two splits of which only the training splits differ."""
    shutil.copytree(run.path, tmp_path / "run")
    moved = study.patients == study.patients[study.splits.indices("train")[0]]
    splits = replace(study.splits, split_index=np.where(moved, 1, study.splits.split_index))
    save_splits(tmp_path / "run", splits)
    change(tmp_path / "run" / "run.json", training_split_sha256=splits.digest(study.case_ids))
    with pytest.raises(RunError, match="cannot compare .*: trained on different splits of the study"):
        compare(run, open_run(tmp_path / "run"))


def test_a_set_must_be_finished(joint, tmp_path):
    shutil.copytree(joint.path, tmp_path / "set")
    shutil.rmtree(tmp_path / "set" / "fold-2-seed-1")
    with pytest.raises(RunError, match="fold-2-seed-1 is not finished; continue with `egaze train --resume`"):
        evaluate_set(open_run_set(tmp_path / "set"))


def test_a_set_s_evaluation_opens_again_with_its_warnings(joint):
    found = open_evaluation(joint.path / "evaluation" / "test")
    metrics = found.metrics
    assert metrics.published == () and metrics.trained == TrainedHeads(classification=True, heatmap=True)
    shuffled = pool(joint, "test").agreement["shuffled_auc"]
    assert metrics.heatmap.predicted["shuffled_auc"].value == pytest.approx(np.nanmean(shuffled))
    assert metrics.heatmap.over_centre_bias["shuffled_auc"].has_interval


def test_a_set_of_few_patients_says_so(study, folder):
    recipe = load_recipe("joint", TINY)
    runs = train_set(study, recipe, folder / "few", seeds=(0, 1), device="cpu", threads=1)
    warnings_ = evaluate_set(runs, threads=1).metrics.warnings
    assert "classes: fewer than 10 patients in a stratum: the interval is too narrow" in warnings_
    assert "heatmaps: fewer than 10 patients in a stratum: the interval is too narrow" in warnings_


def test_run_and_study_are_found_together_elsewhere(study, joint, tmp_path):
    (tmp_path / "was").mkdir()
    shutil.copytree(study.path, tmp_path / "was" / "study")
    begun = train(
        open_study(tmp_path / "was" / "study"), load_recipe("joint", TINY), tmp_path / "was" / "run", device="cpu"
    )
    assert begun.open_study().path == tmp_path / "was" / "study"
    (tmp_path / "was").rename(tmp_path / "now")
    moved = open_run(tmp_path / "now" / "run")
    assert moved.open_study().path == tmp_path / "now" / "study" and evaluate(moved).metrics.cases > 0
    (tmp_path / "now" / "study").rename(tmp_path / "study")
    with pytest.raises(StudyError, match="not a prepared study; if the study of .* is elsewhere, name it with --study"):
        moved.open_study()
    assert open_run(tmp_path / "now" / "run", study=tmp_path / "study").open_study().path == tmp_path / "study"
    with (tmp_path / "study" / "study.json").open("a") as file:
        file.write(" ")
    with pytest.raises(RunError, match="is no longer the one that this run was trained on; if that one is elsewhere"):
        open_run(tmp_path / "now" / "run", study=tmp_path / "study").open_study()
    assert [run.study_path for run in open_run_set(joint.path, study=study.path).runs()] == [study.path] * 6
