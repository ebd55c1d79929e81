"""Fixtures that several areas share."""

from __future__ import annotations

import os
from pathlib import Path

import places
import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_REAL_DATA = Path(__file__).parent.parent.parent / "shared" / "data"


# A file runs on one processor, so that those which take minutes begin before all others.
_FIRST = (
    "test_readme.py",
    "test_embed.py",
    "test_radiograph_files.py",
    "test_real_pairs.py",
    "test_cluster.py",
    "test_ranks.py",
    "test_real_gaze.py",
    "test_hostile_models.py",
)


def pytest_collection_modifyitems(items):
    """Order the files, and skip what this machine cannot run, saying why."""
    items.sort(key=lambda item: _FIRST.index(item.path.name) if item.path.name in _FIRST else len(_FIRST))
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
def findings_tables(twin, tmp_path_factory):
    """The twin as tables of one's own: cases.csv, fixations.csv, and findings.csv of three independent classes."""
    from egaze.sources import EgdCxr

    folder = tmp_path_factory.mktemp("findings")
    cases, gaze, findings = ["case_id,image,patient_id"], ["case_id,x_px,y_px,duration_s"], ["case_id,chf,opacity,odd"]
    for number, case in enumerate(EgdCxr(twin.tables, twin.images).cases()):
        name = f"case-{number}"
        cases.append(f"{name},{case.image_path.relative_to(twin.images)},{case.patient_id}")
        fixations = zip(case.fixations.x_px, case.fixations.y_px, case.fixations.duration_s, strict=True)
        gaze += [f"{name},{x},{y},{duration}" for x, y, duration in fixations if duration > 0]
        # Some are unknown, some uncertain, and some radiographs have several.
        opacity = "" if number % 7 == 3 else "-1" if number % 11 == 5 else int(case.label == "pneumonia")
        findings.append(f"{name},{int(case.label == 'chf')},{opacity},{number % 2}")
    for name, lines in (("cases", cases), ("fixations", gaze), ("findings", findings)):
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="session")
def findings_study(twin, findings_tables, tmp_path_factory):
    """The twin's radiographs with independent labels, prepared at 64 px."""
    from egaze.sources import Table
    from egaze.study import prepare_study

    tables = (findings_tables / name for name in ("cases.csv", "fixations.csv"))
    source = Table(*tables, labels=findings_tables / "findings.csv", images=twin.images)
    out = tmp_path_factory.mktemp("findings_study") / "study"
    return prepare_study([source], out, size_px=64, workers=2, seed=SPLIT_SEED)


@pytest.fixture(scope="session")
def findings_run(findings_study, tmp_path_factory):
    """A tiny finished run on independent labels, with a map for each class."""
    from egaze.training import load_recipe, train

    recipe = load_recipe("class-generators", (*TINY, "stages.epochs=1"))
    return train(findings_study, recipe, tmp_path_factory.mktemp("findings_run") / "run", device="cpu", threads=2)


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


@pytest.fixture(scope="session")
def shared_folder(run, tmp_path_factory):
    """The run's model in a folder for others."""
    from egaze.sharing import share_run

    return share_run(run, tmp_path_factory.mktemp("sharing") / "shared", license="cc-by-4.0")
