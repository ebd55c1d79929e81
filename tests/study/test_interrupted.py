"""A run that is killed or interrupted goes on with the same command, to the same bytes."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from study.ready_made import files

from egaze.errors import EgazeError, StudyError
from egaze.study import image_store, open_study, placing, prepare_study, publish

# The program, with a journal that is synced often enough for short runs.
PROGRAM = """
from egaze.study import image_store
image_store.SYNC_EVERY_S = 0.02
from egaze.cli import main
main()
"""


@pytest.fixture
def command(many_radiographs, tmp_path):
    """A table of radiographs that take a while, and the command that prepares it into the folder of a given name."""
    given = many_radiographs(60, side_px=500).given
    given[7].image_path.unlink()
    given[7].image_path.write_bytes(b"no radiograph")
    lines = [f"{case.case_id},{case.image_path.relative_to(tmp_path)},{case.patient_id},{case.label}" for case in given]
    (tmp_path / "cases.csv").write_text("\n".join(["case_id,image,patient_id,label", *lines]) + "\n")

    def start(out, workers):
        words = ["prepare", "table", tmp_path / "cases.csv", "--out", tmp_path / out, "--workers", workers]
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    return start


def journalled(folder):
    try:
        return (folder / "journal.jsonl").read_bytes().count(b"\n") - 1
    except FileNotFoundError:
        return -1


def wait_until(condition, process):
    end = time.monotonic() + 60
    while not condition() and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.002)


def test_killed_again_and_again(command, tmp_path):
    whole = command("whole", 2)
    _, told = whole.communicate()
    assert whole.returncode == 0, told
    partial, draw, kills = tmp_path / ".killed.partial", random.Random(0), 0
    for _ in range(30):
        running = command("killed", draw.choice([1, 2]))
        least = max(0, journalled(partial)) + draw.randint(1, 6)
        wait_until(lambda least=least: journalled(partial) >= least, running)
        time.sleep(draw.random() * 0.01)
        running.kill()
        _, told = running.communicate()
        if running.returncode == 0:
            break
        kills += 1
    assert kills >= 2
    assert re.search(r"continuing with \d+ of 60 radiographs", told)
    assert files(tmp_path / "killed") == files(tmp_path / "whole")
    assert not partial.exists()
    assert [item["case_id"] for item in open_study(tmp_path / "killed").manifest["left_out"]] == ["case7"]


def test_ctrl_c_says_that_the_same_command_continues(command, tmp_path):
    running = command("out", 2)
    wait_until(lambda: journalled(tmp_path / ".out.partial") >= 5, running)
    os.killpg(running.pid, signal.SIGINT)
    said, told = running.communicate()
    assert running.returncode == 1 and said == ""
    kept = re.search(r"egaze: (\d+) of 60 radiographs are kept; the same command continues from there\n", told)
    assert kept and told.endswith("egaze: interrupted\n") and "Traceback" not in told
    # All that were read are kept, not only those of the last step; the signal may come between a radiograph and its
    # count.
    lines = (tmp_path / ".out.partial" / "journal.jsonl").read_text().splitlines()[1:]
    there = len({json.loads(line)["radiograph"] for line in lines})
    assert there - int(kept[1]) in (0, 1)
    again = command("out", 1)
    _, told = again.communicate()
    assert again.returncode == 0 and f"continuing with {there} of 60 radiographs" in told


@pytest.fixture
def partial(many_radiographs, tmp_path):
    """An interrupted run of a source: 8 of 10 radiographs are there."""
    source = many_radiographs(10)
    hidden = [source.given[index].image_path for index in (2, 9)]
    for path in hidden:
        path.rename(path.with_suffix(".hidden"))
    with pytest.raises(StudyError, match="2 of 10 radiographs"):
        prepare_study([source], tmp_path / "out", size_px=16, strict=True)
    for path in hidden:
        path.with_suffix(".hidden").rename(path)
    return source


def test_another_host_waits_until_the_first_has_stopped(partial, tmp_path, monkeypatch):
    """Locks of other hosts cannot be seen on every network disk."""
    folder = tmp_path / ".out.partial"
    before = files(folder)
    monkeypatch.setattr("socket.gethostname", lambda: "another")
    with pytest.raises(EgazeError, match=r"out: another machine seems to be preparing this study.* s ago"):
        prepare_study([partial], tmp_path / "out", size_px=16)
    assert files(folder) == before
    for path in folder.iterdir():
        os.utime(path, (time.time() - 700,) * 2)
    assert finish(partial, tmp_path)[1] == ["radiograph2", "radiograph9"] and not folder.exists()


def finish(source, tmp_path, **options):
    """Finish the interrupted run, compare it with one in one go; returns (what was told, radiographs read)."""
    told, read = [], []

    def place(path, canvas):
        read.append(path.stem)
        return placing.place_radiograph(path, canvas)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("egaze.study.decoding.place_radiograph", place)
        prepare_study([source], tmp_path / "out", **{"size_px": 16, **options}, say=told.append)
    prepare_study([source], tmp_path / "whole", **{"size_px": 16, **options})
    assert files(tmp_path / "out") == files(tmp_path / "whole")
    return told, read


def test_a_later_run_reads_only_missing_radiographs(partial, tmp_path):
    told, read = finish(partial, tmp_path)
    assert read == ["radiograph2", "radiograph9"] and told == [
        "continuing with 8 of 10 radiographs of an interrupted run"
    ]


def test_labels_gaze_and_seed_may_change(partial, tmp_path):
    object.__setattr__(partial.given[0], "label", None)
    assert len(finish(partial, tmp_path, seed=7)[1]) == 2
    assert open_study(tmp_path / "out").labels.values[0] == -1


@pytest.mark.parametrize("options", [{"size_px": 17}, {"fit": "letterbox"}, {"presentation": "raw-max"}])
def test_other_options_start_over(partial, tmp_path, options):
    told, read = finish(partial, tmp_path, **options)
    assert len(read) == 10 and len(told) == 1 and told[0].endswith("starting again")


def test_other_radiographs_start_over(partial, tmp_path):
    partial.given.pop(5)
    assert len(finish(partial, tmp_path)[1]) == 9


def test_a_changed_radiograph_is_read_again(partial, tmp_path):
    changed = partial.given[4].image_path
    shutil.copy(partial.given[0].image_path, tmp_path / "other")
    changed.unlink()
    (tmp_path / "other").rename(changed)
    assert finish(partial, tmp_path)[1] == ["radiograph2", "radiograph4", "radiograph9"]


def test_a_radiograph_that_was_about_to_be_read_again_is_not_trusted(partial, tmp_path):
    """Its old file comes back, but its row may already be the other file's."""
    changing = partial.given[4].image_path
    changing.rename(tmp_path / "old")
    with pytest.raises(StudyError, match="1 of 10 radiographs"):
        prepare_study([partial], tmp_path / "out", size_px=16, strict=True)
    (tmp_path / "old").rename(changing)
    assert finish(partial, tmp_path)[1] == ["radiograph4"]


@pytest.mark.parametrize(
    ("damage", "read"),
    [
        (lambda d: cut(d / "journal.jsonl", 5), 3),
        (lambda d: (d / "journal.jsonl").write_text("junk"), 10),
        (lambda d: (d / "journal.jsonl").write_bytes(b"\xff\n[]\n"), 10),
        (
            lambda d: append(
                d / "journal.jsonl", '{"radiograph": 99}\n[1]\nnull\n{"radiograph": 2, "stamp": [1, 2]}\n'
            ),
            2,
        ),
        (lambda d: (d / "radiographs.npy").unlink(), 10),
        (lambda d: cut(d / "radiographs.npy", 100), 10),
        (lambda d: np.save(d / "radiographs.npy", np.zeros((9, 16, 16), np.uint16)), 10),
        (lambda d: (d / "study").mkdir(), 2),
        (lambda d: (d / "lock").unlink(), 2),
    ],
)
def test_damaged_journals_and_pixels_are_not_used(partial, tmp_path, damage, read):
    damage(tmp_path / ".out.partial")
    assert len(finish(partial, tmp_path)[1]) == read


def cut(path, size):
    path.write_bytes(path.read_bytes()[:-size])


def append(path, text):
    with path.open("a") as file:
        file.write(text)


def test_the_journal_names_no_one_and_only_radiographs_on_disk(partial, tmp_path, monkeypatch):
    journal = (tmp_path / ".out.partial" / "journal.jsonl").read_text()
    assert "radiograph0" not in journal and "p1000" not in journal and str(tmp_path) not in journal
    assert [json.loads(line)["radiograph"] for line in journal.splitlines()[1:]] == [0, 1, 3, 4, 5, 6, 7, 8]

    synced = []
    real = os.fsync

    def fsync(descriptor):
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}").rpartition("/")[2])
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(image_store, "SYNC_EVERY_S", 0)
    finish(partial, tmp_path)
    assert synced[:4] == ["radiographs.npy", "journal.jsonl"] * 2


HOLDING = """
import sys
from pathlib import Path
from egaze.unfinished import unfinished
with unfinished(Path(sys.argv[1]), "preparing this study"):
    print(flush=True)
    sys.stdin.read()
"""


def test_only_one_process_prepares_a_study(partial, tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDING, tmp_path / "out"], stdin=-1, stdout=-1) as other:
        other.stdout.readline()
        with pytest.raises(EgazeError, match="out: another egaze process is preparing this study"):
            prepare_study([partial], tmp_path / "out", size_px=16)
        # The lock of a process that is dead holds nobody up.
        other.kill()
    finish(partial, tmp_path)


def test_a_kill_while_the_study_is_put_in_its_place(partial, tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publish.Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            prepare_study([partial], tmp_path / "out", size_px=16)
    assert not (tmp_path / "out").exists()
    assert finish(partial, tmp_path)[1] == []


def test_a_full_disk_is_reported_before_anything_is_read(many_radiographs, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(StudyError, match=r"needs 5\.2 MB, but only 1\.0 MB are free"):
        prepare_study([many_radiographs(40)], tmp_path / "out", size_px=256)
