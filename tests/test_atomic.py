"""Outputs that exist whole or not at all."""

import errno
import os
import signal
import subprocess
import sys
import time

import pytest

from egaze import atomic
from egaze.atomic import new_directory, require_free, write_file, write_text
from egaze.errors import EgazeError


@pytest.fixture(autouse=True)
def new_process(monkeypatch):
    """Abandoned folders are looked for once by each process."""
    monkeypatch.setattr(atomic, "_cleared", {})


def no_space(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_outputs_appear_at_the_end(tmp_path):
    with new_directory(tmp_path / "new" / "out") as folder:
        (folder / "a").write_text("a")
        assert not (tmp_path / "new" / "out").exists()
    write_text(tmp_path / "new" / "out" / "b", "b")
    assert sorted(os.listdir(tmp_path / "new")) == ["out"]
    assert sorted(os.listdir(tmp_path / "new" / "out")) == ["a", "b"]


def test_folders_and_files_have_the_usual_permissions(tmp_path):
    with new_directory(tmp_path / "out"):
        pass
    write_text(tmp_path / "file", "")
    (tmp_path / "usual").mkdir()
    (tmp_path / "usual_file").touch()
    for one, other in (("out", "usual"), ("file", "usual_file")):
        assert (tmp_path / one).stat().st_mode == (tmp_path / other).stat().st_mode


@pytest.mark.parametrize("name", ["x" * 255, "\u60a3" * 85, "[a]*?", ".hidden", "-rf", "a b\u202f"])
def test_any_name_that_the_disk_takes(tmp_path, name):
    write_text(tmp_path / name, "whole")
    assert os.listdir(tmp_path) == [name]
    os.remove(tmp_path / name)
    with new_directory(tmp_path / name) as folder:
        (folder / "a").touch()
    assert os.listdir(tmp_path) == [name]


def test_the_first_error_is_reported_and_nothing_is_left(tmp_path, monkeypatch):
    with pytest.raises(EgazeError, match="out: cannot write: No space left"), new_directory(tmp_path / "out") as folder:
        (folder / "half").write_text("half")
        no_space()
    with pytest.raises(EgazeError, match="file: cannot write: No space left"):
        write_file(tmp_path / "file", no_space)
    assert os.listdir(tmp_path) == []
    # Even where the clean-up fails too.
    monkeypatch.setattr(os, "rmdir", no_space)
    monkeypatch.setattr(os, "unlink", no_space)
    with pytest.raises(EgazeError, match="file: cannot write: No space left"):
        write_file(tmp_path / "file", no_space)


def test_a_disk_that_is_full_from_the_start(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.mkdtemp", no_space)
    for write in (lambda path: write_text(path, "x"), lambda path: new_directory(path).__enter__()):
        with pytest.raises(EgazeError, match="out: cannot write: No space left"):
            write(tmp_path / "out")


def test_a_file_in_the_way_is_named(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("mine")
    for write in (
        lambda path: write_text(path, "x"),
        lambda path: new_directory(path).__enter__(),
        require_free,
    ):
        with pytest.raises(EgazeError, match=r"file.a.b: cannot write: .*file is not a folder"):
            write(blocked / "a" / "b")
    with pytest.raises(EgazeError, match="already exists"):
        require_free(blocked)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(EgazeError, match="link: already exists"):
        require_free(tmp_path / "link")
    assert blocked.read_text() == "mine"


WRITER = """
import sys, time
from pathlib import Path
from egaze.atomic import new_directory, write_file

def wait(path):
    path.write_text("half")
    print("writing", flush=True)
    time.sleep(60)

out = Path(sys.argv[1])
if sys.argv[2] == "file":
    write_file(out, wait)
else:
    with new_directory(out) as folder:
        wait(folder / "half")
"""


def writer(out, kind):
    process = subprocess.Popen([sys.executable, "-c", WRITER, out, kind], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "writing\n"
    return process


@pytest.mark.skipif(sys.platform == "win32", reason="this system cannot be told to kill so")
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_process_left_is_cleared_and_a_living_ones_is_not(tmp_path, kind):
    killed, living = writer(tmp_path / "a", kind), writer(tmp_path / "b", kind)
    with killed, living:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert len(os.listdir(tmp_path)) == 2
        write_text(tmp_path / "c", "whole")
        # Not even the living one's target could be cleared by writing it too.
        atomic._cleared.clear()
        write_text(tmp_path / "b", "mine")
        assert len(os.listdir(tmp_path)) == 3 and {"b", "c"} < set(os.listdir(tmp_path))
        living.send_signal(signal.SIGKILL)
        living.wait()
    atomic._cleared.clear()
    write_text(tmp_path / "c", "whole")
    assert set(os.listdir(tmp_path)) == {"b", "c"}


def left_by(host, parent, monkeypatch):
    """What a killed process of a host of that name leaves."""
    with monkeypatch.context() as there:
        there.setattr("socket.gethostname", lambda: host)
        folder, lock = atomic._locked_folder(parent)
    (folder / "content").write_text("half")
    lock.release()
    return folder


def test_what_another_host_writes_is_left_alone(tmp_path, monkeypatch):
    """Its lock cannot be seen on every network disk."""
    other, own = left_by("other", tmp_path, monkeypatch), left_by("own", tmp_path, monkeypatch)
    assert "own" not in own.name.replace("egaze", "")
    monkeypatch.setattr("socket.gethostname", lambda: "own")
    write_text(tmp_path / "out", "whole")
    assert set(os.listdir(tmp_path)) == {other.name, "out"} and (other / "content").read_text() == "half"


def test_what_an_earlier_egaze_left_is_cleared_after_a_day(tmp_path):
    """It wrote into .NAME.PID.partial, which names no host."""
    old_s = time.time() - 2 * 24 * 3600

    def left(name, age_s, *inside):
        path = tmp_path / name
        path.mkdir(parents=True)
        for part in inside:
            (path / part).write_text("half")
            os.utime(path / part, (age_s, age_s))
        os.utime(path, (age_s, age_s))

    left(".out.1.partial", old_s, "a.png")
    left(".out.2.partial", old_s, "a.png")
    os.utime(tmp_path / ".out.2.partial" / "a.png")  # somebody is still writing
    left(".out.20260101.partial", old_s, "lock", "journal.jsonl")  # a study of that name under way
    left(".other.1.partial", old_s, "a.png")
    with new_directory(tmp_path / "out") as folder:
        (folder / "a").touch()
    (tmp_path / ".file.3.partial").write_text("half")
    os.utime(tmp_path / ".file.3.partial", (old_s, old_s))
    atomic._cleared.clear()
    write_text(tmp_path / "file", "whole")
    assert set(os.listdir(tmp_path)) == {"out", "file", ".out.2.partial", ".out.20260101.partial", ".other.1.partial"}


def test_a_disks_top_folder_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr("os.path.ismount", lambda path: str(path) == str(tmp_path))
    with pytest.raises(EgazeError, match="a disk's top folder; choose a folder in it"):
        require_free(tmp_path)


def test_links_are_followed_to_files(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "model.pt").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "model.pt")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "disk" / "model.pt").read_text() == "new"
    with pytest.raises(EgazeError, match="it is not a regular file"):
        write_text("/dev/null", "new")


def test_folders_on_the_way_go_with_what_could_not_be_written(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(EgazeError), new_directory(tmp_path / "mine" / "a" / "b" / "c"):
        no_space()
    assert os.listdir(tmp_path) == ["mine"] and not os.listdir(tmp_path / "mine")


def test_folders_that_only_look_like_ours_stay(tmp_path):
    for name in (".egaze-notes.tmp", ".study.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine").write_text("mine")
    write_text(tmp_path / "out", "whole")
    assert (tmp_path / ".egaze-notes.tmp" / "mine").exists() and (tmp_path / ".study.partial" / "mine").exists()
