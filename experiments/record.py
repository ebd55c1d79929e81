"""An experiment's record: the benchmarks' own, in experiments/results/."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

RESULTS = Path(__file__).parent / "results"

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
from harness import RUNNER, arguments, rounded  # noqa: E402 (found on the path of the line before)
from harness import finish as _finish  # noqa: E402

finish = partial(_finish, folder=RESULTS)

__all__ = ["RESULTS", "RUNNER", "arguments", "finish", "rounded"]
