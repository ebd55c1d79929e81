"""Which radiographs `egaze-run` and `egaze predict` are asked about, and what their outputs are called: both do the
same."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from deploy.scripted_models import make_model, save_model
from imaging.dicom_radiographs import write_dicom

from egaze.cli.radiograph_list import radiograph_list
from egaze.deploy import Predictor
from egaze.pictures.output_names import radiograph_names

PROGRAM = [sys.executable, "-m", "egaze", "predict"]


@pytest.fixture(scope="module")
def model_path(tmp_path_factory) -> Path:
    return save_model(tmp_path_factory.mktemp("model") / "model.pt", make_model())


def radiograph(path: Path | bytes, value: int = 0) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        np.save(file, np.full((4, 4), value, np.uint8))


def both(runner: Path, model: Path, *words: object, code: int = 0) -> list[dict]:
    """What egaze-run says, which must be what egaze predict says, the files that only it writes aside."""
    said = []
    for program, options in (([runner], []), (PROGRAM, ["--json"])):
        done = subprocess.run([*program, model, *words, *options], capture_output=True, timeout=120)
        assert done.returncode == code, done.stderr
        assert b"Traceback" not in done.stderr
        said.append(json.loads(done.stdout.decode("utf-8"))["predictions"])
    for one, other in zip(*said, strict=True):
        assert one["image"] == other["image"] and ("error" in one) == ("error" in other)
        assert one.get("heatmap_npy") == other.get("heatmap_npy")
        assert one.get("heatmap_png") == other.get("heatmap_png")
        assert one.get("notes") == other.get("notes")
        if "error" not in one:
            np.testing.assert_allclose(
                *(list(radiograph["class_probs"].values()) for radiograph in (one, other)), rtol=0, atol=1e-5
            )
    return said[0]


ODD = [
    "1.2.840.113619.2.176.3596.6864183.4467.1296579923.402",
    "1.2.840.113619.2.176.3596.6864183.4467.1296579923.403",
    "1.2.840.113619.2.176.3596.6864183.4467.1296579923.402.dcm",
    "radiograph.dcm", "radiograph.png", "RADIOGRAPH.DCM", "Radiograph", "radiograph.nii.gz", "radiograph_heatmap",
    "radiograph_2", "radiograph_2.dcm.dcm",
    "x" * 255, "x" * 251 + ".dcm", "\u60a3\u8005.dcm", "n\u00e4me.dcm", "na\u0308me.dcm",
    "narrow\u202fspace.dcm", "joined\u200d.dcm", "soft\u00adhyphen.dcm", "\u200fright.dcm", " blank .dcm",
    "..dcm", "...", ".hidden.dcm", "-rf.dcm", "--", "radiograph.", "radiograph..dcm", "con.dcm", "NUL",
    "com1.a.dcm", "com10.dcm",
    "line\nbreak", "a:b*c?.dcm", "a,\"b\".dcm", "a\\b.dcm", ".dcm", "radiograph.dcm\n", "_", "-", "_-_.dcm",
]  # fmt: skip


def test_names_of_outputs_are_the_same_in_both(runner, model_path, tmp_path):
    odd = [os.fsencode(name) for name in ODD] + [b"\xff.dcm", b"\xe2\x82.dcm", b"latin-\xe4.dcm"]
    folder = os.fsencode(tmp_path)
    paths = [os.path.join(folder, b"a", name) for name in odd] + [os.path.join(folder, b"b", b"radiograph.dcm")]
    for number, path in enumerate(paths):
        radiograph(path, number)
    answers = both(runner, model_path, *paths, paths[0], "--out", tmp_path / "out")
    names = radiograph_names([os.fsdecode(path) for path in [*paths, paths[0]]])
    assert [Path(answer["heatmap_npy"]).name for answer in answers] == [f"{name}_heatmap.npy" for name in names]
    assert names[:2] == ODD[:2] or names[0].startswith("1_2_840")
    assert names[0] == names[-1]
    distinct = {name.casefold() for name in names[:-1]}
    assert len(distinct) == len(paths)
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,110}", name) for name in names)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"{name}_{kind}" for name in names for kind in ("heatmap.npy", "heatmap.png", "overlay.png")
    }


def test_names_depend_on_the_paths_alone():
    paths = [f"{folder}/{name}" for folder in ("a", "b", "C") for name in ODD]
    named = dict(zip(paths, radiograph_names(paths), strict=True))
    shuffled = random.Random(0).sample(paths, len(paths))
    assert dict(zip(shuffled, radiograph_names(shuffled), strict=True)) == named
    assert radiograph_names(["a/1.2.3.dcm", "a/1.2.4", "x/radiograph.JPEG"]) == ["1.2.3", "1.2.4", "radiograph"]
    # Somebody who foresees the name that a shared one gets keeps it.
    (foreseen, other) = radiograph_names(["a/radiograph", "b/radiograph"])
    assert radiograph_names(["a/radiograph", "b/radiograph", foreseen])[1:] == [other, foreseen]


def test_a_second_run_replaces_its_files(runner, model_path, tmp_path):
    radiograph(tmp_path / "1.2.3.dcm")
    first = both(runner, model_path, tmp_path / "1.2.3.dcm", "--out", tmp_path / "out")
    before = sorted(os.listdir(tmp_path / "out"))
    assert both(runner, model_path, tmp_path / "1.2.3.dcm", "--out", tmp_path / "out") == first
    assert sorted(os.listdir(tmp_path / "out")) == before


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_linked_folders_are_read_once_and_nothing_is_left_out(runner, model_path, tmp_path):
    root = tmp_path / "radiographs"
    for path in (root / "b.npy", root / "deep" / "c.npy", tmp_path / "elsewhere" / "d.npy", root / ".hidden" / "e.npy"):
        radiograph(path)
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "linked radiograph.npy").symlink_to(tmp_path / "elsewhere" / "d.npy")
    (root / "a second way").symlink_to(root / "deep")
    (root / "deep" / "up").symlink_to(root)
    (root / "itself").symlink_to(root / "itself")
    (root / "nowhere.npy").symlink_to(tmp_path / "gone.npy")
    answers = both(runner, model_path, root, code=1)
    names = ["b.npy", "deep/c.npy", "itself", "linked radiograph.npy", "linked/d.npy", "nowhere.npy"]
    assert [answer["image"] for answer in answers] == [str(root / name) for name in names]
    assert [Path(answer["image"]).name for answer in answers if "error" in answer] == ["itself", "nowhere.npy"]
    # A linked folder that is asked for by name, and a pattern that meets one.
    (tmp_path / "way").symlink_to(tmp_path / "elsewhere")
    assert [answer["image"] for answer in both(runner, model_path, tmp_path / "way", tmp_path / "wa*")] == [
        str(tmp_path / "way" / "d.npy")
    ] * 2


def test_lists_are_in_order(tmp_path):
    for name in ("b.npy", "a.npy", "a/z.npy", "[1].npy"):
        radiograph(tmp_path / "radiographs" / name) if "/" not in name else radiograph(
            tmp_path / "radiographs" / "q" / "z.npy"
        )
    root = str(tmp_path / "radiographs")
    expected = [os.path.join(root, name) for name in ("[1].npy", "a.npy", "b.npy", "q/z.npy")]
    assert radiograph_list([root]) == expected
    assert radiograph_list([f"{root}/[1].npy", f"{root}/?.npy", f"{root}/none*"]) == [
        expected[0],
        *expected[1:3],
        f"{root}/none*",
    ]


def test_a_list_names_radiographs(runner, model_path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b.npy", "a b.npy", "folder/c.npy", "[1].npy"):
        radiograph(tmp_path / name)
    Path("list.txt").write_bytes(b"\xef\xbb\xbfb.npy\r\n\r\na b.npy\nfolder\n[1].npy\ngone.npy\nb.npy")
    Path("empty.TXT").write_bytes(b"\n")
    answers = both(runner, model_path, "list.txt", "empty.TXT", "*.txt", code=1)
    listed = ["b.npy", "a b.npy", "folder/c.npy", "[1].npy", "gone.npy", "b.npy"]
    assert [answer["image"] for answer in answers] == [*listed, "empty.TXT", *listed]
    assert [answer["image"] for answer in answers if "error" in answer] == ["gone.npy", "empty.TXT", "gone.npy"]
    # A list in a folder of radiographs is a file that cannot be read, like any other.
    Path("list.txt").rename("folder/list.txt")
    assert [answer["image"] for answer in both(runner, model_path, "folder", code=1)] == [
        "folder/c.npy",
        "folder/list.txt",
    ]


def test_paths_that_are_not_utf8(runner, model_path, tmp_path):
    good, missing = os.fsencode(tmp_path) + b"/f\xff\xe2\x82.npy", os.fsencode(tmp_path) + b"/gone\xff.npy"
    radiograph(good)
    answers = both(runner, model_path, good, missing, "--out", os.fsencode(tmp_path) + b"/out\xfe", code=1)
    assert [Path(answer["image"]).name for answer in answers] == ["f\ufffd\ufffd\ufffd.npy", "gone\ufffd.npy"]
    table = subprocess.run([runner, model_path, good, missing, "--csv"], capture_output=True)
    assert "f\ufffd\ufffd\ufffd.npy" in table.stdout.decode("utf-8")
    for encoding in ("utf-8", "ascii"):
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        lines = subprocess.run([*PROGRAM, model_path, good, missing], capture_output=True, env=environment)
        assert lines.returncode == 1 and b"Traceback" not in lines.stderr and b"normal" in lines.stdout


def test_the_same_faults_give_the_same_codes(runner, model_path, tmp_path):
    """What cannot be answered does not stop the others, whatever is wrong with it."""
    radiograph(tmp_path / "good.npy")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.npy").write_text("hello")
    (tmp_path / "nothing").touch()
    os.mkfifo(tmp_path / "pipe")
    cut = tmp_path / "cut.npy"
    cut.write_bytes((tmp_path / "good.npy").read_bytes()[:-1])
    bad = [tmp_path / name for name in ("gone.npy", "empty", "text.npy", "nothing", "pipe", "cut.npy")]
    answers = both(runner, model_path, *bad, tmp_path / "good.npy", code=1)
    assert ["error" in answer for answer in answers] == [True] * 6 + [False]
    assert all(str(path) in answer["error"] for path, answer in zip(bad, answers, strict=False))


def test_what_of_a_header_is_not_followed_is_said_once_in_both(runner, formats, model_path, tmp_path):
    if formats["dicom"] != "yes":
        pytest.skip(formats["dicom"])
    radiograph(tmp_path / "good.npy")
    noted = write_dicom(tmp_path / "noted.dcm", RescaleSlope=0, RescaleIntercept=0, WindowCenter=9000)
    notes = ["Rescale Slope 0 ignored", "Window Center without Window Width ignored"]
    answers = both(runner, model_path, noted, tmp_path / "good.npy")
    assert [answer["notes"] for answer in answers] == [notes, []]
    line = f"note: {noted}: {'; '.join(notes)}\n"
    table = subprocess.run([runner, model_path, noted, "--csv"], capture_output=True, text=True)
    assert next(csv.DictReader(io.StringIO(table.stdout, newline="")))["notes"] == "; ".join(notes)
    assert table.stderr == f"egaze-run: {line}"
    said = subprocess.run([*PROGRAM, model_path, noted], capture_output=True, text=True)
    assert said.stderr == f"egaze: {line}"
    quiet = subprocess.run([*PROGRAM[:-1], "-q", "predict", model_path, noted], capture_output=True, text=True)
    assert quiet.stderr == "" and quiet.stdout == said.stdout
    predictor = Predictor(model_path)
    assert list(predictor.predict(noted).notes) == notes
    assert [list(answer.notes) for answer in predictor.predict_files([noted, tmp_path / "good.npy"])] == [notes, []]


@pytest.mark.parametrize("fault", ["missing", "folder", "truncated", "text", "blocked out"])
def test_what_stops_everything_is_one_line_in_both(runner, model_path, tmp_path, fault):
    radiograph(tmp_path / "good.npy")
    model, words = tmp_path / "model.pt", []
    if fault == "folder":
        model.mkdir()
    elif fault == "truncated":
        model.write_bytes(model_path.read_bytes()[:-1000])
    elif fault == "text":
        model.write_text("hello")
    elif fault == "blocked out":
        model, words = model_path, ["--out", tmp_path / "good.npy" / "out"]
    said = []
    for program in ([runner], PROGRAM):
        done = subprocess.run([*program, model, tmp_path / "good.npy", *words], capture_output=True, text=True)
        assert done.returncode == 1 and done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert str(words[-1] if words else model) in line
        said.append(re.sub("^(egaze-run|egaze: error): ", "", line))
    assert said[0] == said[1] or fault == "blocked out"
