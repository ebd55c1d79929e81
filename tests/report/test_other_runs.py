"""Reports of runs that lack something, or have more than one reader."""

from egaze.evaluation import evaluate
from egaze.report import write_report
from egaze.sources import Reflacx, Table
from egaze.sources.synthetic import synthesize
from egaze.study import prepare_study
from egaze.training import load_recipe, train

SMALL = ("input_size_px=32", "batch_size=8", "model.encoder=mobilenetv3_small_050", "stages.epochs=1")
DECODER = "model.decoder_channels=[16, 16, 8]"


def words_of(study, recipe, folder, split="test"):
    finished = train(study, recipe, folder / "run", seed=0, device="cpu", threads=1)
    evaluate(finished, split=split, threads=1)
    return " ".join(write_report(finished, folder / "report.html", split=split).read_text(encoding="utf-8").split())


def test_a_run_without_a_heatmap_head(study, tmp_path):
    words = words_of(study, load_recipe("encoder-only", SMALL), tmp_path)
    assert "The recipe has no heatmap head: it is the control without gaze" in words
    assert "no heatmap head, so there are no predicted heatmaps" in words
    assert 'id="opacity-predicted"' not in words and 'id="opacity-grad_cam"' in words
    assert "Heatmap loss" not in words and "Agreement with gaze of each radiograph" not in words


def test_radiographs_without_gaze_and_regions(tmp_path):
    twin = synthesize(tmp_path / "twin", cases=24, seed=2, layout="table", long_side_px=64)
    study = prepare_study([Table(twin.tables / "cases.csv")], tmp_path / "study", size_px=32)
    words = words_of(study, load_recipe("encoder-only", SMALL), tmp_path)
    assert "None of these radiographs has gaze." in words and "The study has no regions on these radiographs." in words
    assert 'id="opacity-fixations"' not in words and "Sort by" in words


def test_radiographs_that_several_readers_read(tmp_path):
    twin = synthesize(tmp_path / "twin", cases=18, seed=1, layout="reflacx", long_side_px=64)
    study = prepare_study([Reflacx(twin.tables, twin.images)], tmp_path / "study", size_px=32)
    # Radiographs of several readers are training radiographs, as in REFLACX.
    words = words_of(study, load_recipe("joint", (*SMALL, DECODER)), tmp_path, "train")
    assert "ceiling is what the other readers" in words and "Readers' ceiling" in words
    assert '"finding": true' in words and '"reader": "' in words


def test_two_classes_share_one_auc(tmp_path):
    twin = synthesize(tmp_path / "twin", cases=36, seed=2, layout="table", long_side_px=64)
    table = twin.tables / "cases.csv"
    table.write_text(table.read_text().replace("CHF", "abnormal").replace("pneumonia", "abnormal"))
    study = prepare_study([Table(table)], tmp_path / "study", size_px=32)
    assert len(study.class_names) == 2
    text = words_of(study, load_recipe("encoder-only", SMALL), tmp_path, "train")
    both = " against ".join(study.class_names)
    assert text.count('aria-labelledby="roc-') == 1 and f"ROC curve of {study.class_names[1]} against" in text
    areas = text.split('aria-label="Table of AUCs"')[1].split("</table>")[0]
    assert f"The AUC is of {both}." in areas and areas.count('rowspan="2"') == 2
    assert "Mean over classes" not in areas and "All classes pooled" not in areas and "Mean AUC" not in text
    forest = text.split('aria-labelledby="forest-title')[1].split("</svg>")[0]
    assert forest.count("This run") == 3 and both in forest  # description, name, and what a dot says
