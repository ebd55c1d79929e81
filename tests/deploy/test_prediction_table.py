"""Predictions of many radiographs as a Parquet file, which an interrupted run continues."""

import csv
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from deploy.scripted_models import make_model, save_model

from egaze.cli import cli
from egaze.deploy import Predictor, prediction_table
from egaze.deploy.prediction_table import predict_to_table
from egaze.errors import EgazeError


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    return Predictor(save_model(tmp_path_factory.mktemp("model") / "model.pt", make_model()))


@pytest.fixture
def radiographs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(prediction_table, "PART_ROWS", 2)
    pixels = np.random.default_rng(0).random((7, 9, 8), dtype=np.float32)
    for number, image in enumerate(pixels):
        np.save(f"{number}.npy", image)
    return [f"{number}.npy" for number in range(7)]


def predicted(predictor, radiographs, table="table.parquet", **options):
    """The summary, the table, and which radiographs were predicted."""
    asked = []
    summary = predict_to_table(
        predictor, radiographs, Path(table), on_answer=lambda answer: asked.append(answer.image), **options
    )
    return summary, pl.read_parquet(table), asked


def test_a_row_is_what_egaze_run_says(predictor, radiographs, runner, tmp_path):
    paths = [*radiographs[:3], "gone.npy", radiographs[0]]
    summary, table, asked = predicted(predictor, paths)
    assert (summary.radiographs, summary.kept, summary.failed, summary.unwritten) == (4, 0, 1, ())
    assert table["image"].to_list() == asked == paths[:4]
    command = [runner, predictor._path, *paths[:4], "--csv"]
    rows = list(csv.DictReader(io.StringIO(subprocess.run(command, capture_output=True, text=True).stdout)))
    assert [name for name in rows[0] if name != "overlay_png"] == table.columns[:-3]
    for row, said in zip(table.rows(named=True), rows, strict=True):
        for name in table.columns[:-3]:
            if name.startswith(("prob_", "peak_")) and said[name]:
                assert row[name] == pytest.approx(float(said[name]), abs=1e-5)
            elif name != "error":
                assert (row[name] or "") == said[name]
        assert bool(row["error"]) == bool(said["error"])
    assert table["size_bytes"].to_list() == [*(os.stat(path).st_size for path in paths[:3]), -1]
    assert set(table["model_sha256"]) == {predictor.spec.model_sha256}
    assert os.listdir(".") and not list(Path.cwd().glob(".*"))


@pytest.mark.parametrize("after", [1, 2, 5])
def test_an_interrupted_run_continues(predictor, radiographs, after):
    predicted(predictor, radiographs, "whole.parquet")
    seen = []

    def interrupt(answer):
        seen.append(answer.image)
        if len(seen) == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_to_table(predictor, radiographs, Path("table.parquet"), on_answer=interrupt)
    assert not Path("table.parquet").exists()
    summary, _, asked = predicted(predictor, radiographs)
    assert summary.kept == after and asked == radiographs[after:]
    assert Path("table.parquet").read_bytes() == Path("whole.parquet").read_bytes()


KILLED = """
import os, signal, sys
from pathlib import Path
from egaze.cli import cli
from egaze.deploy import Predictor, prediction_table
prediction_table.PART_ROWS = 2
seen = []
def kill(answer):
    seen.append(answer)
    if len(seen) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
prediction_table.predict_to_table(Predictor(sys.argv[1]), sys.argv[2:], Path("table.parquet"), on_answer=kill)
"""


def test_a_killed_run_loses_less_than_one_part(predictor, radiographs):
    done = subprocess.run([sys.executable, "-c", KILLED, predictor._path, *radiographs])
    assert done.returncode == -signal.SIGKILL
    assert predicted(predictor, radiographs)[2] == radiographs[4:]
    assert pl.read_parquet("table.parquet")["image"].to_list() == radiographs


def test_a_finished_table_takes_what_is_new_changed_or_failed(predictor, radiographs):
    Path("6.npy").rename("away.npy")
    assert predicted(predictor, radiographs[1:])[0].failed == 1
    Path("away.npy").rename("6.npy")
    np.save("3.npy", np.zeros((8, 8), np.float32))
    summary, table, asked = predicted(predictor, radiographs)
    assert asked == ["0.npy", "3.npy", "6.npy"] and summary.kept == 4
    assert table["image"].to_list() == radiographs and set(table["error"]) == {""}
    assert predicted(predictor, radiographs)[2] == []


def test_rows_whose_heatmaps_are_gone_are_predicted_again(predictor, radiographs):
    stems = [Path("maps") / name for name in radiographs]
    assert set(predicted(predictor, radiographs)[1]["heatmap_npy"]) == {""}
    _, table, asked = predicted(predictor, radiographs, heatmaps=stems)
    assert asked == radiographs and table["heatmap_npy"].to_list() == [f"maps/{name}.npy" for name in radiographs]
    Path("maps/2.npy.npy").unlink()
    Path("maps/5.npy.png").unlink()
    assert predicted(predictor, radiographs, heatmaps=stems)[2] == ["2.npy", "5.npy"]
    other = [Path("elsewhere") / name for name in radiographs]
    assert predicted(predictor, radiographs, heatmaps=other)[2] == radiographs
    np.testing.assert_array_equal(np.load("maps/2.npy.npy"), predictor.predict("2.npy").heatmap)


def test_what_is_not_this_command_s_table_is_left_alone(predictor, radiographs, tmp_path):
    predicted(predictor, radiographs[:3])
    before = Path("table.parquet").read_bytes()

    def refused(message, paths=radiographs, model=predictor):
        with pytest.raises(EgazeError, match=message):
            predict_to_table(model, paths, Path("table.parquet"))

    refused("holds 2 radiographs that this command does not name, such as 0.npy", radiographs[2:])
    refused(
        "holds predictions of another model", model=Predictor(save_model(tmp_path / "other.pt", make_model(seed=1)))
    )
    assert Path("table.parquet").read_bytes() == before
    for content in (b"", b"PAR1", before[:-9], None):
        if content is None:
            pl.DataFrame({"image": ["0.npy"]}).write_parquet("table.parquet")
        else:
            Path("table.parquet").write_bytes(content)
        before = Path("table.parquet").read_bytes()
        refused("is not a table of predictions")
        assert Path("table.parquet").read_bytes() == before


HOLDING = """
import sys
from pathlib import Path
from egaze.unfinished import unfinished
with unfinished(Path("table.parquet"), "writing this table"):
    print(flush=True)
    sys.stdin.read()
"""


def test_only_one_process_writes_a_table(predictor, radiographs):
    with subprocess.Popen([sys.executable, "-c", HOLDING], stdin=-1, stdout=-1) as other:
        other.stdout.readline()
        with pytest.raises(EgazeError, match="another egaze process is writing this table"):
            predicted(predictor, radiographs)
        other.kill()
    assert predicted(predictor, radiographs)[2] == radiographs


def test_names_that_are_not_utf8_are_predicted_each_time(predictor, radiographs):
    names = [os.fsdecode(name) for name in (b"a\xff.npy", b"a\xfe.npy")]
    for name, radiograph in zip(names, radiographs, strict=False):
        os.replace(radiograph, name)
    for _ in range(2):
        summary, table, asked = predicted(predictor, names)
        assert summary.kept == 0 and len(asked) == 2 and table["image"].to_list() == ["a\ufffd.npy"] * 2
        assert table["prob_normal"].n_unique() == 2


def test_a_full_disk_is_one_line_and_what_is_written_stays(predictor, radiographs):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    seen = []

    def fill_up(answer):
        seen.append(answer.image)
        if len(seen) == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))

    try:
        with pytest.raises(EgazeError, match="cannot write: File too large"):
            predict_to_table(predictor, radiographs, Path("table.parquet"), on_answer=fill_up)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not Path("table.parquet").exists()
    assert predicted(predictor, radiographs)[2] == radiographs[2:]


def test_the_command(predictor, radiographs):
    def egaze(*words):
        return CliRunner().invoke(cli, ["predict", str(predictor._path), *words, "--device", "cpu"])

    done = egaze("0.npy", "gone.npy", "--table", "table.parquet")
    assert str(done.exception) == "1 of 2 radiographs could not be predicted"
    assert done.stdout == "table.parquet: 2 radiographs\n" and "gone.npy" in done.stderr
    Path("list.txt").write_text("0.npy\n1.npy\ngone.npy\n")
    done = egaze("list.txt", "--table", "table.parquet", "--out", "maps")
    assert done.stdout == "table.parquet: 3 radiographs\n"
    assert (
        egaze("list.txt", "--table", "table.parquet").stdout
        == "table.parquet: 3 radiographs, 2 of them kept from an earlier run\n"
    )
    assert len(os.listdir("maps")) == 4
    assert egaze("0.npy", "--table", "table.parquet", "--json").exit_code == 2
