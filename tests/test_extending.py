"""docs/extending.md's package, installed and used as its reader would."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from egaze.cli import cli
from egaze.errors import EgazeError
from egaze.evaluation import evaluate, open_evaluation
from egaze.gaze import GAZE_FORMATS, read_recording
from egaze.gaze.events import FIXATION_METHODS, detect_fixations, simulate_gaze
from egaze.metrics import event_agreement
from egaze.registry import Registry
from egaze.training import load_recipe, open_run, train

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAGE = Path(__file__).parent.parent / "docs" / "extending.md"
FILE = re.compile(r"^`(my_package/\S+)`:\n\n```\w+\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)


def install(folder, name, groups):
    """What pip leaves of a package's entry points."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [
        line
        for group, entries in groups.items()
        for line in (f"[{group}]", *(f"{key} = {value}" for key, value in entries.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def my_package(run, tmp_path_factory):
    """Installed once the tests' own run has been evaluated, without the package's metric."""
    site = tmp_path_factory.mktemp("site")
    text = PAGE.read_text(encoding="utf-8")
    (site / "my_package").mkdir()
    (site / "my_package" / "__init__.py").touch()
    for name, content in FILE.findall(text):
        (site / name).write_text(content, encoding="utf-8")
    project = tomllib.loads(re.search(r"```toml\n(\[project\].*?)```", text, flags=re.DOTALL)[1])["project"]
    install(site, project["name"], project["entry-points"])
    sys.path.insert(0, str(site))
    importlib.invalidate_caches()
    yield site
    sys.path.remove(str(site))
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_package"]:
        del sys.modules[name]


def invoke(*words):
    result = CliRunner().invoke(cli, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


def test_every_kind_has_its_page(my_package):
    groups = set(re.findall(r'"(egaze\.\w+)"', PAGE.read_text(encoding="utf-8")))
    kinds = {
        found
        for path in (PAGE.parent.parent / "egaze").rglob("*.py")
        for found in re.findall(r'Registry\(\s*"(egaze\.\w+)"', path.read_text(encoding="utf-8"))
    }
    assert groups == kinds - {"egaze.shapes"}


def test_a_data_set(my_package, tmp_path):
    generator = np.random.default_rng(0)
    for number in range(20):
        folder = tmp_path / "root" / ("ill" if number % 2 else "well")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 255, (40, 40), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"p{number}_a.png")
    said = invoke("prepare", "folders", tmp_path / "root", "--out", tmp_path / "study", "--size", "32")
    assert "20 cases of 20 patients" in said and "20 radiographs found" in said
    rows = [line.split() for line in said.splitlines()]
    assert all([name, "10", "10", "0", "0", "50.0", "%"] in rows for name in ("ill", "well"))
    assert "folders" in invoke("prepare", "--help")
    assert "Radiographs in a folder" in invoke("prepare", "folders", "--help")


def test_a_tracker_format(my_package, tmp_path):
    path = tmp_path / "reading.csv"
    path.write_text("# lab gaze 1\ntime_ms,x,y\n10,512.5,394\n12,,\n14,513,395\n")
    assert list(GAZE_FORMATS)[-1] == "lab_csv"
    for recording in (read_recording(path), read_recording(path, format="lab_csv")):
        (samples,) = recording.samples
        np.testing.assert_allclose(samples.time_s, [0.01, 0.012, 0.014])
        assert samples.is_valid.tolist() == [True, False, True] and recording.screen.width_px == 1920
    path.write_text("# lab gaze 1\ntime_ms,x,y\nsoon,512.5,394\n")
    with pytest.raises(EgazeError, match=r"reading\.csv: "):
        read_recording(path)
    with pytest.raises(EgazeError, match=r"reading\.csv: unknown tracker format 'edf'; known are bids, .*, lab_csv"):
        read_recording(path, format="edf")


def test_a_fixation_method(my_package):
    gaze = simulate_gaze(500, fixations=20)
    found = detect_fixations(gaze.signal, "near")
    agreement = event_agreement(gaze.onset_s, gaze.duration_s, found.onset_s, found.duration_s)
    assert list(FIXATION_METHODS)[-1] == "near" and agreement.f1 > 0.9
    settings = FIXATION_METHODS["near"].settings(max_step_deg=0.2, min_duration_ms=250)
    fewer = detect_fixations(gaze.signal, "near", settings)
    assert 0 < len(fewer) < len(found) and fewer.record()["settings"]["max_step_deg"] == 0.2


def test_a_metric(my_package, run, tmp_path):
    shutil.copytree(run.path, tmp_path / "run")
    said = invoke("evaluate", tmp_path / "run")
    found = open_evaluation(tmp_path / "run" / "evaluation" / "test")
    rows = found.predictions.drop_nulls("hit_rate")
    study, recipe = run.open_study(), run.recipe
    high = found.heatmaps[0].astype(float)
    gaze = study.fixations(int(found.predictions["case_index"][0]), recipe.input_size_px)
    seen = gaze.taken(gaze.on_shown)
    x, y = np.rint(seen.x_px).astype(int), np.rint(seen.y_px).astype(int)
    assert rows["hit_rate"][0] == pytest.approx((high[y, x] >= np.quantile(high, 0.9)).mean(), abs=0.05)
    mean, centre = found.metrics.heatmap.predicted["hit_rate"], found.metrics.heatmap.centre_bias["hit_rate"]
    assert mean.value == pytest.approx(rows["hit_rate"].mean()) and mean.has_interval
    assert centre.value == pytest.approx(rows["centre_hit_rate"].mean())
    with (tmp_path / "run" / "evaluation" / "test" / "metrics.json").open() as file:
        written = json.load(file)["heatmap"]
    assert written["predicted"]["hit_rate"]["value"] == mean.value
    assert list(written["definitions"])[-1] == "hit_rate" and written["definitions"]["hit_rate"]["title"] == "hit rate"
    assert re.search(rf"hit rate, share of fixations \(more\) +{mean.value:.2f} \(", said)
    invoke("report", tmp_path / "run")
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    row = re.search(r'<tr><th scope="row">Hit rate.*', page)[0]
    assert f"<td>{mean.value:.2f} " in row and f"<td>{centre.value:.2f} " in row and "highest tenth" in row
    compared = invoke("compare", tmp_path / "run", tmp_path / "run")
    assert re.search(rf"hit rate, share of fixations \(more\) +{mean.value:.2f} +{mean.value:.2f} +\+0.00", compared)
    # A run that was evaluated without the package is compared by what both have.
    compared = invoke("compare", tmp_path / "run", run.path)
    assert "metric 'hit_rate' was not measured in the same way for both, so it is not compared" in compared


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("label", "0.0", "metric 'label' has the name of another column of predictions.parquet"),
        ("centre_x", "0.0", "metric 'centre_x' has the name of another column of predictions.parquet"),
        ("broken", "float('inf')", "metric 'broken' returned inf: it must return a finite number, or NaN"),
        ("failing", "[][1]", "metric 'failing' failed: IndexError: list index out of range"),
        ("word", "'high'", "metric 'word' failed: ValueError: could not convert string to float: 'high'"),
        ("missing", "None", "metric 'missing' failed: TypeError: "),
        ("empty", "float('nan')", None),
    ],
)
def test_a_metric_that_cannot_be_used(name, value, message, run, tmp_path, monkeypatch):
    module = f"metric_{name}"
    (tmp_path / f"{module}.py").write_text(
        "from egaze.metrics.gaze_metrics import GazeMetric\n"
        f"it = GazeMetric('it', lambda map_, gaze: {value}, undefined='radiographs have no such thing')\n"
    )
    install(tmp_path, f"package-{name}", {"egaze.metrics": {name: f"{module}:it"}})
    monkeypatch.syspath_prepend(tmp_path)
    if message is not None:
        with pytest.raises(EgazeError, match=message):
            evaluate(run, out=tmp_path / "out")
        return
    found = evaluate(run, out=tmp_path / "out").metrics
    assert found.heatmap.predicted["empty"] is None
    assert f"it: {found.heatmap.cases} radiographs have no such thing" in found.warnings


def test_losses_an_encoder_an_export_and_a_recipe(my_package, study, tmp_path):
    assert "smallnet8" in invoke("info", "--encoders", "smallnet*")
    assert re.search(r"small +Both heads of a small network", invoke("info"))
    recipe = load_recipe("small")
    run = train(study, recipe, tmp_path / "run", seed=0, threads=2)
    (entry,) = run.log()
    assert 0 < entry.train_losses["heatmap"] < 0.3 and 0 < entry.train_losses["classification"] < 1.5
    invoke("export", run.path, tmp_path / "weights.npz", "--format", "npz")
    weights = open_run(run.path).load_model().state_dict()
    with np.load(tmp_path / "weights.npz") as arrays:
        assert arrays["class_names"].tolist() == list(run.class_names)
        assert all(np.array_equal(arrays[name], weights[name].numpy()) for name in weights)
    invoke("export", run.path, tmp_path / "model.pt")


def test_what_a_package_cannot_bring(my_package, tmp_path, monkeypatch):
    def registry(own=None):
        return Registry("egaze.things", "thing", own or {}, fits=callable)

    install(tmp_path / "one", "one", {"egaze.things": {"a": "my_package.nowhere:a", "b": "my_package.recipes:SMALL"}})
    install(tmp_path / "two", "two", {"egaze.things": {"a": "my_package.losses:mse"}})
    monkeypatch.syspath_prepend(tmp_path / "one")
    things = registry()
    assert list(things) == ["a", "b"] and "c" not in things and len(things) == 2
    with pytest.raises(KeyError):
        things["c"]
    with pytest.raises(
        EgazeError, match=r"thing 'a' of package one cannot be imported: ModuleNotFoundError: .*nowhere"
    ):
        things["a"]
    with pytest.raises(EgazeError, match=r"thing 'b' of package one is a \w*Path: see egaze.things"):
        things["b"]
    with pytest.raises(EgazeError, match="package one registers a thing 'a', a name that egaze itself uses"):
        list(registry({"a": print}))
    monkeypatch.syspath_prepend(tmp_path / "two")
    with pytest.raises(
        EgazeError, match="package two and package one both register a thing 'a'; uninstall one of them"
    ):
        list(things)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("export", "run", "model.x", "--format", "onyx"), "no export format 'onyx'; there are torchscript"),
        (("export", "run", "model.xml"), "suffix '.xml' stands for no export format: .pt (torchscript), .onnx (onnx)"),
        (("export", "run", "model"), "a suffix has to say the export format: .pt (torchscript), .onnx (onnx)"),
    ],
)
def test_names_that_are_not_there(words, message, run, tmp_path):
    result = CliRunner().invoke(cli, [word.replace("run", str(run.path)) for word in words])
    assert isinstance(result.exception, EgazeError) and message in str(result.exception)
