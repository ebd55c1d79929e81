"""The built egaze-run, and what it reads."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from deploy.c_library import CLibrary

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
    """Kinds of film files to "yes", or to what is missing."""
    lines = subprocess.run([runner, "--formats"], capture_output=True, text=True, check=True).stdout.splitlines()
    return dict(line.split(": ", 1) for line in lines)
