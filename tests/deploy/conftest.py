"""The built egaze-run, and what it reads."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

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
def formats(runner: Path) -> dict[str, str]:
    """Kinds of film files to "yes", or to what is missing."""
    lines = subprocess.run([runner, "--formats"], capture_output=True, text=True, check=True).stdout.splitlines()
    return dict(line.split(": ", 1) for line in lines)
