import shutil

import pytest
import torch
from training.tiny_runs import same, weights

from egaze.errors import RunError
from egaze.training import open_run, train
from egaze.training.checkpoint import load_checkpoint


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


@pytest.mark.parametrize("place", [0.001, 0.3, 0.6, 0.999])
@pytest.mark.parametrize("harm", ["changed", "torn"])
def test_a_changed_or_torn_checkpoint_is_refused(run, tmp_path, place, harm):
    """torch by itself reads most changed bytes as other weights."""
    content = bytearray((run.path / "best.pt").read_bytes())
    at = int(place * len(content))
    if harm == "changed":
        content[at] ^= 1
    (tmp_path / "best.pt").write_bytes(content if harm == "changed" else content[:at])
    with pytest.raises(RunError, match=r"best\.pt: damaged checkpoint"):
        load_checkpoint(tmp_path / "best.pt")


def test_a_checkpoint_of_another_run_is_refused(run, study, tiny_recipe, tmp_path):
    other = train(study, tiny_recipe, tmp_path / "other", seed=2, device="cpu")
    shutil.copy(run.path / "best.pt", other.path / "best.pt")
    with pytest.raises(RunError, match=r"best\.pt: this checkpoint is of another run .*--resume makes it again"):
        other.load_model()
    resumed = train(study, tiny_recipe, other.path, seed=2, device="cpu", resume=True)
    assert not same(resumed.load_model().state_dict(), weights(run))


def test_checkpoints_from_before_digests_are_read(run, tmp_path):
    shutil.copytree(run.path, tmp_path / "run")
    torch.save({"model": weights(run), "epoch": 1}, tmp_path / "run" / "best.pt")
    assert same(open_run(tmp_path / "run").load_model().state_dict(), weights(run))
