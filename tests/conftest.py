"""Fixtures that several areas share."""

from __future__ import annotations

import os
from pathlib import Path

import places
import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_REAL_DATA = Path(__file__).parent.parent.parent / "shared" / "data"


def pytest_collection_modifyitems(items):
    """Skip what this machine cannot run, saying why."""
    for item in items:
        if item.get_closest_marker("realdata") and not _REAL_DATA.is_dir():
            item.add_marker(pytest.mark.skip(reason=f"no real data in {_REAL_DATA}"))
        if item.get_closest_marker("needs_cuda") and not _cuda_is_available_or_required():
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


def _cuda_is_available_or_required():
    import torch

    return torch.cuda.is_available() or os.environ.get("EGAZE_REQUIRE_CUDA") == "1"


@pytest.fixture
def permissions():
    """Root, too, is kept out of read-only folders."""
    with places.obeyed_permissions():
        yield


@pytest.fixture(scope="session")
def real_data():
    """The folder of open radiographs and gaze."""
    return _REAL_DATA


@pytest.fixture(scope="session")
def twin(tmp_path_factory):
    """A small synthetic twin of EGD-CXR: 48 radiographs of 96 px."""
    from egaze.sources.synthetic import synthesize

    return synthesize(tmp_path_factory.mktemp("twin") / "out", cases=48, seed=3, long_side_px=96)


@pytest.fixture(scope="session")
def study(twin, tmp_path_factory):
    """The twin prepared at 64 px."""
    from egaze.sources import EgdCxr
    from egaze.study import prepare_study

    out = tmp_path_factory.mktemp("study") / "study"
    # A split with every class on every side.
    return prepare_study([EgdCxr(twin.tables, twin.images)], out, size_px=64, workers=2, seed=SPLIT_SEED)


SPLIT_SEED = 42


@pytest.fixture(scope="session")
def tiny_recipe():
    """The recipe `joint` made small enough for a test."""
    from egaze.training import load_recipe

    return load_recipe("joint", TINY)


TINY = (
    "input_size_px=64",
    "batch_size=8",
    "model.encoder=mobilenetv3_small_050",
    "model.decoder_channels=[16, 16, 8]",
    "stages.epochs=2",
)


@pytest.fixture(scope="session")
def run(study, tiny_recipe, tmp_path_factory):
    """A tiny finished run on the twin, evaluated on its test split."""
    from egaze.evaluation import evaluate
    from egaze.training import train

    finished = train(study, tiny_recipe, tmp_path_factory.mktemp("run") / "run", seed=1, device="cpu", threads=2)
    evaluate(finished, threads=2)
    return finished


@pytest.fixture(scope="session")
def cross_validated(study, tmp_path_factory):
    """A tiny set of runs, 3 folds from 2 seeds, evaluated on its test splits."""
    from egaze.evaluation import evaluate_set
    from egaze.training import load_recipe, train_set

    recipe = load_recipe("joint", (*TINY, "input_size_px=32", "batch_size=16", "stages.epochs=1"))
    out = tmp_path_factory.mktemp("cross_validated") / "runs"
    made = train_set(study, recipe, out, folds=3, seeds=(0, 1), device="cpu", threads=1)
    evaluate_set(made, threads=1)
    return made


@pytest.fixture(scope="session")
def model_file(run, tmp_path_factory):
    """The run's exported model."""
    from egaze.deploy import export_torchscript

    path = tmp_path_factory.mktemp("model") / "model.pt"
    export_torchscript(run, path)
    return path
