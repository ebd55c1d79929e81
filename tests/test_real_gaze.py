"""docs/real-gaze.md run as written on the few radiographs at hand, from the files to the C++ runner.

Only the scale is changed, by `SMALLER`: a small model, one epoch, fewer folds and pictures, a smaller twin.
"""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from test_realdata import compare_with_runner

from egaze.cli import cli
from egaze.deploy import Predictor
from egaze.study import open_study
from egaze.study.findings import finding_mask

pytestmark = pytest.mark.realdata

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "real-gaze.md").read_text(encoding="utf-8")
TINY_MODEL = "--set model.encoder=mobilenetv3_small_050 --set input_size_px=64 --set stages.epochs=1"
SMALLER = {
    "--recipe joint": f"--recipe joint {TINY_MODEL}",
    "--folds 5": "--folds 3",
    "--cases 60": "--cases 13 --long-side-px 64",
    "--out study": "--out study --size 64 --seed 3 --workers 1",
    "--masks train-rle.csv --out gaze": "--masks train-rle.csv --out gaze --size 64",
    "--out gaze-pictures": "--out gaze-pictures --cases *.291189 --workers 1",
    "--out pictures": "--out pictures --split test --size 128 --workers 1",
    "--limit 6": "--limit 2 --steps 2",
    "--out answers": "--out answers --workers 1",
}


def commands():
    """The page's commands, each its words and the file that its words go to."""
    code = "\n".join(re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)).replace("\\\n", " ")
    for large, small in SMALLER.items():
        assert large in code, large
        code = code.replace(large, small)
    for line in filter(None, code.splitlines()):
        words, _, file = line.partition(" > ")
        program, *arguments = shlex.split(words)
        assert program == "egaze"
        yield arguments, file


@pytest.fixture(scope="module")
def road(real_data, tmp_path_factory):
    """The folder in which the page's commands were run, and all that they said."""
    folder = tmp_path_factory.mktemp("road")
    for name in ("cxr_gaze_data.json", "train-rle.csv"):
        (folder / name).symlink_to(real_data / "siim_gaze" / name)
    (folder / "dicom-images-train").symlink_to(real_data / "siim_gaze" / "films")
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for arguments, file in commands():
            # In this process: a dozen imports of torch would take a minute.
            done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
            assert done.exit_code == 0, f"{arguments}: {done.output[-3000:]}"
            if file:
                Path(file).write_text(done.stdout, encoding="utf-8")
            said.append(done.output)
    return folder, "".join(said)


def test_the_road_ends_in_a_report(road):
    folder, said = road
    assert "30 of 1,000 records found their radiograph" in said
    assert "axes are swapped against their names" in said and "(226 readings)" in said
    assert len((folder / "radiographs.txt").read_text().splitlines()) == 1000
    assert list((folder / "pictures").rglob("overlay.png"))
    assert list((folder / "explanations").rglob("explanation.png"))
    assert (folder / "run" / "report.html").is_file()
    text = (folder / "runs" / "report.html").read_text(encoding="utf-8")
    assert "Pneumothorax" in text and '"outline":' in text
    assert len(list((folder / "answers").glob("*.npy"))) == 30


def test_the_study_says_what_it_is(road):
    study = open_study(road[0] / "study")
    (source,) = study.manifest["sources"]
    assert source["options"]["patients"].startswith("unknown") and not study.is_synthetic
    assert study.manifest["counts"]["classes"] == {"normal": 21, "pneumothorax": 9}
    assert study.is_relative.all() and study.manifest["counts"]["regions"] == 11
    inside = []
    for case_index in np.flatnonzero(study.labels.values == 1).tolist():
        mask = finding_mask(study, case_index, 64, "pneumothorax")
        gaze = study.fixations(case_index, 64)
        x, y = np.rint(gaze.x_px).astype(int).clip(0, 63), np.rint(gaze.y_px).astype(int).clip(0, 63)
        inside.append([gaze.duration_s[mask[y, x]].sum() / gaze.duration_s.sum(), mask.mean()])
    dwell_frac, area_frac = np.mean(inside, axis=0)
    assert dwell_frac > 2 * area_frac


def test_gaze_alone_has_the_figures_of_the_facts(road):
    """Those of experiments/gaze_facts.py, which reads the files itself; 1024 px is the grid of the outlines."""
    folder, said = road
    assert "1,000 records, without radiographs" in said and (folder / "gaze-pictures" / "index.csv").is_file()
    study = open_study(folder / "gaze")
    assert not study.has_images and len(study) == 1000
    record = json.loads((ROOT / "experiments" / "results" / "gaze_facts.json").read_text(encoding="utf-8"))
    amount, findings = record["details"]["amount"], record["details"]["findings"]
    assert np.median(np.diff(study.offsets)) == amount["points"]["all"]["value"]
    dwell = np.add.reduceat(study.duration_s, study.offsets[:-1])
    assert np.median(dwell) == amount["dwell_relative"]["all"]["value"]
    inside = []
    for case_index in np.flatnonzero(study.labels.values == 1).tolist():
        mask, gaze = finding_mask(study, case_index, 1024, "pneumothorax"), study.fixations(case_index, 1024)
        x, y = np.rint(gaze.x_px).astype(int), np.rint(gaze.y_px).astype(int)
        within = (x >= 0) & (x < 1024) & (y >= 0) & (y < 1024)
        inside.append(gaze.duration_s[within][mask[y[within], x[within]]].sum() / gaze.duration_s.sum())
    assert np.mean(inside) == pytest.approx(findings["dwell_in_own"]["value"], abs=1e-6)
    readings = pl.read_csv(folder / "measures" / "readings.csv")
    assert len(readings) == 1000 and readings["dwell_s"].null_count() == 1000


def test_gaze_in_findings_is_measured(road):
    folder, _ = road
    metrics = json.loads(next((folder / "runs").rglob("metrics.json")).read_text(encoding="utf-8"))
    assert "Pneumothorax" in json.dumps(metrics)
    means = json.loads((folder / "explanations" / "explain.json").read_text(encoding="utf-8"))
    assert means


def test_python_and_c_plus_plus_answer_alike(road):
    folder, _ = road
    predictor = Predictor(folder / "model.pt")
    paths = sorted((folder / "dicom-images-train").glob("*.png"))[:4]
    assert predictor.predict(paths[0]).class_names == ("normal", "pneumothorax")
    compare_with_runner(predictor, folder / "model.pt", paths, folder / "maps")
