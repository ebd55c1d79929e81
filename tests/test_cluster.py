"""Work on a Ray cluster of two machines: the same bytes as here, though a process or a machine is lost midway."""

import json
import os
import pickle
import signal
import socket
import threading
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from deploy.scripted_models import make_model, save_model
from PIL import Image
from training.tiny_runs import same, weights

from egaze import cluster
from egaze.cli import cli
from egaze.deploy import Predictor
from egaze.deploy.prediction_table import predict_to_table
from egaze.errors import EgazeError, LossError, ModelFileError, StudyError
from egaze.sources import Table
from egaze.study import prepare_study
from egaze.training import load_recipe, train_set


@pytest.fixture(scope="module")
def two_machines():
    """A cluster of two machines with one processor each, and the second one."""
    if find_spec("ray") is None:
        pytest.skip("the extra ray is not installed")
    cluster._ray()  # quietly, before anything else imports it
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    quick = {"health_check_period_ms": 500, "health_check_failure_threshold": 4}
    machines = Cluster(initialize_head=True, head_node_args={**small, "_system_config": quick})
    del small["include_dashboard"]
    second = machines.add_node(**small)
    yield machines, second
    machines.shutdown()


@pytest.fixture(scope="module")
def connected(two_machines):
    with cluster.open_cluster(two_machines[0].address) as opened:
        yield opened


def workers(connected):
    """The ids of the processes that work."""
    return sorted(set(connected.map(eval, ["__import__('time').sleep(.2) or __import__('os').getpid()"] * 6)))


def killing(connected, after):
    """A callback that kills a process of the cluster at its call of that number."""
    found, calls = workers(connected), []

    def kill(*_):
        calls.append(None)
        if len(calls) == after:
            os.kill(found[0], signal.SIGKILL)

    return kill


def test_results_come_in_order_and_items_are_taken_as_room_comes_up(connected):
    taken = []

    def items():
        for number in range(30):
            taken.append(number)
            yield f"{number} * 2"

    results = connected.map(eval, items())
    assert next(results) == 0 and len(taken) <= 5
    assert [*results] == list(range(2, 60, 2))
    with pytest.raises(ZeroDivisionError):
        list(connected.map(eval, ["1", "1 / 0"]))
    failing = "(_ for _ in ()).throw(__import__('egaze.errors').errors.ModelFileError('no', 'model_spec'))"
    with pytest.raises(ModelFileError, match="^no$") as raised:
        list(connected.map(eval, [failing]))
    assert raised.value.code == "model_spec"
    with pytest.raises(EgazeError, match="no machine of the cluster offers a GPU"):
        list(connected.map(eval, ["1"], gpus=1))
    assert list(connected.map(eval, ["1"], processors=64)) == [1]


@pytest.fixture
def radiographs(tmp_path, monkeypatch):
    """Forty radiographs of which two cannot be read, and a table of them."""
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 32), dtype=np.uint8)
    paths = [f"{number:02}.png" for number in range(40)]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path)
    Path("07.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    Path("21.png").unlink()
    rows = [f"case-{path[:2]},{path},p{path[:2]},{'ab'[number % 2]}" for number, path in enumerate(paths)]
    Path("cases.csv").write_text("\n".join(["case_id,image,patient_id,label", *rows]) + "\n")
    return paths


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_study_is_the_one_that_is_prepared_here(connected, radiographs):
    prepare_study([Table("cases.csv")], "here", size_px=16, workers=2)
    kill = killing(connected, after=9)
    there = prepare_study([Table("cases.csv")], "there", size_px=16, cluster=connected, progress=kill)
    assert files(Path("here")) == files(Path("there")) and there.manifest["counts"]["left_out"] == 2
    assert not list(Path().glob(".*.partial"))


def test_an_interrupted_study_goes_on_from_here_or_there(connected, radiographs):
    prepare_study([Table("cases.csv")], "whole", size_px=16, workers=1)

    def interrupt(done, total):
        if done == 20:
            raise KeyboardInterrupt

    said = []
    with pytest.raises(KeyboardInterrupt):
        prepare_study([Table("cases.csv")], "study", size_px=16, cluster=connected, progress=interrupt)
    prepare_study([Table("cases.csv")], "study", size_px=16, workers=1, say=said.append)
    assert "continuing with" in said[0] and files(Path("whole")) == files(Path("study"))


def test_runs_of_a_set_are_those_that_are_trained_here(connected, study, tmp_path):
    small = ("input_size_px=32", "model.encoder=mobilenetv3_small_050", "batch_size=16", "stages.epochs=2")
    recipe = load_recipe("encoder-only", small)
    how = {"seeds": (3, 4), "device": "cpu", "compute_threads": 1, "threads": 1}
    here = train_set(study, recipe, tmp_path / "here", **how)
    killed = []

    def kill_after_an_epoch():
        while not (tmp_path / "there" / "seed-3" / "log.jsonl").exists():
            time.sleep(0.01)
        holder = json.loads((tmp_path / "there" / "seed-3" / ".training.json").read_text())
        killed.append(holder["process"])
        os.kill(holder["process"], signal.SIGKILL)

    killer = threading.Thread(target=kill_after_an_epoch)
    killer.start()
    told = []
    there = train_set(study, recipe, tmp_path / "there", cluster=connected, progress=lambda *at: told.append(at), **how)
    killer.join()
    assert killed != [os.getpid()] and told == [("runs on the cluster", n, 2) for n in (1, 2)]
    for one, other in zip(here.runs(), there.runs(), strict=True):
        assert same(weights(one), weights(other)) and len(one.log()) == len(other.log()) == 2


def test_a_table_of_predictions_is_the_one_made_here(two_machines, connected, radiographs, tmp_path):
    """Last, because a machine is lost midway."""
    predictor = Predictor(save_model(tmp_path / "model.pt", make_model()))
    stems = [Path("maps") / path for path in radiographs]
    predict_to_table(predictor, radiographs, Path("here.parquet"), heatmaps=stems)
    maps = files(Path("maps"))
    for path in maps:
        (Path("maps") / path).unlink()
    machines, second = two_machines
    seen = []

    def lose(answer):
        seen.append(answer.image)
        if len(seen) == 3:
            machines.remove_node(second, allow_graceful=False)

    done = predict_to_table(predictor, radiographs, Path("there.parquet"), heatmaps=stems, cluster=connected,
                            on_answer=lose)  # fmt: skip
    assert seen == radiographs and (done.failed, done.kept) == (2, 0)
    assert Path("there.parquet").read_bytes() == Path("here.parquet").read_bytes() and files(Path("maps")) == maps
    words = ["predict", str(tmp_path / "model.pt"), "0*.png", "--device", "cpu", "--ray", machines.address]
    done = CliRunner().invoke(cli, [*words, "--table", "some.parquet"])
    assert done.stdout == "some.parquet: 10 radiographs\n" and "1 of 10" in str(done.exception)
    assert pl.read_parquet("some.parquet")["image"].to_list() == radiographs[:10]
    assert CliRunner().invoke(cli, words).exit_code == 2


@pytest.mark.parametrize("answer", [None, b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["silent", "closing", "web"])
def test_an_address_that_is_no_cluster_is_one_line_within_seconds(answer, monkeypatch):
    if find_spec("ray") is None:
        pytest.skip("the extra ray is not installed")
    monkeypatch.setattr(cluster, "_PROBE_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        connections = []

        def serve():
            with suppress(OSError):  # the server has been closed
                while True:
                    connections.append(server.accept()[0])
                    if answer is not None:
                        connections[-1].sendall(answer)
                        connections[-1].close()

        serving = threading.Thread(target=serve)
        serving.start()
        message = "does not answer as a Ray cluster"
        with pytest.raises(EgazeError, match=message) as raised, cluster.open_cluster(address):
            pass
        server.shutdown(socket.SHUT_RDWR)
        serving.join()
        for connection in connections:
            connection.close()
    assert "\n" not in str(raised.value) and address in str(raised.value)


def test_an_address_that_nothing_listens_to_leaves_nothing_behind(radiographs):
    if find_spec("ray") is None:
        pytest.skip("the extra ray is not installed")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    started_s = time.monotonic()
    done = CliRunner().invoke(cli, ["prepare", "table", "cases.csv", "--out", "study", "--ray", address])
    assert f"{address}: no Ray cluster answers there" in str(done.exception) and time.monotonic() - started_s < 10
    assert not Path("study").exists() and not list(Path().glob(".*"))
    for wrong in ("auto", "head", "ray://head:10001", "head:0", "head:70000"):
        with pytest.raises(EgazeError, match="is not the address of a Ray cluster"), cluster.open_cluster(wrong):
            pass


def test_machines_that_would_give_other_results_are_refused(tmp_path):
    own = cluster._Place(os.getcwd(), cluster._core.simd_level(), cluster._versions(("egaze", "numpy")))
    cluster._require_same(own)
    for other, message in (
        (cluster._Place(own.folder, "other", own.versions), "computes with .* and this one with other"),
        (cluster._Place(own.folder, own.simd, (("numpy", "0"),)), "has numpy .*, and this one 0"),
        (cluster._Place(own.folder, own.simd, (("no-such", "1"),)), "has no-such not installed, and this one 1"),
    ):
        with pytest.raises(EgazeError, match=message):
            cluster._require_same(other)
    elsewhere = cluster._Place(str(tmp_path / "none"), own.simd, own.versions)
    with pytest.raises(EgazeError, match="does not have this folder; all must share it"):
        cluster._called((str, elsewhere), 1)
    (tmp_path / "here").touch()
    assert cluster.unseen([tmp_path / "here", tmp_path / "gone"]) == [str(tmp_path / "gone")]
    cluster.require_alike([str(tmp_path / "gone")])
    with pytest.raises(EgazeError, match="a machine of the cluster does not see this file"):
        cluster.require_alike([str(tmp_path / "here")])


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(EgazeError, match=r"a Ray cluster needs Ray: pip install 'egaze\[ray\]'"):
        cluster.require_cluster("head:6379")


def test_errors_go_from_process_to_process():
    for error in (StudyError("a"), ModelFileError("b", "model_spec"), LossError("c", ("one", "two"))):
        handed = pickle.loads(pickle.dumps(error))
        assert type(handed) is type(error) and str(handed) == str(error) and vars(handed) == vars(error)
