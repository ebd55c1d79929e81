import shutil

import pytest

from egaze.errors import RunError
from egaze.training import open_run


def test_damaged_runs(run, tmp_path):
    with pytest.raises(RunError, match=r"not a training run \(run\.json is missing\)"):
        open_run(tmp_path)
    shutil.copytree(run.path, tmp_path / "run")
    (tmp_path / "run" / "best.pt").write_bytes(b"junk")
    with pytest.raises(RunError, match=r"best\.pt: damaged checkpoint"):
        open_run(tmp_path / "run").load_model()
    (tmp_path / "run" / "best.pt").unlink()
    with pytest.raises(RunError, match="there is no best.pt yet"):
        open_run(tmp_path / "run").load_model()


@pytest.mark.parametrize("line", ["{", "[]", '{"stage": "all", "epoch": 1}'])
def test_a_damaged_log(run, tmp_path, line):
    shutil.copytree(run.path, tmp_path / "run")
    with (tmp_path / "run" / "log.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(RunError, match=r"log\.jsonl: line 3: damaged log"):
        open_run(tmp_path / "run").log()


def test_a_pickle_that_runs_code_is_not_loaded(run, tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (print, ("it ran",))

    shutil.copytree(run.path, tmp_path / "run")
    (tmp_path / "run" / "best.pt").write_bytes(pickle.dumps({"model": Evil()}))
    with pytest.raises(RunError, match="damaged checkpoint"):
        open_run(tmp_path / "run").load_model()
