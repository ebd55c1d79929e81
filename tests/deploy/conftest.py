"""The built egaze-run, and what it reads."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import torch
from deploy.c_library import CLibrary, CPredictor
from deploy.reading import SHAPE, PassThrough, requires
from deploy.scripted_models import make_model, members_of, packed, save_model

from egaze.deploy import Predictor, check_model
from egaze.errors import ModelFileError
from egaze.imaging import PRESENTATIONS

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def runner() -> Path:
    path = Path(os.environ.get("EGAZE_RUN") or PROJECT / "build" / "cpp" / "csrc" / "runner" / "egaze-run")
    if not path.is_file():
        why = f"{path} does not exist: build it with `make`, or set EGAZE_RUN"
        if os.environ.get("EGAZE_REQUIRE_RUNNER") == "1":
            pytest.fail(why)
        pytest.skip(why)
    return path


@pytest.fixture(scope="session")
def c_library(runner: Path) -> CLibrary:
    """The shared library that was built beside the runner."""
    names = ("libegaze.so", "libegaze.dylib")
    (path,) = (path for name in names if (path := runner.parents[1] / "runtime" / name).is_file())
    return CLibrary(path)


@pytest.fixture(scope="session")
def formats(runner: Path) -> dict[str, str]:
    """Kinds of radiograph files to "yes", or to what is missing."""
    lines = subprocess.run([runner, "--formats"], capture_output=True, text=True, check=True).stdout.splitlines()
    return dict(line.split(": ", 1) for line in lines)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By presentation, a model that hands back a radiograph of the shape SHAPE."""
    folder = tmp_path_factory.mktemp("models")
    model = make_model(PassThrough(), shape=SHAPE)
    return {
        policy: save_model(
            folder / f"{policy}.pt", model, presentation=policy, input_height_px=SHAPE[0], input_width_px=SHAPE[1]
        )
        for policy in PRESENTATIONS
    }


@pytest.fixture(scope="session")
def pass_through(formats, c_library, tmp_path_factory):
    """C's predictor that hands back a radiograph of a shape, made once a shape."""
    requires(formats, "dicom")
    folder, predictors = tmp_path_factory.mktemp("shapes"), {}

    def of(shape: tuple[int, int], presentation: str) -> CPredictor:
        if (shape, presentation) not in predictors:
            path, model = folder / "model.pt", make_model(PassThrough(), shape=shape)
            save_model(path, model, presentation=presentation, input_height_px=shape[0], input_width_px=shape[1])
            predictors[shape, presentation] = CPredictor(c_library, path)
        return predictors[shape, presentation]

    yield of
    for predictor in predictors.values():
        predictor.close()


@pytest.fixture(scope="session")
def members() -> dict[str, bytes]:
    """The members of a sound model file without its spec."""
    return members_of(make_model())


@pytest.fixture(scope="session")
def good(members: dict[str, bytes]) -> bytes:
    """A sound model file."""
    return packed(members)


@pytest.fixture
def refuse(request: pytest.FixtureRequest, tmp_path: Path):
    """Assert that a model file, given as a path or as its content, is refused with the same code and message in Python
    and, if it is built, in C++."""

    def assert_refused(file: Path | bytes, code: str, message: str = "") -> None:
        path = file if isinstance(file, Path) else tmp_path / "model.pt"
        if isinstance(file, bytes):
            path.write_bytes(file)
        for read in (check_model, Predictor):
            with pytest.raises(ModelFileError, match=message or None) as caught:
                read(path)
            assert caught.value.code == code
            assert str(path) in str(caught.value) and "\n" not in str(caught.value)
        library: CLibrary = request.getfixturevalue("c_library")
        assert library.code_of(path) == code, library.error()
        assert library.error() == str(caught.value)

    return assert_refused


@pytest.fixture(scope="module")
def model() -> torch.jit.ScriptModule:
    return make_model()


@pytest.fixture
def model_path(model: torch.jit.ScriptModule, tmp_path: Path) -> Path:
    return save_model(tmp_path / "model.pt", model)
