"""Where outputs go, of every command that has some."""

import os
import re
from contextlib import contextmanager

import click
import places
import pytest
from click.testing import CliRunner

from egaze.cli import COMMANDS, cli
from egaze.errors import EgazeError

# Each command's kind of output and its words. What they read is not there: places are looked at before anything is
# opened, so before all work.
OUTPUTS = {
    "synthesize": ("new folder", "OUT --cases 1"),
    "new-table": ("folder", "OUT --images none"),
    "gaze import": ("folder", "none --out OUT"),
    "gaze check": ("file", "none --out OUT"),
    "prepare egd-cxr": ("new folder", "--gaze none --images none --out OUT"),
    "prepare reflacx": ("new folder", "--gaze none --images none --out OUT"),
    "prepare siim-gaze": ("new folder", "--gaze none --images none --masks none --out OUT"),
    "prepare gazesearch": ("new folder", "--gaze none --images none --out OUT"),
    "prepare nih-cxr14": ("new folder", "--tables none --images none --out OUT"),
    "prepare chexpert": ("new folder", "--tables none --images none --out OUT"),
    "prepare mimic-cxr": ("new folder", "--tables none --images none --out OUT"),
    "prepare vindr-cxr": ("new folder", "--tables none --images none --out OUT"),
    "prepare table": ("new folder", "none.csv --out OUT"),
    "gaze measure": ("folder", "none --out OUT"),
    "heatmaps": ("new folder", "none --out OUT"),
    "train": ("new folder", "none --out OUT"),
    "tune": ("folder", "none --space none.toml --trials 1 --out OUT"),
    "runs": ("file", "none --out OUT"),
    "evaluate": ("folder", "none --out OUT"),
    "compare": ("folder", "none none --out OUT"),
    "explain": ("new folder", "none --all --out OUT"),
    "report": ("file", "none --out OUT"),
    "export": ("file", "none OUT --format torchscript"),
    "share": ("new folder", "none --to OUT"),
    "fetch": ("file", "none OUT"),
    "predict": ("folder", "none.pt none.png --out OUT"),
    "demo": ("new folder", "--out OUT"),
}
WITHOUT = {"study show", "study verify", "study split", "check", "info", "completion", "cmake-prefix", "pacs"}

# The same with what they read, and the largest file that may be written, which stands for the room on the disk.
FULL_DISK = {
    "synthesize": (5_000, "OUT --cases 3 --long-side-px 96 --workers 1"),
    "new-table": (100, "OUT"),
    "gaze import": (300, "EXPORT --out OUT"),
    "gaze check": (300, "EXPORT --out OUT"),
    "prepare egd-cxr": (20_000, "--gaze TABLES --images IMAGES --out OUT --size 32 --workers 1"),
    "gaze measure": (300, "STUDY --out OUT"),
    "heatmaps": (5_000, "STUDY --out OUT --workers 1"),
    "heatmaps, by processes": (5_000, "STUDY --out OUT --workers 2"),
    "heatmaps, values": (5_000, "STUDY --out OUT --workers 1 --kinds array"),
    "heatmaps, movies": (5_000, "STUDY --out OUT --workers 1 --kinds= --temporal --movie gif --fps 1"),
    "heatmaps, index": (2_000, "STUDY --out OUT --workers 1 --kinds array --size 16"),
    "train": (300, "STUDY --out OUT --set input_size_px=64"),
    "tune": (300, "STUDY --out OUT --space SPACE --trials 1 --set input_size_px=64"),
    "runs": (300, "RUN --out out.png"),
    "evaluate": (4_000, "RUN --out OUT"),
    "compare": (300, "RUN RUN --out OUT"),
    "explain": (5_000, "RUN --limit 1 --steps 0 --out OUT"),
    "report": (20_000, "RUN --out OUT"),
    "export": (20_000, "RUN OUT --format torchscript"),
    "share": (20_000, "RUN --to OUT"),
    "fetch": (20_000, "SHARED out.pt"),
    "predict": (5_000, "MODEL RADIOGRAPH --out OUT --workers 1"),
}
# The reading of other sources writes as egd-cxr's does, and the demo is made of the others.
AS_OTHERS = {"prepare reflacx", "prepare siim-gaze", "prepare gazesearch", "prepare nih-cxr14", "prepare chexpert"}
AS_OTHERS |= {"prepare mimic-cxr", "prepare vindr-cxr", "prepare table", "demo"}


def every_command():
    for name in COMMANDS:
        command = cli.get_command(None, name)
        if isinstance(command, click.Group):
            yield from (f"{name} {part}" for part in command.list_commands(None))
        else:
            yield name


def invoke(name, words, **places_of):
    """Run a command with the words in capitals replaced."""
    said = [*name.partition(",")[0].split(), *words.split()]
    return CliRunner().invoke(cli, [str(places_of.get(word, word)) for word in said])


def test_every_command_says_where_it_writes():
    """A new command needs a line above."""
    assert set(every_command()) == {*OUTPUTS, *WITHOUT}
    assert {name.partition(",")[0] for name in FULL_DISK} | AS_OTHERS == set(OUTPUTS)


CASES = [(name, place) for name, (kind, _) in OUTPUTS.items() for place in places.REFUSED[kind]]


@pytest.mark.parametrize(("name", "place"), CASES, ids=map(", ".join, CASES))
@pytest.mark.usefixtures("permissions")
def test_what_cannot_be_written_is_one_line_and_nothing_is_lost(name, place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out, _ = places.made(place, tmp_path)
    if name.startswith("prepare") and place == "a dangling link":
        (tmp_path / "nowhere").write_text("mine")  # else a study is put where the link leads
    before = places.content(tmp_path)
    done = invoke(name, OUTPUTS[name][1], OUT=out)
    assert done.exit_code == 1 and isinstance(done.exception, EgazeError), done.output
    told = str(done.exception)
    assert "\n" not in told and done.output == ""
    assert told.startswith((f"{out}: ", f"{os.path.realpath(out)}: "))
    assert places.content(tmp_path) == before


@pytest.mark.parametrize("name", ["evaluate", "report"])
@pytest.mark.usefixtures("permissions")
def test_results_go_into_the_run_unless_told_otherwise(name, tmp_path):
    (tmp_path / "run").mkdir(mode=0o555)
    done = invoke(name, "RUN", RUN=tmp_path / "run")
    assert "cannot write: Permission denied" in str(done.exception)


def test_a_relative_place_in_a_folder_that_is_not_there_yet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = invoke("synthesize", "new/twin --cases 1 --long-side-px 64 --workers 1")
    assert done.exit_code == 0 and (tmp_path / "new" / "twin" / "gaze").is_dir()
    done = invoke("heatmaps", "new/twin --out other/pictures")
    assert done.exit_code == 1 and "not a prepared study" in str(done.exception)
    assert os.listdir(tmp_path) == ["new"]


@contextmanager
def full_disk(limit_bytes):
    """Makes the largest file that may be written so small, for the command's processes too; not for longer, since
    pytest's own output may go to a file."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", FULL_DISK)
def test_a_full_disk_is_one_line_and_nothing_is_left(
    name, twin, study, run, model_file, shared_folder, tmp_path, tmp_path_factory, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    limit_bytes, words = FULL_DISK[name]
    export = tmp_path_factory.mktemp("export") / "export.asc"
    space = tmp_path_factory.mktemp("space") / "space.toml"
    space.write_text("stages.heatmap_weight = {low = 0.0, high = 1.0}")
    export.write_text("".join(f"{2 * n}\t {n}.5\t {n}.7\t 900.0\t...\n" for n in range(400)))
    read = {
        "TABLES": twin.tables,
        "IMAGES": twin.images,
        "RADIOGRAPH": next(twin.images.rglob("*.dcm")),
        "EXPORT": export,
        "SPACE": space,
        "SHARED": shared_folder,
    }
    with full_disk(limit_bytes):
        done = invoke(name, words, OUT="out", STUDY=study.path, RUN=run.path, MODEL=model_file, **read)
    assert done.exit_code == 1 and isinstance(done.exception, EgazeError), done.output
    if name == "predict":
        assert str(done.exception) == "heatmaps of 1 of 1 radiographs could not be written"
        assert "_heatmap.npy: cannot write: " in done.stderr and " normal 0." in done.stdout
    else:
        assert re.fullmatch(
            r"(/.*/)?out(\.png|\.pt)?: cannot write: (File too large|.*disk full.*)", str(done.exception)
        )
        assert done.stdout == ""
    # A preparation goes on from what is there.
    assert os.listdir(tmp_path) == ([".out.partial"] if name == "prepare egd-cxr" else [])
