"""Every public function and class shows how it is called, and each example runs as it is written."""

from __future__ import annotations

import doctest
import importlib
import inspect
import shutil
from pathlib import Path

import pytest

import egaze

PACKAGES = (
    "egaze",
    "egaze.deploy",
    "egaze.evaluation",
    "egaze.explain",
    "egaze.dicom_objects",
    "egaze.gaze",
    "egaze.gaze.events",
    "egaze.imaging",
    "egaze.loading",
    "egaze.metrics",
    "egaze.models",
    "egaze.pictures",
    "egaze.report",
    "egaze.sharing",
    "egaze.sources",
    "egaze.study",
    "egaze.tables",
    "egaze.training",
    "egaze.tuning",
)

# Public names without an example of their own, and why.
WITHOUT = {
    "AdaptiveSettings": "an argument of detect_fixations",
    "AreaVisits": "what area_visits returns",
    "Batch": "what DeviceLoader yields",
    "BatchPredictions": "what DualHeadUNet.predictions returns",
    "CommonSettings": "what the settings of fixation methods are derived from",
    "Comparison": "what delong_test returns",
    "ComparisonResult": "a part of what compare returns",
    "DualHeadOutput": "what DualHeadUNet returns",
    "Estimate": "what roc_auc_ci returns",
    "EvaluationResult": "a part of what evaluate returns",
    "EventAgreement": "what event_agreement returns",
    "ExplainOptions": "an argument of explain",
    "ExplanationResult": "what explain returns",
    "FailedRadiograph": "a part of what RadiographLoader yields",
    "Faithfulness": "what faithfulness returns",
    "GazeMeasures": "what measure_gaze returns",
    "IdtSettings": "an argument of detect_fixations",
    "IvtSettings": "an argument of detect_fixations",
    "KScale": "an argument of k_coefficient",
    "LeftOut": "what prepare_study tells its on_left_out",
    "Losses": "a part of what detect_fixations returns",
    "MapCheck": "what check_map returns",
    "MeanMeasure": "a part of what measure_gaze returns",
    "Message": "a part of what read_recording returns",
    "ModelSpec": "what check_model returns",
    "MultiMatch": "what multimatch returns",
    "OperatingPoint": "what at_threshold returns",
    "PicturesSummary": "what write_pictures returns",
    "Prediction": "what Predictor.predict returns",
    "Presentation": "a part of what read_radiograph returns",
    "RadiographBatch": "what RadiographLoader yields",
    "ReadRadiograph": "a part of what RadiographLoader yields",
    "RecordingSummary": "what summarize_recording returns",
    "RegionGaze": "what region_gaze returns",
    "RocCurve": "what roc_curve_band returns",
    "RunComparison": "what compare returns",
    "RunSet": "what train_set and open_run_set return",
    "Saccades": "what saccades_between returns",
    "SearchResult": "what tune returns",
    "SearchSpace": "what load_space returns",
    "Sensitivity": "what settings_sensitivity returns",
    "SimulatedGaze": "what simulate_gaze returns",
    "SourceImage": "what read_source_image returns",
    "StatisticsWarning": "a warning's class",
    "StudySample": "what StudyDataset gives",
    "TableMapping": "what load_mapping returns",
    "TrialResult": "a part of what tune returns",
    "WeightsFile": "what read_weights returns",
    "upload": "goes to a server",
}

# What examples find in the folder that they run in.
ON_DISK = ("egd-cxr", "mimic-cxr", "radiograph.dcm", "study", "run", "model.pt")


def public():
    """Functions and classes by name, each once whatever packages name it."""
    found = {}
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            item = getattr(module, name)
            if (inspect.isfunction(item) or inspect.isclass(item)) and item.__module__.startswith("egaze"):
                found[name] = item
    return found


PUBLIC = public()


@pytest.fixture(scope="session")
def study_folder(twin, study, run, model_file, tmp_path_factory):
    """A folder with what the examples name: dataset and radiographs, a study, a run, and its model."""
    folder = tmp_path_factory.mktemp("examples")
    places = {
        "egd-cxr": twin.tables,
        "mimic-cxr": twin.images,
        "run": run.path,
        "model.pt": model_file,
        "radiograph.dcm": min(twin.images.rglob("*.dcm")),
    }
    for name, place in places.items():
        (folder / name).symlink_to(place.resolve())
    shutil.copytree(study.path, folder / "study")
    return folder


@pytest.fixture
def folder(request, tmp_path, monkeypatch):
    """A folder to work in: a copy of that one where the example names something in it."""
    if any(f'"{name}"' in (request.param.__doc__ or "") for name in ON_DISK):
        shutil.copytree(request.getfixturevalue("study_folder"), tmp_path, symlinks=True, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "folder, name", [(PUBLIC[name], name) for name in PUBLIC], indirect=["folder"], ids=list(PUBLIC)
)
def test_the_example_runs(folder, name):
    if name == "tune":
        pytest.importorskip("optuna", reason="the extra tune is not installed")
    item = PUBLIC[name]
    example = doctest.DocTestParser().get_doctest(item.__doc__, {}, name, inspect.getsourcefile(item), None)
    if name in WITHOUT:
        assert not example.examples, f"{name} has an example now: take it off the list"
        return
    assert example.examples, f"{name} has no example: add one to its docstring"
    check(example)


def test_examples_of_what_is_not_public_run_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = next(Path(folder) for folder in egaze.__path__ if (Path(folder) / "__init__.py").exists())
    seen = {item.__qualname__ for item in PUBLIC.values()}
    tried = 0
    for path in sorted(root.rglob("*.py")):
        if ">>>" not in path.read_text(encoding="utf-8"):
            continue
        name = ".".join(path.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__")
        module = importlib.import_module(name)
        for example in doctest.DocTestFinder(exclude_empty=True).find(module):
            if example.examples and example.name.removeprefix(f"{module.__name__}.") not in seen:
                check(example)
                tried += 1
    assert tried


def check(example):
    said = []
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example, out=said.append)
    assert not result.failed, "".join(said)


def test_the_list_of_exceptions_names_what_there_is():
    assert set(WITHOUT) <= set(PUBLIC)
