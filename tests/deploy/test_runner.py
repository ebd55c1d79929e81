"""The command line of egaze-run: its usage, errors, output, progress and environment."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import places
import pytest
import torch
from deploy.running import radiographs, random_radiograph, run
from deploy.scripted_models import CLASS_NAMES, save_model


def test_kinds_that_this_build_lacks_are_named(runner, formats, model_path, tmp_path):
    beginnings = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff\xe0", "dicom": bytes(128) + b"DICM"}
    assert formats["npy"] == "yes"
    assert set(formats) == {"npy", *beginnings}
    for kind, beginning in beginnings.items():
        image = tmp_path / f"radiograph.{kind}"
        image.write_bytes(beginning)
        done = run(runner, model_path, image, code=1)
        (radiograph,) = radiographs(done)
        assert str(image) in radiograph["error"]
        if formats[kind] != "yes":
            assert "apt-get install" in radiograph["error"] and "apt-get install" in formats[kind]


def test_a_bad_radiograph_does_not_stop_the_others(runner, model_path, tmp_path):
    good = tmp_path / "good.npy"
    np.save(good, random_radiograph((40, 40), np.uint8))
    bad = tmp_path / "bad.npy"
    bad.write_bytes(good.read_bytes()[:-1])
    strange = tmp_path / 'strange "n\u00e4me".npy'
    np.save(strange, np.zeros((3, 3, 3), np.uint8))
    missing = tmp_path / "missing.npy"
    done = run(runner, model_path, good, bad, strange, missing, good, code=1)
    first, second, third, fourth, last = radiographs(done)
    assert first["class_probs"] == last["class_probs"]
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    for radiograph, path, line in zip((second, third, fourth), (bad, strange, missing), lines, strict=True):
        assert radiograph["image"] == str(path)
        assert str(path) in radiograph["error"] and radiograph["error"] in line
        assert "class_probs" not in radiograph


def test_usage(runner, model_path, tmp_path):
    for words in (
        [],
        [model_path],
        [model_path, "a.npy", "--nonsense"],
        [model_path, "a.npy", "--threads", "0"],
        [model_path, "a.npy", "--batch=x"],
        [model_path, "a.npy", "--precision", "int8"],
    ):
        done = run(runner, *words, code=2)
        assert done.stdout == "" and len(done.stderr.splitlines()) == 1 and "--help" in done.stderr
    assert run(runner, "--help").stdout.startswith("usage: egaze-run MODEL IMAGE...")
    version = run(runner, "--version").stdout
    assert torch.__version__.split("+")[0] in version and "npy: yes" in version
    image = tmp_path / "radiograph.npy"
    np.save(image, np.zeros((8, 8), np.uint8))
    assert "toaster" in run(runner, model_path, image, "--device", "toaster", code=1).stderr


@pytest.mark.parametrize("place", places.REFUSED["folder"])
def test_out_is_checked_first(runner, tmp_path, permissions, place):
    """As `egaze`'s commands do: see tests/cli/test_out.py."""
    out, before = places.made(place, tmp_path)
    done = run(runner, tmp_path / "none.pt", tmp_path / "none.npy", "--out", out, code=1)
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"egaze-run: {out}: cannot write: ")
    assert places.content(tmp_path) == before


def test_a_full_disk_is_reported_once_and_predictions_are_printed(runner, model_path, tmp_path):
    """The largest file that may be written stands for the room that is left."""
    resource = pytest.importorskip("resource")
    for name in ("a", "b", "c"):
        np.save(tmp_path / f"{name}.npy", random_radiograph((80, 60), np.uint8))
    done = subprocess.run(
        [runner, model_path, *sorted(tmp_path.glob("?.npy")), "--out", tmp_path / "out"],
        capture_output=True,
        text=True,
        timeout=120,
        restore_signals=False,  # the program is told that the file is too large, and not ended
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500)),
    )
    assert done.returncode == 1 and [len(radiograph["class_probs"]) for radiograph in radiographs(done)] == [3, 3, 3]
    assert done.stderr.splitlines() == [
        f"egaze-run: {tmp_path / 'out' / 'a_heatmap.npy'}: cannot be written: File too large",
        "egaze-run: heatmaps of 3 of 3 radiographs could not be written",
    ]
    assert not list((tmp_path / "out").iterdir())


def test_a_missing_model_leaves_no_folder(runner, tmp_path):
    assert (
        "none.pt" in run(runner, tmp_path / "none.pt", tmp_path / "none.npy", "--out", tmp_path / "out", code=1).stderr
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_without_a_device_is_one_line(runner, model_path, tmp_path):
    image = tmp_path / "radiograph.npy"
    np.save(image, np.zeros((8, 8), np.uint8))
    done = run(runner, model_path, image, "--device", "cuda", code=1)
    (line,) = done.stderr.splitlines()
    assert "cuda" in line


def test_folders_and_patterns(runner, model_path, tmp_path):
    root = tmp_path / "radiographs"
    names = ["b.npy", "a.npy", "deep/er/c.npy", "deep/.hidden/d.npy", ".e.npy"]
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(root / name, np.zeros((4, 4), np.uint8))
    odd = root / "[1].npy"  # a name that is a pattern too
    np.save(odd, np.zeros((4, 4), np.uint8))

    def found(*words: object) -> list[str]:
        return [radiograph["image"] for radiograph in radiographs(run(runner, model_path, *words))]

    assert found(root) == [str(odd), *(str(root / name) for name in ("a.npy", "b.npy", "deep/er/c.npy"))]
    assert found(root / "?.npy", root / "b.npy") == [str(root / name) for name in ("a.npy", "b.npy", "b.npy")]
    assert found(root / "d*") == [str(root / "deep/er/c.npy")]
    assert found(odd) == [str(odd)]
    (tmp_path / "empty").mkdir()
    done = run(runner, model_path, tmp_path / "empty", root / "z*.npy", code=1)
    assert [str(tmp_path / "empty") in done.stderr, "z*.npy" in done.stderr] == [True, True]


def test_the_table_equals_the_json(runner, model_path, tmp_path):
    root = tmp_path / "radiographs"
    root.mkdir()
    for i, name in enumerate(["plain.npy", 'comma, "quote".npy', "bad.npy"]):
        np.save(root / name, random_radiograph((30, 20), np.uint16, seed=i))
    (root / "bad.npy").write_bytes(b"\x93NUMPY")
    said = radiographs(run(runner, model_path, root / "*.npy", "--out", tmp_path, code=1))
    done = run(runner, model_path, root / "*.npy", "--csv", "--out", tmp_path, code=1)
    rows = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
    assert list(rows[0]) == [
        "image", *(f"prob_{name}" for name in CLASS_NAMES), "peak_x", "peak_y", "heatmap_npy", "heatmap_png",
        "overlay_png", "error", "notes",
    ]  # fmt: skip
    for row, radiograph in zip(rows, said, strict=True):
        assert row["image"] == radiograph["image"] and row["error"] == radiograph.get("error", "")
        assert [row["heatmap_npy"], row["overlay_png"]] == [
            radiograph.get("heatmap_npy", ""),
            radiograph.get("overlay_png", ""),
        ]
        probs = [row[f"prob_{name}"] for name in CLASS_NAMES]
        assert (
            probs == ["", "", ""]
            if "error" in radiograph
            else list(map(float, probs)) == list(radiograph["class_probs"].values())
        )
        if "error" not in radiograph:
            assert [float(row["peak_x"]), float(row["peak_y"])] == list(radiograph["heatmap_peak"].values())


def test_bench_measures_time(runner, model_path, tmp_path):
    np.save(tmp_path / "radiograph.npy", random_radiograph((400, 400), np.uint16))
    (radiograph,) = radiographs(run(runner, model_path, tmp_path / "radiograph.npy"))
    times = json.loads(run(runner, model_path, tmp_path / "radiograph.npy", "--bench", 5, "--batch", 2).stdout)
    assert times["class_probs"] == list(radiograph["class_probs"].values())
    for name in ("read_s", "predict_s", "model_s"):
        low, median, high = (times[name][key] for key in ("quartile_low_s", "median_s", "quartile_high_s"))
        assert 0 < low <= median <= high < 10
    assert times["predict_s"]["median_s"] > times["read_s"]["median_s"] and times["load_s"] > 0
    assert 10 < times["peak_rss_mb"] < 4000
    missing = run(runner, model_path, tmp_path / "none.npy", "--bench", 5, code=1)
    assert missing.stdout == "" and len(missing.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no pseudo-terminals")
def test_progress_is_shown_only_at_a_terminal(runner, model_path, tmp_path):
    root = tmp_path / "radiographs"
    root.mkdir()
    for i in range(3):
        np.save(root / f"{i}.npy", np.zeros((8, 8), np.uint8))
    assert run(runner, model_path, root).stderr == ""
    try:
        terminal, end = os.openpty()
    except OSError as error:  # a chroot or a container without /dev/pts
        pytest.skip(f"this system gives no terminal: {error}")
    subprocess.run([runner, model_path, root], stdout=subprocess.DEVNULL, stderr=end, check=True, timeout=120)
    os.close(end)
    assert os.read(terminal, 1000).decode().replace("\r\n", "\n") == "".join(
        f"\r{done} of 3 radiographs" for done in (1, 2, 3)
    ) + "\n"  # fmt: skip
    os.close(terminal)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="this system does not show a process's environment")
@pytest.mark.parametrize("said", [None, "ACTIVE"])
def test_threads_wait_asleep_unless_the_environment_says_otherwise(runner, model, tmp_path, said):
    # OpenMP's library reads the variable before main begins, so it must be there from the start.
    path = save_model(tmp_path / "model.pt", model)
    np.save(tmp_path / "radiograph.npy", np.zeros((32, 24), np.float32))
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    command = [runner, path, tmp_path / "radiograph.npy", "--bench", "1000000"]
    process = subprocess.Popen(command, env=environment | ({"OMP_WAIT_POLICY": said} if said else {}))
    try:
        expected = f"OMP_WAIT_POLICY={said or 'PASSIVE'}".encode()
        until = time.monotonic() + 20
        while expected not in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0"):
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
