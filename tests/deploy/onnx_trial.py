"""Check ONNX files one after another, and predict with those that pass, in a process with bounded resources.

    python onnx_trial.py TESTS < PATHS

Prints the path before each, and then a JSON line with the code ("ok" or that of the ModelFileError), the message, the
processor time and a list of faults: an exception of another class, a message that is not one printable line, a
difference between the check and the predictor, or predictions that depend on earlier ones.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

MAX_MB, MAX_CPU_S = 1000, 120


def main() -> None:
    import numpy as np
    import torch

    from egaze import deploy

    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_S, MAX_CPU_S))
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + (MAX_MB << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    ramp = np.arange(32 * 24, dtype=np.uint16).reshape(32, 24).astype(np.uint8)
    for line in sys.stdin:
        path = Path(line.rstrip("\n"))
        print(path, flush=True)
        started_s = time.process_time()
        code, message, faults = outcome(lambda path=path: deploy.check_model(path))
        if code == "ok":
            code, message, faults = outcome(lambda path=path: predict(deploy.Predictor(path, threads=1), ramp))
            if code not in ("ok", "model_failed"):
                faults.append(f"the check accepts what the predictor refuses with {code}")
        said = {"code": code, "message": message, "faults": faults, "cpu_s": time.process_time() - started_s}
        print(json.dumps({"path": str(path), **said}), flush=True)


def predict(predictor: Any, ramp: Any) -> None:
    first = predictor.predict(ramp)
    predictor.predict(255 - ramp)
    again = predictor.predict(ramp)
    assert (first.heatmap == again.heatmap).all() and (first.class_probs == again.class_probs).all(), "answers change"


def outcome(ask: Any) -> tuple[str, str, list[str]]:
    from egaze.errors import ModelFileError

    faults = []
    try:
        ask()
    except ModelFileError as error:
        code, message = error.code, str(error)
    except BaseException as error:
        code, message = "untyped", f"{type(error).__name__}: {error}"
        faults.append(message)
    else:
        return "ok", "", []
    if not message.isprintable() or len(message) > 1000:
        faults.append(f"a message that is not one printable line: {message[:200]!r}")
    return code, message, faults


if __name__ == "__main__":
    main()
