"""Change the code a little, many times, and count how many of the changes the tests notice.

    PYTHON-WITH-COSMIC-RAY tools/mutants.py --python .venv/bin/python [--mutants N] [--seconds S] [GROUP ...]

GROUP is metrics, gaze or kernels (all by default), or a file of one of them, such as egaze/metrics/auc.py. Python code
is changed by cosmic-ray, C++ code by the rules of `mutate_cpp.py`; both in a copy of the sources in build/mutants. At
most N mutants of each file are drawn, the same ones each time; a run that ended, by S seconds or otherwise, is gone on
with by the same command, as long as the file is the same; `rm -r build/mutants` starts over. The exit code is 1 if
fewer than 85 % of the mutants of a group are killed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

sys.path.insert(0, str(Path(__file__).parent))
import mutate_cpp

ROOT = Path(__file__).parent.parent
PLACE = ROOT / "build" / "mutants"
TREE, VENV = PLACE / "tree", PLACE / "venv"
LEAST_PERCENT = 85

#: The code of each group, and the tests that are to notice.
GROUPS = {
    "metrics": ("egaze/metrics/*.py", ["tests/metrics"]),
    "gaze": ("egaze/gaze/**/*.py", ["tests/gaze"]),
    "kernels": (
        "csrc/kernels/*.cpp",
        ["tests/gaze/test_heatmap.py", "tests/gaze/test_events_oracles.py", "tests/imaging"],
    ),
}
#: `X | None` is an annotation, which nothing evaluates.
_ANNOTATIONS = "core/ReplaceBinaryOperator_BitOr"


def prepare(python: Path) -> None:
    """Copy the sources as they are, and make an environment in which the copy is egaze."""
    for name in ("egaze", "tests", "csrc", "cmake", "pyproject.toml", "CMakeLists.txt", "README.md", "LICENSE"):
        for path in [ROOT / name, *(ROOT / name).rglob("*")]:
            if path.is_file() and path.suffix != ".pyc":
                mutate_cpp.restore(path.relative_to(ROOT))
        for path in [*(TREE / name).rglob("*")]:
            if path.is_file() and not (ROOT / path.relative_to(TREE)).exists():
                path.unlink()
    if not (VENV / "bin" / "python").exists():
        subprocess.run([python, "-m", "venv", "--without-pip", VENV], check=True)
    asked = "import egaze._core, sys; print(egaze._core.__file__, *sys.path, sep='\\n')"
    said = subprocess.run([python, "-c", asked], check=True, capture_output=True, text=True, cwd=PLACE).stdout.split(
        "\n"
    )
    shutil.copy2(said[0], TREE / "egaze")
    site = next((VENV / "lib").glob("python*/site-packages"))
    paths = [str(TREE), *(path for path in said[1:] if path.endswith("-packages"))]
    (site / "borrowed.pth").write_text("\n".join(paths) + "\n")


def mutate_python(file: Path, tests: list[str], mutants: int, until: float) -> Counter[str]:
    """Let cosmic-ray change a file, until the time is up; return how many mutants were killed, survived or are left."""
    digest = hashlib.sha256((ROOT / file).read_bytes()).hexdigest()[:12]
    session = PLACE / f"{'-'.join(file.with_suffix('').parts)}-{mutants}-{digest}.sqlite"
    config = session.with_suffix(".toml")
    folder = Path(tests[0])
    own = [str(path.relative_to(TREE)) for path in (TREE / folder).rglob(f"test_{file.stem}.py")]
    command = f"{VENV}/bin/python -m pytest -x -q -p no:cacheprovider {' '.join([*own, *tests])}"
    config.write_text(
        f'[cosmic-ray]\nmodule-path = "{file}"\ntimeout = 300.0\nexcluded-modules = []\ntest-command = "{command}"\n'
        '[cosmic-ray.distributor]\nname = "local"\n'
    )
    program = str(Path(sys.executable).parent / "cosmic-ray")
    if not session.exists():
        subprocess.run([program, "init", config, session], check=True, cwd=TREE)
        _draw(session, mutants)
    # Compiled modules are told apart by their second and size, which is too coarse for mutants.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([program, "baseline", config], check=True, cwd=TREE, env=environment, stdout=subprocess.DEVNULL)
    running = subprocess.Popen([program, "exec", config, session], cwd=TREE, env=environment)
    try:
        running.wait(max(1.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        running.terminate()
        running.wait()
    mutate_cpp.restore(file)  # from the mutant that was being tried
    counts: Counter[str] = Counter()
    with use_db(str(session), mode=WorkDB.Mode.open) as database:
        counts["left"] = len(list(database.pending_work_items))
        by_id = {item.job_id: item for item in database.work_items}
        for job_id, result in database.results:
            if result.worker_outcome == WorkerOutcome.SKIPPED:
                continue
            killed = result.test_outcome in (TestOutcome.KILLED, TestOutcome.INCOMPETENT)
            counts["killed" if killed else "survived"] += 1
            if not killed:
                change = by_id[job_id].mutations[0]
                print(f"survived: {file}:{change.start_pos[0]}: {change.operator_name.removeprefix('core/')}")
    return counts


def _draw(session: Path, mutants: int) -> None:
    """Leave so many mutants in a session, the same ones each time."""
    with use_db(str(session), mode=WorkDB.Mode.open) as database:
        items = sorted(
            database.work_items, key=lambda item: (item.mutations[0].start_pos, item.mutations[0].operator_name)
        )
        able = [item for item in items if not item.mutations[0].operator_name.startswith(_ANNOTATIONS)]
        kept = {item.job_id for item in random.Random(0).sample(able, min(mutants, len(able)))}
        for item in items:
            if item.job_id not in kept:
                database.set_result(item.job_id, WorkResult(worker_outcome=WorkerOutcome.SKIPPED))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", type=Path, required=True, help="of an environment with egaze[test]")
    parser.add_argument("--mutants", type=int, default=30, help="at most so many of each file")
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("what", nargs="*", default=list(GROUPS))
    options = parser.parse_args()
    until, failed = time.monotonic() + options.seconds, False
    PLACE.mkdir(parents=True, exist_ok=True)
    prepare(options.python.absolute())
    for name, (pattern, tests) in GROUPS.items():
        files = [path.relative_to(ROOT) for path in sorted(ROOT.glob(pattern)) if path.name != "__init__.py"]
        chosen = files if name in options.what else [file for file in files if str(file) in options.what]
        counts: Counter[str] = Counter()
        for file in chosen:
            mutate = mutate_cpp.mutate if file.suffix == ".cpp" else mutate_python
            found = mutate(file, tests, options.mutants, until)
            print(f"{file}: {dict(found)}", flush=True)
            counts += found
        if judged := counts["killed"] + counts["survived"]:
            percent = 100 * counts["killed"] / judged
            failed |= percent < LEAST_PERCENT
            print(
                f"{name}: {counts['killed']} of {judged} mutants killed, {percent:.1f} %; {counts['left']} left to try"
            )
    sys.exit(failed)


if __name__ == "__main__":
    main()
